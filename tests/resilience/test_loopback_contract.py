"""The adapter of the fake platform keeps the contract, as one that can be asked, edits, threads and has buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from orchestrator_bridge.chat.inbound import ControlAction, Place, ThreadPosition
from orchestrator_bridge.chat.testing import AdapterContract, PlatformDriver, VisibleMessage
from tests.support.fake_chat.adapter import PLATFORM, LoopbackAdapter, person
from tests.support.fake_chat.server import ChatServer
from tests.support.fake_chat.shown import moment
from tests.support.fake_chat.state import Message


class TidyAdapter(LoopbackAdapter):
    """Stops only when the server, which is in the same process here, has seen it go."""

    def __init__(self, server: ChatServer) -> None:
        super().__init__(server.url)
        self._server = server

    async def stop(self) -> None:
        await super().stop()
        await self._server.wait_disconnected()


class LoopbackRig(PlatformDriver):
    """The adapter on the fake platform, with Ana, who writes in its one channel."""

    def __init__(self, server: ChatServer) -> None:
        super().__init__()
        self.server = server
        self.world = server.world
        self.adapter = TidyAdapter(server)
        self.home = Place(platform=PLATFORM, channel="general")
        self.person = person("ana")

    async def say(self, place: Place, text: str) -> None:
        self.world.say(self.person.id, place.channel, place.thread, text)

    async def ask_in_thread(self, messages: Sequence[str], task: str, thread: ThreadPosition | None = None) -> None:
        who, channel = self.person.id, self.home.channel
        root = self.world.say(who, channel, None, messages[0], delivered=False).id if thread is None else thread.place.thread
        for text in messages[thread is None :]:
            self.world.say(who, channel, root, text, delivered=False)
        self.world.command(who, channel, "ask", task, root)

    async def command(self, name: str, text: str) -> None:
        self.world.command(self.person.id, self.home.channel, name, text)

    async def visible(self, place: Place) -> Sequence[VisibleMessage]:
        here = [
            message
            for message in self.world.messages.values()
            if (message.channel, message.thread) == (place.channel, place.thread)
        ]
        return [_seen(message) for message in here if message.author != self.person.id]

    async def notified(self) -> frozenset[str]:
        return frozenset(name for message in self.world.messages.values() for name in message.mentions)

    def when(self, at: float) -> str:
        return moment(at)

    async def press(self, question: int, press: ControlAction, value: str) -> None:
        card = next(message for message in self.world.messages.values() if message.meta.get("question") == question)
        self.world.click(self.person.id, card.id, press, value)

    async def choose(self, question: int, option: str) -> None:
        await self.press(question, "option", option)

    async def edit(self, text: str) -> None:
        self.world.change(self._newest().id, text)

    async def delete_message(self) -> None:
        self.world.delete(self._newest().id)

    async def redeliver(self) -> None:
        await self.server.until(lambda: not self.world.unacknowledged)
        self.world.deliver_again(self.world.events[-1])

    async def reconnect(self) -> None:
        self.server.hang_up()

    async def fail_next(self) -> None:
        self.server.faults.put("refuse")

    async def fail_next_read(self) -> None:
        self.server.faults.put("refuse", "/history")

    async def reject_next(self) -> None:
        self.server.faults.put("reject")

    async def lose_confirmation(self) -> None:
        self.server.faults.put("lose")

    def _newest(self) -> Message:
        return next(message for message in reversed(self.world.messages.values()) if message.author == self.person.id)


def _seen(message: Message) -> VisibleMessage:
    return VisibleMessage(text=message.text, controls=tuple(button["label"] for button in message.buttons))


class TestTheFakePlatformKeepsTheContract(AdapterContract, lacks={"delete_post", "react", "leave", "finish"}):
    @pytest.fixture
    async def driver(self) -> AsyncIterator[PlatformDriver]:
        async with ChatServer() as server:
            driver = LoopbackRig(server)
            await driver.start()
            yield driver
            await driver.adapter.stop()
