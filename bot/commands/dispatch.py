"""Chat commands of all platforms: executes each and returns the private reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from bot.commands.conversation import ANEW, CONVERSATION, is_unclear, offer_turn, thread_of_command
from bot.commands.costs import (
    GROUPINGS,
    TOKEN_COLUMNS,
    budgets_text,
    budgets_today,
    cost_reply,
    parse_spending_query,
    query_costs,
    query_spending,
    run_name,
    sources_text,
    token_cells,
)
from bot.commands.decisions import recall_decisions, supersede_decision
from bot.commands.home import HomePage
from bot.commands.model_view import ModelBrowser
from bot.commands.models import ModelCommands, ModelSelections, parse_leading_options, warning_reply, with_team_model
from bot.commands.questions import QuestionCommandHandler
from bot.commands.typed_words import EDITED, FILES_ONLY, task_command
from bot.config.errors import ConfigError
from bot.config.team_schema import TeamFile
from bot.formatting import calibration_lines, format_dollars, run_state_text
from orchestrator_bridge.chat import command_line
from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived, Place, as_command
from orchestrator_bridge.chat.outbound import PrivateReply, Table
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.text import clean, shorten
from orchestrator_bridge.engine.authority import Actor
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.catalogue import UnknownModelName
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.scripted.script import ScriptError
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Lookups, Target, Viewer
from orchestrator_bridge.store.sqlite.shared_spending import SpendingOfOthers
from orchestrator_bridge.team.authority import Act, Verdict, refusal_text
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import AgentSpec, Team

TASK_LIMIT = 50_000
"""Characters of a task, which is part of every prompt of its run."""

MAX_ROWS = 15
"""Rows of a table in chat."""

EndingAct = Literal[Act.CANCEL_RUN, Act.FINISH_RUN]
"""The acts that end a run."""

HELP = {
    "ask": ("/ask TASK", "Give the team a task. You can name another team, and another model for this run."),
    "questions": (
        "/questions [NUMBER …]",
        "Show open questions. With a number: answer in your own words, or `pass`, `more 1h`, `cancel`, `again`.",
    ),
    "runs": ("/runs", "Show current runs and the results of earlier ones."),
    "model": (
        "/model [NAME]",
        "Select a model for this channel, or for one team or agent in it. Without a name: show those in use.",
    ),
    "models": ("/models [SEARCH]", "List models with their prices, and what is missing to use them."),
    "team": ("/team [NAME]", "Show the team's agents, models and rules."),
    "cancel": ("/cancel [RUN]", "Stop a run and close its questions."),
    "finish": ("/finish [RUN]", "End a run now, with the best answer so far."),
    "cost": ("/cost [RUN] [by WHAT]", "Show tokens and US dollars, by call, agent, run, channel, person, day or model."),
    "recall": ("/recall [WORDS]", "Find what was decided here, with who decided and when. Without words: the newest decisions."),
    "supersede": ("/supersede OLD NEW", "Replace a decision by a later one, by their numbers."),
    "help": ("/help", "Show this list."),
}


class UnusableModel(ConfigError):
    """A model of a team that cannot be called. The text is for the operator; `for_people` names no setting or shell command."""

    def __init__(self, model: str, team: str, why: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(f"The model {model!r} of team {team} cannot be used: {why}")
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        self.for_people = (
            f"The model {model!r} of team {team} cannot be used.{hint} `/models` lists those that can, and `/model` selects one. "
            "The bot's administrator can set this one up."
        )


class ChatCommands:
    """Executes chat commands. `engine` is set once, after construction: the engine needs these commands to be made."""

    def __init__(
        self,
        store: Lookups,
        team_file: TeamFile,
        models: ModelClient,
        directory: Directory,
        selections: ModelSelections,
        browser: Callable[[], ModelBrowser],
        others: SpendingOfOthers | None = None,
    ) -> None:
        self._store = store
        self._others = others
        self._team_file = team_file
        self._models = models
        self._directory = directory
        self._selections = selections
        self._model_commands = ModelCommands(selections, team_file, directory, browser)
        self._question_command = QuestionCommandHandler(store)
        self._home_page = HomePage(store, team_file, selections, browser)
        self.engine: Engine | None = None

    async def handle(self, command: CommandReceived) -> PrivateReply | None:  # noqa: C901  (one case a command)
        """Execute a command; the reply is for its author, None if a transaction of a run replies."""
        assert self.engine is not None
        if command.name in (command_line.TASK, command_line.REMARK):
            if waiting := await self._question_command.in_direct_messages(command, self.engine):
                return await self._question_command.answer_in_direct_messages(command, waiting, self.engine)
            typed = task_command(command, announced=self._directory.is_local(command.place.platform))
            return await self.handle(typed) if isinstance(typed, CommandReceived) else typed
        refusal = await self._refusal(command)
        if refusal:
            return warning_reply(refusal)
        match command.name:
            case "ask":
                return await self._ask(command)
            case command_line.EDIT:
                return warning_reply(EDITED)
            case "questions":
                return await self._question_command.handle(command, self.engine)
            case "runs":
                return await self._runs(command)
            case "model":
                return await self._model_commands.model(command)
            case "models":
                return await self._model_commands.models(command)
            case "team":
                return await self._team(command)
            case "cancel":
                return await self._end_run(command, Act.CANCEL_RUN)
            case "finish":
                return await self._end_run(command, Act.FINISH_RUN)
            case "cost":
                return await self._cost(command)
            case "recall":
                return await recall_decisions(command, self.engine.memory)
            case "supersede":
                return await supersede_decision(command, self.engine)
            case "help":
                return _help()
            case "home":
                return await self._home(command)
            case unknown:
                return warning_reply(f"There is no command {unknown!r}. The commands: {', '.join(HELP)}.")

    async def _home(self, command: CommandReceived) -> PrivateReply:
        """The person's page, with the models of the selected channel if the person can see that channel."""
        assert self.engine is not None
        channel = dict(command.options).get("channel")
        if channel and await self._refuse(Act.SEE_TEAM, command, replace(command.place, channel=channel)):
            command = replace(command, options=())
        return await self._home_page.render(command, self.engine.run)

    async def _refusal(self, command: CommandReceived) -> str:
        """Why a command that concerns its place may not be given there; empty if it may."""
        act = _acts_in_place(command)
        return await self._refuse(act, command, command.place) if act is not None else ""

    async def _refuse(self, act: Act, command: CommandReceived, place: Place) -> str:
        assert self.engine is not None
        verdict = await self.engine.authority.in_place(act, Actor(person=command.author, here=command.place), place)
        if verdict is Verdict.HIDDEN:
            return "This channel does not exist, or you cannot see it."
        return refusal_text(act, verdict, "channel")

    async def _ask(self, command: CommandReceived) -> PrivateReply | None:
        """Start a run. Every way to give a task ends here, so this is where its author is judged."""
        if refusal := await self._refuse(Act.START_RUN, command, command.place):
            return warning_reply(refusal)
        options, text = parse_leading_options(command, (CONVERSATION,))
        if CONVERSATION in options:
            command = replace(command, text=text, options=tuple(options.items()))
        ended, choice = await self._ended_conversation(command), options.get(CONVERSATION, "")
        if ended is not None and choice != ANEW:
            return await self._continue(command, ended) if choice else offer_turn(command, ended)
        options, text = parse_leading_options(replace(command, text=command_line.strip_lead(command.text)), ("team", "model"))
        task = command_line.strip_lead(clean(text))
        try:
            if options.get("team") and options["team"] not in self._team_file.teams:
                return warning_reply(self._no_team(options["team"]))
            team = self.resolve_team(command.place, options.get("team"), options.get("model"))
            self.check_run(team, task)
        except UnusableModel as error:
            is_operator = self._directory.is_local(command.place.platform)
            return warning_reply(str(error) if is_operator else error.for_people)
        except ConfigError as error:
            return warning_reply(str(error))
        assert self.engine is not None
        await self.engine.start_run(
            task=task,
            team=team,
            place=command.place,
            by=command.author,
            command=command.key,
            attachments=command.attachments,
            thread=None if choice == ANEW else command.thread,  # the thread holds the answer that is to be left aside
            model=options.get("model", ""),
        )
        return None

    async def _ended_conversation(self, command: CommandReceived) -> RunState | None:
        """The run that has ended and that a task may continue: the selected one, or that of the thread where it was given."""
        assert self.engine is not None
        selected = dict(command.options).get(CONVERSATION, "")
        if selected and selected != ANEW:
            return await self._find_run(selected)
        run = await self.engine.conversations.run_in(thread_of_command(command))
        return run if run is not None and run.end is not None and run.team.follow_up != "off" else None

    async def _continue(self, command: CommandReceived, run: RunState) -> PrivateReply | None:
        """Begin the next turn after the selected run, unless another one has begun meanwhile."""
        assert self.engine is not None
        verdict = await self._on_run(Act.SEE_RUN, command, run)
        if verdict is not Verdict.ALLOWED:
            return warning_reply(refusal_text(Act.SEE_RUN, verdict, f"run {run.run}"))
        if refusal := await self._refuse(Act.START_RUN, command, run.place):
            return warning_reply(refusal)
        place = await self.engine.conversations.thread_of(run)
        async with self.engine.conversations.newest_turn(place, Target(run=run.run)) as newest:
            if newest.run != run.run or newest.end is None:
                return warning_reply(f"Run {newest.run} goes on with this already. Write in its thread.")
            return await self._begin_turn(command, command.key, newest)

    async def follow_up(self, message: MessageReceived, run: RunState) -> PrivateReply | None:
        """Begin the next turn after a run that has ended, or offer to; None where the new run marks the message as handled."""
        command = as_command(message, "ask")
        if refusal := await self._refuse(Act.START_RUN, command, run.place):
            return warning_reply(refusal)
        assert self.engine is not None
        # What was written before the end was guidance for that run.
        if is_unclear(message) or not await self.engine.conversations.is_after_end(run, message):
            return offer_turn(command, run)
        return await self._begin_turn(command, message.key, run)

    async def _begin_turn(self, command: CommandReceived, key: str, run: RunState) -> PrivateReply | None:
        """Start the next run of a conversation with the team of `run`, unless the words name another team or model."""
        assert self.engine is not None
        options, text = parse_leading_options(command, ("team", "model"))
        task, model = clean(text).strip() or (FILES_ONLY if command.attachments else ""), options.get("model", run.model)
        try:
            team = self.resolve_team(run.place, options.get("team", run.team.name), model)
            self.check_run(team, task)
        except ConfigError as error:
            return warning_reply(str(error))
        await self.engine.start_run(
            task=task,
            team=team,
            place=run.place,
            by=command.author,
            command=key,
            attachments=command.attachments,
            model=model,
            continues=run,
        )
        return None

    def resolve_team(self, place: Place, team: str | None, model: str | None) -> Team:
        """The team for a new run, with `model` for every agent, or else with the models selected for the channel.

        Raises:
            ConfigError: there is no such team.
        """
        found = self._team_file.team(team)
        return with_team_model(found, model) if model else self._selections.apply_to(found, place)

    def check_run(self, team: Team, task: str) -> None:
        """Check that a run can start.

        Raises:
            ConfigError: the task is empty or too long, or a model of the team cannot be called.
        """
        if not task:
            raise ConfigError("The task is empty. Describe it, for example: Plan the move to PostgreSQL.")
        if len(task) > TASK_LIMIT:
            raise ConfigError(
                f"The task has {len(task):,} characters; the limit is {TASK_LIMIT:,}. Shorten it; agents can ask for details."
            )
        wanted = {model: team.server_tools_of(agent) for agent in team.agents for model in agent.models}
        for model in team.models:
            try:
                self._models.check(model, wanted.get(model, ()))
            except (UnknownModelName, ScriptError) as error:
                raise UnusableModel(model, team.name, str(error), getattr(error, "near", ())) from error
            except ModelError as error:
                raise UnusableModel(model, team.name, f"{error.found} {error.advice}") from error

    async def _end_run(self, command: CommandReceived, act: EndingAct) -> PrivateReply | None:
        """Cancel or finish the run that the command names, or else the only one."""
        number = command.text.strip().removeprefix("#")
        running = await self._store.runs(MAX_ROWS, "running", await self._viewer(command))
        here = [run for run in running if run.place == command.place and run.place.thread is not None]
        candidates = [str(run.run) for run in here or running]
        if not number and len(candidates) != 1:
            choices = ", ".join(f"`/{command.name} {candidate}`" for candidate in candidates)
            return warning_reply(f"Several runs are running. Choose one: {choices}" if candidates else "No run is running.")
        return await self._end_numbered(command, act, number or candidates[0])

    async def _end_numbered(self, command: CommandReceived, act: EndingAct, number: str) -> PrivateReply | None:
        assert self.engine is not None
        state = await self._find_run(number)
        verdict = await self._on_run(act, command, state)
        if state is not None and verdict in (Verdict.NOT_PERMITTED, Verdict.GUEST):
            return warning_reply(f"Run {number} was started by {state.by.name}; you may not {command.name} it.")
        if state is None or verdict is not Verdict.ALLOWED:
            return warning_reply(refusal_text(act, verdict, f"run {shorten(number, 40)}"))
        if state.end is not None:
            return warning_reply(f"Run {number} is not running.")
        if act is Act.CANCEL_RUN:
            self.engine.cancel_run(state.run, command.author, command.key)
        elif state.finish is not None:
            return warning_reply(f"Run {number} is ending already, for {state.finish.by}.")
        else:
            self.engine.finish_run(state.run, command.author, command.key)
        return None

    async def _find_run(self, number: str) -> RunState | None:
        assert self.engine is not None
        return await self.engine.run(int(number)) if number.isdecimal() and len(number) < 16 else None

    async def _on_run(self, act: Act, command: CommandReceived, run: RunState | None) -> Verdict:
        assert self.engine is not None
        if run is None:
            return Verdict.HIDDEN
        return await self.engine.authority.on_run(act, Actor(person=command.author, here=command.place), run)

    async def _viewer(self, command: CommandReceived) -> Viewer:
        assert self.engine is not None
        return await self.engine.authority.viewer(Act.SEE_RUN, Actor(person=command.author, here=command.place))

    async def _runs(self, command: CommandReceived) -> PrivateReply:
        """Runs of the channel, and those that the author started elsewhere."""
        found = await self._store.runs(MAX_ROWS + 1, viewer=await self._viewer(command))
        runs, more = found[:MAX_ROWS], f"The newest {MAX_ROWS}; there are more." if len(found) > MAX_ROWS else ""
        if not runs:
            return PrivateReply(text="No runs here yet. Start one: `/ask` and the task.")
        rows = tuple(
            (
                str(run.run),
                run_state_text(run),
                f"{format_dollars(run.cost)}, {run.tokens:,} tokens",
                shorten(run.task, 60),
                shorten(run.result, 60),
            )
            for run in runs
        )
        columns = ("run", "state", "cost", "task", "result")
        return PrivateReply(text=more, tables=(Table(title="Runs, newest first", columns=columns, rows=rows),))

    async def _team(self, command: CommandReceived) -> PrivateReply:
        try:
            team = self._team_file.team(command.text.strip() or None)
        except ConfigError:
            return warning_reply(self._no_team(command.text.strip()))
        others = [name for name in self._team_file.teams if name != team.name]
        chosen = self._selections.apply_to(team, command.place).agents
        rows = tuple(
            (agent.name, _model_text(agent, used), shorten(agent.persona, 80))
            for agent, used in zip(team.agents, chosen, strict=True)
        )
        title = f"Team {team.name}" + (f" (others: {', '.join(others)})" if others else "")
        return PrivateReply(
            text=_team_rules(team), tables=(Table(title=title, columns=("agent", "model", "persona"), rows=rows),)
        )

    def _no_team(self, name: str) -> str:
        return f"There is no team {shorten(name, 40)!r}. The teams: {', '.join(self._team_file.teams)}."

    async def _cost(self, command: CommandReceived) -> PrivateReply:
        try:
            query = parse_spending_query(command.text)
        except ConfigError:
            expected = f"a run's number, or `by` and one of {', '.join(GROUPINGS)}"
            return warning_reply(f"I did not understand {shorten(command.text, 40)!r}. Give {expected}.")
        if query.run is not None:
            verdict = await self._on_run(Act.SEE_RUN, command, await self._find_run(str(query.run)))
            if verdict is not Verdict.ALLOWED:
                return warning_reply(refusal_text(Act.SEE_RUN, verdict, f"run {query.run}"))
        sees_all = not await self._refuse(Act.SEE_ALL_COSTS, command, command.place)
        viewer = None if sees_all or query.run is not None else await self._viewer(command)
        budgets = await budgets_today(self._store, self._team_file.budgets, command.at, command.place, self._others)
        if not sees_all:  # what all runs have used together is a sum over channels that the person may not see
            budgets = tuple(status for status in budgets if status.budget != "day")
        if query.by is not None:
            spending = await query_spending(self._store, self._team_file, query, self._others, viewer)
            return cost_reply(spending, query.by, MAX_ROWS, budgets)
        lines = await query_costs(self._store, query.run, self._others, viewer)
        if not lines:
            none = "Nothing has been spent yet." if query.run is None else f"Run {query.run} has not called a model."
            return PrivateReply(text=none)
        rows = tuple(
            (run_name(line), line.agent, line.model, str(line.calls), *token_cells(line), format_dollars(line.cost))
            for line in lines[:MAX_ROWS]
        )
        columns = ("run", "agent", "model", "calls", *TOKEN_COLUMNS, "cost")
        calibrations = calibration_lines(await self._store.token_calibrations())
        more = f"First {MAX_ROWS} of {len(lines)} lines; `/cost by run` sums them up." if len(lines) > MAX_ROWS else ""
        text = "\n".join(part for part in (more, budgets_text(budgets), sources_text(lines), *calibrations) if part)
        return PrivateReply(text=text, tables=(Table(title="Cost", columns=columns, rows=rows),))


def _acts_in_place(command: CommandReceived) -> Act | None:
    """Act of a command in its place; None if it starts a run, which `_ask` judges, or concerns runs and questions anywhere."""
    match command.name:
        case "model" if command.text.strip() or dict(command.options).get("model"):
            return Act.SELECT_MODEL
        case "model" | "models" | "team" | "home":
            return Act.SEE_TEAM
        case "recall":
            return Act.RECALL
        case _:
            return None


def _help() -> PrivateReply:
    text = "Give a task; agents work on it together, and ask you when they need a decision. Reply in the question's thread."
    return PrivateReply(text=text, tables=(Table(columns=("command", "what it does"), rows=tuple(HELP.values()), commands=True),))


def _model_text(agent: AgentSpec, used: AgentSpec) -> str:
    return f"{used.model} (selected with `/model`)" if used.model != agent.model else agent.model


def _team_rules(team: Team) -> str:
    policy, bounds = team.policy, team.bounds
    about = f"{team.about}\n" if team.about else ""
    return (
        f"{about}Questions go to {', '.join(team.ask)}; quorum {policy.quorum}, "
        f"reminder after {format_duration(policy.remind_after)}, expiry after {format_duration(policy.expire_after)}, "
        f"then {', then '.join(step.use for step in policy.fallback)}.\n"
        f"Limits of a run: {bounds.calls} calls, {bounds.tokens:,} tokens, ${bounds.money} and {format_duration(bounds.wall)}."
    )
