"""What people see of a run: its card, and what each event posts. Plain functions of the state before and after."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from orchestrator_bridge.chat.attachments import omissions_text
from orchestrator_bridge.chat.outbound import CardAgent, FinalAnswer, Note, RunCard
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.text import shorten, shorten_markdown
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.presentation import questions, tools
from orchestrator_bridge.run.presentation.posts import CARD, FIRST, run_key, thread_post
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import AgentState, Call, RunState, vote_counts
from orchestrator_bridge.run.termination import who_retired
from orchestrator_bridge.team.budgets import describe_budget, format_dollars

TEASER = 700
"""Characters of an answer that the run's thread shows while the run goes on."""
_BLOCK = re.compile(r"#|>|\||```|~~~|[*+-] |\d+[.)] ")
"""What begins a block of Markdown only at the beginning of a line (spec.commonmark.org)."""


RenderedPost = OutboxEntry


def render_event(before: RunState | None, event: e.Event, after: RunState) -> tuple[RenderedPost, ...]:
    """What one event makes people see."""
    show: Callable[[RunState | None, Any, RunState], tuple[RenderedPost, ...]] | None = _RENDERERS.get(type(event))
    shown = show(before, event, after) if show else ()
    return shown if after.external_agent is None else tuple(one for one in shown if not _of_card(one))


def _of_card(shown: RenderedPost) -> bool:
    """Whether it is a run's card or stands in the thread of one; the questions of an agent outside stand for themselves."""
    card = run_key(shown.run)
    return card in (shown.key, shown.anchor, shown.replaces)


# Cards --------------------------------------------------------------------------------------------------------------------


def render_run_card(state: RunState) -> RunCard:
    """A run at a glance."""
    return RunCard(
        run=state.run,
        task=state.task,
        team=state.team.name,
        agents=tuple(CardAgent(name=one.spec.name, model=one.model, state=_doing(state, one)) for one in state.agents.values()),
        status=_status(state),
        cost=say_cost(state.spent.cost + state.spent.unknown, state.spent.priced),
        tokens=state.spent.tokens,
        scripted=any(one.model.startswith("scripted/") for one in state.agents.values()),
        ended=state.end is not None,
    )


def render_card_update(state: RunState) -> OutboxEntry:
    """The card as it now stands, to replace the first one."""
    key = run_key(state.run)
    return OutboxEntry(
        key=f"{key}:now",
        run=state.run,
        place=state.place,
        post=render_run_card(state),
        at=state.at,
        replaces=key,
        priority=CARD,
        version=state.seq,
    )


def say_cost(cost: Decimal, priced: bool) -> str:
    """US dollars for people: `$0.0021`, or that a part is not known: without a price no limit in dollars can hold."""
    amount = f"${cost:.4f}" if cost < 1 else f"${cost:.2f}"
    if priced:
        return amount
    return f"{amount} + unknown, which no budget holds" if cost else "unknown, so no budget holds"


def _status(state: RunState) -> str:
    if state.end is not None:
        return state.end.status
    waiting = [str(question.id) for question in state.questions.values() if question.open]
    if waiting and not state.busy:
        return f"waiting for people: question {', '.join(waiting)}"
    return f"working, question {', '.join(waiting)} open" if waiting else "working"


def _doing(state: RunState, agent: AgentState) -> str:
    if agent.retired is not None:
        return "retired"
    call = next((one for one in state.calls.values() if one.agent == agent.spec.name and not one.is_side_call), None)
    if call is not None:
        return _calling(call)
    uses = [use for use in state.uses.values() if use.agent == agent.spec.name]
    under_way = [use.tool.label for use in uses if use.phase == "out" and use.tool.server]
    if under_way:
        return f"uses {under_way[0]}" if len(under_way) == 1 else f"uses {len(under_way)} tools"
    if any(use.phase == "asked" for use in uses):
        return "waits for approval"
    if agent.is_waiting:
        return "waits for a reply"
    if agent.vote is not None and vote_counts(state, agent):
        return f"voted for {author_of(state, agent.vote.label)}"
    return "answered" if agent.answers else "ready"


def _calling(call: Call) -> str:
    match call.phase:
        case "held":
            left = "" if call.seconds_left is None else f", {format_duration(max(1.0, call.seconds_left))}"
            return f"waiting for {call.why}{left}"
        case "resting":
            return "tries again soon"
        case _:
            return "writing the final text" if call.purpose == "final" else "thinking"


def author_of(state: RunState, label: str) -> str:
    """The name of the agent whose answers stand under a label."""
    return next((agent.spec.name for agent in state.agents.values() if agent.label == label), label)


# Events -------------------------------------------------------------------------------------------------------------------


def _render_run_started(_: RunState | None, event: e.RunStarted, after: RunState) -> tuple[RenderedPost, ...]:
    key = run_key(after.run)
    opening = OutboxEntry(key=key, run=after.run, place=after.place, post=render_run_card(after), at=after.at, priority=FIRST)
    missing = omissions_text(event.files)
    warnings = [(f"notice{index}", text) for index, text in enumerate(event.notices)] + [("files", missing)]
    return (opening, *(thread_post(after, Note(text=text, tone="warning"), name) for name, text in warnings if text))


def _render_responded(before: RunState | None, event: e.Responded, after: RunState) -> tuple[RenderedPost, ...]:
    return (*_noticed(before, after), *_said(before, event, after))


def _noticed(before: RunState | None, after: RunState) -> tuple[RenderedPost, ...]:
    """What is to be known of who answered, once in a run."""
    new = after.notices[len(before.notices) :] if before else ()
    return tuple(thread_post(after, Note(text=text, tone="warning"), "notice") for text in new)


def _said(before: RunState | None, event: e.Responded, after: RunState) -> tuple[RenderedPost, ...]:
    call = before.calls.get(event.action) if before else None
    if call is None:
        return ()
    if call.purpose == "peer" and call.question is not None and event.text.strip():
        note = Note(text=event.text.strip(), speaker=event.agent)
        return (thread_post(after, note, "peer", question=call.question),)
    return _answer(after, event) or (_vote(after, event) if call.purpose == "work" else ())


def _answer(after: RunState, event: e.Responded) -> tuple[RenderedPost, ...]:
    if not after.answers or after.answers[-1].seq != after.seq:
        return ()
    text = shorten_markdown(after.answers[-1].text, TEASER)
    apart = "\n\n" if _BLOCK.match(text) else " "
    return (thread_post(after, Note(text=f"Answer:{apart}{text}", speaker=event.agent), "answer"),)


def _vote(after: RunState, event: e.Responded) -> tuple[RenderedPost, ...]:
    agent = after.agents[event.agent]
    if agent.vote is None or not agent.idle:
        return ()
    text = f"Votes for {author_of(after, agent.vote.label)}'s answer. {shorten(agent.vote.reason, 300)}".strip()
    return (thread_post(after, Note(text=text, speaker=event.agent), "vote"),)


def _render_call_failed(before: RunState | None, event: e.CallFailed, after: RunState) -> tuple[RenderedPost, ...]:
    """The first failure of its kind, and the last of a call where its agent is not retired for it, which says the same."""
    call = before.calls.get(event.action) if before else None
    again = event.retry_at is not None
    if before is None or call is None or (again and event.found in before.reported):
        return ()
    if not again and (call.purpose == "work" or event.action in after.calls):
        return ()
    told = "The same again." if event.found in before.reported else event.found
    course = f"{_again(event)} {event.advice}" if again else "I give up on this call."
    return (thread_post(after, Note(text=f"{told} {course}".strip(), speaker=event.agent, tone="warning"), "failed"),)


def _again(event: e.CallFailed) -> str:
    left = round((event.retry_at or event.at) - event.at)
    return f"I try again in {format_duration(left)}." if left > 0 else "I try again."


def _render_budget_neared(_: RunState | None, event: e.BudgetNeared, after: RunState) -> tuple[RenderedPost, ...]:
    part = round(event.used / event.limit * 100)
    text = (
        f"{format_dollars(event.used)} is booked, reserved or unknown: {part} % of {describe_budget(event.budget, event.limit)}."
    )
    return (thread_post(after, Note(text=text, tone="warning"), f"budget:{event.budget}"),)


def _render_backup_taken(_: RunState | None, event: e.BackupTaken, after: RunState) -> tuple[RenderedPost, ...]:
    text = f"{event.agent} goes on with {event.model}: {event.reason}"
    return (thread_post(after, Note(text=text, tone="warning"), "backup"),)


def _render_agent_retired(before: RunState | None, event: e.AgentRetired, after: RunState) -> tuple[RenderedPost, ...]:
    """Who goes, and why; what another went for is not told again."""
    told = before is not None and any(agent.retired == event.reason for agent in before.agents.values())
    out = "is out of this run too, for the same reason." if told else f"is out of this run: {event.reason}"
    left = f"{len(after.live)} of {len(after.agents)} agents go on." if after.live else "No agent is left."
    return (thread_post(after, Note(text=f"{event.agent} {out} {left}", tone="warning"), "retired"),)


def _render_run_finished(_: RunState | None, event: e.RunFinished, after: RunState) -> tuple[RenderedPost, ...]:
    answer = FinalAnswer(run=after.run, text=event.text, how=event.how, by=event.by, drafted=after.team.stream)
    return (thread_post(after, answer, "final", priority=FIRST), render_card_update(after))


def _render_run_failed(_: RunState | None, event: e.RunFailed, after: RunState) -> tuple[RenderedPost, ...]:
    """Why there is no answer; why agents had to go stands in the thread already."""
    reason = event.reason.removesuffix(who_retired(after))
    note = Note(text=f"This run ended without an answer. {reason}", tone="warning")
    return (thread_post(after, note, "failed", priority=FIRST), render_card_update(after))


def _render_run_cancelled(_: RunState | None, event: e.RunCancelled, after: RunState) -> tuple[RenderedPost, ...]:
    note = Note(text=f"Run {after.run} was cancelled by {event.by.name}.", tone="warning")
    return (thread_post(after, note, "cancelled", priority=FIRST), render_card_update(after))


_RENDERERS: dict[type, Callable[[RunState | None, Any, RunState], tuple[RenderedPost, ...]]] = {
    e.RunStarted: _render_run_started,
    e.Responded: _render_responded,
    e.CallFailed: _render_call_failed,
    e.BudgetNeared: _render_budget_neared,
    e.BackupTaken: _render_backup_taken,
    e.AgentRetired: _render_agent_retired,
    **questions.RENDERERS,
    **tools.RENDERERS,
    e.RunFinished: _render_run_finished,
    e.RunFailed: _render_run_failed,
    e.RunCancelled: _render_run_cancelled,
}
