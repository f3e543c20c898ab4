"""Whole runs through the engine: a real store, a real model client, a platform that keeps what it is sent."""

from __future__ import annotations

from pathlib import Path

from orchestrator_bridge.chat.adapter import Capabilities
from orchestrator_bridge.chat.outbound import Note, QuestionCard, RunCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.team.team import Policy
from tests.support.clock import ManualClock
from tests.support.fake_models.players import agent_name, ask_if, asking_behaviour, has_called, question, team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, prompt_text, start_engine, team


async def begin(engine: Engine, *names: str, policy: Policy | None = None) -> int:
    return await engine.start_run(task="Move to a new database.", team=team(*names, policy=policy), place=PLACE, by=ANA)


async def test_three_agents_answer_vote_and_finish_in_seven_calls(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine, "one", "two", "three")
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
        assert len(server.requests) == 7
    assert platform.final_answers[0].how == "Won the vote, 3 of 3 votes."
    cards = [outbound.post for outbound in platform.sent if isinstance(outbound.post, RunCard)]
    assert (cards[0].status, cards[-1].status) == ("working", "finished")


async def test_a_reply_reaches_the_agent_that_asked_and_a_run_that_waits_for_people_is_idle(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine, "one")
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        assert engine.active == ()
        await platform.person_says("sqlite, it has to be small", question=1)
        again = await server.request_arrives(2)
        assert "it has to be small" in prompt_text(again)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite (“sqlite, it has to be small”)"
    assert [receipt.sign for receipt in platform.acknowledgements] == ["taken"]


async def test_messages_in_threads_reach_their_question_or_run(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer(ask_if("You are one,")) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine, "one", "two")
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        run_thread, question_thread = (
            "p1",
            next(f"p{number}" for number, outbound in enumerate(platform.sent, 1) if outbound.key == "question:1:card"),
        )
        await platform.person_says("It must be cheap.", thread=run_thread)
        await platform.person_says("1", thread=question_thread)
        await platform.until(lambda: bool(platform.final_answers))
        assert any('<guidance by="Ana">\nIt must be cheap.' in prompt_text(asked) for asked in server.requests)
    assert platform.questions[-1].closed == "Answered by Ana: PostgreSQL"


async def test_a_deadline_wakes_an_idle_run_after_a_reminder(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    policy = Policy(remind_after=600, expire_after=1800, grace=3)
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine, "one", policy=policy)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        clock.advance(601)
        await platform.until(lambda: any("Still open" in note for note in platform.notes))
        (reminder,) = [note for note in platform.notes if "Still open" in note]
        assert "\n1. PostgreSQL (recommended) · 2. SQLite\nExpires in 20 min." in reminder
        await engine.wait_finished()
        clock.advance(1300)
        await platform.until(lambda: bool(platform.final_answers))
        assert "fallback:default_option" in prompt_text(server.requests[1])
    assert (platform.questions[-1].closed or "").startswith("Nobody answered in 30 min")


async def test_a_late_reply_is_acknowledged_and_reaches_the_running_agent(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    policy = Policy(remind_after=0, expire_after=60, settle_delay=0)

    def asks_of_its_own(asked: ModelCall) -> ScriptedReply:
        if "ask_others" in asked.tools and not has_called(asked, "ask_others"):
            return ScriptedReply(
                tool_calls=[ToolUse(name="ask_others", arguments=question(question=f"What is best for {agent_name(asked)}?"))]
            )
        return asking_behaviour(asked)

    async with ModelServer(asks_of_its_own) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine, "one", "two", policy=policy)
        await platform.until(lambda: len(platform.questions) == 2)
        await engine.wait_finished()
        await platform.person_says("postgres", question=1)
        await engine.wait_finished()
        await platform.person_says("no, sqlite!", question=1)
        await engine.wait_finished()
        await platform.person_says("postgres", question=2)
        await platform.until(lambda: bool(platform.final_answers))
        assert any(
            "A late reply from Ana" in prompt_text(asked) and "no, sqlite!" in prompt_text(asked) for asked in server.requests
        )
    assert "late" in [receipt.sign for receipt in platform.acknowledgements]


async def test_a_cancelled_run_closes_its_questions_and_says_so(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        run = await begin(engine, "one")
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        engine.cancel_run(run, ANA, "")
        await engine.wait_finished()
    assert platform.questions[-1].closed == "Cancelled: Ana cancelled the run"
    assert "Run 1 was cancelled by Ana." in platform.notes


async def test_a_run_that_fails_says_so_and_affects_no_other(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())

    def player(asked: ModelCall) -> ScriptedReply:
        return ScriptedReply(status=401) if "You are bad" in prompt_text(asked) else asking_behaviour(asked)

    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine, "bad")
        await begin(engine, "good")
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert any("This run ended without an answer." in note for note in platform.notes)
    assert platform.final_answers[0].run == 2


def asks_and_advises(asked: ModelCall) -> ScriptedReply:
    """One asks, the other advises; then both play on."""
    if "an agent of your team, asks" in prompt_text(asked):
        return ScriptedReply(text="I would take SQLite.")
    return ask_if("You are one")(asked) if "new_answer" in asked.tools else team_behaviour(asked)


def forgetful(clock: ManualClock) -> ListPlatform:
    return ListPlatform(clock, capabilities=Capabilities(threads=True, edits=True, loses_history_on_restart=True))


async def test_advice_of_agents_is_shown_again_with_the_question(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    asking = team("one", "two", policy=Policy(remind_after=0)).model_copy(update={"ask": ("humans", "agents")})
    async with ModelServer(asks_and_advises) as server:
        first, second = forgetful(clock), forgetful(clock)
        async with start_engine(file, server, first, clock=clock) as engine:
            await engine.start_run(task="a task", team=asking, place=PLACE, by=ANA)
            await first.until(lambda: "I would take SQLite." in first.notes)
            await engine.wait_finished()
        async with start_engine(file, server, second, clock=clock):
            await second.until(lambda: "I would take SQLite." in second.notes)
    (card, advice) = [outbound for outbound in second.sent if isinstance(outbound.post, QuestionCard | Note)]
    assert isinstance(advice.post, Note)
    assert card.replaces is not None
    assert (advice.post.speaker, advice.place.thread) == ("two", card.replaces.thread)


async def test_a_live_run_is_shown_again_on_a_platform_that_forgets(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        first, second = forgetful(clock), forgetful(clock)
        async with start_engine(file, server, first, clock=clock) as engine:
            await begin(engine, "one")
            await first.until(lambda: bool(first.questions))
            await engine.wait_finished()
        async with start_engine(file, server, second, clock=clock):
            await second.until(lambda: bool(second.questions))
    cards = [outbound.post for outbound in second.sent if isinstance(outbound.post, RunCard)]
    assert [(card.run, card.ended) for card in cards] == [(1, False)]


async def test_open_questions_survive_a_restart_with_their_first_deadline(tmp_path: Path) -> None:
    clock = ManualClock()
    policy = Policy(remind_after=0, expire_after=1800, grace=3)
    async with ModelServer(asking_behaviour) as server:
        platform = ListPlatform(clock)
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await begin(engine, "one", policy=policy)
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
        clock.advance(1000)
        platform = ListPlatform(clock)
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await clock.armed_until(clock.now() + 804)
            assert not platform.questions
            clock.advance(804)
            await platform.until(lambda: bool(platform.final_answers))
        assert len(server.requests) == 2
