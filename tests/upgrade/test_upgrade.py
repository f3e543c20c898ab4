"""Upgrade test: release 0.1.0 left its data folder in the middle of its work, and this release continues from it.

`townhall-0.1.0.sql` is a dump of the store file as a killed process left it. `townhall-0.1.0.json` holds what release 0.1.0
itself reported about that file (`townhall runs --json` and so on), and the state of its chat platform. The runs in it:

    run  question
      1  1         finished; has attachments, a long tool result and an answered question
      2  2         waits for an answer in words
      3  3         waits for a choice; Ana's reply is stored and settles one hour after it arrived
      4  4, 5      one agent has asked without waiting (4), the other one waits (5)
      5  6         waits for the approval of a tool call
      6  7         the question of an external agent with the token `laptop`
      7  8         started by that agent; waits for an answer in words
      8, 9         finished; question 9 raised the budget of run 9's channel by $0.20
     10  10        waits for a larger budget
     11  11        cancelled
     12            a model call was in flight, and guidance with a file was stored but not handled
     13  12        its run card was posted but not marked as sent, and its question was never posted
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import TypeAdapter

from bot.app import LoadedConfig, open_app
from bot.mcp_server.listener import open_listener
from orchestrator_bridge.chat.inbound import Author, CommandReceived, MessageReceived, Place
from orchestrator_bridge.chat.outbound import QuestionCard, RunCard
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.bot.conftest import Townhall, folder, townhall
from tests.support.clock import ManualClock
from tests.support.fake_chat.recording_adapter import HistoryPlatform, SharedHistory
from tests.support.fake_models.players import has_called, team_behaviour
from tests.support.fake_models.players import question as choice
from tests.support.fake_models.replies import ModelCall, ScriptedReply, Tokens, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.fake_tools import stub
from tests.support.mcp_bot import McpBot, load_config_in, payload_of, question
from tests.support.running_engine import prompt_text

__all__ = ["folder", "townhall"]

HERE = Path(__file__).parent
SQL, TEAM, FACTS = (HERE / f"townhall-0.1.0.{ending}" for ending in ("sql", "toml", "json"))
STUB_SERVER = Path(stub.__file__).with_name("stub_server.py")

ANA = Author(platform="slack", id="ana", name="Ana")
DAY = 86_400.0
WORLD: TypeAdapter[SharedHistory] = TypeAdapter(SharedHistory)

FILES = {"notes.md": b"Mind the old schema.", "plan.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 16, "later.md": b"It is due in May."}
"""Files that people have attached, by name."""
LONG = 20_000
"""Length of the result of the tool `long`: more than one page."""
NAME = {"question": "What shall the service be called?", "assumption": "I call it Courier."}
DEAR = Tokens(input=130_000, output=30_000)
"""$0.16: most of the budget of the channel `money`, and as many tokens as a prompt of this size can have."""


def player(asked: ModelCall) -> ScriptedReply:
    """An agent does once what its task names in brackets, then answers and votes."""
    task = prompt_text(asked)
    if "[long]" in task and is_first(asked, "stub__long"):
        return use("stub__long", characters=LONG)
    if "[append]" in task and is_first(asked, "stub__append"):
        return use("stub__append", line="a line")
    if "[aside]" in task and is_first(asked, "ask_others"):
        return use("ask_others", **(choice(wait=False) if "You are one," in task else NAME))
    if "[choice]" in task and is_first(asked, "ask_others"):
        return use("ask_others", **choice())
    if "[words]" in task and is_first(asked, "ask_others"):
        return use("ask_others", **NAME)
    if "[dear]" in task and "new_answer" in asked.tools:
        return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "A dear answer."})], usage=DEAR)
    return team_behaviour(asked)


def is_first(asked: ModelCall, tool: str) -> bool:
    return tool in asked.tools and not has_called(asked, tool)


def use(tool: str, **arguments: object) -> ScriptedReply:
    return ScriptedReply(tool_calls=[ToolUse(name=tool, arguments=arguments)])


@asynccontextmanager
async def bot_in(folder: Path, server: ModelServer, platform: HistoryPlatform) -> AsyncIterator[McpBot]:
    """A started bot with the data below a folder, and with its MCP server listening."""
    assert isinstance(platform.clock, ManualClock)
    team = TEAM.read_text(encoding="utf-8")
    meant = {"MODELS": server.url, "PYTHON": sys.executable, "STUB": str(STUB_SERVER), "LOG": str(folder / "done")}
    for name, value in meant.items():
        team = team.replace(f'"{name}"', json.dumps(value))
    start = with_short_ids(load_config_in(folder, team))
    async with open_app(start, [platform], start.settings.store, clock=platform.clock) as app:
        await app.engine.start()
        async with open_listener(start, app) as listener:
            bot = McpBot(app, listener, platform, platform.clock)
            yield bot
            await bot.disconnect_all()


def with_short_ids(start: LoadedConfig) -> LoadedConfig:
    """The configuration with the ids of the dump: `ana` instead of `U0ANA`."""
    people = {name: spec.model_copy(update={"ids": {"slack": name}}) for name, spec in start.team_file.people.items()}
    budgets = start.team_file.budgets.model_copy(update={"channels": {"slack:money": Decimal("0.20")}})
    return replace(start, team_file=start.team_file.model_copy(update={"people": people, "budgets": budgets}))


async def commands(
    platform: HistoryPlatform, name: str, text: str, channel: str = "general", files: tuple[str, ...] = ()
) -> None:
    """Ana gives a command."""
    place, interaction = Place(platform="slack", channel=channel), f"{name} {text} at {platform.now}"
    attached = tuple(map(platform.attached, files))
    command = CommandReceived(
        place=place, interaction=interaction, author=ANA, name=name, text=text, at=platform.now, attachments=attached
    )
    await platform.deliver(command)


async def answers(platform: HistoryPlatform, number: int, text: str) -> None:
    """Ana answers a question by its number."""
    place, message = Place(platform="slack", channel="general"), f"{text} to {number} at {platform.now}"
    await platform.deliver(MessageReceived(place=place, message=message, author=ANA, text=text, at=platform.now, question=number))


def facts() -> dict[str, Any]:
    """The report of release 0.1.0 about its own data."""
    found: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return found


def meaning(state: RunState) -> dict[str, object]:
    """The parts of a state that must not change with a release."""
    return {
        "seq": state.seq,
        "task": state.task,
        "status": state.end.status if state.end else "running",
        "text": state.end.text if state.end else "",
        "busy": state.busy,
        "calls": state.spent.calls,
        "tokens": state.spent.tokens,
        "cost": str(state.spent.cost),
        "questions": {
            str(asked.id): asked.outcome.decided_by if asked.outcome else f"open, {len(asked.heard)} heard"
            for asked in state.questions.values()
        },
    }


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    """A folder with the data of release 0.1.0."""
    data = tmp_path / "data"
    data.mkdir()
    with closing(sqlite3.connect(data / "townhall.db")) as connection:
        connection.executescript(SQL.read_text(encoding="utf-8"))
    return tmp_path


@pytest.fixture
def platform() -> HistoryPlatform:
    """The platform a minute after release 0.1.0 was killed, with the posts and messages of that time."""
    left = facts()
    return HistoryPlatform(
        ManualClock(left["killed_at"] + 60), platform="slack", world=WORLD.validate_python(left["world"]), files=dict(FILES)
    )


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(player) as server:
        yield server


@pytest.fixture
async def bot(legacy: Path, server: ModelServer, platform: HistoryPlatform) -> AsyncIterator[McpBot]:
    """This release, started with that data."""
    async with bot_in(legacy, server, platform) as bot:
        yield bot


@asynccontextmanager
async def store_in(folder: Path) -> AsyncIterator[SqliteStore]:
    """The store below a folder, without a bot."""
    store = await SqliteStore.open(folder / "data" / "townhall.db")
    try:
        yield store
    finally:
        await store.close()


async def ended(bot: McpBot, run: int) -> str:
    """The status of a run after its end."""
    await bot.app.engine.wait_ended(run)
    state = await bot.app.engine.run(run)
    assert state is not None
    assert state.end is not None
    return state.end.status


async def open_questions(bot: McpBot) -> set[int]:
    return {known.question for known in await bot.app.store.questions(status="open")}


async def outcome_of(bot: McpBot, run: int, number: int) -> tuple[str, str]:
    """The decision of a question, and what decided it."""
    state = await bot.app.engine.run(run)
    assert state is not None
    outcome = state.questions[number].outcome
    assert outcome is not None
    return outcome.decision, outcome.decided_by


async def test_every_log_folds_to_the_state_of_release_0_1_0(legacy: Path) -> None:
    async with store_in(legacy) as store:
        meant = {run: meaning(fold(await store.log(int(run)))) for run in facts()["runs"]}
        unreadable = [row.fault for run in meant for row in await store.log_rows(int(run)) if row.fault]
    assert meant == facts()["runs"]
    assert unreadable == []


def test_runs_questions_costs_and_an_export_are_printed_as_before(legacy: Path, townhall: Townhall) -> None:
    asyncio.run(migrate(legacy))
    assert json.loads(townhall("runs", "--json").out) == facts()["told"]["runs"]
    assert without_silence(json.loads(townhall("questions", "--all", "--json").out)) == without_silence(
        facts()["told"]["questions"]
    )
    costs = facts()["told"]["cost"]
    assert known_part(json.loads(townhall("cost", "--json").out), costs) == costs
    exported = [json.loads(line) for line in townhall("export", "1").out.splitlines()]
    known = facts()["told"]["export"]
    assert known_part(exported, known) == known


def known_part(now: Any, then: Any) -> Any:
    """The fields of `now` that `then` has too, at every depth: a field that is newer than the event has its default."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {name: known_part(value, then[name]) for name, value in now.items() if name in then}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [known_part(value, earlier) for value, earlier in zip(now, then, strict=True)]
    return now


def without_silence(answer: dict[str, Any]) -> dict[str, Any]:
    """The questions of an answer without `silence`: a sentence for people, which each release words anew from the log."""
    return {**answer, "questions": [{**question, "silence": bool(question["silence"])} for question in answer["questions"]]}


async def migrate(folder: Path) -> None:
    """Migrate the file, as the first start of a release does."""
    async with store_in(folder):
        pass


async def test_data_beside_the_logs_is_kept(legacy: Path) -> None:
    async with store_in(legacy) as store:
        result = await store.tool_result(1, "work:one:1/0")
        pictures = [file.picture for file in fold(await store.log(1)).files if file.picture]
        kept = [await store.picture(picture) for picture in pictures]
        raises = [(granted.channel, granted.amount) for granted in await store.budget_grants(0)]
        picks = [(pick.place.channel, pick.scope, pick.model) for pick in await store.model_selections()]
        tokens = {token.name: token.withdrawn_at is None for token in await store.tokens()}
        pending = [post.outgoing.key for post in await store.pending_posts()]
        unhandled = [heard.key for heard in await store.unhandled_events()]
        busy = await store.busy_runs()
    assert result == "word " * (LONG // 5)
    assert kept == [FILES["plan.png"]]
    assert raises == [("slack:money", Decimal("0.2"))]
    assert picks == [("general", "team:default", "picked")]
    assert tokens == {"laptop": True, "lost": False}
    assert {"pending": pending, "unhandled": unhandled, "busy": busy} == facts()["waiting"]


async def test_the_decisions_of_stored_runs_are_remembered_once(legacy: Path) -> None:
    async with store_in(legacy) as store:
        found = await store.decisions()
        assert sorted(decision.decision for decision in found) == [1, 9]
        assert (await store.decision(1)) in await store.decisions(found[-1].question)
    assert all(decision.people and not decision.server for decision in found)
    async with store_in(legacy) as store:
        assert await store.decisions() == found


async def test_an_answer_in_words_finishes_a_run(bot: McpBot, platform: HistoryPlatform, server: ModelServer) -> None:
    await answers(platform, 2, "Call it Pigeon.")
    assert await ended(bot, 2) == "finished"
    assert await outcome_of(bot, 2, 2) == ("Call it Pigeon.", "human")
    assert any("Call it Pigeon." in prompt_text(asked) for asked in server.requests)
    await platform.until(lambda: 2 in {final.run for final in platform.final_answers})


async def test_an_answer_given_while_no_bot_ran_counts(legacy: Path, server: ModelServer, platform: HistoryPlatform) -> None:
    platform.say_undelivered("Call it Heron.", thread="question:2:card")
    async with bot_in(legacy, server, platform) as bot:
        assert await ended(bot, 2) == "finished"
        assert await outcome_of(bot, 2, 2) == ("Call it Heron.", "human")


async def test_a_stored_reply_settles_at_its_time(bot: McpBot) -> None:
    await bot.app.engine.wait_finished()
    assert 3 in await open_questions(bot)
    bot.clock.advance(3600)
    assert await ended(bot, 3) == "finished"
    assert await outcome_of(bot, 3, 3) == ("SQLite", "human")


async def test_a_question_that_no_agent_waits_for_can_be_answered_beside_one_that_is_waited_for(
    bot: McpBot, platform: HistoryPlatform
) -> None:
    await answers(platform, 4, "1")
    await bot.app.engine.wait_finished()
    assert {4, 5} & await open_questions(bot) == {5}
    await answers(platform, 5, "Call it Stork.")
    assert await ended(bot, 4) == "finished"
    assert await outcome_of(bot, 4, 4) == ("PostgreSQL", "human")
    assert await outcome_of(bot, 4, 5) == ("Call it Stork.", "human")


async def test_a_tool_that_waited_for_approval_is_called_once(
    bot: McpBot, legacy: Path, platform: HistoryPlatform, server: ModelServer
) -> None:
    await bot.app.engine.wait_finished()
    assert stub.appended_lines(legacy) == []
    await platform.person_clicks(6, "option", "approve")
    assert await ended(bot, 5) == "finished"
    assert stub.appended_lines(legacy) == ["a line"]
    assert any("written" in prompt_text(asked) for asked in server.requests)


async def test_a_run_that_waits_for_a_larger_budget_continues_with_one(bot: McpBot, platform: HistoryPlatform) -> None:
    await bot.app.engine.wait_finished()
    assert 10 in await open_questions(bot)
    await answers(platform, 10, "0.2")
    assert await ended(bot, 10) == "finished"
    state = await bot.app.engine.run(10)
    assert state is not None
    assert state.spent.cost == Decimal("0.16")


async def test_a_call_in_flight_is_repeated_and_includes_the_guidance_that_arrived_meanwhile(
    bot: McpBot, platform: HistoryPlatform, server: ModelServer
) -> None:
    assert await ended(bot, 12) == "finished"
    await bot.app.engine.wait_finished()
    assert any("[slow]" in prompt_text(asked) and "It is due in May." in prompt_text(asked) for asked in server.requests)
    assert await bot.app.store.unhandled_events() == []
    assert {asked.body["model"] for asked in server.requests if "[slow]" in prompt_text(asked)} == {"picked-1"}


async def test_an_unmarked_card_is_found_and_its_question_is_posted_once(bot: McpBot, platform: HistoryPlatform) -> None:
    await bot.card(12)
    await bot.app.engine.wait_finished()
    assert "run:13:card" in platform.found
    assert [sending.key for sending in platform.sent if isinstance(sending.post, RunCard) and not sending.replaces] == []
    assert [sending.key for sending in platform.sent if isinstance(sending.post, QuestionCard)] == ["question:12:card"]
    await answers(platform, 12, "Call it Crane.")
    assert await ended(bot, 13) == "finished"


async def test_silence_until_the_far_deadlines_ends_every_question_and_run(
    legacy: Path, server: ModelServer, platform: HistoryPlatform
) -> None:
    running = {int(run) for run, meant in facts()["runs"].items() if meant["status"] == "running"}
    async with bot_in(legacy, server, platform) as bot:
        await bot.card(12)
        await bot.app.engine.wait_finished()
        before = await open_questions(bot)
        await bot.clock.armed_until(facts()["killed_at"] + 3600)
        bot.clock.advance(61 * DAY)
        for run in running:
            await bot.app.engine.wait_ended(run)
        await bot.app.engine.wait_finished()
        closed = {known.question: known.status for known in await bot.app.store.questions()}
    assert before == {2, 3, 4, 5, 6, 7, 8, 10, 12}
    assert {number for number in before if closed[number] == "fallen_back"} == before - {3}
    assert closed[3] == "answered"
    async with store_in(legacy) as store:
        left = (
            await store.open_deadlines(),
            await store.pending_posts(),
            await store.unhandled_events(),
            await store.runs(status="running"),
        )
    assert left == ([], [], [], [])


async def test_the_question_of_an_external_agent_is_answered_through_its_old_token(
    bot: McpBot, platform: HistoryPlatform
) -> None:
    client = await bot.client(facts()["tokens"]["laptop"])
    checking = asyncio.create_task(client.call_tool("check_question", {"question": 7, "wait_seconds": 60}))
    await answers(platform, 7, "main")
    answer = payload_of(await checking)
    assert (answer["status"], answer["decision"], answer["asked"]) == ("answered", "main", "Which branch?")
    again = payload_of(await client.call_tool("ask_team", question("which  branch")))
    assert again["question"] == 7


async def test_a_run_of_an_external_agent_is_found_by_its_key_and_ends(bot: McpBot, platform: HistoryPlatform) -> None:
    client = await bot.client(facts()["tokens"]["laptop"])
    begun = payload_of(await client.call_tool("start_run", {"task": "[words] Name the branch.", "key": "the key"}))
    assert (begun["run"], begun["status"]) == (7, "running")
    waiting = asyncio.create_task(client.call_tool("run_status", {"run": 7, "wait_seconds": 60}))
    await answers(platform, 8, "Call it Robin.")
    assert payload_of(await waiting)["status"] == "finished"


async def test_a_revoked_token_stays_revoked(bot: McpBot) -> None:
    for secret, holds in ((facts()["tokens"]["laptop"], True), (facts()["tokens"]["lost"], False)):
        async with aiohttp.ClientSession() as session:
            headers = {"Authorization": f"Bearer {secret}"}
            async with session.get(bot.server.file.url, headers=headers) as response:
                assert (response.status != 401) == holds


async def test_the_selected_model_of_a_channel_applies_to_new_runs_there_only(
    bot: McpBot, platform: HistoryPlatform, server: ModelServer
) -> None:
    await commands(platform, "ask", "[new] Here.")
    await commands(platform, "ask", "[new] There.", channel="random")
    await platform.until(lambda: {14, 15} <= {final.run for final in platform.final_answers})
    models = {
        task: {asked.body["model"] for asked in server.requests if task in prompt_text(asked)} for task in ("Here.", "There.")
    }
    assert models == {"Here.": {"picked-1"}, "There.": {"plain-1"}}
