"""The adapter connected to the fake Slack, with one person, Ana, who writes in its channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from adapters.slack.adapter import SlackAdapter
from adapters.slack.http_mode import PATH
from adapters.slack.session import SlackConfig
from bot.commands.dispatch import HELP
from orchestrator_bridge.chat.inbound import Author, ControlAction, InboundEvent, Place, ThreadPosition
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.chat.testing import PlatformDriver, VisibleMessage
from orchestrator_bridge.common.emoji import EMOJI
from tests.support.fake_slack import shown
from tests.support.fake_slack.autocomplete import FixedAutocomplete
from tests.support.fake_slack.posting import SECRET, Posting
from tests.support.fake_slack.server import APP_TOKEN, BOT_TOKEN, SlackServer
from tests.support.fake_slack.state import ANA, BOT_USER, GENERAL

PLATFORM = "slack"
NAMES = (*HELP, "model", "models")


class DisconnectingAdapter(SlackAdapter):
    """An adapter whose `stop` waits until the server, in the same process, has seen it disconnect."""

    server: SlackServer

    async def stop(self) -> None:
        await super().stop()
        await self.server.wait_disconnected()


class SlackDriver(PlatformDriver):
    """A started adapter, and what people see of it."""

    def __init__(self, server: SlackServer, **access: Any) -> None:
        super().__init__()
        self.server = server
        self.world = server.world
        self.menu = FixedAutocomplete()
        self.slack = self.adapter = DisconnectingAdapter(slack_config(server, **access), self.menu, names=NAMES)
        self.slack.server = server
        self.home = Place(platform=PLATFORM, channel=GENERAL)
        self.person = Author(platform=PLATFORM, id=ANA, name="Ana")
        self._newest: tuple[str, str] = ("", "")
        self._broken = asyncio.Event()

    async def say(self, place: Place, text: str) -> None:
        said = self.server.people.say(ANA, place.channel, text, place.thread)
        self._newest = (place.channel, said["ts"])

    async def ask_in_thread(self, messages: Sequence[str], task: str, thread: ThreadPosition | None = None) -> None:
        people, rest = self.server.people, messages
        if thread is None:
            root, rest = people.say(ANA, GENERAL, messages[0])["ts"], messages[1:]
        else:
            root = thread.place.thread
        for text in rest:
            people.say(ANA, GENERAL, text, root)
        people.say(ANA, GENERAL, f"<@{BOT_USER}> {task}", root, raw=True)

    async def command(self, name: str, text: str) -> None:
        self.server.people.command(ANA, GENERAL, f"{name} {text}")

    async def visible(self, place: Place) -> Sequence[VisibleMessage]:
        here = [
            message for message in self.world.channels[place.channel].messages.values() if self._stands_in(message, place.thread)
        ]
        private = [
            message
            for message in self.world.ephemeral
            if (message["channel"], message.get("thread_ts")) == (place.channel, place.thread)
        ]
        return [_seen(message) for message in (*here, *private)]

    def _stands_in(self, message: dict[str, Any], thread: str | None) -> bool:
        own = message.get("thread_ts") if message.get("thread_ts") != message["ts"] else None
        return message["user"] == BOT_USER and own == thread

    async def files(self) -> Mapping[str, str]:
        return {str(file["name"]): self.world.contents[name].decode() for name, file in self.world.files.items()}

    async def notified(self) -> frozenset[str]:
        return frozenset(
            name for message in self.world.messages() if message["user"] == BOT_USER for name in shown.notified(message)
        )

    def when(self, at: float) -> str:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"

    async def press(self, question: int, press: ControlAction, value: str) -> None:
        self.server.people.click(ANA, GENERAL, self.card(question), press, value)

    async def choose(self, question: int, option: str) -> None:
        card = self.card(question)
        action = next(element["action_id"] for element in shown.elements(card) if element.get("value") == option)
        self.server.people.click(ANA, GENERAL, card, action)

    async def finish(self, run: int) -> None:
        card = next(
            message
            for message in self.world.channels[GENERAL].messages.values()
            if any(block.get("block_id") == f"run/{run}/end" for block in message.get("blocks", ()))
        )
        self.server.people.click(ANA, GENERAL, card, "finish")

    async def react(self, posted: PostedMessage, emoji: str) -> None:
        self.server.people.react(ANA, GENERAL, self.world.channels[GENERAL].messages[posted.message], _emoji_name(emoji))

    async def unreact(self, posted: PostedMessage, emoji: str) -> None:
        self.server.people.unreact(ANA, GENERAL, self.world.channels[GENERAL].messages[posted.message], _emoji_name(emoji))

    def card(self, question: int) -> dict[str, Any]:
        """The message of a question."""
        own = f"question/{question}/"
        return next(
            message
            for message in self.world.messages()
            if any(str(block.get("block_id", "")).startswith(own) for block in message.get("blocks") or ())
        )

    async def edit(self, text: str) -> None:
        self.server.people.change(*self._newest, text)

    async def delete_post(self, posted: PostedMessage) -> None:
        self.server.people.delete(GENERAL, posted.message)

    async def delete_message(self) -> None:
        self.server.people.delete(*self._newest)

    async def _receive(self, event: InboundEvent) -> None:
        try:
            await super()._receive(event)
        except OSError:
            self._broken.set()
            raise

    async def wait_broken(self) -> None:
        """Wait until an event could not be stored."""
        await self._broken.wait()

    async def redeliver(self) -> None:
        await self.server.until(lambda: not self.world.unacknowledged)
        self.world.deliver_again(self.world.envelopes[-1])

    async def reconnect(self) -> None:
        before = self.server.sockets.count
        await self.server.sockets.disconnect()
        await self.server.until(lambda: self.server.sockets.count > before)

    async def fail_next(self) -> None:
        self.server.faults.put("error", name="token_revoked")

    async def fail_next_read(self) -> None:
        self.server.faults.put("error", "conversations.replies", name="token_revoked")

    async def reject_next(self) -> None:
        self.server.faults.put("error", name="is_archived")

    async def lose_confirmation(self) -> None:
        self.server.faults.put("lose")

    async def leave(self) -> None:
        self.server.people.deactivate(ANA)


def slack_config(server: SlackServer, **access: Any) -> SlackConfig:
    """Configuration for a server: Socket Mode unless `access` says otherwise."""
    return SlackConfig(**{"bot_token": BOT_TOKEN, "app_token": APP_TOKEN, "url": server.url, "ping_interval": 1.0, **access})


def _emoji_name(emoji: str) -> str:
    names = {character: name for name, character in reversed(EMOJI.items())}
    return names.get(emoji.removesuffix("\ufe0f\u20e3"), "tada")


def _seen(message: dict[str, Any]) -> VisibleMessage:
    return VisibleMessage(text=shown.words(message), controls=shown.controls(message))


@asynccontextmanager
async def slack_driver(**access: Any) -> AsyncIterator[SlackDriver]:
    """A started driver."""
    async with SlackServer() as server:
        driver = SlackDriver(server, **access)
        await driver.start()
        yield driver
        await driver.adapter.stop()


class SlackHttpDriver(SlackDriver):
    """A driver in HTTP mode: Slack posts to the adapter's port."""

    def __init__(self, server: SlackServer, posting: Posting, **access: Any) -> None:
        super().__init__(server, app_token=None, signing_secret=SECRET, **access)
        self.posting = posting

    async def start(self) -> None:
        await super().start()
        self.posting.address = f"http://127.0.0.1:{self.slack.port}{PATH}"

    async def reconnect(self) -> None:
        await self.posting.after_store_failure()


@asynccontextmanager
async def slack_http_driver(**access: Any) -> AsyncIterator[SlackHttpDriver]:
    """A started driver in HTTP mode."""
    async with SlackServer() as server, Posting(server) as posting:
        driver = SlackHttpDriver(server, posting, **access)
        await driver.start()
        yield driver
        await driver.adapter.stop()
