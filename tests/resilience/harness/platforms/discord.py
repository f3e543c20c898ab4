"""The kill test's Discord.

Discord gives back a card's reference and a text's words, but no outbox keys: a card is recognized by its number, a final answer
by that of its run.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from adapters.discord.components import DiscordControl
from adapters.discord.markers import parse_question_number
from adapters.discord.sender import ACKNOWLEDGEMENT_EMOJI, snowflake_time
from tests.resilience.harness.crowd import TASKS_AT_ONCE, Crowd, TypedMessage
from tests.resilience.harness.evidence import BotPost, PersonsMessage, PlatformEvidence
from tests.resilience.harness.kill_loop import KillNow, KillPoint
from tests.resilience.harness.kill_points import countdown
from tests.resilience.harness.site import CLOCK_AHEAD, KillSite
from tests.resilience.harness.timeline import Line
from tests.support.fake_discord.server import DiscordServer, Fault, ReceivedRequest
from tests.support.fake_discord.state import DiscordWorld
from tests.support.fake_discord.wire import BOT, DM, Json, Message, Person

ENDED_RUN = r"\*\*Run \d+\*\* · (finished|failed|cancelled)"
"""The first line of the card of a run that has ended."""

_SIGNS = {emoji: sign for sign, emoji in ACKNOWLEDGEMENT_EMOJI.items()}


class DiscordCrowd(Crowd[Message]):
    """People on the fake Discord. A task counts as given once the bot has acknowledged it."""

    courses: ClassVar = {"reply": 30, "reply_while_down": 25, "click": 15, "edit": 10, "delete": 5, "silent": 15}

    def __init__(self, server: DiscordServer, chance: random.Random, is_down: Callable[[], bool]) -> None:
        super().__init__(chance, is_down)
        self.server = server
        self.world = server.world
        self._people = (self.world.add_person("Ana"), self.world.add_person("Ben"))
        self._given: dict[str, str] = {}
        self._given_to_this_bot: set[str] = set()
        self._requesters: dict[str, Person] = {}
        self._met: set[int] = set()
        self.follow(self.world, server.ring)

    @property
    def tasks(self) -> list[str]:
        return [task for task, interaction in self._given.items() if self._is_acknowledged(interaction)]

    @property
    def satisfied(self) -> bool:
        cards = list(self._cards())
        ended = " ".join(card.text for card in cards if re.match(ENDED_RUN, card.mentioning.strip()))
        return bool(self.tasks) and all(f"{task} " in ended for task in self.tasks) and not any(card.controls for card in cards)

    def observe(self) -> None:
        if self._is_down():
            self._given_to_this_bot.clear()
        for card in self._cards():
            if self.question_of(card) and card.id in self.world.channels and card.id not in self._met:
                self._met.add(card.id)
                self.meet_question(card)

    def give_task(self) -> None:
        """Give a task while the bot listens; one that it did not acknowledge before it died is given anew, as another one."""
        listening = any(session.socket is not None for session in self.server.gateway.sessions.values())
        if self._is_down() or not listening or self._active() >= TASKS_AT_ONCE:
            return
        task, person = f"task-{len(self._given) + 1}", self._chance.choice(self._people)
        self._requesters[task] = person
        self._given_to_this_bot.add(task)
        data: Json = {"id": "1", "name": "ask", "type": 1, "options": [{"name": "task", "type": 3, "value": f"Do {task} well."}]}
        self._given[task] = self.world.interact(person.id, self.world.general.id, 2, data)

    def _active(self) -> int:
        ended = " ".join(card.text for card in self._cards() if re.match(ENDED_RUN, card.mentioning.strip()))
        return sum(f"{task} " not in ended for task in self._given_to_this_bot.union(self.tasks))

    def _is_acknowledged(self, interaction: str) -> bool:
        known = next(known for known in self.world.interactions.values() if known["id"] == interaction)
        message = self.world.messages.get(known["message"] or 0)
        return message is not None and message.content.startswith(ACKNOWLEDGED)

    def _cards(self) -> Iterator[Message]:
        for message in self.world.here(self.world.general.id):
            if message.author == BOT and (message.footer or message.embeds) and not message.private_to:
                yield message

    def is_for_people(self, card: Message) -> bool:
        return "the agent" not in card.text

    def is_closed(self, card: Message) -> bool:
        return not card.controls

    def question_of(self, card: Message) -> int:
        return parse_question_number(card.footer) or 0

    def say(self, card: Message, text: str, *, stranger: bool, delivered: bool) -> str:
        return str(self.world.write(self._requester(card).id, card.id, text).id)

    def edit(self, card: Message, message: str, text: str, *, delivered: bool) -> None:
        self.world.change(self.world.messages[int(message)], text)

    def delete(self, card: Message, message: str, *, delivered: bool) -> None:
        self.world.delete(int(message))

    def click(self, card: Message) -> None:
        ids = [str(control.get("custom_id", "")) for control in card.controls]
        options = [custom_id for custom_id in ids if custom_id.startswith("th:o:")]
        chosen = self._chance.choice([*options, DiscordControl(kind="pass", number=self.question_of(card)).id])
        data: Json = {"custom_id": chosen, "component_type": 2}
        self.world.interact(self._requester(card).id, card.channel, 3, data, card)

    def now(self) -> float:
        return time.time() + CLOCK_AHEAD

    def _requester(self, card: Message) -> Person:
        """The person who gave the task that a question is about: questions to people ask nobody else."""
        return next(person for task, person in self._requesters.items() if f"Do {task} well" in card.text)


ACKNOWLEDGED = "Received"
"""The first word of the private reply to a task that was stored."""


class DiscordSite(KillSite):
    """The kill test on the fake Discord."""

    platform = "discord"

    def __init__(self, server: DiscordServer, folder: Path, chance: random.Random) -> None:
        super().__init__(folder, [server.api, server.gateway_url, server.token], chance)
        self.server = server
        self.crowd: DiscordCrowd = DiscordCrowd(server, chance, lambda: not self.process.alive)

    def start_faults(self) -> None:
        self.server.faults.plan = lambda asked: _fault(self.chance, asked)

    def stop_faults(self) -> None:
        self.server.faults.plan = None

    def kill_points(self) -> Sequence[KillPoint]:
        """A write has had its effect, and is not answered yet."""

        def arm(kill_now: KillNow) -> None:
            count = countdown(self.chance, kill_now)
            self.server.watch = lambda asked: count(asked.writes, f"{asked.method} {asked.path} done")

        def disarm() -> None:
            self.server.watch = lambda asked: None

        return [KillPoint("a write done", arm, disarm)]

    def until(self, condition: Callable[[], bool]) -> Awaitable[None]:
        return self.server.until(condition)

    def evidence(self) -> PlatformEvidence:
        world = self.server.world
        ours = [message for message in world.messages.values() if message.author == BOT and not message.private_to]
        posts = [message for message in ours if world.channels[message.channel].kind != DM]
        return PlatformEvidence(
            posts=[
                BotPost(message=str(post.id), key=_key(post), at=snowflake_time(str(post.id)), closings=_closings(post))
                for post in posts
            ],
            messages=[_persons_message(world, typed) for typed in self.crowd.typed.values()],
            tasks=self.crowd.tasks,
        )

    def problems(self) -> list[str]:
        return [f"an unexpected request: {stray}" for stray in self.server.strays]

    def lines(self) -> Sequence[Line]:
        world = self.server.world
        return [
            Line(message.at - CLOCK_AHEAD, world.people[message.author].name, f"{message.id} in {message.channel}: {text!r}")
            for message in world.messages.values()
            for text in [message.content[:120]]
        ]


@asynccontextmanager
async def open_site(folder: Path, chance: random.Random) -> AsyncIterator[DiscordSite]:
    """Discord's server, with its people."""
    async with DiscordServer(clock=lambda: time.time() + CLOCK_AHEAD) as server:
        yield DiscordSite(server, folder, chance)


def _fault(chance: random.Random, asked: ReceivedRequest) -> Fault | None:
    """Discord is busy, loses responses or has errors of its own, now and then."""
    roll = chance.random() if asked.writes else 1.0
    if roll < 0.03:
        return Fault(trouble="limit", seconds=0.01)
    if roll < 0.05:
        return Fault(trouble="effect-error", status=503)
    return Fault(trouble="lose") if roll < 0.1 else None


def _key(message: Message) -> str:
    """The identity of a card or final answer; any other message has its own, for agents may say the same thing twice."""
    if found := re.match(r"(Run|Question) (\d+) ", message.footer):
        return f"{found[1].lower()}:{found[2]}:card"
    answer = re.match(r"\*\*Final answer of run \d+\*\*", message.content)
    return answer.group() if answer else str(message.id)


def _closings(message: Message) -> tuple[str, ...]:
    versions = [version.lstrip("\n").split("\n") for version in message.versions]
    return tuple(dict.fromkeys(lines[1] for lines in versions if len(lines) > 1 and "** asked: " in lines[0]))


def _persons_message(world: DiscordWorld, typed: TypedMessage) -> PersonsMessage:
    message = world.messages[int(typed.message)]
    return PersonsMessage(
        message=typed.message,
        question=typed.question,
        word=typed.word,
        at=message.at,
        newest_at=message.edited or message.at,
        asked=True,
        delivered=False,
        signs=frozenset(_SIGNS[emoji] for emoji in message.reactions),
    )
