"""Runs and questions that one terminal has shown, and the threads to which posts belong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, assert_never

from orchestrator_bridge.chat.inbound import InboundEvent, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note, OutboundPost, Post, QuestionCard, RunCard

TERMINAL_PLACE = Place(platform="terminal", channel="terminal")
"""The one channel of the terminal."""

_Card = TypeVar("_Card")


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """Active runs and open questions by number, and the numbers of ended ones. Follows from the posts that were shown."""

    runs: Mapping[int, RunCard] = field(default_factory=dict)
    ended: frozenset[int] = frozenset()
    questions: Mapping[int, QuestionCard] = field(default_factory=dict)
    closed: frozenset[int] = frozenset()
    answered: QuestionCard | None = None
    """The question that the person has answered last, unless a task followed."""
    last_run: int | None = None
    """The run that this terminal has seen to its end last: what is typed next goes on with it."""

    @property
    def only_question(self) -> QuestionCard | None:
        """The open question, if exactly one is open."""
        return next(iter(self.questions.values())) if len(self.questions) == 1 else None

    @property
    def only_run(self) -> RunCard | None:
        """The active run, if exactly one is active."""
        return next(iter(self.runs.values())) if len(self.runs) == 1 else None

    @property
    def newest_question(self) -> int:
        """Highest question number that this terminal has shown; 0 if none."""
        return max((*self.questions, *self.closed), default=0)

    def knows(self, question: int) -> bool:
        """True if this terminal has shown the question, open or closed."""
        return question in self.questions or question in self.closed

    def after_reply(self, question: int) -> Board:
        """The board once the person has replied to a question."""
        return replace(self, answered=self.questions.get(question, self.answered))

    def after_task(self) -> Board:
        """The board once the person has given a task."""
        return replace(self, answered=None)

    def after(self, post: Post) -> Board:
        """The board once `post` is shown. An ended run or question stays ended, because an older card may arrive late."""
        match post:
            case RunCard(ended=True):
                last = post.run if post.run in self.runs else self.last_run
                return replace(self, runs=_without(self.runs, post.run), ended=self.ended | {post.run}, last_run=last)
            case RunCard() if post.run not in self.ended:
                return replace(self, runs={**self.runs, post.run: post})
            case QuestionCard(closed=None) if post.question not in self.closed:
                return replace(self, questions={**self.questions, post.question: post})
            case QuestionCard(closed=str()):
                return self._closed(post.question)
            case Note(ended_question=int(number)):
                return self._closed(number)
            case RunCard() | QuestionCard() | Note() | FinalAnswer() | Acknowledgement():
                return self
            case _:
                assert_never(post)

    def _closed(self, question: int) -> Board:
        return replace(self, questions=_without(self.questions, question), closed=self.closed | {question})


def _without(values: Mapping[int, _Card], number: int) -> Mapping[int, _Card]:
    return {key: value for key, value in values.items() if key != number}


def run_thread(run: int) -> str:
    """Thread of a run."""
    return f"run-{run}"


def question_thread(question: int) -> str:
    """Thread of a question."""
    return f"question-{question}"


def thread_of(outbound: OutboundPost) -> str | None:
    """Thread that a post opens, or else belongs to."""
    post: Post = outbound.post
    match post:
        case RunCard():
            return run_thread(post.run)
        case QuestionCard():
            return question_thread(post.question)
        case FinalAnswer():
            return outbound.place.thread or run_thread(post.run)
        case Note() | Acknowledgement():
            return outbound.place.thread
        case _:
            assert_never(post)


def thread_of_inbound(event: InboundEvent) -> str | None:
    """Thread of a reply to `event`."""
    if isinstance(event, MessageReceived) and event.question is not None:
        return question_thread(event.question)
    return event.place.thread
