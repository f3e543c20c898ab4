"""Whole runs through the engine: a real store, a real model client, a platform that keeps what it is sent."""

from __future__ import annotations

from pathlib import Path

from orchestrator_bridge.chat.adapter import Capabilities
from orchestrator_bridge.chat.outbound import Note, QuestionCard, RunCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.team.team import Policy
from tests.support.clock import ManualClock
from tests.support.engine_fixture import ANA, PLACE, ListPlatform, engine_on, said, team
from tests.support.fake_models.players import asking_player, asks_if, has_called, question, team_player, who
from tests.support.fake_models.replies import Asked, Play, ToolUse
from tests.support.fake_models.server import ModelServer


async def begin(engine: Engine, *names: str, policy: Policy | None = None) -> int:
    return await engine.start_run(task="Move to a new database.", team=team(*names, policy=policy), place=PLACE, by=ANA)


async def test_three_agents_answer_vote_and_finish_in_seven_calls(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer() as server, engine_on(tmp_path / "t.db", server, platform) as engine:
        await begin(engine, "one", "two", "three")
        await platform.until(lambda: bool(platform.finals))
        await engine.wait_finished()
        assert len(server.requests) == 7
    assert platform.finals[0].how == "Won the vote, 3 of 3 votes."
    cards = [outbound.post for outbound in platform.sent if isinstance(outbound.post, RunCard)]
    assert (cards[0].status, cards[-1].status) == ("working", "finished")


async def test_a_reply_reaches_the_agent_that_asked_and_a_run_that_waits_for_people_is_idle(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer(asking_player) as server, engine_on(tmp_path / "t.db", server, platform) as engine:
        await begin(engine, "one")
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        assert engine.active == ()
        await platform.hears("sqlite, it has to be small", question=1)
        again = await server.request_arrives(2)
        assert "it has to be small" in said(again)
        await platform.until(lambda: bool(platform.finals))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite (“sqlite, it has to be small”)"
    assert [receipt.sign for receipt in platform.receipts] == ["taken"]


async def test_messages_in_threads_reach_their_question_or_run(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer(asks_if("You are one,")) as server, engine_on(tmp_path / "t.db", server, platform) as engine:
        await begin(engine, "one", "two")
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        run_thread, question_thread = (
            "p1",
            next(f"p{number}" for number, outbound in enumerate(platform.sent, 1) if outbound.key == "question:1:card"),
        )
        await platform.hears("It must be cheap.", thread=run_thread)
        await platform.hears("1", thread=question_thread)
        await platform.until(lambda: bool(platform.finals))
        assert any('<guidance by="Ana">\nIt must be cheap.' in said(asked) for asked in server.requests)
    assert platform.questions[-1].closed == "Answered by Ana: PostgreSQL"


async def test_a_deadline_wakes_an_idle_run_after_a_reminder(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    policy = Policy(remind_after=600, expire_after=1800, grace=3)
    async with ModelServer(asking_player) as server, engine_on(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine, "one", policy=policy)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        clock.advance(601)
        await platform.until(lambda: any("Still open" in note for note in platform.notes))
        (reminder,) = [note for note in platform.notes if "Still open" in note]
        assert "\n1 PostgreSQL (recommended) · 2 SQLite\nExpires in 20 min." in reminder
        await engine.wait_finished()
        clock.advance(1300)
        await platform.until(lambda: bool(platform.finals))
        assert "fallback:default_option" in said(server.requests[1])
    assert (platform.questions[-1].closed or "").startswith("Nobody answered in 30 min")


async def test_a_late_reply_is_acknowledged_and_reaches_the_running_agent(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    policy = Policy(remind_after=0, expire_after=60, settle_delay=0)

    def asks_of_its_own(asked: Asked) -> Play:
        if "ask_others" in asked.tools and not has_called(asked, "ask_others"):
            return Play(tool_calls=[ToolUse(name="ask_others", arguments=question(question=f"What is best for {who(asked)}?"))])
        return asking_player(asked)

    async with ModelServer(asks_of_its_own) as server, engine_on(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine, "one", "two", policy=policy)
        await platform.until(lambda: len(platform.questions) == 2)
        await engine.wait_finished()
        await platform.hears("postgres", question=1)
        await engine.wait_finished()
        await platform.hears("no, sqlite!", question=1)
        await engine.wait_finished()
        await platform.hears("postgres", question=2)
        await platform.until(lambda: bool(platform.finals))
        assert any("A late reply from Ana" in said(asked) and "no, sqlite!" in said(asked) for asked in server.requests)
    assert "late" in [receipt.sign for receipt in platform.receipts]


async def test_a_cancelled_run_closes_its_questions_and_says_so(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer(asking_player) as server, engine_on(tmp_path / "t.db", server, platform) as engine:
        run = await begin(engine, "one")
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        engine.cancel_run(run, ANA, "")
        await engine.wait_finished()
    assert platform.questions[-1].closed == "Cancelled: Ana cancelled the run"
    assert "Run 1 was cancelled by Ana." in platform.notes


async def test_a_run_that_fails_says_so_and_affects_no_other(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())

    def player(asked: Asked) -> Play:
        return Play(status=401) if "You are bad" in said(asked) else asking_player(asked)

    async with ModelServer(player) as server, engine_on(tmp_path / "t.db", server, platform) as engine:
        await begin(engine, "bad")
        await begin(engine, "good")
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        await platform.hears("1", question=1)
        await platform.until(lambda: bool(platform.finals))
        await engine.wait_finished()
    assert any("This run ended without an answer." in note for note in platform.notes)
    assert platform.finals[0].run == 2


def asks_and_advises(asked: Asked) -> Play:
    """One asks, the other advises; then both play on."""
    if "an agent of your team, asks" in said(asked):
        return Play(text="I would take SQLite.")
    return asks_if("You are one")(asked) if "new_answer" in asked.tools else team_player(asked)


def forgetful(clock: ManualClock) -> ListPlatform:
    return ListPlatform(clock, capabilities=Capabilities(threads=True, edits=True, loses_history_on_restart=True))


async def test_advice_of_agents_is_shown_again_with_the_question(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    asking = team("one", "two", policy=Policy(remind_after=0)).model_copy(update={"ask": ("humans", "agents")})
    async with ModelServer(asks_and_advises) as server:
        first, second = forgetful(clock), forgetful(clock)
        async with engine_on(file, server, first, clock=clock) as engine:
            await engine.start_run(task="a task", team=asking, place=PLACE, by=ANA)
            await first.until(lambda: "I would take SQLite." in first.notes)
            await engine.wait_finished()
        async with engine_on(file, server, second, clock=clock):
            await second.until(lambda: "I would take SQLite." in second.notes)
    (card, advice) = [outbound for outbound in second.sent if isinstance(outbound.post, QuestionCard | Note)]
    assert isinstance(advice.post, Note)
    assert card.replaces is not None
    assert (advice.post.speaker, advice.place.thread) == ("two", card.replaces.thread)


async def test_open_questions_survive_a_restart_with_their_first_deadline(tmp_path: Path) -> None:
    clock = ManualClock()
    policy = Policy(remind_after=0, expire_after=1800, grace=3)
    async with ModelServer(asking_player) as server:
        platform = ListPlatform(clock)
        async with engine_on(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await begin(engine, "one", policy=policy)
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
        clock.advance(1000)
        platform = ListPlatform(clock)
        async with engine_on(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await clock.armed_until(clock.now() + 804)
            assert not platform.questions
            clock.advance(804)
            await platform.until(lambda: bool(platform.finals))
        assert len(server.requests) == 2
