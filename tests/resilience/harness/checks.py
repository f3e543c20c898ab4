"""Invariants after any number of kills. Each check is a plain function of the evidence that says what is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.settlement import UNDELIVERABLE
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.presentation.posts import question_key
from tests.resilience.harness.evidence import Evidence, PersonsMessage
from tests.resilience.harness.expected_prompts import conversations, of_request, request_of

E = TypeVar("E", e.QuestionPosted, e.QuestionSettled)
Check = Callable[[Evidence], Iterator[str]]

SKEW = 0.2
"""Seconds by which the bot's estimate of the platform's clock may be off: as much as an answer may be slow."""


def judge(evidence: Evidence, *more: Check) -> list[str]:
    """Everything that is wrong; `more` are checks of a platform's own."""
    return [f"{check.__name__}: {wrong}" for check in (*CHECKS, *more) for wrong in check(evidence)]


def every_task_became_one_run_with_an_answer(evidence: Evidence) -> Iterator[str]:
    """One command, one run, finished with a text."""
    for task in evidence.tasks:
        found = [run for run in evidence.runs if f"{task} " in run.task]
        if [run.status for run in found] != ["finished"] or not found[0].result:
            yield f"{task} became {[(run.run, run.status) for run in found]}, expected one finished run"


def every_turn_continues_a_run_that_has_ended(evidence: Evidence) -> Iterator[str]:
    """A next turn is in the thread of its conversation, and no run is continued twice."""
    turns = [(run, state.continues) for run, state in evidence.states.items() if state.continues is not None]
    for earlier, number in Counter(continues.run for _, continues in turns).items():
        if number > 1:
            yield f"run {earlier} is continued {number} times"
    for run, continues in turns:
        state = evidence.states[continues.run]
        if state.end is None or continues.turns[-1].answer != state.end.text or continues.thread is None:
            yield f"run {run} continues run {continues.run}, of which it has {continues.turns[-1].answer!r} in {continues.thread}"


def every_thread_was_read_once(evidence: Evidence) -> Iterator[str]:
    """A run whose task was given in a thread has its messages in its log, once; another one has none."""
    for run in evidence.runs:
        log = evidence.logs[run.run]
        read = [event.context for event in log if isinstance(event, e.ThreadRead)]
        expected = sum(isinstance(event, e.RunStarted) and event.thread is not None for event in log)
        if len(read) != expected:
            yield f"run {run.run} has read its thread {len(read)} times, expected {expected}"
        for context in read:
            texts = {message.text.rpartition(" ")[0] for message in context.all_messages}
            if context.trouble or texts != {note_on(run.task)}:
                yield f"run {run.run} has read {sorted(texts)} ({context.trouble or 'no trouble'})"


def note_on(task: str) -> str:
    """The beginning of every message in the thread of a task."""
    return f"A note on “{task}”"


def every_question_was_posted_once_and_closed_once(evidence: Evidence) -> Iterator[str]:
    """One card, which names one end; or none at all, if it was settled before it could be posted."""
    for question in _questions(evidence):
        cards = [post for post in evidence.posts if post.key == question_key(question.id)]
        ends = {end for card in cards for end in card.closings}
        posted, settled = _events(evidence, question, e.QuestionPosted), _events(evidence, question, e.QuestionSettled)
        if len(cards) != len(posted) or len(posted) > 1:
            yield f"question {question.id} has {len(cards)} cards and is noted as posted {len(posted)} times"
        if cards and len(ends) != 1:
            yield f"the card of question {question.id} names {len(ends)} ends: {sorted(ends)}"
        if len(settled) != 1:
            yield f"question {question.id} was settled {len(settled)} times"


def nothing_was_posted_twice(evidence: Evidence) -> Iterator[str]:
    """No two messages have the same key."""
    for key, number in Counter(post.key for post in evidence.posts).items():
        if number > 1:
            yield f"{key} stands {number} times"


def no_reply_was_lost(evidence: Evidence) -> Iterator[str]:
    """Every message is in a prompt, or its author was told why not; and each got an acknowledgement."""
    read = {word for asked in evidence.requests for word in re.findall(r"[\w-]+", str(asked.body))}
    questions = {question.id: question for question in _questions(evidence)}
    for reply in evidence.messages:
        if not reply.delivered and _was_over(questions[reply.question], reply):
            continue
        if reply.word not in read and not reply.signs & {"late", "refused"}:
            yield f"{reply.word} (message {reply.message}, question {reply.question}, receipts {set(reply.signs)}) reached nobody"
        if not reply.signs:
            yield f"{reply.word} (message {reply.message}, question {reply.question}) got no receipt"


def _was_over(question: Question, message: PersonsMessage) -> bool:
    """Nobody reads the threads of questions that have ended."""
    return question.outcome is not None and (question.delivery is None or question.outcome.at <= message.newest_at + SKEW)


def what_was_said_in_time_counted(evidence: Evidence) -> Iterator[str]:
    """A question falls back only if nobody who was asked had replied by its first deadline, and not before that."""
    for question in _questions(evidence):
        outcome, posted = question.outcome, _events(evidence, question, e.QuestionPosted)
        if outcome is None or outcome.status != "fallen_back" or not posted:
            continue
        if outcome.why == UNDELIVERABLE and _settled_before_it_was_posted(evidence, question):
            continue  # its card came up after it had ended, so that every reply was late
        card = next(post for post in evidence.posts if post.key == question_key(question.id))
        until = card.at + question.policy.expire_after + question.extended
        if posted[0].delivery.posted_at != card.at:
            yield f"question {question.id} counts from {posted[0].delivery.posted_at}, and was posted at {card.at}"
        if question.delivery is not None and outcome.at < until and not question.passed:
            yield f"question {question.id} fell back at {outcome.at}, before its deadline {until}"
        for reply in evidence.messages:
            if reply.asked and reply.question == question.id and reply.at <= until and not question.passed:
                yield f"question {question.id} fell back ({outcome.why}) though {reply.word} was written in time"


def no_stored_response_was_asked_for_again(evidence: Evidence) -> Iterator[str]:
    """Every request is announced in a log, and none comes after a stored response to the same conversation."""
    asked = [of_request(request) for request in evidence.requests]
    announced: Counter[str] = Counter()
    for log in evidence.logs.values():
        told = conversations(log)
        announced.update(conversation for started in told.values() for conversation in started)
        for event in log:
            if isinstance(event, e.Responded):
                yield from _asked_again(event, told[event.action][-1], asked)
    for conversation, number in Counter(asked).items():
        if number > announced[conversation]:
            yield f"a conversation was sent {number} times and announced {announced[conversation]} times: …{conversation[-300:]}"


def _asked_again(event: e.Responded, conversation: str, asked: list[str]) -> Iterator[str]:
    number = request_of(event)
    if number is None or asked[number - 1] != conversation:
        yield f"{event.action} was answered by request {number}, whose conversation is not the announced one"
    elif conversation in asked[number:]:
        yield f"{event.action} was answered by request {number} and asked for again"


def no_action_was_answered_twice(evidence: Evidence) -> Iterator[str]:
    """At most one response an action."""
    for run, log in evidence.logs.items():
        for action, number in Counter(event.action for event in log if isinstance(event, e.Responded)).items():
            if number > 1:
                yield f"{action} of run {run} has {number} responses"


def tables_agree_with_the_logs(evidence: Evidence) -> Iterator[str]:
    """Status, result and costs of runs, and status of questions, are as the logs fold."""
    states = evidence.states
    for run in evidence.runs:
        state = states[run.run]
        end = (state.end.status, state.end.text) if state.end else ("running", "")
        if (run.status, run.result) != end or run.calls != state.spent.calls:
            yield f"run {run.run} is {run.status} with {run.calls} calls by its table, {end} with {state.spent.calls} by its log"
        lines = [line for line in evidence.spending if line.key == str(run.run)]
        booked = (sum(line.cost for line in lines), sum(line.unknown for line in lines))
        if booked != (state.spent.cost, state.spent.unknown):
            yield f"run {run.run} costs {booked} in its table, {state.spent} in its log"
    known = {question.id: question for question in _questions(evidence)}
    for row in evidence.questions:
        outcome = known[row.question].outcome
        if row.status != (outcome.status if outcome else "open"):
            yield f"question {row.question} is {row.status} in its table, {outcome} in its log"


def nothing_is_left_to_do(evidence: Evidence) -> Iterator[str]:
    """The outbox and the inbox are empty."""
    yield from (f"unsent: {post.outgoing.key}" for post in evidence.pending)
    yield from (f"unhandled: {event.key}" for event in evidence.unhandled)


CHECKS: tuple[Check, ...] = (
    every_task_became_one_run_with_an_answer,
    every_turn_continues_a_run_that_has_ended,
    every_thread_was_read_once,
    every_question_was_posted_once_and_closed_once,
    nothing_was_posted_twice,
    no_reply_was_lost,
    what_was_said_in_time_counted,
    no_stored_response_was_asked_for_again,
    no_action_was_answered_twice,
    tables_agree_with_the_logs,
    nothing_is_left_to_do,
)


def _questions(evidence: Evidence) -> list[Question]:
    return [question for state in evidence.states.values() for question in state.questions.values()]


def _settled_before_it_was_posted(evidence: Evidence, question: Question) -> bool:
    log = evidence.logs[question.run]
    settled, posted = _events(evidence, question, e.QuestionSettled)[0], _events(evidence, question, e.QuestionPosted)[0]
    return log.index(settled) < log.index(posted)


def _events(evidence: Evidence, question: Question, kind: type[E]) -> list[E]:
    return [event for event in evidence.logs[question.run] if isinstance(event, kind) and event.question == question.id]
