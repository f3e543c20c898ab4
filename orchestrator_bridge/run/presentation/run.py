"""Posts about a run: its card and the notes of its thread, each derived from one event and the state before and after it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import assert_never

from orchestrator_bridge.chat.attachments import omissions_text
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.outbound import CardAgent, FinalAnswer, Note, RunCard
from orchestrator_bridge.chat.thread_context import ThreadContext, left_out_text
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.text import counted, shorten, shorten_markdown
from orchestrator_bridge.model.interface import ServerTool
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.conversation import spent_before
from orchestrator_bridge.run.presentation import questions, tools
from orchestrator_bridge.run.presentation.posts import CARD, FIRST, run_key, thread_post
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import AgentState, Call, RunState, Vote, vote_counts
from orchestrator_bridge.run.termination import retirement_reasons
from orchestrator_bridge.team.budgets import describe_budget, format_dollars

TEASER = 700
"""Characters of an answer that the run's thread shows while the run goes on."""

_BLOCK = re.compile(r"#|>|\||```|~~~|[*+-] |\d+[.)] ")
"""Beginnings of Markdown blocks, which only count as such at the beginning of a line (spec.commonmark.org)."""

RenderedPosts = tuple[OutboxEntry, ...]


def render_event(before: RunState | None, event: e.Event, after: RunState) -> RenderedPosts:
    """The posts that one event causes.

    A run of an external agent has no card and no thread: only the posts of its questions are kept.
    """
    posts = _render(before, event, after)
    if after.external_agent is None or not posts:
        return posts
    card = run_key(after.run)
    return tuple(post for post in posts if card not in (post.key, post.anchor, post.replaces))


def _render(before: RunState | None, event: e.Event, after: RunState) -> RenderedPosts:  # noqa: C901  (one case an event)
    match event.event:
        case "responded":
            return _render_responded(before, event, after)
        case "tool_started":
            return tools.render_tool_started(before, event, after)
        case "tool_returned":
            return tools.render_tool_returned(before, event, after)
        case "replied" | "unreplied" | "extended":
            return questions.render_question_changed(before, event, after)
        case "passed":
            return questions.render_passed(before, event, after)
        case "question_asked" | "more_asked":
            return questions.render_question_asked(event, after)
        case "question_posted":
            return questions.render_copies(before, event.question, after)
        case "question_settled":
            return questions.render_question_settled(before, event, after)
        case "call_failed":
            return _render_call_failed(before, event, after)
        case "approval_asked":
            return tools.render_approval_asked(event, after)
        case "decision_used":
            return questions.render_decision_used(event, after)
        case "asked_again":
            return questions.render_asked_again(event, after)
        case "question_joined":
            return questions.render_question_joined(event, after)
        case "card_lost":
            return questions.render_card_lost(before, event, after)
        case "reminded":
            return questions.render_reminded(event, after)
        case "escalated":
            return questions.render_escalated(before, event, after)
        case "woken":
            return questions.render_woken(before, event, after)
        case "fallback_began":
            return questions.render_fallback_began(event, after)
        case "tools_listed":
            return tools.render_tools_listed(before, event, after)
        case "resumed":
            return tools.render_resumed(before, after)
        case "budget_neared":
            return _render_budget_neared(event, after)
        case "backup_taken":
            text = f"{event.agent} continues with {event.model}: {event.reason}"
            return (_warning(after, text, "backup"),)
        case "finish_asked":
            return _render_finish_asked(event, after)
        case "agent_retired":
            return _render_agent_retired(before, event, after)
        case "run_started":
            return _render_run_started(event, after)
        case "thread_read":
            return _render_thread_read(event.context, after)
        case "run_finished" | "run_failed" | "run_cancelled":
            return (_last_post(event, after), *_direct_notice(after), render_card_update(after))
        # These show in the run card, which `Transaction.finish` edits once for all of them, or not at all.
        case "call_started" | "call_held" | "retry_due" | "straggler_due" | "bound_reached" | "guided":
            return ()
        case "guest_asked" | "question_refused" | "decisions_offered" | "rested":
            return ()
        case _:
            assert_never(event)


def _warning(after: RunState, text: str, name: str) -> OutboxEntry:
    return thread_post(after, Note(text=text, tone="warning"), name)


THINKING, WRITING_FINAL = "thinking", "writing the final text"
"""States of an agent whose model is called."""

EXTERNAL = "external agent"
"""Shown instead of a model for an MCP client, whose model nobody here knows."""


def render_run_card(state: RunState) -> RunCard:
    """The run card: a run at a glance."""
    # Nothing here may depend on a clock: a card that is equal to the last one is not edited.
    return RunCard(
        run=state.run,
        task=state.task,
        team=state.team.name,
        agents=tuple(
            CardAgent(
                name=agent.spec.name,
                model=EXTERNAL if agent.spec.name == state.external_agent else agent.model,
                state=_activity(state, agent),
            )
            for agent in state.agents.values()
        ),
        status=_status(state),
        cost=say_cost(state.spent.cost + state.spent.unknown, state.spent.priced),
        tokens=state.spent.tokens,
        requester=state.by.name,
        scripted=any(
            agent.model.startswith("scripted/") for agent in state.agents.values() if agent.spec.name != state.external_agent
        ),
        ended=state.end is not None,
        continues=state.continues.run if state.continues else None,
    )


def card_anchor(state: RunState) -> str | None:
    """The key of the post in whose thread a run's card stands: the first card of its conversation; None if it opens a thread."""
    return run_key(state.continues.first) if state.continues else None


def render_card_update(state: RunState) -> OutboxEntry:
    """An edit of the run card to the present state."""
    key = run_key(state.run)
    return OutboxEntry(
        key=f"{key}:now",
        run=state.run,
        place=state.place,
        post=render_run_card(state),
        at=state.at,
        anchor=card_anchor(state),
        replaces=key,
        priority=CARD,
        version=state.seq,
    )


def say_cost(cost: Decimal, priced: bool) -> str:
    """US dollars for people: `$0.0021`. Where a model has no price this says so, since then no limit in dollars can apply."""
    amount = f"${cost:.4f}" if cost < 1 else f"${cost:.2f}"
    if priced:
        return amount
    return f"{amount} + unknown, limits inactive" if cost else "cost unknown, spending limits inactive"


def _status(state: RunState) -> str:
    if state.end is not None:
        return f"finished early by {state.end.early}" if state.end.early else state.end.status
    if state.finish is not None:
        return f"finishing early for {state.finish.by}"
    waiting = [str(question.id) for question in state.questions.values() if question.open]
    if not waiting:
        return "working"
    listed = f"question{'s' if len(waiting) > 1 else ''} {', '.join(waiting)}"
    return f"working, {listed} open" if state.busy else f"waiting for people: {listed}"


def _activity(state: RunState, agent: AgentState) -> str:
    """The activity of an agent in a few words."""
    if agent.retired is not None:
        return "retired"
    own = (call for call in state.calls.values() if call.agent == agent.spec.name and not call.is_side_call)
    if call := next(own, None):
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
        case "out" | "due":
            return WRITING_FINAL if call.purpose == "final" else THINKING
        case _:
            assert_never(call.phase)


def author_of(state: RunState, label: str) -> str:
    """The name of the agent whose answers have this label."""
    return next((agent.spec.name for agent in state.agents.values() if agent.label == label), label)


def _render_run_started(event: e.RunStarted, after: RunState) -> RenderedPosts:
    card = OutboxEntry(
        key=run_key(after.run),
        run=after.run,
        place=after.place,
        post=render_run_card(after),
        at=after.at,
        anchor=card_anchor(after),
        priority=FIRST,
    )
    notices = (_warning(after, text, f"notice{index}") for index, text in enumerate(event.notices) if text)
    missing = omissions_text(event.files)
    return (card, *notices, *((_warning(after, missing, "files"),) if missing else ()))


def _render_thread_read(context: ThreadContext, after: RunState) -> RenderedPosts:
    """A line on what the agents know of the thread in which the task was given."""
    if context.trouble:
        text = f"I could not read the thread in which you asked: {context.trouble}. Write here what the agents should know."
        return (_warning(after, text, "thread"),)
    number, left_out = len(context.all_messages), left_out_text(context.left_out)
    if not number:
        return ()
    read = f"Read {counted(number, 'message')} of the thread in which you asked{f', {left_out}' if left_out else ''}."
    missing = omissions_text([file for message in context.all_messages for file in message.files])
    note = Note(text=f"{read} {missing}".strip(), tone="warning" if missing else "plain")
    return (thread_post(after, note, "thread"),)


def _render_responded(before: RunState | None, event: e.Responded, after: RunState) -> RenderedPosts:
    """The answer or vote of a response, and a note if another model than expected answered, once in a run."""
    new = after.notices[len(before.notices) :] if before else ()
    notices = tuple(_warning(after, text, "notice") for text in new)
    call = before.calls.get(event.action) if before else None
    note = _response_note(before, event, call, after) if before and call else None
    cut = _cut_note(before, event, after) if before and call and event.cut else None
    return (*notices, *(post for post in (_server_use_note(event, after), note, cut) if post is not None))


MOST_USES_SHOWN = 10
"""Lines of one note on what a provider ran."""

_USE_WORDS: Mapping[ServerTool, str] = {"web_search": "Searched the web", "x_search": "Searched X", "code": "Ran code"}


def _server_use_note(event: e.Responded, after: RunState) -> OutboxEntry | None:
    """A note on the tools that an agent's provider ran for a response: it costs money, and others can judge the sources."""
    uses = dict.fromkeys((use.tool, shorten(" ".join(use.detail.split()), 200)) for use in event.server_uses)
    lines = [f"{_USE_WORDS[tool]}: `{detail.replace('`', '')}`" if detail else _USE_WORDS[tool] for tool, detail in uses]
    if not lines:
        return None
    left = len(lines) - MOST_USES_SHOWN
    shown = [*lines[:MOST_USES_SHOWN], *([f"and {left} more"] if left > 0 else [])]
    return thread_post(after, Note(text="\n".join(shown), speaker=event.agent), "server-tools")


def _cut_note(before: RunState, event: e.Responded, after: RunState) -> OutboxEntry | None:
    """A note that the output limit broke off a response of which nothing could be taken: once in a row."""
    if after.draft:
        text = "The final text was cut off at the output limit. I continue it."
    elif after.agents[event.agent].cuts == 1 and before.agents[event.agent].cuts == 0:
        text = "My response was cut off at the output limit. I try again."
    else:
        return None
    return thread_post(after, Note(text=text, speaker=event.agent, tone="warning"), "cut")


def _voted_before(before: RunState, agent: str, vote: Vote) -> bool:
    """True if the agent has cast this vote already and nothing else since: its line in the thread stays true."""
    earlier = before.agents[agent].vote
    return earlier is not None and earlier.label == vote.label


def _response_note(before: RunState, event: e.Responded, call: Call, after: RunState) -> OutboxEntry | None:
    if call.purpose == "peer" and call.question is not None and event.text.strip():
        note = Note(text=event.text.strip(), speaker=event.agent)
        return thread_post(after, note, "peer", question=call.question)
    if after.answers and after.answers[-1].seq == after.seq:
        if len(after.agents) == 1:  # the final answer follows and says the same
            return None
        text = shorten_markdown(after.answers[-1].text, TEASER)
        gap = "\n\n" if _BLOCK.match(text) else " "
        return thread_post(after, Note(text=f"Answer:{gap}{text}", speaker=event.agent), "answer")
    agent = after.agents[event.agent]
    if call.purpose != "work" or agent.vote is None or not agent.idle or _voted_before(before, event.agent, agent.vote):
        return None
    text = f"Votes for {author_of(after, agent.vote.label)}'s answer. {shorten(agent.vote.reason, 300)}".strip()
    return thread_post(after, Note(text=text, speaker=event.agent), "vote")


def _render_call_failed(before: RunState | None, event: e.CallFailed, after: RunState) -> RenderedPosts:
    """The first failure of its kind, and the last one of a call unless its agent is retired for it, which says the same."""
    call = before.calls.get(event.action) if before else None
    again = event.retry_at is not None
    if before is None or call is None or (again and event.found in before.reported):
        return ()
    # A failed work call retires its agent, and a call that is still there goes on with the backup: both have their own notes.
    if not again and (call.purpose == "work" or event.action in after.calls):
        return ()
    found = "The same error again." if event.found in before.reported else event.found
    if event.retry_at is None:
        course = "I give up on this call."
    else:
        left = round(event.retry_at - event.at)
        course = f"I try again in {format_duration(left)}. {event.advice}" if left > 0 else f"I try again. {event.advice}"
    return (thread_post(after, Note(text=f"{found} {course}".strip(), speaker=event.agent, tone="warning"), "failed"),)


def _render_budget_neared(event: e.BudgetNeared, after: RunState) -> RenderedPosts:
    percent = round(event.used / event.limit * 100)
    budget = describe_budget(event.budget, event.limit)
    text = f"{format_dollars(event.used)} is booked, reserved or unknown: {percent} % of {budget}."
    return (_warning(after, text, f"budget:{event.budget}"),)


def _render_agent_retired(before: RunState | None, event: e.AgentRetired, after: RunState) -> RenderedPosts:
    """The agent that retires and why; a reason that another agent had already is not repeated."""
    known = before is not None and any(agent.retired == event.reason for agent in before.agents.values())
    out = "stopped too, for the same reason." if known else f"stopped: {event.reason}"
    live = len(after.live)
    left = f"{counted(live, 'agent')} {'continues' if live == 1 else 'continue'}." if live else "No agent is left."
    return (_warning(after, f"{event.agent} {out} {left}", "retired"),)


def _render_finish_asked(event: e.FinishAsked, after: RunState) -> RenderedPosts:
    """A note if there is no answer yet; else the answer follows at once."""
    if after.answers:
        return ()
    text = f"{event.by.name} wants the answer now. There is none yet, so each agent gets one last call for it."
    return (thread_post(after, Note(text=text), "finish", priority=FIRST),)


def _direct_notice(after: RunState) -> RenderedPosts:
    """A direct message to the requester that the run has ended, where the team wants it so."""
    if after.team.notify != "direct" or after.by.platform != after.place.platform or after.end is None:
        return ()
    text = f"Run {after.run} has ended ({after.end.status}): {shorten(after.task, 200)}"
    place = Place(platform=after.by.platform, channel=f"@{after.by.id}")
    key = f"run:{after.run}:ended:direct"
    note = Note(text=text, about=run_key(after.run))
    return (OutboxEntry(key=key, run=after.run, place=place, post=note, at=after.at, priority=FIRST),)


def _last_post(event: e.RunFinished | e.RunFailed | e.RunCancelled, after: RunState) -> OutboxEntry:
    asked_here = after.team.notify == "mention" and after.by.platform == after.place.platform
    mentioned = (after.by,) if asked_here else ()
    match event:
        case e.RunFinished():
            how = f"{event.how}{_turn_costs(after)}"
            answer = FinalAnswer(
                run=after.run, text=event.text, how=how, by=event.by, drafted=after.team.stream, mentions=mentioned
            )
            return thread_post(after, answer, "final", priority=FIRST)
        case e.RunFailed():
            reason = event.reason.removesuffix(retirement_reasons(after))  # the thread has each agent's reason already
            text = f"This run ended without an answer. {reason}{_turn_costs(after)}"
            note = Note(text=text, tone="warning", mentions=mentioned)
            return thread_post(after, note, "failed", priority=FIRST)
        case e.RunCancelled():
            note = Note(text=f"Run {after.run} was cancelled by {event.by.name}.", tone="warning", mentions=mentioned)
            return thread_post(after, note, "cancelled", priority=FIRST)
        case _:
            assert_never(event)


def _turn_costs(after: RunState) -> str:
    """The costs of this turn and of its whole conversation, as a sentence with a leading space; empty without earlier turns."""
    if after.continues is None:
        return ""
    spent, (before, priced) = after.spent.cost + after.spent.unknown, spent_before(after.continues.turns)
    total = say_cost(spent + before, after.spent.priced and priced)
    return f" This turn {say_cost(spent, after.spent.priced)}, the conversation {total}."
