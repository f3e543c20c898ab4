"""The people of the kill test: they give tasks, and answer questions at once, late, while the bot is down, twice, or never.

They act on what they see: after every change on the platform each pending step is looked at again, so no time is waited for.
Everything they write holds a unique word (`said-0017`), by which it is found again in prompts and logs.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import ClassVar, Generic, Protocol, TypeVar

TASKS_AT_ONCE = 3

Step = Callable[[], bool]
"""Acts once it is time; returns whether it did."""

C = TypeVar("C")
"""The platform's own value of a card."""


class World(Protocol):
    """A fake platform's state, which reports every change of it."""

    changed: Callable[[], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class TypedMessage:
    """A message that a person wrote in a thread. `word` is in its newest version; `question` is 0 in the thread of a run.

    `asked`: its author was asked. `delivered`: the platform delivered its newest version, which was written at `at`, so that
    nobody has to read the thread for it.
    """

    message: str
    question: int
    word: str
    asked: bool = True
    at: float = 0.0
    delivered: bool = True


class Crowd(ABC, Generic[C]):
    """Acts on one platform. `is_down` tells whether the bot is down now; while `busy` is set, new tasks are given."""

    courses: ClassVar[Mapping[str, int]]
    """Weight of each course at a question; the names are those of methods `_course_<name>`."""
    late_share = 0.0
    """Probability that a reply also comes after the end."""
    stranger_share = 0.0
    """Probability that a person who was not asked also replies."""
    guidance_share = 0.0
    """Probability of guidance for all agents of a run."""
    may_lose_events = False
    """The platform may forget to deliver what was said while the bot was down."""

    def __init__(self, chance: random.Random, is_down: Callable[[], bool]) -> None:
        self.busy = True
        self.typed: dict[str, TypedMessage] = {}
        self._chance = chance
        self._is_down = is_down
        self._words = count(1)
        self._steps: list[Step] = []
        self._looking = False

    def follow(self, world: World, ring: Callable[[], None]) -> None:
        """Act after every change of the platform; `ring` wakes those who wait for one."""

        def changed() -> None:
            ring()
            self.look()

        world.changed = changed

    # The platform -----------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def tasks(self) -> list[str]:
        """The tasks that must become runs."""

    @property
    @abstractmethod
    def satisfied(self) -> bool:
        """Every task has its end, every question is closed, and the bot has taken all that was said."""

    @abstractmethod
    def observe(self) -> None:
        """See what the bot did since the last time: call `meet_question` and `meet_run` for new cards."""

    @abstractmethod
    def give_task(self) -> None:
        """Give one more task, if the platform allows it now and fewer than `TASKS_AT_ONCE` are active."""

    @abstractmethod
    def is_for_people(self, card: C) -> bool:
        """True if people are asked, and not only agents."""

    @abstractmethod
    def is_closed(self, card: C) -> bool:
        """True if the card shows how its question ended."""

    @abstractmethod
    def question_of(self, card: C) -> int:
        """The question's number; 0 for a run's card."""

    @abstractmethod
    def say(self, card: C, text: str, *, stranger: bool, delivered: bool) -> str:
        """Write in the card's thread, as the requester or as a stranger; returns the message's id."""

    @abstractmethod
    def edit(self, card: C, message: str, text: str, *, delivered: bool) -> None:
        """Change a message."""

    @abstractmethod
    def delete(self, card: C, message: str, *, delivered: bool) -> None:
        """Delete a message."""

    @abstractmethod
    def click(self, card: C) -> None:
        """Use one of the card's controls, as the requester."""

    @abstractmethod
    def now(self) -> float:
        """Seconds, by the platform's clock."""

    # People -----------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Act on what has changed. What people do changes the platform again, so the call does not nest."""
        if self._looking:
            return
        self._looking = True
        try:
            self.observe()
            if self.busy or not self.tasks:  # where every kill came before the first task was taken, one is given afterwards
                self.give_task()
            self._steps = [step for step in self._steps if not step()]
        finally:
            self._looking = False

    def meet_question(self, card: C) -> None:
        """Decide what people do about a new question."""
        if not self.is_for_people(card):
            return
        name = self._chance.choices(list(self.courses), weights=list(self.courses.values()))[0]
        self._steps += getattr(self, f"_course_{name}")(card)
        if self._chance.random() < self.late_share:
            self._steps.append(when(lambda: self.is_closed(card), lambda: self._type(card)))
        if self._chance.random() < self.stranger_share:
            self._steps.append(self._after(3, lambda: self._type(card, asked=False)))

    def meet_run(self, card: C) -> None:
        """Decide whether somebody says something to all agents of a new run, perhaps when it has ended."""
        if self._chance.random() < self.guidance_share:
            self._steps.append(self._after(self._chance.randint(0, 60), lambda: self._type(card, asked=False)))

    def _course_reply(self, card: C) -> list[Step]:
        return [self._after(self._chance.randint(0, 12), lambda: self._type(card))]

    def _course_reply_while_down(self, card: C) -> list[Step]:
        delivered = self._delivered()
        return [when(self._is_down, lambda: self._type(card, delivered=delivered))]

    def _course_click(self, card: C) -> list[Step]:
        return [self._after(self._chance.randint(0, 12), lambda: self.click(card))]

    def _course_edit(self, card: C) -> list[Step]:
        def change(message: str, delivered: bool) -> None:
            word = self._word()
            self.edit(card, message, f"2, {word}", delivered=delivered)
            self._remember(card, message, word, delivered=delivered)

        return self._type_and_then(card, change)

    def _course_delete(self, card: C) -> list[Step]:
        def take_back(message: str, delivered: bool) -> None:
            self.delete(card, message, delivered=delivered)
            del self.typed[message]

        return self._type_and_then(card, take_back)

    def _course_silent(self, card: C) -> list[Step]:
        return []

    def _type_and_then(self, card: C, then: Callable[[str, bool], None]) -> list[Step]:
        """Type and act on that message, at once or, where the platform may lose events, while the bot is down."""
        typed: list[str] = []
        at_once = not self.may_lose_events or self._chance.random() < 0.5
        delivered = self._delivered()

        def act() -> None:
            typed.append(self._type(card))
            if at_once:
                then(typed[0], True)

        first = self._after(self._chance.randint(0, 6), act)
        later = when(lambda: bool(typed) and self._is_down(), lambda: then(typed[0], delivered))
        return [first] if at_once else [first, later]

    def _delivered(self) -> bool:
        return not self.may_lose_events or self._chance.random() < 0.5

    def _type(self, card: C, *, asked: bool = True, delivered: bool = True) -> str:
        word = self._word()
        message = self.say(card, f"{self._chance.choice('12')}, {word}", stranger=not asked, delivered=delivered)
        self._remember(card, message, word, asked=asked, delivered=delivered)
        return message

    def _remember(self, card: C, message: str, word: str, *, asked: bool = True, delivered: bool = True) -> None:
        self.typed[message] = TypedMessage(
            message=message, question=self.question_of(card), word=word, asked=asked, at=self.now(), delivered=delivered
        )

    def _word(self) -> str:
        return f"said-{next(self._words):04}"

    def _after(self, changes: int, act: Callable[[], object]) -> Step:
        """Act after so many more changes on the platform."""
        left = count(changes, -1)
        return when(lambda: next(left) <= 0, act)


class RequestingCrowd(Crowd[C]):
    """People on a platform that delivers a task for certain, once it is given: what is left open is counted here."""

    people: ClassVar[tuple[str, ...]]

    def __init__(self, chance: random.Random, is_down: Callable[[], bool]) -> None:
        super().__init__(chance, is_down)
        self._requesters: dict[str, str] = {}
        self._ended: set[str] = set()
        self._open: set[str] = set()

    @property
    @abstractmethod
    def has_unacknowledged(self) -> bool:
        """Whether the bot has not taken all that was said."""

    @abstractmethod
    def request(self, person: str, task: str) -> None:
        """Give a task, in words."""

    @abstractmethod
    def text_of(self, card: C) -> str:
        """The text of a question's card."""

    @property
    def tasks(self) -> list[str]:
        return list(self._requesters)

    @property
    def satisfied(self) -> bool:
        return not (self._requesters.keys() - self._ended or self._open or self.has_unacknowledged)

    def give_task(self) -> None:
        if len(self._requesters.keys() - self._ended) < TASKS_AT_ONCE:
            person = self._chance.choice(self.people)
            self.request(person, f"Do {self.new_task(person)} well.")

    def new_task(self, person: str) -> str:
        """The name of one more task, which this person gives."""
        task = f"task-{len(self._requesters) + 1}"
        self._requesters[task] = person
        return task

    def note_ended(self, text: str) -> None:
        """Note that the run of an ended card's text is over."""
        self._ended |= set(re.findall(r"Do (task-\d+) well", text))

    def requester(self, card: C) -> str:
        """The person who gave the task that a question or an answer is about: questions to people ask nobody else."""
        text = self.text_of(card)
        return next(person for task, person in self._requesters.items() if f"of {task})" in text or f"on {task}:" in text)


def when(condition: Callable[[], bool], act: Callable[[], object]) -> Step:
    """A step that acts once the condition holds."""

    def step() -> bool:
        if not condition():
            return False
        act()
        return True

    return step
