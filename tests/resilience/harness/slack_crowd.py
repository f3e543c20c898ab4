"""The people of the kill test on Slack: they give tasks, and answer questions at once, late, while the bot is down, or never.

They act on what they see: after every change in the workspace each question's course is looked at again. Whatever they write
holds a word of its own (`said-0017`), by which it is found again in prompts and logs.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from tests.support.fake_slack.server import SlackServer
from tests.support.fake_slack.shown import elements, words
from tests.support.fake_slack.state import ANA, BEN, GENERAL, Effect, Message

TASKS_AT_ONCE = 3
PEOPLE = (ANA, BEN)

Step = Callable[[], bool]
"""Does what it is there for once it is time; whether it did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """A message that somebody wrote in a thread. `question` is 0 in the thread of a run."""

    message: str
    question: int
    word: str
    asked: bool
    delivered: bool = True


class Crowd:
    """Acts in a workspace. `down` says whether the bot is down just now; while `busy` is set, new tasks are given."""

    def __init__(self, server: SlackServer, chance: random.Random, down: Callable[[], bool]) -> None:
        self.server = server
        self.world = server.world
        self.busy = True
        self.tasks: dict[str, str] = {}
        self.typed: dict[str, Typed] = {}
        self._chance = chance
        self._down = down
        self._words = count(1)
        self._steps: list[Step] = []
        self._read = 0
        self._ended: set[str] = set()
        self._open: set[str] = set()
        self._looking = False
        self.world.changed = self.look

    def look(self) -> None:
        """Something has changed: act."""
        self.server.ring()
        if self._looking:
            return
        self._looking = True
        try:
            self._read_on()
            self._give_tasks()
            self._steps = [step for step in self._steps if not step()]
        finally:
            self._looking = False

    @property
    def satisfied(self) -> bool:
        """Every task has its end, every question is closed, and the bot has taken all that was said."""
        return not (self.tasks.keys() - self._ended or self._open or self.world.unacknowledged)

    def starter(self, card: Message) -> str:
        """Who gave the task that a question is about: people's questions ask nobody else."""
        return next(person for task, person in self.tasks.items() if f"of {task})" in words(card))

    def _read_on(self) -> None:
        while self._read < len(self.world.effects):
            effect = self.world.effects[self._read]
            self._read += 1
            kind = re.match(r"(run|question):\d+:card$", key_of(effect.body))
            if effect.what in ("post", "update") and kind is not None:
                (self._see_run if kind[1] == "run" else self._see_question)(effect)

    def _see_run(self, effect: Effect) -> None:
        if effect.what == "post":
            self._steps += self._guides(dict(effect.body))
        if re.match(r"Run \d+ \((finished|failed|cancelled)\)", str(effect.body["text"])):
            self._ended |= set(re.findall(r"Do (task-\d+) well", words(effect.body)))

    def _see_question(self, effect: Effect) -> None:
        if effect.what == "post":
            self._open.add(effect.message)
            self._steps += self._course(dict(effect.body))
        if is_closed(effect.body):
            self._open.discard(effect.message)

    def _give_tasks(self) -> None:
        if self.busy and len(self.tasks.keys() - self._ended) < TASKS_AT_ONCE:
            task, person = f"task-{len(self.tasks) + 1}", self._chance.choice(PEOPLE)
            self.tasks[task] = person
            self.server.people.command(person, GENERAL, f"ask Do {task} well.")

    # Courses --------------------------------------------------------------------------------------------------------------

    def _course(self, card: Message) -> list[Step]:
        """What people will do about a question; those to agents are none of their business."""
        if "the agent" in words(card):
            return []
        courses = [self._replies, self._replies_while_down, self._clicks, self._changes_her_mind, self._takes_back, self._silent]
        first = self._chance.choices(courses, weights=[30, 25, 15, 10, 5, 15])[0]
        more = [self._replies_late] if self._chance.random() < 0.25 else []
        return [step for course in (first, *more) for step in course(card)]

    def _replies(self, card: Message) -> list[Step]:
        return [self._after(self._chance.randint(0, 12), lambda: self._type(card))]

    def _replies_while_down(self, card: Message) -> list[Step]:
        delivered = self._chance.random() < 0.5
        return [_when(self._down, lambda: self._type(card, delivered=delivered))]

    def _replies_late(self, card: Message) -> list[Step]:
        return [_when(lambda: is_closed(self._now(card)), lambda: self._type(card))]

    def _clicks(self, card: Message) -> list[Step]:
        action, chosen = self._chance.choice([("option/1", ""), ("option/2", ""), ("pass", ""), ("more", "900")][:3])
        return [
            self._after(
                self._chance.randint(0, 12),
                lambda: self.server.people.click(self.starter(card), GENERAL, card, action, chosen),
            )
        ]

    def _changes_her_mind(self, card: Message) -> list[Step]:
        def change() -> None:
            typed = self._type(card)
            word = self._word()
            self.typed[typed["ts"]] = Typed(message=typed["ts"], question=number_of(card), word=word, asked=True)
            self.server.people.change(GENERAL, typed["ts"], f"2, {word}")

        return [self._after(self._chance.randint(0, 6), change)]

    def _takes_back(self, card: Message) -> list[Step]:
        def take_back() -> None:
            typed = self._type(card)
            del self.typed[typed["ts"]]
            self.server.people.delete(GENERAL, typed["ts"])

        return [self._after(self._chance.randint(0, 6), take_back)]

    def _silent(self, card: Message) -> list[Step]:
        return []

    def _guides(self, card: Message) -> list[Step]:
        """Now and then somebody says something to all agents of a run, perhaps when it is over."""
        chosen = self._chance.random() < 0.4
        return [self._after(self._chance.randint(0, 60), lambda: self._type(card, self._chance.choice(PEOPLE)))] if chosen else []

    def _type(self, card: Message, person: str | None = None, *, delivered: bool = True) -> Message:
        word, number = self._word(), self._chance.choice("12")
        typed = self.server.people.say(
            person or self.starter(card), GENERAL, f"{number}, {word}", card["ts"], delivered=delivered
        )
        self.typed[typed["ts"]] = Typed(
            message=typed["ts"], question=number_of(card), word=word, asked=person is None, delivered=delivered
        )
        return typed

    def _now(self, card: Message) -> Message:
        return self.world.channels[GENERAL].messages[card["ts"]]

    def _word(self) -> str:
        return f"said-{next(self._words):04}"

    def _after(self, changes: int, act: Callable[[], object]) -> Step:
        """Act after so many more changes: no time is waited for."""
        left = count(changes, -1)
        return _when(lambda: next(left) <= 0, act)


def _when(true: Callable[[], bool], act: Callable[[], object]) -> Step:
    def step() -> bool:
        if not true():
            return False
        act()
        return True

    return step


def key_of(message: object) -> str:
    """A message's marker; empty if it has none."""
    metadata = message.get("metadata") if isinstance(message, dict) else None
    return str(metadata["event_payload"]["key"]) if metadata else ""


def number_of(card: Message) -> int:
    """The number of the question that a card shows; 0 for a run's card."""
    kind, number, _ = key_of(card).split(":")
    return int(number) if kind == "question" else 0


def is_closed(card: object) -> bool:
    """Whether a question's card says how it ended: there is nothing to click any more."""
    return isinstance(card, dict) and not list(elements(card))
