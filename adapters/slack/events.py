"""Events of conversations as the bridge knows them: what people say, change and delete in our threads, and what they call us for.

One mention comes as two events, `app_mention` and `message`; both give the same thing under the same key, so that the inbox
takes one of them. What is no thread of ours and does not call us is not heard at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.slack.channels import SlackChannels
from adapters.slack.files import to_attachments
from adapters.slack.notices import HandlerResult, confirm_task, external_person_notice, offer_modal
from adapters.slack.workspace import SlackUsers, Workspace
from orchestrator_bridge.chat.inbound import Author, CommandReceived, MessageDeleted, MessageReceived, Place

MAX_SPOKEN_ARGUMENTS = 2
"""Words after a command's name in a thread: what is longer there is an answer that happens to begin with that word."""

MODAL_COMMANDS = ("ask", "model")
"""Commands that open a form where nothing follows their name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandLine:
    """A command's name and the rest of its line, as it was typed."""

    name: str
    text: str

    def wants_form(self, names: Collection[str]) -> bool:
        """Nothing was said but what is to be done, and there is such a command."""
        return self.name in MODAL_COMMANDS and self.name in names and not self.text.strip()


def parse_slash(text: str) -> CommandLine:
    """What follows `/townhall`. Without anything it asks for help; a name that is none is told so by whoever obeys."""
    name, _, rest = text.lstrip().partition(" ")
    return CommandLine(name=name.lower().removeprefix("/") or "help", text=rest)


def parse_spoken(text: str, names: Collection[str], *, in_thread: bool) -> CommandLine | None:
    """What follows a mention: a command if it begins with a command's name, else None.

    In a thread people also answer and guide: there only `ask` and short lines are commands.
    """
    line = parse_slash(text)
    if not text.strip() or line.name not in names:
        return None
    if in_thread and line.name != "ask" and len(line.text.split()) > MAX_SPOKEN_ARGUMENTS:
        return None
    return line


_TOKEN = re.compile(r"<([^<>\n]*)>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_MENTION = re.compile(r"<@([UWB][A-Z0-9]+)(?:\|[^>]*)?>")


def mentioned_ids(text: str) -> list[str]:
    """The ids of those whom a text names, in order, each once."""
    return list(dict.fromkeys(_MENTION.findall(text)))


def without_mention(text: str, user: str) -> str:
    """A text without our own name in it, and without the blanks around that."""
    return re.sub(rf"\s*<@{re.escape(user)}(?:\|[^>]*)?>[ \t]*", " ", text).strip()


def begins_with_mention(text: str, user: str) -> bool:
    """Whether somebody speaks to this user: the name comes first, as one calls somebody."""
    return re.match(rf"\s*<@{re.escape(user)}(?:\|[^>]*)?>", text) is not None


def unescape(text: str, name_of: Callable[[str], str]) -> str:
    """A text as it was typed. `name_of` gives a user's name by id."""
    shown = _TOKEN.sub(lambda found: _token_text(found[1], name_of), text)
    for entity, character in _ENTITIES:
        shown = shown.replace(entity, character)
    return shown


def _token_text(token: str, name_of: Callable[[str], str]) -> str:
    target, _, label = token.partition("|")
    if target.startswith("@"):
        return f"@{name_of(target[1:])}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return _special_text(target[1:], label)
    return target if not label or label in target else f"{label} ({target})"


def _special_text(target: str, label: str) -> str:
    """`<!subteam^S1|@crew>`, `<!here>`, `<!date^…|at noon>`."""
    if label:
        return label
    return f"@{target.removeprefix('subteam^')}"


_USER_SUBTYPES = frozenset({"", "file_share", "thread_broadcast", "me_message"})
"""Subtypes of messages that are somebody's words. `thread_broadcast` is a reply with "also send to the channel" ticked."""

MIN_TASK_WORDS = 3
"""Words from which on a mention without a command's name is taken for a task."""

Event = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedMessage:
    """A person's message, taken apart. `is_addressed`: it begins with our name; `is_mentioned`: that stands somewhere in it."""

    message: Event
    place: Place
    author: Author
    text: str
    is_addressed: bool
    is_mentioned: bool
    is_external: bool
    in_our_thread: bool


class SlackEventHandler:
    """Understands events of type `message` and `app_mention`. `commands` are those that it knows."""

    def __init__(self, workspace: Workspace, users: SlackUsers, channels: SlackChannels, commands: frozenset[str]) -> None:
        self._workspace = workspace
        self._users = users
        self._channels = channels
        self._commands = commands

    async def handle(self, event: Event) -> HandlerResult | None:
        """What an event means; None if it is none of our business."""
        match event.get("subtype") or "":
            case "message_changed":
                return await self._edited(event)
            case "message_deleted":
                return self._deleted(event)
            case _ if event.get("type") == "app_mention" and "edited" in event:
                return None  # a command is given once; its message_changed tells of the edit
            case _:
                spoken = await self._parse_message(event, str(event["channel"]))
                return await self._to_inbound(spoken) if spoken is not None else None

    async def to_thread_message(self, message: Event, channel: str) -> MessageReceived | None:
        """A message of a thread, as its history has it: the same that was heard, or would have been."""
        spoken = await self._parse_message(message, channel)
        if spoken is None or spoken.is_external or self._command(spoken) is not None or not spoken.in_our_thread:
            return None
        return await self._message_received(spoken)

    # Messages -------------------------------------------------------------------------------------------------------------

    async def _parse_message(self, message: Event, channel: str) -> ParsedMessage | None:
        """A message that concerns us; None if it does not, or is our own, or a bot's that nobody has listed."""
        user, bot = str(message.get("user") or ""), str(message.get("bot_id") or "")
        if user == self._workspace.user or (bot and bot == self._workspace.bot):
            return None
        listed = self._users.listed(user, bot)
        if not listed and (bot or not user or (message.get("subtype") or "") not in _USER_SUBTYPES):
            return None
        if channel.startswith("D") and user:
            self._channels.remember_direct(channel, user)
        named = self._workspace.user in mentioned_ids(str(message.get("text") or ""))
        if not (named or channel.startswith("D") or self._in_our_thread(message)):
            return None
        return await self._parse_from(message, channel, user or bot, listed)

    async def _parse_from(self, message: Event, channel: str, user: str, listed: bool) -> ParsedMessage | None:
        person = await self._users.person(user)
        if person.bot and not listed:
            return None
        text = str(message.get("text") or "")
        return ParsedMessage(
            message=message,
            place=self._channels.place(channel, _thread(message)),
            author=self._users.to_author(person),
            text=text,
            is_addressed=begins_with_mention(text, self._workspace.user),
            is_mentioned=self._workspace.user in mentioned_ids(text),
            is_external=not listed and (person.is_external or self._is_external(message)),
            in_our_thread=self._in_our_thread(message),
        )

    def _in_our_thread(self, message: Event) -> bool:
        """It stands in a thread that our bot has opened. Where Slack does not say whose it is, the bridge finds out."""
        return _thread(message) is not None and message.get("parent_user_id") in (None, self._workspace.user)

    def _is_external(self, message: Event) -> bool:
        team = message.get("user_team") or message.get("source_team")
        return team is not None and team != self._workspace.team and not self._workspace.enterprise

    async def _to_inbound(self, spoken: ParsedMessage) -> HandlerResult | None:
        command = self._command(spoken)
        if command is None and not spoken.in_our_thread:
            command = self._task(spoken)
            if command is None:
                return None
        if spoken.is_external:
            return external_person_notice(await self._message_received(spoken))
        if isinstance(command, CommandReceived):
            return await self._complete_command(command, spoken)
        return await self._message_received(spoken)

    def _command(self, spoken: ParsedMessage) -> CommandReceived | None:
        """The command that a message is, if it begins with a command's name where one can be given."""
        thread = spoken.place.thread is not None
        if not spoken.is_addressed and (thread or not spoken.place.channel.startswith("@")):
            return None
        bare = without_mention(spoken.text, self._workspace.user) if spoken.is_mentioned else spoken.text
        line = parse_spoken(bare or "help", self._commands, in_thread=thread)
        return self._command_received(spoken, line.name, line.text) if line is not None else None

    def _task(self, spoken: ParsedMessage) -> CommandReceived | None:
        """What was said to us outside our threads, as a task."""
        spoken_to = spoken.is_mentioned or (spoken.place.channel.startswith("@") and spoken.place.thread is None)
        bare = without_mention(spoken.text, self._workspace.user)
        return self._command_received(spoken, "task", bare) if spoken_to and bare else None

    def _command_received(self, spoken: ParsedMessage, name: str, text: str) -> CommandReceived:
        message = spoken.message
        return CommandReceived(
            place=spoken.place,
            interaction=str(message["ts"]),
            author=spoken.author,
            name=name,
            text=text,
            at=float(message["ts"]),
            attachments=to_attachments(message.get("files")),
        )

    async def _complete_command(self, command: CommandReceived, spoken: ParsedMessage) -> HandlerResult:
        """A command with its line as it was typed; what may not be meant as a task is asked about, and a form is offered."""
        text = await self.plain_text(command.text)
        meant = spoken.is_addressed and len(text.split()) >= MIN_TASK_WORDS
        sure = command.name != "task" or meant or bool(command.attachments)  # nobody attaches a file in passing
        name = "ask" if command.name == "task" else command.name
        given = replace(command, name=name, text=text, mentions=await self.mentioned_authors(command.text))
        if not sure:
            return confirm_task(given, text)
        if name == "ask":
            await self._channels.refresh_members(spoken.place.channel)
        return offer_modal(given, name) if name in MODAL_COMMANDS and not text.strip() else given

    async def _message_received(self, spoken: ParsedMessage) -> MessageReceived:
        message, text = spoken.message, spoken.text
        bare = without_mention(text, self._workspace.user) if spoken.is_mentioned else text
        return MessageReceived(
            place=spoken.place,
            message=str(message["ts"]),
            author=spoken.author,
            text=await self.plain_text(bare),
            at=float(message["ts"]),
            edit=str((message.get("edited") or {}).get("ts") or ""),
            mentions=await self.mentioned_authors(text),
            attachments=to_attachments(message.get("files")),
        )

    async def mentioned_authors(self, text: str) -> tuple[Author, ...]:
        """Those whom a text mentions, each once, without ourselves."""
        others = [user for user in mentioned_ids(text) if user != self._workspace.user]
        return tuple([await self._users.author(user) for user in others])

    async def plain_text(self, text: str) -> str:
        """A text as somebody typed it, with the names of those whom it mentions."""
        for user in mentioned_ids(text):
            await self._users.person(user)
        return unescape(text, self._users.name)

    # Changes --------------------------------------------------------------------------------------------------------------

    async def _edited(self, event: Event) -> HandlerResult | None:
        """An edit in one of our threads. Previews of links and counts of replies change a message too, and are no edits."""
        message, channel = event["message"], str(event["channel"])
        if message.get("subtype") == "tombstone":
            return self._deleted({**event, "deleted_ts": message["ts"]})
        spoken = await self._parse_message(message, channel) if message.get("edited") else None
        if spoken is None or not spoken.in_our_thread or spoken.is_external or self._command(spoken) is not None:
            return None
        return await self._message_received(spoken)

    def _deleted(self, event: Event) -> MessageDeleted | None:
        before, channel = event.get("previous_message") or {}, str(event["channel"])
        thread, user = before.get("thread_ts"), before.get("user")
        ours = user == self._workspace.user or (before.get("bot_id") or "-") == self._workspace.bot
        if ours or not thread or before.get("parent_user_id") not in (None, self._workspace.user):
            return None
        if channel.startswith("D") and user:
            self._channels.remember_direct(channel, str(user))
        return MessageDeleted(
            place=self._channels.place(channel, str(thread)), message=str(event["deleted_ts"]), at=float(event["event_ts"])
        )


def _thread(message: Event) -> str | None:
    """The thread in which a message stands; a message that has a thread of its own stands in the channel."""
    thread = message.get("thread_ts")
    return str(thread) if thread and thread != message["ts"] else None
