"""Message events as inbound events: messages in our threads with their edits and deletions, commands and tasks.

Slack delivers one mention as two events, `app_mention` and `message`, and both are handled: which of them arrives depends on the
channel and the app's scopes. Both become the same inbound event with the same key, so that the inbox stores one of them. Messages
outside our threads that do not mention the bot are ignored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.slack.channels import SlackChannels
from adapters.slack.content import (
    begins_with_mention,
    mentioned_ids,
    message_files,
    shared_text,
    typed_text,
    unescape,
    without_mention,
)
from adapters.slack.notices import HandlerResult, membership_text, offer_modal, private_notice
from adapters.slack.workspace import Membership, SlackUsers, Workspace, thread_of
from orchestrator_bridge.chat.adapter import NotSent
from orchestrator_bridge.chat.command_line import EDIT, REMARK, TASK, TypedCommand, parse_typed_command
from orchestrator_bridge.chat.inbound import Author, CommandReceived, MessageDeleted, MessageReceived, PersonLeft, Place
from orchestrator_bridge.chat.typed_requests import parse_result_request

MODAL_COMMANDS = ("ask", "model")
"""Commands that open a modal when nothing follows their name."""

_USER_SUBTYPES = frozenset({"", "file_share", "thread_broadcast", "me_message"})
"""Subtypes of messages with a person's own text. `thread_broadcast` is a reply that is also sent to the channel."""

_BOT_SUBTYPES = _USER_SUBTYPES | {"bot_message"}
"""Subtypes of messages with a bot's own text. All other subtypes are Slack's: somebody joined, a huddle began."""

Event = Mapping[str, Any]


def wants_modal(line: TypedCommand | CommandReceived, names: Collection[str]) -> bool:
    """True if a line is a command without arguments that has a modal."""
    return line.name in MODAL_COMMANDS and line.name in names and not line.text.strip()


def is_direct_task(command: CommandReceived) -> bool:
    """True if words in direct messages name no command and are in no thread."""
    return command.name == TASK and command.place.channel.startswith("@") and command.place.thread is None


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedMessage:
    """A person's message. `is_addressed`: it begins with a mention of the bot; `is_mentioned`: it contains one.

    `text` is what its author typed, `shared` what it forwards or shows of other apps.
    """

    message: Event
    place: Place
    author: Author
    text: str
    shared: str
    is_addressed: bool
    is_mentioned: bool
    membership: Membership
    in_our_thread: bool


class SlackEventHandler:
    """Converts events of type `message` and `app_mention`. `commands` are the known commands."""

    def __init__(self, workspace: Workspace, users: SlackUsers, channels: SlackChannels, commands: frozenset[str]) -> None:
        self._workspace = workspace
        self._users = users
        self._channels = channels
        self._commands = commands

    async def handle(self, event: Event) -> HandlerResult | None:
        """The result of an event; None if it does not concern the bot."""
        match event.get("subtype") or "":
            case "message_changed":
                return await self._edited(event)
            case "message_deleted":
                return await self._deleted(event)
            case _ if event.get("type") == "app_mention" and "edited" in event:
                return None  # a command is given once; the edit itself arrives as message_changed
            case _:
                parsed = await self._parse_message(event, str(event["channel"]))
                return await self._to_inbound(parsed) if parsed is not None else None

    def person_left(self, event: Event) -> PersonLeft:
        """The departure of a person from a channel."""
        channel, user = str(event["channel"]), str(event["user"])
        self._channels.note_left(channel, user)
        place, author = self._channels.place(channel), self._users.author(user)
        return PersonLeft(place=place, author=author, at=float(event["event_ts"]))

    async def to_thread_message(self, message: Event, channel: str) -> MessageReceived | None:
        """A message from a thread's history, as the event that it was or would have been.

        Raises:
            NotSent: its author cannot be looked up now.
        """
        parsed = await self._parse_message(message, channel)
        if parsed is None or not parsed.in_our_thread or self._command(parsed) is not None:
            return None
        if parsed.membership is Membership.UNKNOWN:
            raise NotSent(f"users.info: Slack did not say who {parsed.author.id} is")
        return self._message_received(parsed) if parsed.membership is Membership.MEMBER else None

    async def _parse_message(self, message: Event, channel: str) -> ParsedMessage | None:
        """A message that concerns the bot; None for others, its own, and those of bots that are not listed."""
        user, bot = str(message.get("user") or ""), str(message.get("bot_id") or "")
        if user == self._workspace.user or (bot and bot == self._workspace.bot):
            return None
        # A bot answers like a person only if the team file lists it: two bots could otherwise answer each other for ever.
        listed = self._users.listed(user, bot)
        by_bot = bool(bot or not user)
        if (by_bot and not listed) or (message.get("subtype") or "") not in (_BOT_SUBTYPES if by_bot else _USER_SUBTYPES):
            return None
        if channel.startswith("D") and user:
            self._channels.remember_direct(channel, user)
        text = typed_text(message)
        is_mentioned = self._workspace.user in mentioned_ids(text)
        if not (is_mentioned or channel.startswith("D") or self._in_our_thread(message)):
            return None
        return await self._parse_from(message, channel, user or bot, text)

    async def _parse_from(self, message: Event, channel: str, user: str, text: str) -> ParsedMessage | None:
        shared = shared_text(message)
        await self._users.load(user, *mentioned_ids(text), *mentioned_ids(shared))
        if self._users.person(user).bot and not self._users.listed(user):
            return None
        teams = (message.get("user_team"), message.get("source_team"), message.get("team"))
        return ParsedMessage(
            message=message,
            place=self._channels.place(channel, _thread(message)),
            author=self._users.author(user),
            text=text,
            shared=shared,
            is_addressed=begins_with_mention(text, self._workspace.user),
            is_mentioned=self._workspace.user in mentioned_ids(text),
            membership=self._users.membership(user, teams),
            in_our_thread=self._in_our_thread(message),
        )

    def _in_our_thread(self, message: Event) -> bool:
        """True if a message is in a thread that the bot opened. Where Slack names no author, the bridge decides."""
        return _thread(message) is not None and message.get("parent_user_id") in (None, self._workspace.user)

    async def _to_inbound(self, parsed: ParsedMessage) -> HandlerResult | None:
        # In our threads everything but a command is a reply; elsewhere text that mentions the bot is a task.
        command = self._command(parsed)
        if command is None and not parsed.in_our_thread:
            command = self._task(parsed)
            if command is None:
                return None
        if parsed.membership is not Membership.MEMBER:
            return private_notice(command or self._message_received(parsed), membership_text(parsed.membership))
        return await self._complete_command(command, parsed) if command else self._message_received(parsed)

    def _command(self, parsed: ParsedMessage) -> CommandReceived | None:
        """The command in a message, if it begins with a command's name where commands can be given."""
        if not parsed.is_addressed and (parsed.place.thread is not None or not parsed.place.channel.startswith("@")):
            return None
        bare = self._bare_text(parsed)
        has_content = bool(bare or parsed.shared or message_files(parsed.message))
        line = parse_typed_command(bare if has_content else "help")
        return self._command_received(parsed, line.name, line.text) if line is not None and line.name in self._commands else None

    def _task(self, parsed: ParsedMessage) -> CommandReceived | None:
        """Words outside our threads that name no command: the bot judges them, and asks where they are no clear task."""
        is_direct = parsed.place.channel.startswith("@") and parsed.place.thread is None
        if not (parsed.is_mentioned or is_direct):
            return None
        return self._command_received(parsed, TASK if parsed.is_addressed or is_direct else REMARK, self._bare_text(parsed))

    def _command_received(self, parsed: ParsedMessage, name: str, text: str) -> CommandReceived:
        message = parsed.message
        return CommandReceived(
            place=parsed.place,
            interaction=str(message["ts"]),
            author=parsed.author,
            name=name,
            text=text,
            at=float(message["ts"]),
            attachments=message_files(message),
            thread=thread_of(parsed.place, str(message["ts"])) if name in ("ask", TASK, REMARK) else None,
        )

    async def _complete_command(self, command: CommandReceived, parsed: ParsedMessage) -> HandlerResult:
        """A command with its text as typed and what it forwards. An empty command offers its modal."""
        text, about = self.plain_text(command.text), self.plain_text(parsed.shared)
        completed = replace(command, text=text, mentions=self.mentioned_authors(command.text))
        match command.name:
            case "ask":
                completed = replace(completed, text="\n\n".join(filter(None, (text, about))))
            case "task" | "remark" if about:
                completed = replace(completed, options=(("about", about),))
        if command.name in ("ask", TASK, REMARK):
            await self._channels.refresh_members(parsed.place.channel)
        is_question = parse_result_request(self.plain_text(self._bare_text(parsed))) is not None
        return offer_modal(completed, command.name) if wants_modal(completed, self._commands) and not is_question else completed

    def _bare_text(self, parsed: ParsedMessage) -> str:
        """The text of a message without mentions of the bot."""
        return without_mention(parsed.text, self._workspace.user) if parsed.is_mentioned else parsed.text

    def _message_received(self, parsed: ParsedMessage) -> MessageReceived:
        message, text = parsed.message, parsed.text
        # A mention at the beginning addresses the bot; another one is a part of the sentence: "over to @Townhall".
        bare = without_mention(text, self._workspace.user) if parsed.is_addressed else text
        return MessageReceived(
            place=parsed.place,
            message=str(message["ts"]),
            author=parsed.author,
            text=self.plain_text("\n\n".join(filter(None, (bare, parsed.shared)))),
            at=float(message["ts"]),
            edit=str((message.get("edited") or {}).get("ts") or ""),
            mentions=self.mentioned_authors(text),
            attachments=message_files(message),
            addressed=parsed.is_mentioned or parsed.place.channel.startswith("@"),
        )

    def mentioned_authors(self, text: str) -> tuple[Author, ...]:
        """The people whom a text mentions and who can answer questions, each once; look them up first."""
        return tuple(self._users.author(user) for user in mentioned_ids(text) if not self._users.unsuitable(user))

    def plain_text(self, text: str) -> str:
        """A text as it was typed, with the names of the people whom it mentions; look them up first."""
        return unescape(text, lambda user: self._users.person(user).name)

    async def _edited(self, event: Event) -> HandlerResult | None:
        """An edit in one of our threads. Link previews and reply counts change a message too, but are no edits."""
        message, channel = event["message"], str(event["channel"])
        if message.get("subtype") == "tombstone":
            return await self._deleted({**event, "deleted_ts": message["ts"]})
        parsed = await self._parse_message(message, channel) if message.get("edited") else None
        if parsed is None:
            return None
        command = self._command(parsed)
        if command is not None or not parsed.in_our_thread:
            return self._edited_command(parsed) if parsed.is_addressed else None
        received = self._message_received(parsed)
        if parsed.membership is Membership.MEMBER:
            return received
        return private_notice(received, membership_text(parsed.membership))

    def _edited_command(self, parsed: ParsedMessage) -> CommandReceived | None:
        """The edit of a message that gave a command or a task, which is carried out once: the person must know."""
        if parsed.membership is not Membership.MEMBER:
            return None
        edit = self._command_received(parsed, EDIT, self.plain_text(parsed.text))
        return replace(edit, interaction=f"{edit.interaction}/{parsed.message['edited']['ts']}")

    async def _deleted(self, event: Event) -> MessageDeleted | None:
        """The deletion of a card, or of a person's message in a thread of ours."""
        before, channel, message = event.get("previous_message") or {}, str(event["channel"]), str(event["deleted_ts"])
        thread, user = before.get("thread_ts"), before.get("user")
        ours = user == self._workspace.user or (before.get("bot_id") or "-") == self._workspace.bot
        is_card = ours and thread in (None, message)
        is_reply = not ours and thread and before.get("parent_user_id") in (None, self._workspace.user)
        if not (is_card or is_reply):
            return None
        if channel.startswith("D"):
            await self._channels.load_partner(channel)
        place = self._channels.place(channel, str(thread or message))
        return MessageDeleted(place=place, message=message, at=float(event["event_ts"]))


def _thread(message: Event) -> str | None:
    """The thread of a message; None for the first message of a thread, which is in the channel itself."""
    thread = message.get("thread_ts")
    return str(thread) if thread and thread != message["ts"] else None
