"""The terminal's threads. They are names only, the same at every start: `run-3`, `question-2`."""

from __future__ import annotations

from orchestrator_bridge.chat import FinalAnswer, InboundEvent, MessageReceived, OutboundPost, Post, QuestionCard, RunCard


def run_thread(run: int) -> str:
    """The thread of a run."""
    return f"run-{run}"


def question_thread(question: int) -> str:
    """The thread of a question."""
    return f"question-{question}"


def thread_of(outbound: OutboundPost) -> str | None:
    """The thread that a post opens, or else stands in."""
    post: Post = outbound.post
    match post:
        case RunCard():
            return run_thread(post.run)
        case QuestionCard():
            return question_thread(post.question)
        case FinalAnswer():
            return outbound.place.thread or run_thread(post.run)
        case _:
            return outbound.place.thread


def thread_of_inbound(event: InboundEvent) -> str | None:
    """The thread in which an answer to `event` belongs."""
    if isinstance(event, MessageReceived) and event.question is not None:
        return question_thread(event.question)
    return event.place.thread
