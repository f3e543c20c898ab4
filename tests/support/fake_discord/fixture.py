"""The adapter connected to the fake Discord, with one person, Ana, who writes in its one channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.client import DiscordEndpoints
from adapters.discord.components import ControlKind, DiscordControl
from adapters.discord.connection import GatewayConnection
from orchestrator_bridge.chat.inbound import Author, ControlAction, Place, ThreadPosition
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.chat.testing import PlatformDriver, VisibleMessage
from orchestrator_bridge.common.clock import Clock, SystemClock
from tests.support.fake_discord import wire
from tests.support.fake_discord.autocomplete import FixedAutocomplete
from tests.support.fake_discord.server import DiscordServer
from tests.support.fake_discord.wire import Channel, Json, Message, Person

SILENCE = 5.0


def create_discord_adapter(
    server: DiscordServer, *, clock: Clock | None = None, deadline: float = 20.0, **options: Any
) -> DiscordAdapter:
    """An adapter that connects to this server."""
    clock = clock or SystemClock()
    addresses = DiscordEndpoints(api=server.api, gateway=server.gateway_url)
    connection = GatewayConnection(server.token, addresses, clock, deadline=deadline, identify_pause=0.0)
    given: dict[str, Any] = {"autocomplete": FixedAutocomplete(), "response_timeout": SILENCE, **options}
    return DiscordAdapter(connection, clock=clock, **given)


class DiscordDriver(PlatformDriver):
    """The driver of the adapter contract; `channel` is the channel that Ana writes in."""

    adapter: DiscordAdapter

    def __init__(self, server: DiscordServer, adapter: DiscordAdapter | None = None, channel: Channel | None = None) -> None:
        super().__init__()
        self.server = server
        self.world = server.world
        self.ana = self._known("Ana")
        self.person = Author(platform="discord", id=str(self.ana.id), name="Ana")
        self.channel = channel or self.world.general
        self.adapter = adapter or create_discord_adapter(server)
        self.home = Place(platform="discord", channel=self._name(self.channel))

    def _known(self, name: str) -> Person:
        return next((person for person in self.world.people.values() if person.name == name), None) or self.world.add_person(name)

    def _name(self, channel: Channel) -> str:
        return f"@{channel.person}" if channel.kind == wire.DM else str(channel.id)

    # People ---------------------------------------------------------------------------------------------------------------

    def ids_of(self, place: Place) -> tuple[int, int]:
        """The channel of a place, and the message to reply to there."""
        if place.thread is None:
            return self.channel.id, 0
        thread = int(place.thread)
        return (thread, 0) if thread in self.world.channels else (self.channel.id, thread)

    async def say(self, place: Place, text: str) -> None:
        channel, replies_to = self.ids_of(place)
        self.world.write(self.ana.id, channel, text, replies_to=replies_to)

    async def ask_in_thread(self, messages: Sequence[str], task: str, thread: ThreadPosition | None = None) -> None:
        if thread is None:
            opening = self.world.write(self.ana.id, self.channel.id, messages[0])
            where = self.world.make_thread(self.channel.id, messages[0], opening.id, self.ana.id).id
        else:
            where = int(thread.place.channel)
        for text in (*messages[thread is None :], f"<@{wire.BOT}> {task}"):
            self.world.write(self.ana.id, where, text)

    async def command(self, name: str, text: str) -> None:
        fields: dict[str, Any] = {_LINES[name]: text} if text else {}
        self.send_command(name, **fields)

    def send_command(self, name: str, *, channel: int = 0, **fields: str) -> str:
        """Send a slash command with its fields."""
        options = [{"name": key, "type": 3, "value": value} for key, value in fields.items()]
        data: Json = {"id": "1", "name": name, "type": 1, "options": options}
        return self.world.interact(self.ana.id, channel or self.channel.id, 2, data)

    async def visible(self, place: Place) -> Sequence[VisibleMessage]:
        channel, anchor = self.ids_of(place)
        return [
            _seen(message) for message in self.world.here(channel) if message.author == wire.BOT and message.replies_to == anchor
        ]

    async def files(self) -> Mapping[str, str]:
        attached = (file for message in self.world.messages.values() for file in message.attachments)
        return {str(file["filename"]): str(file["text"]) for file in attached}

    async def notified(self) -> frozenset[str]:
        return frozenset(self.world.notified())

    def when(self, at: float) -> str:
        return f"<t:{int(at)}:R>"

    async def press(self, question: int, press: ControlAction, value: str) -> None:
        match press:
            case "more":
                await self.click_through("more_time", DiscordControl(kind="extend", number=question, value=value))
            case "pass":
                await self.click_through("decline", DiscordControl(kind="pass", number=question))
            case _:
                self.click(DiscordControl(kind="option", number=question, value=value).id)

    async def click_through(self, first: ControlKind, then: DiscordControl, values: Sequence[str] = ()) -> str:
        """Use a control of a card, then one of the controls in the private answer."""
        self.click(DiscordControl(kind=first, number=then.number).id)
        await self.server.until(lambda: self.message_with(then.id))
        return self.click(then.id, values=values)

    async def choose(self, question: int, option: str) -> None:
        await self.press(question, "option", option)

    async def finish(self, run: int) -> None:
        self.click(DiscordControl(kind="finish", number=run).id)

    def message_with(self, control: str) -> Message | None:
        """The newest message with a control."""
        found = (message for message in reversed(self.world.messages.values()) if control in _ids(message))
        return next(found, None)

    def click(self, control: str, *, values: Sequence[str] = (), message: Message | None = None) -> str:
        """Use a control of a message."""
        held = message or self.message_with(control)
        assert held is not None, f"nobody can click {control}"
        kind = next((int(item["type"]) for item in held.controls if item.get("custom_id") == control), 2)
        data: Json = {"custom_id": control, "component_type": kind, "values": list(values)}
        if kind == wire.USER_SELECT:
            data["resolved"] = self.world.resolved(values)
        return self.world.interact(self.ana.id, held.channel, 3, data, held)

    def submit(self, modal: Json, words: str) -> str:
        """Submit a modal that was shown."""
        field = {"type": 4, "custom_id": "words", "value": words}
        data: Json = {"custom_id": modal["custom_id"], "components": [{"type": 18, "component": field}]}
        return self.world.interact(self.ana.id, modal["interaction"]["channel"], 5, data)

    async def edit(self, text: str) -> None:
        self.world.change(self._newest(), text)

    async def react(self, posted: PostedMessage, emoji: str) -> None:
        self.world.react(self.ana.id, int(posted.message), emoji)

    async def unreact(self, posted: PostedMessage, emoji: str) -> None:
        self.world.unreact(self.ana.id, int(posted.message), emoji)

    async def delete_post(self, posted: PostedMessage) -> None:
        self.world.delete(int(posted.message))

    async def delete_message(self) -> None:
        self.world.delete(self._newest().id)

    def _newest(self) -> Message:
        return next(message for message in reversed(self.world.messages.values()) if message.author == self.ana.id)

    async def redeliver(self) -> None:
        self.world.emit("MESSAGE_CREATE", self.world.payload(self._newest()))

    # Trouble --------------------------------------------------------------------------------------------------------------

    async def reconnect(self) -> None:
        await self.server.gateway.hang_up()

    async def fail_next(self) -> None:
        self.server.faults.put("refuse")

    async def fail_next_read(self) -> None:
        self.server.faults.put("refuse", lambda asked: asked.method == "GET" and asked.path.endswith("/messages"))

    async def reject_next(self) -> None:
        self.server.faults.put("reject")

    async def lose_confirmation(self) -> None:
        self.server.faults.put("lose")

    async def leave(self) -> None:
        self.world.leave(self.ana)

    def answer_to(self, interaction: str) -> Message | None:
        """The text of the private answer to an interaction."""
        known = next(item for item in self.world.interactions.values() if item["id"] == interaction)
        return self.world.messages.get(known["message"] or 0)


_LINES = {"ask": "task", "model": "model", "models": "search", "team": "team", "cancel": "run", "cost": "run"}


def _ids(message: Message) -> list[str]:
    return [str(control.get("custom_id")) for control in message.controls]


def _seen(message: Message) -> VisibleMessage:
    return VisibleMessage(
        text=message.text, controls=tuple(str(control.get("label", control.get("placeholder"))) for control in message.controls)
    )


@asynccontextmanager
async def discord_driver(*, channel: int | None = None, **options: Any) -> AsyncIterator[DiscordDriver]:
    """A started driver with a server of its own; `channel` is the type of another channel than a text channel."""
    async with DiscordServer() as server:
        world = server.world
        where = world.add_channel("elsewhere", channel) if channel is not None else None
        driver = DiscordDriver(server, create_discord_adapter(server, **options), where)
        await driver.start()
        try:
            yield driver
        finally:
            await driver.adapter.stop()
