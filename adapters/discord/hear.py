"""What people write, as the bridge hears it: who said what where, in which version, naming whom, with which files."""

from __future__ import annotations

import re
from dataclasses import replace

import discord

from adapters.discord.places import channel_place, replied_message, replied_question, to_author
from orchestrator_bridge.chat import Attachment, CommandReceived, MessageReceived, Place

_PEOPLE = re.compile(r"<@!?(\d+)>")
_GROUPS = re.compile(r"<@&(\d+)>")
_SINGLE_WORD_COMMANDS = frozenset({"help", "runs", "questions", "models", "team", "cost"})
"""Commands that may be given by a mention and one word; everything else that follows a mention is a task."""

_USER_MESSAGE_TYPES = (discord.MessageType.default, discord.MessageType.reply)


def is_from_person(message: discord.Message, me: int, listed: frozenset[str]) -> bool:
    """Whether a person wrote it, or a bot that is listed: never we ourselves, no webhook, no notice of Discord's."""
    if message.author.id == me or message.type not in _USER_MESSAGE_TYPES:
        return False
    return not (message.author.bot or message.webhook_id) or str(message.author.id) in listed


def to_message_received(message: discord.Message, place: Place, me: int) -> MessageReceived:
    """A message in this version.

    A reply to a question's card in a channel, beside the card's thread, names the question: it is not said in the thread, which
    can so be read whole without the channel.
    """
    question = replied_question(message, me)
    return MessageReceived(
        place=place if question is None else replace(place, thread=None),
        question=question,
        message=str(message.id),
        author=to_author(message.author),
        text=message_text(message, me),
        at=message.created_at.timestamp(),
        edit=message.edited_at.isoformat() if message.edited_at else "",
        mentions=tuple(to_author(user) for user in message.mentions if user.id != me),
        attachments=message_attachments(message),
    )


def message_text(message: discord.Message, me: int) -> str:
    """The words, with people and roles by their names and without a mention of us at either end."""
    people = {str(user.id): user.display_name for user in message.mentions}
    groups = {str(role.id): role.name for role in message.role_mentions}
    people[str(me)] = ""
    text = _PEOPLE.sub(
        lambda found: f"@{people[found[1]]}" if people.get(found[1]) else _member_name(found, people), message.content
    )
    return _GROUPS.sub(lambda found: f"@{groups[found[1]]}" if found[1] in groups else found[0], text).strip(" ")


def _member_name(found: re.Match[str], people: dict[str, str]) -> str:
    return "" if found[1] in people else found[0]


def message_attachments(message: discord.Message) -> tuple[Attachment, ...]:
    """The files of a message, each found again by its message."""
    place = f"{message.channel.id}/{message.id}"
    return tuple(to_attachment(file, f"{place}/{file.id}") for file in message.attachments)


def to_attachment(file: discord.Attachment, ref: str) -> Attachment:
    """One file."""
    kind = (file.content_type or "application/octet-stream").partition(";")[0]
    return Attachment(name=file.filename, media_type=kind, size=file.size, ref=ref)


def mentions_bot(message: discord.Message, me: int) -> bool:
    """Whether the words name us: a reply to us that only notifies us does not."""
    return str(me) in _PEOPLE.findall(message.content)


def to_command_received(message: discord.Message, me: int) -> CommandReceived:
    """A message that is addressed to us: a task, or a command of one word."""
    text = message_text(message, me).strip()
    alone = text.lower().lstrip("/")
    return CommandReceived(
        place=channel_place(message.channel, message.author.id),
        interaction=str(message.id),
        author=to_author(message.author),
        name=alone if alone in _SINGLE_WORD_COMMANDS else "ask",
        text="" if alone in _SINGLE_WORD_COMMANDS else _with_quote(message, text, me),
        at=message.created_at.timestamp(),
        attachments=message_attachments(message),
    )


def _with_quote(message: discord.Message, text: str, me: int) -> str:
    """A task that replies to somebody's message is about that message."""
    replied = replied_message(message)
    if replied is None or replied.author.id == me:
        return text
    return f"{text}\n\n{quoted_message(replied, me)}".strip()


def quoted_message(message: discord.Message, me: int) -> str:
    """Somebody's message inside of a task."""
    lines = message_text(message, me).splitlines() or ["(no words)"]
    return "\n".join([f"{message.author.display_name} wrote:", *(f"> {line}" for line in lines)])


def newest_open_card(messages: list[discord.Message], me: int) -> str | None:
    """The newest of our messages here that still has controls, newest first given: what a plain word is about."""
    return next((str(one.id) for one in messages if one.author.id == me and one.components), None)
