"""The people of the kill test on Discord: they give tasks, and answer questions at once, late, while the bot is down, or never.

They act on what they see: after every change each step is looked at again. Whatever they write holds a word of its own
(`said-0017`), by which it is found again in prompts and logs. A task counts as given once the bot has said that it has taken it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from adapters.discord.components import DiscordControl
from adapters.discord.markers import parse_question_number
from tests.support.fake_discord.server import DiscordServer
from tests.support.fake_discord.wire import BOT, Json, Message, Person

TASKS_AT_ONCE = 3
ENDED = r"\*\*Run \d+\*\* · (finished|failed|cancelled)"
"""How the card of a run begins that is over."""

Step = Callable[[], bool]
"""Does what it is there for once it is time; whether it did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """A message that somebody wrote in a question's thread, with the word that its newest text has."""

    message: int
    question: int
    word: str


class Crowd:
    """Acts on the fake Discord. `down` says whether the bot is down just now; while `busy` is set, new tasks are given."""

    def __init__(self, server: DiscordServer, chance: random.Random, down: Callable[[], bool]) -> None:
        self.server = server
        self.world = server.world
        self.busy = True
        self.people = (self.world.add_person("Ana"), self.world.add_person("Ben"))
        self.typed: dict[int, Typed] = {}
        self._given: dict[str, str] = {}
        self._asked: set[str] = set()
        self._starters: dict[str, Person] = {}
        self._chance = chance
        self._down = down
        self._words = count(1)
        self._steps: list[Step] = []
        self._met: set[int] = set()
        self._looking = False
        self.world.changed = self.look

    @property
    def tasks(self) -> list[str]:
        """The tasks that the bot has said to have taken."""
        return [task for task, interaction in self._given.items() if self._taken(interaction)]

    @property
    def satisfied(self) -> bool:
        """Every task has its end, and every question is closed."""
        cards = list(self._cards())
        ended = " ".join(one.text for one in cards if re.match(ENDED, one.content))
        return all(f"{task} " in ended for task in self.tasks) and not any(one.components for one in cards)

    def look(self) -> None:
        """Something has changed: act."""
        self.server.ring()
        if self._looking:
            return
        self._looking = True
        try:
            self._give_task()
            self._meet_questions()
            self._steps = [step for step in self._steps if not step()]
        finally:
            self._looking = False

    def _give_task(self) -> None:
        """Give a task while the bot listens; what it did not say to have taken before it died is given anew, as another one."""
        if self._down():
            self._asked.clear()
            return
        listening = any(session.socket is not None for session in self.server.gateway.sessions.values())
        if not listening or not self.busy or self._under_way() >= TASKS_AT_ONCE:
            return
        task, person = f"task-{len(self._given) + 1}", self._chance.choice(self.people)
        self._starters[task] = person
        self._asked.add(task)
        data: Json = {"id": "1", "name": "ask", "type": 1, "options": [{"name": "task", "type": 3, "value": f"Do {task} well."}]}
        self._given[task] = self.world.interact(person.id, self.world.general.id, 2, data)

    def _under_way(self) -> int:
        """Tasks that the bot has taken and not ended, or was given in this life."""
        ended = " ".join(one.text for one in self._cards() if re.match(ENDED, one.content))
        return sum(f"{task} " not in ended for task in self._asked.union(self.tasks))

    def _taken(self, interaction: str) -> bool:
        known = next(one for one in self.world.interactions.values() if one["id"] == interaction)
        message = self.world.messages.get(known["message"] or 0)
        return message is not None and message.content.startswith("Received")

    def _cards(self) -> list[Message]:
        return [one for one in self.world.here(self.world.general.id) if one.author == BOT and one.embeds and not one.private_to]

    # Courses --------------------------------------------------------------------------------------------------------------

    def _meet_questions(self) -> None:
        for card in self._cards():
            number = parse_question_number(card.embeds[0]["footer"]["text"])
            if number is not None and card.id in self.world.channels and card.id not in self._met:
                self._met.add(card.id)
                self._steps += self._course(card, number) if "the agent" not in card.text else []

    def _course(self, card: Message, question: int) -> list[Step]:
        """What people will do about a question; those to agents are none of their business."""
        courses = [self._replies, self._replies_while_down, self._clicks, self._changes_her_mind, self._takes_back, self._silent]
        return self._chance.choices(courses, weights=[30, 25, 15, 10, 5, 15])[0](card, question)

    def _replies(self, card: Message, question: int) -> list[Step]:
        return [self._after(self._chance.randint(0, 12), lambda: self._type(card, question))]

    def _replies_while_down(self, card: Message, question: int) -> list[Step]:
        return [_when(self._down, lambda: self._type(card, question))]

    def _clicks(self, card: Message, question: int) -> list[Step]:
        options = [str(one["custom_id"]) for one in card.controls if str(one.get("custom_id", "")).startswith("th:o:")]
        control = self._chance.choice([*options, DiscordControl(kind="pass", number=question).id])
        data: Json = {"custom_id": control, "component_type": 2}
        click = lambda: self.world.interact(self._starter(card).id, card.channel, 3, data, card)  # noqa: E731 - one line of a step
        return [self._after(self._chance.randint(0, 12), click)]

    def _changes_her_mind(self, card: Message, question: int) -> list[Step]:
        def change() -> None:
            typed = self._type(card, question)
            word = self._word()
            self.typed[typed.id] = Typed(message=typed.id, question=question, word=word)
            self.world.change(typed, f"2, {word}")

        return [self._after(self._chance.randint(0, 6), change)]

    def _takes_back(self, card: Message, question: int) -> list[Step]:
        def take_back() -> None:
            typed = self._type(card, question)
            del self.typed[typed.id]
            self.world.delete(typed.id)

        return [self._after(self._chance.randint(0, 6), take_back)]

    def _silent(self, card: Message, question: int) -> list[Step]:
        return []

    def _type(self, card: Message, question: int) -> Message:
        word = self._word()
        typed = self.world.write(self._starter(card).id, card.id, f"{self._chance.choice('12')}, {word}")
        self.typed[typed.id] = Typed(message=typed.id, question=question, word=word)
        return typed

    def _starter(self, card: Message) -> Person:
        """Who gave the task that a question is about: people's questions ask nobody else."""
        return next(person for task, person in self._starters.items() if f"Do {task} well" in card.text)

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
