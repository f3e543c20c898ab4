"""`/models`, `/model` and `/ask model=…` as people use them: through a running bot on a platform that is a list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import App, LoadedConfig, create_autocomplete, open_app
from bot.commands.autocomplete import BotAutocomplete
from bot.config.settings import read_settings
from bot.config.team_file import parse_team_file
from orchestrator_bridge.chat.inbound import Author, CommandReceived, Place
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.run import events as e
from tests.support.clock import ManualClock
from tests.support.fake_models.players import may_vote
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform

TEAMS = """
default_team = "docs"
[[team.docs.agents]]
name = "writer"
model = "grok-4.3"
[[team.docs.agents]]
name = "editor"
model = "grok-4.3"
[[team.code.agents]]
name = "coder"
model = "grok-4.6"
[people.bo]
discord = "1"
[permissions]
pick = ["anyone"]
"""
ELSEWHERE = Place(platform="list", channel="another")


def answers(asked: ModelCall) -> ScriptedReply:
    """Answer, vote or write the final text, by the tools that are offered."""
    if may_vote(asked):
        return ScriptedReply(tool_calls=[ToolUse(name="vote", arguments={"agent_id": "A", "reason": "Good."})])
    tool = ToolUse(name="new_answer", arguments={"content": "Begin small."})
    return ScriptedReply(tool_calls=[tool]) if asked.tools else ScriptedReply(text="Begin small.")


class Bot:
    """A running bot that executes a test's commands, with its autocomplete."""

    def __init__(self, app: App, platform: ListPlatform, autocomplete: BotAutocomplete) -> None:
        self.app, self.platform, self.autocomplete = app, platform, autocomplete

    async def __call__(self, name: str, text: str = "", **options: str) -> PrivateReply:
        """Execute a command of Ana's and wait for its reply."""
        return await self.execute(ANA, PLACE, name, text, **options)

    async def execute(self, author: Author, place: Place, name: str, text: str = "", **options: str) -> PrivateReply:
        """Execute a command and wait for its reply."""
        before = len(self.platform.private_replies)
        command = CommandReceived(
            place=place,
            interaction=f"c{before}-{name}-{text}",
            author=author,
            name=name,
            text=text,
            at=self.platform.now,
            options=tuple(options.items()),
        )
        await self.platform.deliver(command)
        await self.platform.until(lambda: len(self.platform.private_replies) > before)
        return self.platform.private_replies[-1][1]

    async def confirm(self, reply: PrivateReply) -> PrivateReply:
        """Press the button of a reply."""
        assert reply.confirm is not None
        return await self(reply.confirm.name, reply.confirm.text, **dict(reply.confirm.options))

    async def run(self, text: str, place: Place = PLACE, **options: str) -> dict[str, str]:
        """Give a task and wait for the run's end; the model of each agent."""
        finals = len(self.platform.final_answers)
        command = CommandReceived(
            place=place, interaction=f"r{finals}", author=ANA, name="ask", text=text, at=1.0, options=tuple(options.items())
        )
        await self.platform.deliver(command)
        await self.platform.until(lambda: len(self.platform.final_answers) > finals)
        (started, *_) = await self.app.store.log(finals + 1)
        assert isinstance(started, e.RunStarted)
        return {agent.name: agent.model for agent in started.team.agents}


@asynccontextmanager
async def start_bot(
    folder: Path, server: ModelServer, teams: str = TEAMS, *, platform: type[ListPlatform] = ListPlatform, **settings: str
) -> AsyncIterator[Bot]:
    """A running bot with xAI at the local server."""
    environ = {"XAI_API_KEY": "xai-key", "XAI_BASE_URL": server.url, **settings}
    start = LoadedConfig(
        settings=read_settings(folder / ".env", environ), team_file=parse_team_file(teams, folder / "townhall.toml")
    )
    clock = ManualClock()
    adapter = platform(clock)
    autocomplete = create_autocomplete(start, clock)
    async with open_app(start, [adapter], folder / "t.db", clock, autocomplete) as app:
        await app.engine.start()
        yield Bot(app, adapter, autocomplete)


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(answers) as server:
        yield server


@pytest.fixture
async def bot(tmp_path: Path, server: ModelServer) -> AsyncIterator[Bot]:
    async with start_bot(tmp_path, server) as bot:
        yield bot


async def test_a_selected_model_is_used_in_its_channel_only(bot: Bot) -> None:
    reply = await bot("model", "grok-4.7")
    assert reply.text.startswith(
        "This channel uses grok-4.7, starting with the next run: xai (the only host whose settings are set)"
    )
    assert "$2.00 in, $0.50 cached, $6.00 out per million tokens" in reply.text
    assert await bot.run("a task") == {"writer": "grok-4.7", "editor": "grok-4.7"}
    assert await bot.run("a task", ELSEWHERE) == {"writer": "grok-4.3", "editor": "grok-4.3"}


async def test_the_selection_of_an_agent_precedes_its_teams_and_that_the_channels(bot: Bot) -> None:
    await bot("model", "grok-4.7")
    await bot("model", "scope=team:docs grok-4.6")
    await bot("model", "grok-4.5", scope="agent:editor")
    assert await bot.run("a task") == {"writer": "grok-4.6", "editor": "grok-4.5"}
    assert await bot.run("team=code a task") == {"coder": "grok-4.7"}
    await bot("model", "default scope=team:docs")
    assert await bot.run("a task") == {"writer": "grok-4.7", "editor": "grok-4.5"}


async def test_selections_survive_a_restart(tmp_path: Path, server: ModelServer) -> None:
    async with start_bot(tmp_path, server) as bot:
        await bot("model", "grok-4.7")
    async with start_bot(tmp_path, server) as bot:
        assert [model.name for model in bot.autocomplete.models(PLACE, "") if model.current] == ["grok-4.7"]
        assert await bot.run("a task") == {"writer": "grok-4.7", "editor": "grok-4.7"}


async def test_a_model_can_be_set_for_one_run(bot: Bot) -> None:
    await bot("model", "grok-4.7")
    assert await bot.run("team=docs model=grok-4.6 model=this is part of the task") == {
        "writer": "grok-4.6",
        "editor": "grok-4.6",
    }
    assert await bot.run("a task", team="code", model="grok-4.5") == {"coder": "grok-4.5"}


async def test_a_model_of_one_run_that_cannot_be_called_is_refused(bot: Bot) -> None:
    for name in ("gpt-5", "nobody"):
        assert f"The model '{name}' of team docs cannot be used." in (await bot("ask", f"model={name} a task")).text


async def test_a_channel_reads_no_shell_command_about_a_model_that_cannot_be_called(bot: Bot) -> None:
    reply = await bot("ask", "model=gork-4.3 plan the move")
    assert reply.text.startswith("The model 'gork-4.3' of team docs cannot be used. Did you mean 'grok-4.3'")
    assert "`/models` lists those that can" in reply.text
    assert "townhall" not in reply.text


async def test_a_retired_model_needs_a_confirmation(bot: Bot) -> None:
    reply = await bot("model", "grok-4.1-fast scope=agent:writer")
    assert reply.tone == "warning"
    assert reply.text.startswith("xai retired grok-4.1-fast (grok-4-1-fast-reasoning) on 2026-05-15; grok-4.3 answers instead")
    assert "`/model grok-4.1-fast scope=agent:writer confirmed=yes`" in reply.text
    assert (await bot.run("a task"))["writer"] == "grok-4.3"
    assert (await bot.confirm(reply)).tone == "good"
    assert (await bot.run("a task"))["writer"] == "grok-4.1-fast"


async def test_a_model_retired_at_one_host_only_needs_no_confirmation(tmp_path: Path, server: ModelServer) -> None:
    async with start_bot(tmp_path, server, AZURE_AI_API_KEY="az-key", AZURE_AI_API_BASE=server.url) as bot:
        reply = await bot("model", "grok-4.1-fast")
        assert (reply.tone, reply.confirm) == ("good", None)
        assert "azure_ai (xai retired it, azure_ai has it), $0.20 in" in reply.text


async def test_an_expensive_model_needs_a_confirmation(tmp_path: Path, server: ModelServer) -> None:
    async with start_bot(tmp_path, server, OPENAI_API_KEY="sk-key", OPENAI_BASE_URL=server.url) as bot:
        reply = await bot("model", "gpt-6-astra")
        assert reply.text.startswith("gpt-6-astra is expensive: $10.00 in")
        assert (await bot.confirm(reply)).text.startswith("This channel uses gpt-6-astra")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gpt-5", "gpt-5 cannot be used: this bot has no access to openai. Its administrator can set it up."),
        ("grog-4.3", "Did you mean 'grok-4.3'"),
        ("grok-43", "grok-43 is not a known model. It would be requested from xai. Did you mean 'grok-4.3'"),
        ("grok-4.7 scope=team:doc", "did you mean 'team:docs'?"),
    ],
)
async def test_an_unusable_model_is_refused_with_the_reason(bot: Bot, text: str, reason: str) -> None:
    reply = await bot("model", text)
    assert reason in reply.text
    assert reply.tone == "warning"
    assert "_API_KEY" not in reply.text, "settings are for the operator"


async def test_a_person_without_permission_cannot_select_models(tmp_path: Path, server: ModelServer) -> None:
    teams = TEAMS.replace('pick = ["anyone"]', 'pick = ["@bo"]')
    async with start_bot(tmp_path, server, teams) as bot:
        assert (await bot("model", "grok-4.7")).text == (
            "You are not allowed to select models here. The bot's administrator can allow it."
        )
        assert (await bot("model")).tables, "looking is free"


async def test_without_a_name_the_models_in_use_are_shown(bot: Bot) -> None:
    await bot("model", "grok-4.6 scope=editor")
    (table,) = (await bot("model")).tables
    assert [row[:4] + row[5:] for row in table.rows] == [
        ("docs", "writer", "grok-4.3", "xai", "team file"),
        ("docs", "editor", "grok-4.6", "xai", "/model"),
        ("code", "coder", "grok-4.6", "xai", "team file"),
    ]
    assert table.rows[0][4] == "$1.25 / $0.20 / $2.50, 1M"


async def test_models_are_listed_best_first_with_notes(bot: Bot) -> None:
    reply = await bot("models")
    (table,) = reply.tables
    assert [row[0] for row in table.rows[:2]] == ["grok-4.3", "grok-4.6"], "the teams' own"
    assert len(table.rows) == 25
    assert "more: `/models` and a part of the name." in reply.text
    (retired, *_) = (await bot("models", "4.1-fast")).tables[0].rows
    assert str(retired[3]).startswith("retired 2026-05-15, grok-4.3 answers")
    assert "No model has 'nothing' in its name." in (await bot("models", "nothing")).text


def names(bot: Bot, search: str = "", scope: str = "", limit: int = 25) -> list[str]:
    return [model.name for model in bot.autocomplete.models(PLACE, search, scope=scope, limit=limit)]


async def test_autocomplete_offers_usable_models_first_and_marks_those_in_use(bot: Bot) -> None:
    first, second, *others = bot.autocomplete.models(PLACE, "")
    assert (first.name, first.current, first.about) == ("grok-4.3", True, "$1.25 in, $2.50 out, 1M context")
    assert (second.name, second.usable, second.current) == ("grok-4.6", True, False)
    unusable = [model.usable for model in others].index(False)
    assert not any(model.usable for model in others[unusable:])
    assert len(names(bot, limit=3)) == 3


async def test_autocomplete_warns_about_models(bot: Bot) -> None:
    warnings = {model.name: model.warning for model in bot.autocomplete.models(PLACE, "", limit=100)}
    assert warnings["grok-4.1-fast"] == "retired, grok-4.3 answers"
    assert warnings["gpt-5"] == "needs OPENAI_API_KEY"
    assert warnings["grok-4.7"] == ""


async def test_autocomplete_shows_price_context_and_lifecycle_on_a_phone(tmp_path: Path, server: ModelServer) -> None:
    async with start_bot(tmp_path, server, OPENAI_API_KEY="sk-key", OPENAI_BASE_URL=server.url) as bot:
        found = {model.name: model for model in bot.autocomplete.models(PLACE, "", limit=100)}
        everything = bot.autocomplete.models(PLACE, "", limit=1000)
    retired, dear, own = found["grok-4.1-fast"], found["gpt-6-astra"], found["llama3.3"]
    assert (retired.warning, retired.about) == ("retired, grok-4.3 answers", "$1.25 in, $2.50 out, 1M context")
    assert (dear.warning, dear.about) == ("expensive", "$10.00 in, $50.00 out, 922k context")
    assert own.about == "free"
    assert all(len(f"{model.name} · {model.warning} · {model.about}") <= 100 for model in everything if model.usable)


async def test_autocomplete_finds_any_part_of_any_spelling(bot: Bot) -> None:
    assert names(bot, "4-1-FAST") == ["grok-4.1-fast", "grok-4.1-fast-non-reasoning"]
    assert names(bot, "no such thing") == []


async def test_the_models_in_use_depend_on_the_scope(bot: Bot) -> None:
    await bot("model", "grok-4.6 scope=agent:editor")
    assert [model.name for model in bot.autocomplete.models(PLACE, "", scope="editor") if model.current] == ["grok-4.6"]
    assert [model.name for model in bot.autocomplete.models(PLACE, "", scope="writer") if model.current] == ["grok-4.3"]
    assert [model.name for model in bot.autocomplete.models(PLACE, "", scope="code") if model.current] == ["grok-4.6"]
    assert {model.name for model in bot.autocomplete.models(PLACE, "", scope="docs") if model.current} == {"grok-4.3", "grok-4.6"}


async def test_autocomplete_offers_teams_agents_and_running_runs(tmp_path: Path) -> None:
    async with ModelServer([ScriptedReply(gate=None, text="never", delay_ms=10**7)]) as slow, start_bot(tmp_path, slow) as bot:
        assert list(bot.autocomplete.teams(PLACE)) == ["docs", "code"]
        assert list(bot.autocomplete.agents(PLACE)) == ["writer", "editor"]
        assert list(bot.autocomplete.agents(PLACE, "code")) == ["coder"]
        assert list(bot.autocomplete.runs(PLACE)) == []
        await bot.platform.person_commands("ask", "team=code plan the move")
        await bot.platform.until(lambda: bool(bot.platform.sent))
        assert list(bot.autocomplete.runs(PLACE)) == [(1, "plan the move")]
        assert list(bot.autocomplete.runs(replace(PLACE, thread="t1"))) == [(1, "plan the move")]
        assert list(bot.autocomplete.runs(ELSEWHERE)) == []
        await bot.platform.person_commands("cancel")
        await bot.app.engine.wait_ended(1)
        assert list(bot.autocomplete.runs(PLACE)) == []


async def test_the_team_shows_the_models_that_are_selected_for_the_channel(bot: Bot) -> None:
    await bot("model", "grok-4.7", scope="agent:editor")
    shown = (await bot("team")).tables[0].rows
    assert [row[1] for row in shown] == ["grok-4.3", "grok-4.7 (selected with `/model`)"]


async def test_a_reset_of_the_channel_clears_what_was_selected_for_its_agents(bot: Bot) -> None:
    await bot("model", "grok-4.7", scope="agent:editor")
    await bot("model", "grok-4.7", scope="team:code")
    await bot("model", "default")
    assert all(row[-1] == "team file" for row in (await bot("model")).tables[0].rows)


@pytest.mark.parametrize("typed", ["grok 4.1 fast", "grok4.1", "GROK-4.1-FAST"])
async def test_a_model_is_found_however_its_name_is_typed(bot: Bot, typed: str) -> None:
    assert "grok-4.1-fast" in [option.name for option in bot.autocomplete.models(PLACE, typed)]


async def test_retired_models_are_offered_last(bot: Bot) -> None:
    await bot("model", "grok-4.1-fast", confirmed="yes")
    offered = [option.warning.startswith("retired") for option in bot.autocomplete.models(PLACE, "GROK4")]
    assert offered == sorted(offered)
    assert not offered[0]


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("ask", "plan it", {"team": "nope"}),
        ("team", "nope", {}),
        ("model", "grok-4.3", {"scope": "nope"}),
        ("cost", "by nope", {}),
    ],
)
async def test_a_wrong_name_is_answered_in_a_sentence(bot: Bot, name: str, text: str, options: dict[str, str]) -> None:
    reply = await bot(name, text, **options)
    assert "nope" in reply.text
    assert "\n" not in reply.text
    assert "expected" not in reply.text
