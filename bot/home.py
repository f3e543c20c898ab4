"""One person's page, where a platform has one (App Home on Slack): what waits for her, her runs, who works with which model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.team_file import TeamFile
from orchestrator_bridge.chat import Author, Commanded, Link, Table, Word
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.port import Lookups, QuestionSummary, RunSummary
from orchestrator_bridge.text import shorten

LOOKED_AT, LISTED = 50, 15
"""Newest questions and runs among which hers are looked for, and how many of them are shown."""

StateOf = Callable[[int], Awaitable[RunState | None]]


async def home_page(command: Commanded, store: Lookups, team_file: TeamFile, state_of: StateOf) -> Word:
    """The page of whoever looks at it."""
    me = command.author
    waiting = [one for one in await store.questions(LOOKED_AT, "open") if _asks(await state_of(one.run), one, me)]
    mine = [one for one in await store.runs(LOOKED_AT) if one.by == me.name and _is_by(await state_of(one.run), me)]
    text = f"{len(waiting)} question{'' if len(waiting) == 1 else 's'} wait{'s' if len(waiting) == 1 else ''} for you."
    return Word(text=text, tables=(_questions(waiting[:LISTED]), _runs(mine[:LISTED]), _models(team_file)))


def _asks(state: RunState | None, one: QuestionSummary, me: Author) -> bool:
    question = state.questions.get(one.question) if state else None
    if question is None:
        return False
    asked = (question.author(one.id) for one in question.humans if one.id not in question.passed)
    return any((who.platform, who.id) == (me.platform, me.id) for who in asked if who)


def _is_by(state: RunState | None, me: Author) -> bool:
    return state is not None and (state.by.platform, state.by.id) == (me.platform, me.id)


def _questions(waiting: list[QuestionSummary]) -> Table:
    rows = tuple((_to_question(one), one.agent, shorten(one.text, 120)) for one in waiting)
    return Table(title="Waits for you, newest first", columns=("question", "asked by", "what"), rows=rows)


def _to_question(one: QuestionSummary) -> str | Link:
    name = f"Question {one.question}"
    return Link(text=name, place=one.place, message=one.message) if one.place and one.message else name


def _runs(runs: list[RunSummary]) -> Table:
    rows = tuple((_to_run(one), one.status, _cost(one), shorten(one.task, 80)) for one in runs)
    return Table(title="Your runs, newest first", columns=("run", "state", "cost", "task"), rows=rows)


def _to_run(one: RunSummary) -> str | Link:
    name = f"Run {one.run}"
    return Link(text=name, place=one.place, message=one.place.thread) if one.place.thread else name


def _cost(run: RunSummary) -> str:
    return "unknown" if run.cost is None else f"${run.cost:.4f}"


def _models(team_file: TeamFile) -> Table:
    team = team_file.team()
    rows = tuple((agent.name, agent.model) for agent in team.agents)
    return Table(title=f"Team {team.name}", columns=("agent", "model"), rows=rows)
