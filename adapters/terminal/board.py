"""What one terminal knows from the cards that it was sent: which runs go on and which questions are open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from orchestrator_bridge.chat.inbound import InboundEvent, MessageReceived
from orchestrator_bridge.chat.outbound import FinalAnswer, Note, OutboundPost, Post, QuestionCard, RunCard

_Card = TypeVar("_Card")


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """The runs that go on and the questions that are open, by number, and the numbers of those that are over."""

    runs: Mapping[int, RunCard] = field(default_factory=dict)
    ended: frozenset[int] = frozenset()
    questions: Mapping[int, QuestionCard] = field(default_factory=dict)
    closed: frozenset[int] = frozenset()

    @property
    def only_question(self) -> QuestionCard | None:
        """The open question, if there is exactly one."""
        return next(iter(self.questions.values())) if len(self.questions) == 1 else None

    @property
    def only_run(self) -> RunCard | None:
        """The run that goes on, if there is exactly one."""
        return next(iter(self.runs.values())) if len(self.runs) == 1 else None

    @property
    def newest_question(self) -> int:
        """The highest number of a question that this terminal was told of; 0 if it knows none."""
        return max((*self.questions, *self.closed), default=0)

    def knows(self, question: int) -> bool:
        """Whether the person was told of this question, open or closed."""
        return question in self.questions or question in self.closed

    def after(self, post: Post) -> Board:
        """The board once `post` is shown. What is over stays over: an older card may still be on its way."""
        match post:
            case RunCard(ended=True):
                return replace(self, runs=_without(self.runs, post.run), ended=self.ended | {post.run})
            case RunCard() if post.run not in self.ended:
                return replace(self, runs={**self.runs, post.run: post})
            case QuestionCard(closed=None) if post.question not in self.closed:
                return replace(self, questions={**self.questions, post.question: post})
            case QuestionCard(closed=str()):
                return self._closed(post.question)
            case Note(ended_question=int(number)):
                return self._closed(number)
            case _:
                return self

    def _closed(self, question: int) -> Board:
        return replace(self, questions=_without(self.questions, question), closed=self.closed | {question})


def _without(values: Mapping[int, _Card], number: int) -> Mapping[int, _Card]:
    return {key: value for key, value in values.items() if key != number}


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
