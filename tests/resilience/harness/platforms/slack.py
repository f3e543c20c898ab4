"""The kill test's Slack."""

from __future__ import annotations

import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from tests.resilience.harness.crowd import RequestingCrowd, TypedMessage
from tests.resilience.harness.evidence import BotPost, PersonsMessage, PlatformEvidence
from tests.resilience.harness.kill_loop import KillNow, KillPoint
from tests.resilience.harness.kill_points import countdown
from tests.resilience.harness.site import CLOCK_AHEAD, KillSite
from tests.resilience.harness.timeline import Line
from tests.support.fake_slack.faults import WRITES, Fault, Plan, ReceivedRequest
from tests.support.fake_slack.server import SlackServer
from tests.support.fake_slack.shown import elements, words
from tests.support.fake_slack.state import ANA, BEN, BOT_USER, GENERAL, Effect, Message, World

PEOPLE = (ANA, BEN)

_SIGNS = {"white_check_mark": "taken", "hourglass": "late", "x": "refused", "wave": "passed"}


class SlackCrowd(RequestingCrowd[Message]):
    """People in the fake workspace."""

    people: ClassVar = PEOPLE
    courses: ClassVar = {"reply": 30, "reply_while_down": 25, "click": 15, "edit": 10, "delete": 5, "silent": 15}
    late_share = 0.25
    guidance_share = 0.4

    def __init__(self, server: SlackServer, chance: random.Random, is_down: Callable[[], bool]) -> None:
        super().__init__(chance, is_down)
        self.server = server
        self.world = server.world
        self._read = 0
        self.follow(self.world, server.ring)

    @property
    def has_unacknowledged(self) -> bool:
        return bool(self.world.unacknowledged)

    def observe(self) -> None:
        while self._read < len(self.world.effects):
            effect = self.world.effects[self._read]
            self._read += 1
            kind = re.match(r"(run|question):\d+:card$", key_of(effect.body))
            if effect.what in ("post", "update") and kind is not None:
                (self._observe_run if kind[1] == "run" else self._observe_question)(effect)

    def _observe_run(self, effect: Effect) -> None:
        if effect.what == "post":
            self.meet_run(dict(effect.body))
        if re.match(r"Run \d+ \((finished|failed|cancelled)\)", str(effect.body["text"])):
            self.note_ended(words(effect.body))

    def _observe_question(self, effect: Effect) -> None:
        if effect.what == "post":
            self._open.add(effect.message)
            self.meet_question(dict(effect.body))
        if _has_no_controls(effect.body):
            self._open.discard(effect.message)

    def request(self, person: str, task: str) -> None:
        self.server.people.command(person, GENERAL, f"ask {task}")

    def text_of(self, card: Message) -> str:
        return words(card)

    def _delivered(self) -> bool:
        """Slack may forget to deliver a message that is written while the bot is down, but no edit and no deletion."""
        return self._chance.random() < 0.5

    def is_for_people(self, card: Message) -> bool:
        return "the agent" not in words(card)

    def is_closed(self, card: Message) -> bool:
        return _has_no_controls(self.world.channels[GENERAL].messages[card["ts"]])

    def question_of(self, card: Message) -> int:
        kind, number, _ = key_of(card).split(":")
        return int(number) if kind == "question" else 0

    def say(self, card: Message, text: str, *, stranger: bool, delivered: bool) -> str:
        person = self._chance.choice(PEOPLE) if stranger else self.requester(card)
        return str(self.server.people.say(person, GENERAL, text, card["ts"], delivered=delivered)["ts"])

    def edit(self, card: Message, message: str, text: str, *, delivered: bool) -> None:
        self.server.people.change(GENERAL, message, text)

    def delete(self, card: Message, message: str, *, delivered: bool) -> None:
        self.server.people.delete(GENERAL, message)

    def click(self, card: Message) -> None:
        action = self._chance.choice(["option/1", "option/2", "pass"])
        self.server.people.click(self.requester(card), GENERAL, card, action, "")

    def now(self) -> float:
        return time.time() + CLOCK_AHEAD


class SlackSite(KillSite):
    """The kill test in the fake workspace."""

    platform = "slack"

    def __init__(self, server: SlackServer, folder: Path, chance: random.Random) -> None:
        super().__init__(folder, [server.url], chance)
        self.server = server
        self.crowd: SlackCrowd = SlackCrowd(server, chance, lambda: not self.process.alive)

    def start_faults(self) -> None:
        self.server.faults.plan = _fault_plan(self.chance)
        self.server.world.double = lambda: self.chance.random() < 0.1

    def stop_faults(self) -> None:
        self.server.faults.plan = None
        self.server.world.double = lambda: False

    def kill_points(self) -> Sequence[KillPoint]:
        return [self._kill_point(stage) for stage in ("arrived", "done", "answered")]

    def _kill_point(self, wanted: str) -> KillPoint:
        def arm(kill_now: KillNow) -> None:
            count = countdown(self.chance, kill_now)
            self.server.watch = lambda stage, asked: count(
                stage == wanted and asked.path in WRITES, f"{asked.path} {asked.about} {stage}"
            )

        def disarm() -> None:
            self.server.watch = lambda stage, asked: None

        return KillPoint(f"a request {wanted}", arm, disarm)

    def until(self, condition: Callable[[], bool]) -> Awaitable[None]:
        return self.server.until(condition)

    def evidence(self) -> PlatformEvidence:
        world = self.server.world
        messages = world.channels[GENERAL].messages
        posts = [message for message in messages.values() if message["user"] == BOT_USER and key_of(message)]
        return PlatformEvidence(
            posts=[
                BotPost(message=post["ts"], key=key_of(post), at=float(post["ts"]), closings=_closings(world, post["ts"]))
                for post in posts
            ],
            messages=[_persons_message(messages[typed.message], typed) for typed in self.crowd.typed.values()],
            tasks=self.crowd.tasks,
        )

    def lines(self) -> Sequence[Line]:
        bot = [
            Line(effect.at - CLOCK_AHEAD, "bot", f"{effect.what} {effect.message} {key_of(effect.body)}")
            for effect in self.server.world.effects
        ]
        people = [
            Line(float(typed.message) - CLOCK_AHEAD, "people", f"{typed.word} to question {typed.question}")
            for typed in self.crowd.typed.values()
        ]
        return [*bot, *people]


@asynccontextmanager
async def open_site(folder: Path, chance: random.Random) -> AsyncIterator[SlackSite]:
    """Slack's server, with its people."""
    async with SlackServer(clock=lambda: time.time() + CLOCK_AHEAD) as server:
        yield SlackSite(server, folder, chance)


def _fault_plan(chance: random.Random) -> Plan:
    """Slack is busy, loses responses, has errors of its own or is slow, now and then."""

    def plan(asked: ReceivedRequest) -> Fault | None:
        if asked.path not in WRITES:
            return None
        roll = chance.random()
        if roll < 0.03:
            return Fault(trouble="limit", seconds=0)
        if roll < 0.05:
            return Fault(trouble="error", name="internal_error")
        if roll < 0.10:
            return Fault(trouble="lose")
        if roll < 0.12:
            return Fault(trouble="cut")
        return Fault(trouble="slow", seconds=chance.uniform(0, 0.1)) if roll < 0.2 else None

    return plan


def key_of(message: object) -> str:
    """A message's marker; empty if it has none."""
    metadata = message.get("metadata") if isinstance(message, dict) else None
    return str(metadata["event_payload"]["key"]) if metadata else ""


def _has_no_controls(card: object) -> bool:
    return isinstance(card, dict) and not list(elements(card))


def _closings(world: World, card: str) -> tuple[str, ...]:
    edits = (effect for effect in world.effects if effect.message == card and effect.what == "update")
    texts = (str(effect.body["text"]) for effect in edits)
    return tuple(dict.fromkeys(text for text in texts if "has ended" in text))


def _persons_message(message: Message, typed: TypedMessage) -> PersonsMessage:
    return PersonsMessage(
        message=typed.message,
        question=typed.question,
        word=typed.word,
        at=float(message["ts"]),
        newest_at=float((message.get("edited") or message)["ts"]),
        asked=typed.asked,
        delivered=typed.delivered,
        signs=frozenset(_SIGNS[name] for name in message.get("reactions") or ()),
    )
