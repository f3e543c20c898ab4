"""How the cards of runs and questions read on a terminal: lines of text, each with its style for where styles are known."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from adapters.terminal.hints import how_to_answer
from adapters.terminal.markdown import render_markdown
from adapters.terminal.paint import Page
from orchestrator_bridge.chat import CardAgent, CardOption, QuestionCard, RunCard
from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.text import shorten

Lines = list[RenderableType]

_TASK = 400
_LABEL = 200
_DESCRIPTION = 500
"""Characters of a task, an option's label and its description that are shown."""


def one_line(text: str, limit: int = 200) -> str:
    """`text` without line breaks, at most `limit` characters of it."""
    return shorten(" ".join(text[: 4 * limit].split()), limit)


# Runs ---------------------------------------------------------------------------------------------------------------------


def render_run_opened(card: RunCard) -> Lines:
    """A run that the person has not seen yet."""
    lines: Lines = [Text(f"Run {card.run}: {one_line(card.task, _TASK)}", style="bold")]
    lines.append(Text(f"Team {one_line(card.team)}, {one_line(card.status)}:", style="dim"))
    lines += [_agent(agent, card.scripted) for agent in card.agents]
    if card.scripted:
        lines.append(Text("These agents are scripted: no model is asked, and nothing is paid.", style="yellow"))
    if not card.ended:
        lines.append(Text(f"`/say {card.run} your words` tells all of them something.", style="dim"))
    return lines


def _agent(agent: CardAgent, scripted: bool) -> RenderableType:
    model = f"{one_line(agent.model)} (scripted)" if scripted else one_line(agent.model)
    state = f", {one_line(agent.state)}" if agent.state else ""
    line = Text.assemble((one_line(agent.name), "bold"), " with ", model, (state, "dim"))
    return Padding(line, (0, 0, 0, 2), expand=False)


def render_run_changed(card: RunCard) -> Lines:
    """A run whose status has changed."""
    return [Text(f"Run {card.run} is {one_line(card.status)} · {cost_text(card)}", style="bold" if card.ended else "")]


def cost_text(card: RunCard) -> str:
    """What a run has cost so far."""
    return f"{one_line(card.cost)} · {card.tokens:,} tokens"


# Questions ----------------------------------------------------------------------------------------------------------------


def render_question_opened(card: QuestionCard, page: Page, now: float, zone: tzinfo | None) -> Lines:
    """An open question that the person has not seen yet."""
    head = f"Question {card.question} from {one_line(card.agent)} to {one_line(card.asked)} (run {card.run})"
    lines: Lines = [Text(head, style="yellow"), Text(card.text, style="bold")]
    if card.task:
        lines.append(Text(f"The task: {one_line(card.task)}", style="dim"))
    if card.context:
        lines += render_markdown(card.context, page)
    lines += [_option(number, option) for number, option in enumerate(card.options, 1)]
    lines.append(Text(expiry_text(card, now, zone), style="dim"))
    lines.append(Text(_answer_ways(card), style="dim"))
    return lines


def _option(number: int, option: CardOption) -> RenderableType:
    line = Text.assemble((f"{number} ", "bold cyan"), one_line(option.label, _LABEL))
    line.append(" (recommended)" if option.recommended else "", style="green")
    line.append(f": {one_line(option.description, _DESCRIPTION)}" if option.description else "", style="dim")
    return Padding(line, (0, 0, 0, 2), expand=False)


def _answer_ways(card: QuestionCard) -> str:
    number = card.question
    return f"Answer: {how_to_answer(card)}. Not for you: `/pass {number}`. More time: `/more {number} 1h`."


def render_question_changed(card: QuestionCard, now: float, zone: tzinfo | None) -> Lines:
    """An open question that now has another deadline, or is asked of others."""
    return [Text(f"Question {card.question} waits for {one_line(card.asked)}. {expiry_text(card, now, zone)}")]


def render_question_closed(card: QuestionCard, *, seen: bool) -> Lines:
    """A question that is over; what it was is repeated if this screen has not shown it."""
    line = Text(f"Question {card.question} is closed: {one_line(card.closed or '', 1000)}", style="green")
    return [line] if seen else [Text(f"{one_line(card.agent)} asked: {one_line(card.text, 500)}"), line]


def expiry_text(card: QuestionCard, now: float, zone: tzinfo | None) -> str:
    """When a question expires, by the clock of `zone` (None: this machine's) and from `now` on, and what happens then."""
    left = card.expires_at - now
    away = f"in {say_duration(left)}" if left > 0 else "any moment"
    return f"Expires {_clock(card.expires_at, now, zone)} ({away}). Then: {one_line(card.silence, 1000)}"


def _clock(at: float, now: float, zone: tzinfo | None) -> str:
    then = datetime.fromtimestamp(at, UTC).astimezone(zone)
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    return f"at {then:%H:%M}" if then.date() == today else f"on {then:%a %Y-%m-%d} at {then:%H:%M}"
