"""The people of the kill test: they give tasks, and answer questions at once, late, while the bot is down, twice, or never.

They act on what they see: after every change on the platform each question's course is looked at again. Whatever they write
holds a word of its own (`said-0017`), by which it is found again in prompts and logs.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.support.fake_chat.server import ChatServer
from tests.support.fake_chat.state import Effect, Message

CHANNEL = "general"
TASKS_AT_ONCE = 3
PEOPLE = ("ana", "ben")
STRANGER = "sly"

Step = Callable[[], bool]
"""Does what it is there for once it is time; whether it did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """A message that somebody wrote in a thread. `word` is in its newest version; `question` is 0 in the thread of a run.

    `asked`: its author was asked. `delivered`: the platform told of its newest version, which is of the time `at`.
    """

    message: str
    question: int
    word: str
    asked: bool
    at: float
    delivered: bool = True
    deleted: bool = False


class Crowd:
    """Acts on a platform. `down` says whether the bot is down just now; while `busy` is set, new tasks are given."""

    def __init__(self, server: ChatServer, chance: random.Random, down: Callable[[], bool]) -> None:
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
        self._seen: set[str] = set()
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
        return next(person for task, person in self.tasks.items() if f"of {task})" in card.text)

    def _read_on(self) -> None:
        """See what bots did since: a card with its thread sets a course, and some news ends what is waited for."""
        while self._read < len(self.world.effects):
            effect = self.world.effects[self._read]
            self._read += 1
            match effect.meta.get("kind"):
                case "run_card":
                    self._see_run(effect)
                case "question_card":
                    self._see_question(effect)

    def _see_run(self, effect: Effect) -> None:
        if effect.what == "thread" and effect.message not in self._seen:
            self._seen.add(effect.message)
            self._steps += self._guides(self.world.messages[effect.message])
        if effect.meta["status"] in ("finished", "failed", "cancelled"):
            self._ended |= set(re.findall(r"Do (task-\d+) well", effect.text))

    def _see_question(self, effect: Effect) -> None:
        if effect.what == "thread" and effect.message not in self._seen:
            self._seen.add(effect.message)
            self._steps += self._course(self.world.messages[effect.message])
        if effect.meta["closed"]:
            self._open.discard(effect.message)
        elif effect.what == "post":
            self._open.add(effect.message)

    # Tasks ----------------------------------------------------------------------------------------------------------------

    def _give_tasks(self) -> None:
        if self.busy and len(self.tasks.keys() - self._ended) < TASKS_AT_ONCE:
            task, person = f"task-{len(self.tasks) + 1}", self._chance.choice(PEOPLE)
            self.tasks[task] = person
            self.world.command(person, CHANNEL, "ask", f"Do {task} well.")

    # Courses --------------------------------------------------------------------------------------------------------------

    def _course(self, card: Message) -> list[Step]:
        """What people will do about a question; those to agents are none of their business."""
        if "for the agent" in card.text:
            return []
        first = self._chance.choices(
            [self._replies, self._replies_while_down, self._clicks, self._changes_her_mind, self._takes_back, self._keeps_silent],
            weights=[25, 20, 10, 15, 10, 20],
        )[0]
        more = [self._replies_late] if self._chance.random() < 0.25 else []
        more += [self._meddles] if self._chance.random() < 0.1 else []
        return [step for course in (first, *more) for step in course(card)]

    def _replies(self, card: Message) -> list[Step]:
        return [self._after(self._chance.randint(0, 12), lambda: self._type(card))]

    def _replies_while_down(self, card: Message) -> list[Step]:
        delivered = self._chance.random() < 0.5
        return [_when(self._down, lambda: self._type(card, delivered=delivered))]

    def _replies_late(self, card: Message) -> list[Step]:
        return [_when(lambda: bool(self.world.messages[card.id].meta["closed"]), lambda: self._type(card))]

    def _clicks(self, card: Message) -> list[Step]:
        press, value = self._chance.choice([("option", "first"), ("option", "second"), ("pass", ""), ("more", "1")])
        return [self._after(self._chance.randint(0, 12), lambda: self.world.click(self.starter(card), card.id, press, value))]

    def _changes_her_mind(self, card: Message) -> list[Step]:
        def change(message: Message, delivered: bool) -> None:
            word = self._word()
            self.world.change(message.id, f"2, {word}", delivered=delivered)
            self._note(card, message, word=word, delivered=delivered)

        return self._types_and_then(card, change)

    def _takes_back(self, card: Message) -> list[Step]:
        def take_back(message: Message, delivered: bool) -> None:
            self.world.delete(message.id, delivered=delivered)
            self._note(card, message, word="", delivered=delivered, deleted=True)

        return self._types_and_then(card, take_back)

    def _types_and_then(self, card: Message, then: Callable[[Message, bool], None]) -> list[Step]:
        """Type, and do something with that, at once or while the bot is down; a platform may forget to tell of the latter."""
        typed: list[Message] = []
        at_once, delivered = self._chance.random() < 0.5, self._chance.random() < 0.5

        def act() -> None:
            typed.append(self._type(card))
            if at_once:
                then(typed[0], True)

        steps = [self._after(self._chance.randint(0, 6), act)]
        later = _when(lambda: bool(typed) and self._down(), lambda: then(typed[0], delivered))
        return steps if at_once else [*steps, later]

    def _keeps_silent(self, card: Message) -> list[Step]:
        return []

    def _meddles(self, card: Message) -> list[Step]:
        return [self._after(3, lambda: self._type(card, STRANGER))]

    def _guides(self, card: Message) -> list[Step]:
        """Now and then somebody says something to all agents of a run, perhaps when it is over."""
        chosen = self._chance.random() < 0.4
        return [self._after(self._chance.randint(0, 60), lambda: self._type(card, STRANGER))] if chosen else []

    def _type(self, card: Message, person: str | None = None, *, delivered: bool = True) -> Message:
        word, number = self._word(), self._chance.choice("12")
        writer = person or self.starter(card)
        message = self.world.say(writer, card.channel, card.id, f"{number}, {word}", delivered=delivered)
        self._note(card, message, word=word, asked=person is None, delivered=delivered)
        return message

    def _note(self, card: Message, message: Message, **known: Any) -> None:
        """Remember the newest version of a message."""
        now = self.world.clock()
        self.typed[message.id] = Typed(message=message.id, question=_number(card), at=now, **{"asked": True, **known})

    def _word(self) -> str:
        return f"said-{next(self._words):04}"

    def _after(self, changes: int, act: Callable[[], object]) -> Step:
        """Act after so many more changes on the platform: no time is waited for."""
        left = count(changes, -1)
        return _when(lambda: next(left) <= 0, act)


def _when(true: Callable[[], bool], act: Callable[[], object]) -> Step:
    def step() -> bool:
        if not true():
            return False
        act()
        return True

    return step


def _number(card: Message) -> int:
    return int(card.meta.get("question", 0))
