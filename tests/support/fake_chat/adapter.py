"""An adapter for the fake chat platform: the model for those of real ones that can be asked (Discord, Slack).

Three habits are what it is there to show. An event is acknowledged only after `on_event` has returned, so that whatever is not
stored comes again. A card is two requests, the message and its thread: an end between them is doubtful, and `find_sent` makes the
thread that is missing. `find_sent` looks for the key in the whole history: `OutboundPost.since` is a time of our clock, and the
platform's may be minutes off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator_bridge.chat.adapter import Capabilities, NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.inbound import (
    Attachment,
    Author,
    CommandReceived,
    ControlUsed,
    InboundEvent,
    InboundHandler,
    MessageDeleted,
    MessageReceived,
    Place,
    ThreadPosition,
)
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, PrivateReply, QuestionCard, RunCard
from orchestrator_bridge.chat.thread_context import Speaker, ThreadMessage, ThreadPage
from tests.support.fake_chat.client import ChatClient
from tests.support.fake_chat.shown import private_text, shown
from tests.support.fake_chat.state import BOT

_LOG = logging.getLogger(__name__)

PLATFORM = "loopback"
MENTION = "@townhall "
"""Beginning of a message that addresses the bot."""
SILENCE = 10.0
"""Seconds after which an answer is taken to be lost."""
CARDS = ("run_card", "question_card")
"""Kinds of posts that agents do not read as messages of a thread."""
POLL = 60.0
"""Seconds after which a request for events is made anew."""


class LoopbackAdapter:
    """One bot on the fake platform. `silence` as in `ChatClient`; `pause`, in seconds, is between two attempts to hear."""

    platform = PLATFORM
    capabilities = Capabilities(threads=True, edits=True, buttons=True, private_replies=True, can_read_history=True)

    def __init__(self, url: str, *, silence: float = SILENCE, pause: float = 0.05) -> None:
        self._url = url
        self._silence = silence
        self._pause = pause
        self._client = ChatClient(url, silence)
        self._listening: asyncio.Task[None] | None = None

    async def start(self, on_event: InboundHandler) -> None:
        """Connect and begin to listen."""
        self._client = await ChatClient(self._url, self._silence).__aenter__()
        self._listening = asyncio.create_task(self._listen(on_event), name="loopback")

    async def stop(self) -> None:
        """Stop listening and disconnect; again is harmless."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        await self._client.__aexit__(None, None, None)

    # Outwards -------------------------------------------------------------------------------------------------------------

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post or edit, as `Adapter.send` says."""
        content = shown(outbound.post)
        content["meta"]["key"] = outbound.key
        if outbound.replaces is not None:
            await self._client.request("/edit", {**content, "message": outbound.replaces.message})
            return outbound.replaces
        made = await self._client.request(
            "/post", {**content, "channel": outbound.place.channel, "thread": outbound.place.thread}
        )
        return await self._whole(outbound, made)

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Find the message of an earlier attempt, as in `Adapter.find_sent`; a missing thread is created."""
        for message in reversed(await self._history(outbound.place)):
            if message["author"] == BOT and message["meta"].get("key") == outbound.key:
                try:
                    return await self._whole(outbound, message)
                except SendUncertain as error:
                    raise NotSent(str(error)) from error
        return None

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """Messages of people in a thread, as in `Adapter.read_thread`."""
        return [_parse_message(message) for message in await self._history(place, after) if message["author"] != BOT]

    async def read_context(self, thread: ThreadPosition, count: int, before: str = "") -> ThreadPage:
        """The thread of a task, as in `SupportsThreadContext.read_context`; ids count up, those of interactions too."""
        if before and not before.removeprefix("m").isdecimal():
            raise SendRejected(f"there is no message {before!r}")
        until = min(_number(thread.before), _number(before or thread.before))
        earlier = [message for message in await self._history(thread.place, whole=True) if _number(message["id"]) < until]
        shown = [_thread_message(message) for message in earlier if message["meta"].get("kind") not in CARDS]
        newest = shown[-count:]
        first = shown[0] if len(shown) > count else None
        return ThreadPage(messages=tuple(newest), left_out=len(shown) - len(newest) - (first is not None), first=first)

    async def fetch(self, attachment: Attachment) -> bytes:
        raise SendRejected(f"{attachment.name}: this platform has no attachments")

    def members(self, group: str) -> tuple[Author, ...] | None:
        return None

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Send a private reply."""
        to = event.author.id if isinstance(event, MessageReceived | ControlUsed | CommandReceived) else ""
        body = {"channel": event.place.channel, "thread": event.place.thread, "to": to, "text": private_text(reply)}
        try:
            await self._client.request("/tell", body)
        except (NotSent, SendUncertain, SendRejected) as failure:
            _LOG.warning("%s could not be told: %s", to, failure)

    async def _whole(self, outbound: OutboundPost, message: Mapping[str, Any]) -> PostedMessage:
        """A posted message with the thread that belongs to it: its own for a card, else the one in which it stands."""
        thread = message["thread"]
        turn = isinstance(outbound.post, RunCard) and outbound.post.continues is not None and thread is not None
        if isinstance(outbound.post, RunCard | QuestionCard) and not turn:
            thread = message["id"]
            if not message["has_thread"]:
                await self._make_thread(message["id"])
        return PostedMessage(message=message["id"], thread=thread, at=message["at"])

    async def _make_thread(self, message: str) -> None:
        try:
            await self._client.request("/thread", {"message": message})
        except NotSent as error:
            raise SendUncertain(f"message {message} was posted, but not its thread: {error}") from error

    async def _history(self, place: Place, after: float = 0.0, *, whole: bool = False) -> Sequence[Mapping[str, Any]]:
        body = {"channel": place.channel, "thread": place.thread, "after": after, "whole": whole}
        try:
            answer = await self._client.request("/history", body)
        except SendUncertain as error:
            raise NotSent(f"the history could not be read: {error}") from error
        messages: Sequence[Mapping[str, Any]] = answer["messages"]
        return messages

    # Inwards --------------------------------------------------------------------------------------------------------------

    async def _listen(self, on_event: InboundHandler) -> None:
        while True:
            try:
                answer = await self._client.request("/events", {}, silence=POLL)
                for event in answer["events"]:
                    await on_event(parse_event(event["kind"], event["data"]))
                    await self._client.request("/ack", {"number": event["number"]})
            except (NotSent, SendUncertain, SendRejected) as failure:
                _LOG.info("events could not be fetched: %s", failure)
                await asyncio.sleep(self._pause)
            except Exception:
                _LOG.exception("an event could not be taken; it comes again")
                await asyncio.sleep(self._pause)


def parse_event(kind: str, data: Mapping[str, Any]) -> InboundEvent:
    """An event of the platform as the bridge knows it.

    Raises:
        ValueError: there is no such kind of event.
    """
    match kind:
        case "said" | "edited":
            return _parse_message(data["message"])
        case "deleted":
            return MessageDeleted(place=_place(data["message"]), message=data["message"]["id"], at=data["at"])
        case "clicked":
            return ControlUsed(question=data["question"], press=data["press"], value=data["value"], **_interaction(data))
        case "command":
            given = CommandReceived(name=data["name"], text=data["text"], **_interaction(data))
            thread = ThreadPosition(place=given.place, before=given.interaction) if given.place.thread else None
            return replace(given, thread=thread)
        case _:
            raise ValueError(f"an event of kind {kind!r}; expected said, edited, deleted, clicked or command")


def _number(id_: str) -> int:
    return int(id_[1:])


def _thread_message(message: Mapping[str, Any]) -> ThreadMessage:
    """A message as agents may read it."""
    speaker: Speaker = "townhall" if message["author"] == BOT else "person"
    author, text = person(message["author"]).name, message["text"]
    return ThreadMessage(id=message["id"], author=author, speaker=speaker, at=message["at"], text=text)


def _interaction(data: Mapping[str, Any]) -> dict[str, Any]:
    place = Place(platform=PLATFORM, channel=data["channel"], thread=data.get("thread"))
    return {"place": place, "interaction": data["interaction"], "author": person(data["person"]), "at": data["at"]}


def _parse_message(message: Mapping[str, Any]) -> MessageReceived:
    edit = str(message["edits"]) if message["edits"] else ""
    author = person(message["author"])
    words = message["text"].removeprefix(MENTION)
    return MessageReceived(
        place=_place(message),
        message=message["id"],
        author=author,
        text=words,
        at=message["at"],
        edit=edit,
        addressed=words != message["text"],
    )


def _place(message: Mapping[str, Any]) -> Place:
    return Place(platform=PLATFORM, channel=message["channel"], thread=message["thread"])


def person(name: str) -> Author:
    """A person on the fake platform, where ids are names in small letters."""
    return Author(platform=PLATFORM, id=name, name=name.capitalize())
