"""Private words: to whoever gave a command, clicked or wrote. Nobody repeats them, and they never fail loudly."""

from __future__ import annotations

import logging

from adapters.slack.api import Api
from adapters.slack.aside import Form
from adapters.slack.cards import Message
from adapters.slack.errors import Refused
from adapters.slack.home import home_view
from adapters.slack.homes import Homes, at_home
from adapters.slack.parts import metadata
from adapters.slack.rooms import Rooms
from adapters.slack.words import word_message
from adapters.slack.workspace import Workspace, direct
from orchestrator_bridge.chat import (
    CommandReceived,
    ControlUsed,
    InboundEvent,
    Link,
    MessageReceived,
    NotSent,
    Place,
    PrivateReply,
    SendRejected,
    SendUncertain,
)

_LOG = logging.getLogger(__name__)

_NOT_THERE = frozenset({"not_in_channel", "channel_not_found", "user_not_in_channel", "is_archived", "thread_not_found"})
"""Refusals after which somebody is told in direct messages instead."""


class Teller:
    """Tells people things. `picks`: there is a command to pick models with."""

    def __init__(self, api: Api, workspace: Workspace, rooms: Rooms, homes: Homes, *, picks: bool) -> None:
        self._api = api
        self._workspace = workspace
        self._rooms = rooms
        self._homes = homes
        self._picks = picks

    async def tell(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Give a word back, as `Adapter.reply_privately` says."""
        if not isinstance(event, MessageReceived | ControlUsed | CommandReceived):
            return
        if isinstance(event, CommandReceived) and event.name == "home":
            await self._publish(event, reply)
        elif not (at_home(event) and await self._homes.told(event.author.id, reply)):
            await self.say(event, word_message(reply, self.address))

    async def say(self, event: MessageReceived | ControlUsed | CommandReceived, message: Message) -> None:
        """Say something to whoever caused `event`, where it happened; failing that, in direct messages."""
        user = event.author.id
        thread = None if isinstance(event, ControlUsed) else event.place.thread
        try:
            await self._private(event.place, user, thread, message)
        except Refused as error:
            if error.name in _NOT_THERE:
                return await self._directly(user, message)
            _LOG.warning("%s could not be told: %s", user, error)
        except (NotSent, SendUncertain, SendRejected) as error:
            _LOG.warning("%s could not be told: %s", user, error)

    async def show(self, form: Form) -> None:
        """Open a form, or redraw an open one."""
        try:
            if form.view_id:
                await self._api.say(
                    "views.update", lambda client: client.views_update(view_id=form.view_id, hash=form.hash, view=form.view)
                )
            else:
                await self._api.say("views.open", lambda client: client.views_open(trigger_id=form.trigger, view=form.view))
        except (NotSent, SendUncertain, SendRejected) as error:
            _LOG.warning("a form could not be opened: %s", error)

    def address(self, link: Link) -> str | None:
        """The web address of a message, if its channel is known."""
        channel = self._rooms.known_channel(link.place)
        return self._workspace.address(channel, link.message, link.place.thread) if channel else None

    async def _private(self, place: Place, user: str, thread: str | None, message: Message) -> None:
        channel = await self._rooms.channel(place)
        if place.channel.startswith("@"):
            await self._api.say(
                "chat.postMessage",
                lambda client: client.chat_postMessage(
                    channel=channel, thread_ts=thread, unfurl_links=False, metadata=dict(metadata("word")), **message
                ),
            )
        else:
            await self._api.say(
                "chat.postEphemeral",
                lambda client: client.chat_postEphemeral(channel=channel, user=user, thread_ts=thread, **message),
            )

    async def _directly(self, user: str, message: Message) -> None:
        try:
            await self._private(direct(user), user, None, message)
        except (NotSent, SendUncertain, SendRejected) as error:
            _LOG.warning("%s could not be told: %s", user, error)

    async def _publish(self, event: CommandReceived, reply: PrivateReply) -> None:
        user, chosen = event.author.id, bool(dict(event.options).get("channel"))
        said = self._homes.drawn(user, reply)
        view = home_view(reply, self.address, picks=self._picks, chosen=chosen, said=said)
        try:
            await self._api.say("views.publish", lambda client: client.views_publish(user_id=user, view=view))
        except (NotSent, SendUncertain, SendRejected) as error:
            _LOG.warning("App Home of %s could not be shown: %s", user, error)
