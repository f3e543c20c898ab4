"""The kill test's fake chat platform."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from tests.resilience.harness.checks import note_on
from tests.resilience.harness.crowd import RequestingCrowd
from tests.resilience.harness.evidence import BotPost, PersonsMessage, PlatformEvidence
from tests.resilience.harness.kill_loop import KillNow, KillPoint
from tests.resilience.harness.kill_points import countdown
from tests.resilience.harness.site import CLOCK_AHEAD, KillSite
from tests.resilience.harness.timeline import Line, chat_lines
from tests.support.fake_chat.adapter import MENTION
from tests.support.fake_chat.faults import Fault, Plan, ReceivedRequest, Stage
from tests.support.fake_chat.server import ChatServer
from tests.support.fake_chat.state import BOT, Effect, Message, World

CHANNEL = "general"
PEOPLE = ("ana", "ben")
STRANGER = "sly"
MAX_FOLLOW_UPS = 6
"""Next turns of all conversations together: each is a run that has to end before the test does."""


class ChatCrowd(RequestingCrowd[Message]):
    """People on the fake chat platform."""

    people: ClassVar = PEOPLE
    courses: ClassVar = {"reply": 25, "reply_while_down": 20, "click": 10, "edit": 15, "delete": 10, "silent": 20}
    late_share = 0.25
    stranger_share = 0.1
    guidance_share = 0.4
    follow_up_share = 0.6
    may_lose_events = True

    def __init__(self, server: ChatServer, chance: random.Random, is_down: Callable[[], bool]) -> None:
        super().__init__(chance, is_down)
        self.server = server
        self.world = server.world
        self._read = 0
        self._met: set[str] = set()
        self._follow_ups = 0
        self._answered: set[int] = set()
        self._without_answer: set[int] = set()
        """Runs whose card says that they are finished before their final answer is posted: its requester may go on then."""
        self.follow(self.world, server.ring)

    @property
    def has_unacknowledged(self) -> bool:
        return bool(self.world.unacknowledged or self._without_answer)

    def observe(self) -> None:
        while self._read < len(self.world.effects):
            effect = self.world.effects[self._read]
            self._read += 1
            match effect.meta.get("kind"):
                case "run_card":
                    self._observe_run(effect)
                case "question_card":
                    self._observe_question(effect)
                case "final_answer":
                    self._observe_answer(effect)

    def _observe_run(self, effect: Effect) -> None:
        if self._is_new_thread(effect):
            self.meet_run(self.world.messages[effect.message])
        if effect.meta["status"] in ("finished", "failed", "cancelled"):
            self.note_ended(effect.text)
        run = int(effect.meta["run"])
        if effect.meta["status"] == "finished" and run not in self._answered:
            self._without_answer.add(run)

    def _observe_answer(self, effect: Effect) -> None:
        """Let the requester go on with the conversation now and then: the next turn is a task like any other."""
        answer = self.world.messages[effect.message]
        run = int(effect.meta["key"].split(":")[1])
        self._answered.add(run)
        self._without_answer.discard(run)
        if effect.what == "post" and self._follow_ups < MAX_FOLLOW_UPS and self._chance.random() < self.follow_up_share:
            self._follow_ups += 1
            self._follow_up(answer)

    def _follow_up(self, answer: Message) -> None:
        task = self.new_task(self.requester(answer))
        self.world.say(self.requester(answer), CHANNEL, answer.thread, f"{MENTION}How do we go on? Do {task} well.")

    def _observe_question(self, effect: Effect) -> None:
        if self._is_new_thread(effect):
            self.meet_question(self.world.messages[effect.message])
        if effect.meta["closed"]:
            self._open.discard(effect.message)
        elif effect.what == "post":
            self._open.add(effect.message)

    def _is_new_thread(self, effect: Effect) -> bool:
        new = effect.what == "thread" and effect.message not in self._met
        self._met |= {effect.message} if new else set()
        return new

    def request(self, person: str, task: str) -> None:
        """Give a task, in a thread or in the channel. What stands in the thread names the task, as a check expects."""
        root: str | None = None
        for number in range(self._chance.choice((0, 1, 2, 40))):
            said = self.world.say(person, CHANNEL, root, f"{note_on(task)} {number}", delivered=False)
            root = root or said.id
        self.world.command(person, CHANNEL, "ask", task, root)

    def text_of(self, card: Message) -> str:
        return card.text

    def is_for_people(self, card: Message) -> bool:
        return "for the agent" not in card.text

    def is_closed(self, card: Message) -> bool:
        return bool(self.world.messages[card.id].meta["closed"])

    def question_of(self, card: Message) -> int:
        return int(card.meta.get("question", 0))

    def say(self, card: Message, text: str, *, stranger: bool, delivered: bool) -> str:
        person = STRANGER if stranger else self.requester(card)
        return self.world.say(person, card.channel, card.id, text, delivered=delivered).id

    def edit(self, card: Message, message: str, text: str, *, delivered: bool) -> None:
        self.world.change(message, text, delivered=delivered)

    def delete(self, card: Message, message: str, *, delivered: bool) -> None:
        self.world.delete(message, delivered=delivered)

    def click(self, card: Message) -> None:
        press, value = self._chance.choice([("option", "first"), ("option", "second"), ("pass", ""), ("more", "1")])
        self.world.click(self.requester(card), card.id, press, value)

    def now(self) -> float:
        return self.world.clock()


class ChatSite(KillSite):
    """The kill test on the fake chat platform."""

    platform = "chat"

    def __init__(self, server: ChatServer, folder: Path, chance: random.Random) -> None:
        super().__init__(folder, [server.url], chance)
        self.server = server
        self.crowd: ChatCrowd = ChatCrowd(server, chance, lambda: not self.process.alive)

    def start_faults(self) -> None:
        self.server.faults.plan = _fault_plan(self.chance)
        self.server.world.double = lambda: self.chance.random() < 0.1

    def stop_faults(self) -> None:
        self.server.faults.plan = None
        self.server.world.double = lambda: False

    def kill_points(self) -> Sequence[KillPoint]:
        return chat_points(self.server, self.chance)

    def until(self, condition: Callable[[], bool]) -> Awaitable[None]:
        return self.server.until(condition)

    def evidence(self) -> PlatformEvidence:
        world = self.server.world
        posts = [message for message in world.messages.values() if message.author == BOT and message.key]
        return PlatformEvidence(
            posts=[BotPost(message=post.id, key=post.key, at=post.at, closings=_closings(world, post)) for post in posts],
            messages=[
                PersonsMessage(
                    message=typed.message,
                    question=typed.question,
                    word=typed.word,
                    at=world.messages[typed.message].at,
                    newest_at=typed.at,
                    asked=typed.asked,
                    delivered=typed.delivered,
                    signs=frozenset(str(post.meta["sign"]) for post in posts if post.meta.get("of") == typed.message),
                )
                for typed in self.crowd.typed.values()
            ],
            tasks=self.crowd.tasks,
        )

    def lines(self) -> Sequence[Line]:
        return chat_lines(self.server.world, CLOCK_AHEAD)


@asynccontextmanager
async def open_site(folder: Path, chance: random.Random) -> AsyncIterator[ChatSite]:
    """The platform's server, with its people."""
    async with ChatServer(clock=lambda: time.time() + CLOCK_AHEAD) as server:
        yield ChatSite(server, folder, chance)


def chat_points(server: ChatServer, chance: random.Random) -> list[KillPoint]:
    """One kill point for each stage of a request to the fake chat platform."""
    stages: tuple[Stage, ...] = ("arrived", "done", "answered")
    return [_chat_point(server, chance, stage) for stage in stages]


def _chat_point(server: ChatServer, chance: random.Random, wanted: Stage) -> KillPoint:
    def arm(kill_now: KillNow) -> None:
        count = countdown(chance, kill_now)
        server.watch = lambda stage, asked: count(stage == wanted, f"{asked.path} {asked.about} {stage}")

    def disarm() -> None:
        server.watch = lambda stage, asked: None

    return KillPoint(f"a chat request {wanted}", arm, disarm)


def _fault_plan(chance: random.Random) -> Plan:
    def plan(asked: ReceivedRequest) -> Fault | None:
        roll = chance.random()
        if roll < 0.03:
            return Fault(trouble="refuse")
        if roll < 0.05:
            return Fault(trouble="limit", seconds=0.1)
        if roll < 0.10:
            return Fault(trouble="lose")
        return Fault(trouble="slow", seconds=chance.uniform(0, 0.1)) if roll < 0.2 else None

    return plan


def _closings(world: World, card: Message) -> tuple[str, ...]:
    ends = [str(effect.meta["closed"]) for effect in world.effects if effect.message == card.id and effect.meta.get("closed")]
    return tuple(dict.fromkeys(ends))
