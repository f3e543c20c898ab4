"""The outbox: failed posts are retried, stale cards are not shown, cards that may be visible are closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.outbound import FinalAnswer, OutboundPost, PostedMessage, QuestionCard, RunCard
from orchestrator_bridge.chat.request_guard import check_request
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.engine.outbox import STUCK_AFTER
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.team import AgentSpec, Bounds, Policy, Team
from tests.support.clock import ManualClock
from tests.support.failing_store import FULL, LOCKED, open_failing_store
from tests.support.fake_chat.recording_adapter import HistoryPlatform
from tests.support.fake_models.players import asking_behaviour, has_called, question, team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, prompt_text, start_engine, team

CARD = "question:1:card"
LONGEST_PAUSE = 60.0
FAILURES = 1_100
"""More failures than a delay can be doubled: 2.0 ** 1024 is too large for a float."""


def asks_and_answers(_: ModelCall) -> ScriptedReply:
    """One response with a question that nobody waits for and the answer that ends the run."""
    answer = ToolUse(name="new_answer", arguments={"content": "Begin small."})
    return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=question(wait=False)), answer])


async def begin(engine: Engine) -> None:
    await engine.start_run(task="a task", team=team("one", bounds=Bounds(wall=3e7)), place=PLACE, by=ANA)


async def nothing_waits_in(file: Path) -> bool:
    """Check that the outbox of a store that no process uses is empty."""
    store = await SqliteStore.open(file)
    pending = await store.pending_posts()
    await store.close()
    return not pending


async def test_a_channel_that_fails_more_than_a_thousand_times_gets_its_posts(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)

    async def fail(_: OutboundPost, __: PostedMessage) -> None:
        if len(platform.sent) <= FAILURES:
            raise NotSent("out of order")

    platform.while_sending = fail
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine)
        while len(platform.sent) <= FAILURES:
            await clock.armed_until(clock.now() + LONGEST_PAUSE)
            clock.advance(LONGEST_PAUSE)
        await platform.until(lambda: bool(platform.final_answers))


async def test_a_post_whose_thread_cannot_be_looked_up_is_retried(tmp_path: Path) -> None:
    clock = ManualClock()
    file = tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        platform = HistoryPlatform(clock)
        async with start_engine(file, server, platform, clock=clock) as engine:
            await begin(engine)
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
        platform = HistoryPlatform(clock, world=platform.world)
        store = await open_failing_store(file, clock)
        async with start_engine(file, server, platform, clock=clock, store=store) as engine:
            await engine.wait_finished()
            store.lookup_errors = [FULL, FULL]
            await platform.person_says("1", question=1)
            while store.lookup_errors:
                await clock.armed_until(clock.now() + LONGEST_PAUSE)
                clock.advance(LONGEST_PAUSE)
            await clock.armed_until(clock.now() + LONGEST_PAUSE)
            clock.advance(LONGEST_PAUSE)
            await platform.until(lambda: bool(platform.final_answers))
            await engine.wait_finished()
    assert [outbound.place.thread for outbound in platform.sent if outbound.post in platform.acknowledgements] == [CARD]
    assert await nothing_waits_in(file)


async def test_nothing_is_posted_by_a_process_whose_store_another_one_has_taken_over(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    store = await open_failing_store(file, clock)
    async with ModelServer(team_behaviour) as server:
        platform = ListPlatform(clock)
        async with start_engine(file, server, platform, clock=clock, store=store) as engine:
            store.owned_error = LOCKED
            await begin(engine)
            await store.wait_refused()
            assert platform.sent == []
    async with ModelServer(team_behaviour) as server:
        platform = ListPlatform(clock)
        async with start_engine(file, server, platform, clock=clock):
            await platform.until(lambda: bool(platform.final_answers))


class ConnectingPlatform(ListPlatform):
    """Takes time to connect before it makes a request, as real ones do; `while_connecting` happens meanwhile."""

    def while_connecting(self) -> None:
        """Nothing happens."""

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        self.while_connecting()
        await check_request()
        return await super().send(outbound)


async def test_nothing_is_posted_by_a_process_that_is_replaced_while_its_adapter_connects(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    store = await open_failing_store(file, clock)
    async with ModelServer(team_behaviour) as server:
        platform = ConnectingPlatform(clock)
        platform.while_connecting = lambda: setattr(store, "owned_error", LOCKED)  # type: ignore[method-assign]
        async with start_engine(file, server, platform, clock=clock, store=store) as engine:
            await begin(engine)
            await store.wait_refused()
            assert platform.sent == []
    assert not await nothing_waits_in(file)


def asks_the_other_agent(asked: ModelCall) -> ScriptedReply:
    """The first agent asks the second, which says something; then both work on."""
    if "ask_others" in asked.tools and "first" in prompt_text(asked) and not has_called(asked, "ask_others"):
        return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments={**question(), "to": ["agents"]})])
    return team_behaviour(asked) if asked.tools else ScriptedReply(text="PostgreSQL, says the peer.")


async def test_a_note_on_a_question_that_was_never_shown_is_not_posted(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    broken = True
    shown: list[OutboundPost] = []

    async def fail(sending: OutboundPost, _: PostedMessage) -> None:
        if broken:
            raise NotSent("out of order")
        shown.append(sending)

    platform.while_sending = fail
    pair = Team(
        agents=(AgentSpec(name="one", model="local", persona="first"), AgentSpec(name="two", model="local")),
        policy=Policy(settle_delay=0),
    )
    async with (
        ModelServer(asks_the_other_agent) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine,
    ):
        run = await engine.start_run(task="a task", team=pair, place=PLACE, by=ANA)
        await engine.wait_ended(run)
        broken = False
        clock.advance(LONGEST_PAUSE)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert [note for note in platform.notes if "says the peer" in note and not note.startswith("Question 1")] == []
    assert not [sending for sending in shown if isinstance(sending.post, QuestionCard)]
    assert await nothing_waits_in(tmp_path / "t.db")


@pytest.mark.parametrize("kind", [RunCard, FinalAnswer])
async def test_a_post_that_the_channel_refuses_goes_to_the_requester(tmp_path: Path, kind: type) -> None:
    platform = ListPlatform(ManualClock())

    async def refuse(sending: OutboundPost, _: PostedMessage) -> None:
        if isinstance(sending.post, kind) and sending.place.channel == PLACE.channel:
            raise SendRejected("The channel was deleted.")

    platform.while_sending = refuse
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine)
        await engine.wait_finished()
    (direct,) = [outbound for outbound in platform.sent if outbound.place.channel == f"@{ANA.id}"]
    assert "The channel was deleted." in str(direct.post)
    assert kind is RunCard or isinstance(direct.post, FinalAnswer)
    assert await nothing_waits_in(tmp_path / "t.db")


@pytest.mark.parametrize("kind", [RunCard, FinalAnswer])
async def test_a_refused_post_does_not_block_the_rest(tmp_path: Path, kind: type) -> None:
    platform = ListPlatform(ManualClock())

    async def refuse(sending: OutboundPost, _: PostedMessage) -> None:
        if isinstance(sending.post, kind):
            raise SendRejected("this is too long")

    platform.while_sending = refuse
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine)
        await engine.wait_finished()
    assert platform.final_answers
    assert await nothing_waits_in(tmp_path / "t.db")


async def test_a_refused_question_falls_back_at_once(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())

    async def refuse(sending: OutboundPost, _: PostedMessage) -> None:
        if isinstance(sending.post, QuestionCard):
            raise SendRejected("the channel was deleted")

    platform.while_sending = refuse
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine)
        await platform.until(lambda: bool(platform.final_answers))
        assert "the channel was deleted" in str(server.requests[1].messages)


async def test_the_card_of_a_question_that_closed_before_it_was_sent_is_never_shown(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer(asks_and_answers) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine)
        await engine.wait_finished()
    assert platform.final_answers
    assert not platform.questions
    assert await nothing_waits_in(tmp_path / "t.db")


async def cancelled_while_doubtful(file: Path, platform: HistoryPlatform, clock: ManualClock) -> None:
    """A run is cancelled while the card of its question is doubtful."""
    async with ModelServer(asking_behaviour) as server, start_engine(file, server, platform, clock=clock) as engine:
        await begin(engine)
        await platform.until(lambda: bool(platform.questions))
        await clock.armed_until(clock.now() + 1)
        engine.cancel_run(1, ANA, "")
        await platform.person_clicks(1, "option", "postgres")
        await platform.until(lambda: any("Too late" in word.text for _, word in platform.private_replies))
        clock.advance(1)
        await engine.wait_finished()


async def test_a_card_that_may_have_been_seen_is_searched_for_and_closed(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = HistoryPlatform(clock)

    async def lose_the_answer(sending: OutboundPost, _: PostedMessage) -> None:
        if sending.key == CARD:
            raise SendUncertain("no answer came")

    platform.while_sending = lose_the_answer
    await cancelled_while_doubtful(tmp_path / "t.db", platform, clock)
    assert platform.found == [CARD]
    shown = [
        (outbound.replaces.message if outbound.replaces else None)
        for outbound in platform.sent
        if isinstance(outbound.post, QuestionCard)
    ]
    assert shown == [None, CARD]
    assert platform.questions[-1].closed == "Cancelled: Ana cancelled the run"
    assert await nothing_waits_in(tmp_path / "t.db")


async def test_a_card_that_is_not_found_is_dropped_with_its_closing_edit(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = HistoryPlatform(clock)

    async def lose_the_card(sending: OutboundPost, _: PostedMessage) -> None:
        if sending.key == CARD:
            del platform.world.stands[CARD]
            raise SendUncertain("no answer came")

    platform.while_sending = lose_the_card
    await cancelled_while_doubtful(tmp_path / "t.db", platform, clock)
    assert platform.found == [CARD]
    assert len(platform.questions) == 1
    assert await nothing_waits_in(tmp_path / "t.db")


async def two_runs(engine: Engine) -> None:
    for _ in range(2):
        await engine.start_run(task="a task", team=team("one", bounds=Bounds(wall=3e7)), place=PLACE, by=ANA)


@pytest.mark.parametrize("error", [NotSent("a limit", 219.0), SendUncertain("HTTP 503")])
async def test_a_thread_that_takes_no_posts_does_not_silence_another_run(tmp_path: Path, error: Exception) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)

    async def fail(sending: OutboundPost, _: PostedMessage) -> None:
        if sending.key.startswith("run:1:"):
            raise error

    platform.while_sending = fail
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await two_runs(engine)
        await platform.until(lambda: any(answer.run == 2 for answer in platform.final_answers))


async def test_a_post_without_a_response_holds_back_its_thread_only(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())

    async def hang(sending: OutboundPost, _: PostedMessage) -> None:
        if sending.key.startswith("run:1:"):
            await asyncio.Event().wait()

    platform.while_sending = hang
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await two_runs(engine)
        await platform.until(lambda: any(answer.run == 2 for answer in platform.final_answers))


async def test_a_question_does_not_wait_for_the_card_of_its_run(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())

    async def hang(sending: OutboundPost, _: PostedMessage) -> None:
        if sending.key == "run:1:card":
            await asyncio.Event().wait()

    platform.while_sending = hang
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine)
        await platform.until(lambda: bool(platform.questions))


async def test_the_requester_is_told_once_that_posts_are_stuck(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)

    async def hang(sending: OutboundPost, _: PostedMessage) -> None:
        if sending.place.channel == PLACE.channel:
            await asyncio.Event().wait()

    def told() -> list[OutboundPost]:
        return [sending for sending in platform.sent if sending.place.channel == f"@{ANA.id}"]

    platform.while_sending = hang
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine)
        await platform.until(lambda: bool(platform.questions))
        clock.advance(STUCK_AFTER)
        await platform.until(lambda: bool(told()))
        clock.advance(LONGEST_PAUSE)
    (notice,) = told()
    assert "cannot be posted in its channel at the moment" in str(notice.post)
    assert "is stuck" in caplog.text
