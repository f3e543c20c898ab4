"""Question policies end to end: escalation, delegation, fallback to agents and a judge, and crashes in between."""

from __future__ import annotations

from pathlib import Path

from orchestrator_bridge.chat.inbound import Author, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Bounds, PersonSpec, Policy
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour, has_called, question, team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, prompt_text, start_engine, team

BEN = Author(platform="list", id="ben", name="Ben")
LONG = Bounds(wall=30_000_000)


def player(asked: ModelCall) -> ScriptedReply:
    """`one` asks people; a judge takes SQLite; a peer that is asked says that it does not know."""
    if "decide" in asked.tools:
        return ScriptedReply(
            tool_calls=[ToolUse(name="decide", arguments={"decision": "SQLite", "choice": "sqlite", "reason": "Nothing to run."})]
        )
    if "an agent of your team, asks" in prompt_text(asked) and not asked.tools:
        return ScriptedReply(text="2, there is nothing to run.")
    return asking_behaviour(asked) if "You are one," in prompt_text(asked) else team_behaviour(asked)


async def asks(engine: Engine, platform: ListPlatform, policy: Policy) -> None:
    await engine.start_run(task="a task", team=team("one", "two", policy=policy, bounds=LONG), place=PLACE, by=ANA)
    await platform.until(lambda: bool(platform.questions))
    await engine.wait_finished()


def policy(**more: object) -> Policy:
    return Policy.model_validate({"settle_delay": 0, "remind_after": 0, "expire_after": 600, "grace": 3, **more})


def pinged(platform: ListPlatform) -> list[str]:
    """The people mentioned by notes."""
    return [author.id for outbound in platform.sent if isinstance(outbound.post, Note) for author in outbound.post.mentions]


async def hears(platform: ListPlatform, text: str, by: Author, *mentions: Author) -> None:
    place = Place(platform="list", channel="general")
    message = f"m-{len(platform.sent)}-{text[:8]}"
    await platform.deliver(
        MessageReceived(place=place, message=message, author=by, text=text, at=platform.now, question=1, mentions=mentions)
    )


async def test_a_mention_hands_the_question_over_on_a_platform(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await asks(engine, platform, policy())
        await hears(platform, "@Ben knows", ANA, BEN)
        await platform.until(lambda: pinged(platform) == ["ben"])
        await hears(platform, "2", BEN)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ben: SQLite"


async def test_an_unanswered_question_escalates_across_a_restart_and_mentions_in_new_messages(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    directory = Directory({"lead": PersonSpec(ids={"slack": "U3"}), "boss": PersonSpec(ids={"slack": "U4"})})
    steps = [{"after": "2m", "to": "@lead"}, {"after": "4m", "to": "@boss"}]
    place = Place(platform="slack", channel="general")
    asker = Author(platform="slack", id="ana", name="Ana")
    first = ListPlatform(clock, platform="slack")
    async with (
        ModelServer(player) as server,
        start_engine(file, server, first, clock=clock, directory=directory) as engine,
    ):
        rules = policy(escalate=steps)
        await engine.start_run(task="a task", team=team("one", policy=rules, bounds=LONG), place=place, by=asker)
        await first.until(lambda: bool(first.questions))
        await engine.wait_finished()
        clock.advance(120)
        await first.until(lambda: pinged(first) == ["U3"])
    clock.advance(130)
    platform = ListPlatform(clock, platform="slack")
    async with ModelServer(player) as server, start_engine(file, server, platform, clock=clock, directory=directory):
        await platform.until(lambda: pinged(platform) == ["U4"])
        boss = Author(platform="slack", id="U4", name="The Boss")
        await platform.deliver(MessageReceived(place=place, message="m1", author=boss, text="2", at=platform.now, question=1))
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by boss: SQLite"


async def test_a_judge_decides_if_nobody_answers(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    chain = [{"use": "judge", "within": "1m"}, "assume"]
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await asks(engine, platform, policy(fallback=chain))
        clock.advance(603)
        await platform.until(lambda: bool(platform.final_answers))
        assert any("fallback:judge" in prompt_text(asked) for asked in server.requests)
    assert platform.questions[-1].closed == ("Nobody answered in 10 min; fallback: the judge model, SQLite (Nothing to run.)")
    assert any("a model judges now" in text for text in platform.notes)


async def test_a_fallback_continues_after_a_crash(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    chain = [{"use": "agents", "within": "5m"}, "assume"]
    never = ListPlatform(clock)

    def silent_peer(asked: ModelCall) -> ScriptedReply:
        return (
            ScriptedReply(delay_ms=1e7)
            if "an agent of your team, asks" in prompt_text(asked) and not asked.tools
            else player(asked)
        )

    async with ModelServer(silent_peer) as server, start_engine(file, server, never, clock=clock) as engine:
        await asks(engine, never, policy(fallback=chain))
        clock.advance(603)
        await never.until(lambda: any("two is asked now" in text for text in never.notes))
    platform = ListPlatform(clock)
    async with ModelServer(player) as server, start_engine(file, server, platform, clock=clock):
        await platform.until(lambda: bool(platform.final_answers))
        assert any("fallback:agents" in prompt_text(asked) for asked in server.requests)
    assert (
        platform.questions[-1].closed
        == "Nobody answered in 10 min; fallback: the agent two, SQLite (“2, there is nothing to run.”)"
    )


async def test_a_fallback_that_expired_while_the_process_was_down_is_over(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    chain = [{"use": "agents", "within": "5m"}, "assume"]
    first = ListPlatform(clock)

    def silent_peer(asked: ModelCall) -> ScriptedReply:
        return (
            ScriptedReply(delay_ms=1e7)
            if "an agent of your team, asks" in prompt_text(asked) and not asked.tools
            else player(asked)
        )

    async with ModelServer(silent_peer) as server, start_engine(file, server, first, clock=clock) as engine:
        await asks(engine, first, policy(fallback=chain))
        clock.advance(603)
        await first.until(lambda: any("two is asked now" in text for text in first.notes))
    clock.advance(3600)
    platform = ListPlatform(clock)
    async with ModelServer(player) as server, start_engine(file, server, platform, clock=clock):
        await platform.until(lambda: bool(platform.final_answers))
    closed = platform.questions[-1].closed or ""
    assert closed.endswith("no agent answered; fallback: the agent's assumption, I take PostgreSQL.")


async def test_open_questions_of_other_runs_count_for_a_person_also_after_a_restart(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    rules = policy()

    def numbered(asked: ModelCall) -> ScriptedReply:
        if "ask_others" in asked.tools and not has_called(asked, "ask_others"):
            task = next(word for word in prompt_text(asked).split() if word.startswith("task-"))
            return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=question(question=f"What about {task}?"))])
        return team_behaviour(asked)

    platform = ListPlatform(clock)
    async with ModelServer(numbered) as server:
        for first in (0, 2):
            platform = ListPlatform(clock)
            async with start_engine(file, server, platform, clock=clock, directory=Directory()) as engine:
                for number in range(first, first + 2):
                    await engine.start_run(
                        task=f"do task-{number}", team=team("one", policy=rules, bounds=LONG), place=PLACE, by=ANA
                    )
                    await engine.wait_finished()
        assert any("3 open questions already" in prompt_text(asked) for asked in server.requests)
    assert len(platform.final_answers) == 1
