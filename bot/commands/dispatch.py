"""The commands that people type, on any platform: what each does, and the word that goes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

from bot.commands.costs import budgets_text, budgets_today, cost_reply, parse_spending_query, query_spending
from bot.commands.home import HomePage
from bot.commands.model_view import ModelBrowser
from bot.commands.models import ModelCommands, ModelSelections, parse_leading_options, with_team_model
from bot.commands.questions import QuestionCommandHandler, viewer_of
from bot.config.errors import ConfigError
from bot.config.team_schema import TeamFile
from bot.formatting import calibration_lines, run_state_text
from orchestrator_bridge.chat.inbound import CommandReceived, Place
from orchestrator_bridge.chat.outbound import PrivateReply, Table
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.text import clean, shorten
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.catalogue import UnknownModelName
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.scripted.script import ScriptError
from orchestrator_bridge.store.interface import Lookups, RunSummary
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Team

TASK_LIMIT = 50_000
"""Characters of a task: it stands in every prompt of the run."""

MAX_ROWS = 15
"""Rows of a table in chat."""

HELP = {
    "ask": ("/ask TASK", "Give the team a task. `/ask team=NAME model=MODEL TASK` for others."),
    "questions": (
        "/questions [NUMBER …]",
        "What is open, for whom and until when. With a number: your words, `pass`, `more 1h`, `cancel` or `again`.",
    ),
    "runs": ("/runs", "What is under way and what came of earlier tasks."),
    "model": ("/model [NAME]", "Pick a model for this channel; `scope=team:NAME` or `scope=agent:NAME` for a part of it."),
    "models": ("/models [SEARCH]", "Which models there are, what they cost, and what each lacks."),
    "team": ("/team [NAME]", "Who works here, with which model and by which rules."),
    "cancel": ("/cancel [RUN]", "End a run; its questions are closed."),
    "cost": ("/cost [RUN] [by WHAT]", "Tokens and US dollars; by call, agent, run, channel, person, day or model."),
    "help": ("/help", "This."),
}


class ChatCommands:
    """Obeys commands. The engine is given once it is made, for it takes its commands from here."""

    def __init__(
        self,
        store: Lookups,
        team_file: TeamFile,
        models: ModelClient,
        directory: Directory,
        selections: ModelSelections,
        browser: Callable[[], ModelBrowser],
    ) -> None:
        self._store = store
        self._team_file = team_file
        self._models = models
        self._directory = directory
        self._selections = selections
        of_models = ModelCommands(selections, team_file, directory, browser)
        self._question_command = QuestionCommandHandler(store, directory)
        self._home_page = HomePage(store, team_file, selections, browser)
        self.engine: Engine | None = None
        self._handlers: Mapping[str, Callable[[CommandReceived], Awaitable[PrivateReply | None]]] = {
            "ask": self._ask,
            "questions": self._questions,
            "runs": self._runs,
            "model": of_models.model,
            "models": of_models.models,
            "team": self._team,
            "cancel": self._cancel,
            "cost": self._cost,
            "help": self._help,
            "home": self._home,
        }

    async def handle(self, command: CommandReceived) -> PrivateReply | None:
        """Do what a command says; the word is for whoever gave it."""
        course = self._handlers.get(command.name)
        if course is None:
            return _warning(f"There is no command {command.name!r}. The commands: {', '.join(HELP)}.")
        return await course(command)

    # Runs -----------------------------------------------------------------------------------------------------------------

    async def _ask(self, command: CommandReceived) -> PrivateReply | None:
        if not self._directory.may(command.author, "start", command.place):
            return _warning("You may not start runs here; townhall.toml says who may, under [permissions].")
        chosen, text = parse_leading_options(command, ("team", "model"))
        task = clean(text).strip()
        try:
            team = self.resolve_team(command.place, chosen.get("team"), chosen.get("model"))
            self.check_run(team, task)
        except ConfigError as trouble:
            return _warning(str(trouble))
        assert self.engine is not None
        await self.engine.start_run(
            task=task,
            team=team,
            place=command.place,
            by=command.author,
            command=command.key,
            attachments=command.attachments,
        )
        return None

    def resolve_team(self, place: Place, team: str | None, model: str | None) -> Team:
        """The team that is to work: with the model that was named for this run, else with those that were picked here.

        Raises:
            Trouble: there is no such team.
        """
        found = self._team_file.team(team)
        return with_team_model(found, model) if model else self._selections.apply_to(found, place)

    def check_run(self, team: Team, task: str) -> None:
        """Look whether a run could begin.

        Raises:
            Trouble: the task is empty or too long, or a model of the team cannot be called.
        """
        if not task:
            raise ConfigError("The task is empty. Say what is to be done, such as: Plan the move to PostgreSQL.")
        if len(task) > TASK_LIMIT:
            raise ConfigError(
                f"The task has {len(task):,} characters; at most {TASK_LIMIT:,} fit. Give the gist; agents ask for more."
            )
        for model in team.models:
            try:
                self._models.check(model)
            except (UnknownModelName, ScriptError) as error:
                raise ConfigError(f"The model {model!r} of team {team.name} cannot be used: {error}") from error
            except ModelError as error:
                raise ConfigError(
                    f"The model {model!r} of team {team.name} cannot be used: {error.found} {error.advice}"
                ) from error

    async def _cancel(self, command: CommandReceived) -> PrivateReply | None:
        named = command.text.strip().removeprefix("#")
        under_way = await self._store.runs(MAX_ROWS, "running", viewer_of(command, self._directory))
        here = [run for run in under_way if run.place == command.place and run.place.thread is not None]
        live = [str(run.run) for run in here or under_way]
        if not named and len(live) != 1:
            which = ", ".join(f"/cancel {number}" for number in live)
            return _warning(f"Several runs are under way; say which: {which}" if live else "No run is under way.")
        return await self._cancel_run(command, named or live[0])

    async def _cancel_run(self, command: CommandReceived, number: str) -> PrivateReply | None:
        assert self.engine is not None
        state = await self.engine.run(int(number)) if number.isdecimal() and len(number) < 16 else None
        if state is None or state.end is not None:
            return _warning(f"There is no run {number} under way.")
        starter = (state.by.platform, state.by.id)
        if (command.author.platform, command.author.id) != starter and not self._directory.may(
            command.author, "cancel", command.place
        ):
            return _warning(f"Run {number} was started by {state.by.name}; you may not cancel it.")
        self.engine.cancel_run(state.run, command.author, command.key)
        return None

    async def _runs(self, command: CommandReceived) -> PrivateReply:
        """The runs of the channel, and those that whoever looks has started elsewhere."""
        runs = await self._store.runs(MAX_ROWS, viewer=viewer_of(command, self._directory))
        if not runs:
            return PrivateReply(text="No runs here yet. Start one: /ask and the task.")
        rows = tuple(
            (str(run.run), run_state_text(run), _run_cost(run), shorten(run.task, 60), shorten(run.result, 60)) for run in runs
        )
        columns = ("run", "state", "cost", "task", "result")
        return PrivateReply(text="", tables=(Table(title="Runs, newest first", columns=columns, rows=rows),))

    # Questions ------------------------------------------------------------------------------------------------------------

    async def _questions(self, command: CommandReceived) -> PrivateReply | None:
        assert self.engine is not None
        return await self._question_command.handle(command, self.engine)

    async def _home(self, command: CommandReceived) -> PrivateReply:
        assert self.engine is not None
        return await self._home_page.render(command, self.engine.run)

    # Teams and costs ------------------------------------------------------------------------------------------------------

    async def _team(self, command: CommandReceived) -> PrivateReply:
        try:
            team = self._team_file.team(command.text.strip() or None)
        except ConfigError as trouble:
            return _warning(str(trouble))
        others = [name for name in self._team_file.teams if name != team.name]
        rows = tuple((agent.name, agent.model, shorten(agent.persona, 80)) for agent in team.agents)
        title = f"Team {team.name}" + (f" (others: {', '.join(others)})" if others else "")
        return PrivateReply(
            text=_team_rules(team), tables=(Table(title=title, columns=("agent", "model", "who it is"), rows=rows),)
        )

    async def _cost(self, command: CommandReceived) -> PrivateReply:
        try:
            wish = parse_spending_query(command.text)
        except ConfigError as trouble:
            return _warning(str(trouble))
        standings = await budgets_today(self._store, self._team_file.budgets, command.at, command.place)
        if wish.by is not None:
            return cost_reply(await query_spending(self._store, self._team_file, wish.by, wish.run), wish.by, MAX_ROWS, standings)
        lines = await self._store.costs(wish.run)
        if not lines:
            return PrivateReply(text="Nothing was spent yet." if wish.run is None else f"Run {wish.run} has not called a model.")
        rows = tuple(
            (str(one.run), one.agent, one.model, str(one.calls), f"{one.input:,}", f"{one.output:,}", _dollars(one.cost))
            for one in lines[:MAX_ROWS]
        )
        columns = ("run", "agent", "model", "calls", "tokens in", "tokens out", "cost")
        counts = calibration_lines(await self._store.token_calibrations())
        text = "\n".join(part for part in (budgets_text(standings), *counts) if part)
        return PrivateReply(text=text, tables=(Table(title="Cost", columns=columns, rows=rows),))

    async def _help(self, _: CommandReceived) -> PrivateReply:
        rows = tuple(HELP.values())
        text = "Give a task; agents work on it together, and ask you when they need a decision. Reply in the question's thread."
        return PrivateReply(text=text, tables=(Table(columns=("command", "what it does"), rows=rows),))


def _warning(text: str) -> PrivateReply:
    return PrivateReply(text=text, tone="warning")


def _dollars(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"${amount:.4f}"


def _run_cost(run: RunSummary) -> str:
    return f"{_dollars(run.cost)}, {run.tokens:,} tokens"


def _team_rules(team: Team) -> str:
    policy, bounds = team.policy, team.bounds
    about = f"{team.about}\n" if team.about else ""
    return (
        f"{about}Questions go to {', '.join(team.ask)}; quorum {policy.quorum}, "
        f"reminder after {format_duration(policy.remind_after)}, expiry after {format_duration(policy.expire_after)}, "
        f"then {', then '.join(step.use for step in policy.fallback)}.\n"
        f"A run may take {bounds.calls} calls, {bounds.tokens:,} tokens, ${bounds.money} and {format_duration(bounds.wall)}."
    )
