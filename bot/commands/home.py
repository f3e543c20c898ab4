"""Home page of a person, on platforms that have one (App Home on Slack): open questions, runs, and a channel's models."""

from __future__ import annotations

from collections.abc import Callable

from bot.commands.model_view import ModelBrowser
from bot.commands.models import ModelSelections
from bot.commands.questions import StateOf, own_first
from bot.config.team_schema import TeamFile
from bot.formatting import format_dollars, run_state_text
from orchestrator_bridge.chat.inbound import CommandReceived, Place
from orchestrator_bridge.chat.outbound import Link, PrivateReply, QuestionCard, Table
from orchestrator_bridge.common.text import shorten
from orchestrator_bridge.store.interface import Lookups, QuestionSummary, RunSummary

SEARCHED, LISTED = 50, 10
"""Newest questions and runs that are searched for the person's own, and how many of those are shown."""


class HomePage:
    """Renders the page. `selections` are the models selected for channels; `browser` returns today's models."""

    def __init__(
        self, store: Lookups, team_file: TeamFile, selections: ModelSelections, browser: Callable[[], ModelBrowser]
    ) -> None:
        self._store = store
        self._team_file = team_file
        self._selections = selections
        self._browser = browser

    async def render(self, command: CommandReceived, state_of: StateOf) -> PrivateReply:
        """Page of the command's author, with the models of one channel: the option `channel`, or else that of the author's
        newest run."""
        author = command.author
        questions = await own_first(await self._store.questions(SEARCHED, "open"), author, state_of)
        waiting = [(question, card) for question, card in questions if card is not None]
        runs = []
        for run in await self._store.runs(SEARCHED):
            state = await state_of(run.run) if run.by == author.name else None
            # Names are not unique, so the platform's id is compared.
            if state is not None and (state.by.platform, state.by.id) == (author.platform, author.id):
                runs.append(run)
        place = _shown_channel(command, runs)
        number = len(waiting)
        text = f"{number} question{'' if number == 1 else 's'} wait{'s' if number == 1 else ''} for you."
        tables = (_questions(waiting[:LISTED], number), _runs(runs[:LISTED]), self._models(place))
        return PrivateReply(text=text, tables=tables, place=place)

    def _models(self, place: Place) -> Table:
        """Agents of the default team and their models in the channel of `place`."""
        team = self._selections.apply_to(self._team_file.team(), place)
        browser = self._browser()
        views = ((agent.name, browser.get(agent.model)) for agent in team.agents)
        rows = tuple(
            (name, view.route.name, "; ".join(part for part in (view.warning, view.summary) if part)) for name, view in views
        )
        return Table(title=f"Models of team {team.name}", columns=("agent", "", ""), rows=rows)


def _shown_channel(command: CommandReceived, runs: list[RunSummary]) -> Place:
    chosen = dict(command.options).get("channel")
    if chosen:
        return Place(platform=command.place.platform, channel=chosen)
    here = (run.place for run in runs if run.place.platform == command.place.platform)
    return next((Place(platform=place.platform, channel=place.channel) for place in here), command.place)


def _questions(waiting: list[tuple[QuestionSummary, QuestionCard]], number: int) -> Table:
    rows = list[tuple[str | Link, ...]]()
    for question, _ in waiting:
        link: str | Link = f"Question {question.question}"
        if question.place and question.message:
            link = Link(text=f"Question {question.question}", place=question.place, message=question.message)
        rows.append((link, question.agent, shorten(question.text, 120)))
    cards = tuple(card for _, card in waiting)
    title = "Waiting for you" + (f" ({len(waiting)} of {number}; `/questions` lists all)" if number > len(waiting) else "")
    return Table(title=title, columns=("question", "asked by", "text"), rows=tuple(rows), cards=cards)


def _runs(runs: list[RunSummary]) -> Table:
    rows = list[tuple[str | Link, ...]]()
    for run in runs:
        name, thread = f"Run {run.run}", run.place.thread
        link = Link(text=name, place=run.place, message=thread) if thread else name
        rows.append((link, run_state_text(run), format_dollars(run.cost), shorten(run.task, 80)))
    return Table(title="Your runs", columns=("run", "", "", ""), rows=tuple(rows))
