"""Events of conversations as the bridge knows them: what people say, change and delete in our threads, and what they call us for.

One mention comes as two events, `app_mention` and `message`; both give the same thing under the same key, so that the inbox
takes one of them. What is no thread of ours and does not call us is not heard at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.slack.aside import Heard, offer_form, offer_task, stranger
from adapters.slack.files import attachments
from adapters.slack.line import FORMS, spoken_line
from adapters.slack.people import People
from adapters.slack.rooms import Rooms
from adapters.slack.unescape import begins_with_mention, mentioned, unescaped, without_mention
from adapters.slack.workspace import Workspace
from orchestrator_bridge.chat import Author, CommandReceived, MessageDeleted, MessageReceived, Place

_SPOKEN = frozenset({"", "file_share", "thread_broadcast", "me_message"})
"""Subtypes of messages that are somebody's words. `thread_broadcast` is a reply with "also send to the channel" ticked."""

SHORT = 3
"""Words from which on a mention without a command's name is taken for a task."""

Event = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """A person's message, taken apart. `called`: it begins with our name; `named`: that stands somewhere in it."""

    message: Event
    place: Place
    author: Author
    text: str
    called: bool
    named: bool
    stranger: bool
    in_our_thread: bool


class Ear:
    """Understands events of type `message` and `app_mention`. `names` are the commands."""

    def __init__(self, workspace: Workspace, people: People, rooms: Rooms, names: frozenset[str]) -> None:
        self._workspace = workspace
        self._people = people
        self._rooms = rooms
        self._names = names

    async def hear(self, event: Event) -> Heard | None:
        """What an event means; None if it is none of our business."""
        match event.get("subtype") or "":
            case "message_changed":
                return await self._changed(event)
            case "message_deleted":
                return self._deleted(event)
            case _ if event.get("type") == "app_mention" and "edited" in event:
                return None  # a command is given once; its message_changed tells of the edit
            case _:
                spoken = await self._spoken(event, str(event["channel"]))
                return await self._meaning(spoken) if spoken is not None else None

    async def reply(self, message: Event, channel: str) -> MessageReceived | None:
        """A message of a thread, as its history has it: the same that was heard, or would have been."""
        spoken = await self._spoken(message, channel)
        if spoken is None or spoken.stranger or self._command(spoken) is not None or not spoken.in_our_thread:
            return None
        return await self._said(spoken)

    # Messages -------------------------------------------------------------------------------------------------------------

    async def _spoken(self, message: Event, channel: str) -> Spoken | None:
        """A message that concerns us; None if it does not, or is our own, or a bot's that nobody has listed."""
        user, bot = str(message.get("user") or ""), str(message.get("bot_id") or "")
        if user == self._workspace.user or (bot and bot == self._workspace.bot):
            return None
        listed = self._people.listed(user, bot)
        if not listed and (bot or not user or (message.get("subtype") or "") not in _SPOKEN):
            return None
        if channel.startswith("D") and user:
            self._rooms.met(channel, user)
        named = self._workspace.user in mentioned(str(message.get("text") or ""))
        if not (named or channel.startswith("D") or self._in_our_thread(message)):
            return None
        return await self._taken_apart(message, channel, user or bot, listed)

    async def _taken_apart(self, message: Event, channel: str, user: str, listed: bool) -> Spoken | None:
        person = await self._people.person(user)
        if person.bot and not listed:
            return None
        text = str(message.get("text") or "")
        return Spoken(
            message=message,
            place=self._rooms.place(channel, _thread(message)),
            author=self._people.as_author(person),
            text=text,
            called=begins_with_mention(text, self._workspace.user),
            named=self._workspace.user in mentioned(text),
            stranger=not listed and (person.stranger or self._from_elsewhere(message)),
            in_our_thread=self._in_our_thread(message),
        )

    def _in_our_thread(self, message: Event) -> bool:
        """It stands in a thread that our bot has opened. Where Slack does not say whose it is, the bridge finds out."""
        return _thread(message) is not None and message.get("parent_user_id") in (None, self._workspace.user)

    def _from_elsewhere(self, message: Event) -> bool:
        team = message.get("user_team") or message.get("source_team")
        return team is not None and team != self._workspace.team and not self._workspace.enterprise

    async def _meaning(self, spoken: Spoken) -> Heard | None:
        command = self._command(spoken)
        if command is None and not spoken.in_our_thread:
            command = self._task(spoken)
            if command is None:
                return None
        if spoken.stranger:
            return stranger(await self._said(spoken))
        if isinstance(command, CommandReceived):
            return await self._filled(command, spoken)
        return await self._said(spoken)

    def _command(self, spoken: Spoken) -> CommandReceived | None:
        """The command that a message is, if it begins with a command's name where one can be given."""
        thread = spoken.place.thread is not None
        if not spoken.called and (thread or not spoken.place.channel.startswith("@")):
            return None
        bare = without_mention(spoken.text, self._workspace.user) if spoken.named else spoken.text
        line = spoken_line(bare or "help", self._names, in_thread=thread)
        return self._commanded(spoken, line.name, line.text) if line is not None else None

    def _task(self, spoken: Spoken) -> CommandReceived | None:
        """What was said to us outside our threads, as a task."""
        spoken_to = spoken.named or (spoken.place.channel.startswith("@") and spoken.place.thread is None)
        bare = without_mention(spoken.text, self._workspace.user)
        return self._commanded(spoken, "task", bare) if spoken_to and bare else None

    def _commanded(self, spoken: Spoken, name: str, text: str) -> CommandReceived:
        message = spoken.message
        return CommandReceived(
            place=spoken.place,
            interaction=str(message["ts"]),
            author=spoken.author,
            name=name,
            text=text,
            at=float(message["ts"]),
            attachments=attachments(message.get("files")),
        )

    async def _filled(self, command: CommandReceived, spoken: Spoken) -> Heard:
        """A command with its line as it was typed; what may not be meant as a task is asked about, and a form is offered."""
        text = await self.typed(command.text)
        meant = spoken.called and len(text.split()) >= SHORT
        sure = command.name != "task" or meant or bool(command.attachments)  # nobody attaches a file in passing
        name = "ask" if command.name == "task" else command.name
        given = replace(command, name=name, text=text, mentions=await self.named(command.text))
        if not sure:
            return offer_task(given, text)
        if name == "ask":
            await self._rooms.look(spoken.place.channel)
        return offer_form(given, name) if name in FORMS and not text.strip() else given

    async def _said(self, spoken: Spoken) -> MessageReceived:
        message, text = spoken.message, spoken.text
        bare = without_mention(text, self._workspace.user) if spoken.named else text
        return MessageReceived(
            place=spoken.place,
            message=str(message["ts"]),
            author=spoken.author,
            text=await self.typed(bare),
            at=float(message["ts"]),
            edit=str((message.get("edited") or {}).get("ts") or ""),
            mentions=await self.named(text),
            attachments=attachments(message.get("files")),
        )

    async def named(self, text: str) -> tuple[Author, ...]:
        """Those whom a text mentions, each once, without ourselves."""
        others = [user for user in mentioned(text) if user != self._workspace.user]
        return tuple([await self._people.author(user) for user in others])

    async def typed(self, text: str) -> str:
        """A text as somebody typed it, with the names of those whom it mentions."""
        for user in mentioned(text):
            await self._people.person(user)
        return unescaped(text, self._people.name)

    # Changes --------------------------------------------------------------------------------------------------------------

    async def _changed(self, event: Event) -> Heard | None:
        """An edit in one of our threads. Previews of links and counts of replies change a message too, and are no edits."""
        message, channel = event["message"], str(event["channel"])
        if message.get("subtype") == "tombstone":
            return self._deleted({**event, "deleted_ts": message["ts"]})
        spoken = await self._spoken(message, channel) if message.get("edited") else None
        if spoken is None or not spoken.in_our_thread or spoken.stranger or self._command(spoken) is not None:
            return None
        return await self._said(spoken)

    def _deleted(self, event: Event) -> MessageDeleted | None:
        before, channel = event.get("previous_message") or {}, str(event["channel"])
        thread, user = before.get("thread_ts"), before.get("user")
        ours = user == self._workspace.user or (before.get("bot_id") or "-") == self._workspace.bot
        if ours or not thread or before.get("parent_user_id") not in (None, self._workspace.user):
            return None
        if channel.startswith("D") and user:
            self._rooms.met(channel, str(user))
        return MessageDeleted(
            place=self._rooms.place(channel, str(thread)), message=str(event["deleted_ts"]), at=float(event["event_ts"])
        )


def _thread(message: Event) -> str | None:
    """The thread in which a message stands; a message that has a thread of its own stands in the channel."""
    thread = message.get("thread_ts")
    return str(thread) if thread and thread != message["ts"] else None
