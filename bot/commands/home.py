"""One person's page, where a platform has one (App Home on Slack): what waits for her, her runs, and a channel's models."""

from __future__ import annotations

from collections.abc import Callable

from bot.commands.model_view import ModelBrowser
from bot.commands.models import ModelSelections
from bot.commands.questions import StateOf, own_first
from bot.config.team_schema import TeamFile
from bot.formatting import run_state_text
from orchestrator_bridge.chat.inbound import Author, CommandReceived, Place
from orchestrator_bridge.chat.outbound import Link, PrivateReply, QuestionCard, Table
from orchestrator_bridge.common.text import shorten
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Lookups, QuestionSummary, RunSummary
from orchestrator_bridge.team.team import AgentSpec

LOOKED_AT, LISTED = 50, 10
"""Newest questions and runs among which hers are looked for, and how many of them are shown."""


class HomePage:
    """Makes the page. `selections` are the models that were picked for channels; `browser` gives the models as they are today."""

    def __init__(
        self, store: Lookups, team_file: TeamFile, selections: ModelSelections, browser: Callable[[], ModelBrowser]
    ) -> None:
        self._store = store
        self._team_file = team_file
        self._selections = selections
        self._browser = browser

    async def render(self, command: CommandReceived, state_of: StateOf) -> PrivateReply:
        """The page of whoever looks at it, with the models of the channel that she chose (option `channel`), else of the one
        in which she gave her last task."""
        me = command.author
        questions = await own_first(await self._store.questions(LOOKED_AT, "open"), me, state_of)
        waiting = [(one, card) for one, card in questions if card is not None]
        mine = [one for one in await self._store.runs(LOOKED_AT) if one.by == me.name and _is_by(await state_of(one.run), me)]
        place = _place(command, mine)
        text = f"{len(waiting)} question{'' if len(waiting) == 1 else 's'} wait{'s' if len(waiting) == 1 else ''} for you."
        tables = (_questions(waiting[:LISTED]), _runs(mine[:LISTED]), self._models(place))
        return PrivateReply(text=text, tables=tables, place=place)

    def _models(self, place: Place) -> Table:
        """Who works in a channel with which model, in the team that works there unless another is named."""
        team = self._selections.apply_to(self._team_file.team(), place)
        shelf = self._browser()
        rows = tuple(_agent_row(agent, shelf) for agent in team.agents)
        return Table(title=f"Models of team {team.name}", columns=("agent", "", ""), rows=rows)


def _place(command: CommandReceived, mine: list[RunSummary]) -> Place:
    chosen = dict(command.options).get("channel")
    if chosen:
        return Place(platform=command.place.platform, channel=chosen)
    here = (run.place for run in mine if run.place.platform == command.place.platform)
    return next((Place(platform=place.platform, channel=place.channel) for place in here), command.place)


def _is_by(state: RunState | None, me: Author) -> bool:
    return state is not None and (state.by.platform, state.by.id) == (me.platform, me.id)


def _questions(waiting: list[tuple[QuestionSummary, QuestionCard]]) -> Table:
    rows = tuple((_question_link(one), one.agent, shorten(one.text, 120)) for one, _ in waiting)
    cards = tuple(card for _, card in waiting)
    return Table(title="Waits for you", columns=("question", "asked by", "what"), rows=rows, cards=cards)


def _question_link(one: QuestionSummary) -> str | Link:
    name = f"Question {one.question}"
    return Link(text=name, place=one.place, message=one.message) if one.place and one.message else name


def _runs(runs: list[RunSummary]) -> Table:
    rows = tuple((_run_link(one), run_state_text(one), _cost(one), shorten(one.task, 80)) for one in runs)
    return Table(title="Your runs", columns=("run", "", "", ""), rows=rows)


def _run_link(one: RunSummary) -> str | Link:
    name = f"Run {one.run}"
    return Link(text=name, place=one.place, message=one.place.thread) if one.place.thread else name


def _cost(run: RunSummary) -> str:
    return "unknown" if run.cost is None else f"${run.cost:.4f}"


def _agent_row(agent: AgentSpec, shelf: ModelBrowser) -> tuple[str, ...]:
    view = shelf.get(agent.model)
    return agent.name, view.route.name, "; ".join(part for part in (view.warning, view.summary) if part)
