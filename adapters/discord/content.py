"""Content of a Discord message: its words, and its files. Forwarded messages carry both in snapshots, other apps in embeds
or components.

A message can also hold what is neither: a sticker or a poll. It then counts as an attachment that cannot be read, so that the bot
says so instead of ignoring the message.
"""

from __future__ import annotations

import re

import discord

from adapters.discord.posted_cards import component_texts
from orchestrator_bridge.chat.inbound import Attachment

_PEOPLE = re.compile(r"<@!?(\d+)>")
_ROLES = re.compile(r"<@&(\d+)>")


def mentions_bot(message: discord.Message, me: int) -> bool:
    """True if the text mentions the bot or its own role. A reply to the bot that only notifies it does not."""
    role = own_role(message)
    return str(me) in _PEOPLE.findall(message.content) or (role is not None and str(role) in _ROLES.findall(message.content))


def begins_with_mention(message: discord.Message, me: int) -> bool:
    """True if the text addresses the bot: the mention of it, or of its own role, comes first."""
    start = message.content.lstrip()
    person, role = _PEOPLE.match(start), _ROLES.match(start)
    return (person is not None and person[1] == str(me)) or (role is not None and role[1] == str(own_role(message)))


def own_role(message: discord.Message) -> int | None:
    """The role that Discord made for the bot when it was invited. People select it when they mean the bot: it has its name."""
    role = message.guild.self_role if message.guild is not None else None
    return role.id if role is not None else None


def message_words(message: discord.Message, me: int, *, reposted: bool = False) -> str:
    """The words that a person wrote or forwarded, with people and roles by name and without mentions of the bot.

    Embeds and components count only where they are what the author posted: those of apps, and those of a forwarded message. In a
    `reposted` message they are added by the app, to show what a person replies to.
    """
    parts = [_plain_text(message, me)]
    parts += [part for snapshot in message.message_snapshots for part in (snapshot.content, *map(embed_text, snapshot.embeds))]
    if (message.author.bot or message.webhook_id) and not reposted:
        parts += (*map(embed_text, message.embeds), *component_texts(message.components))
    return "\n".join(part for part in parts if part).strip(" ")


def everything_in(message: discord.Message, me: int) -> str:
    """All text of a message that a task is about: its words, embeds and poll."""
    shown = "" if message.author.bot or message.webhook_id else "\n".join(map(embed_text, message.embeds))
    return "\n".join(part for part in (message_words(message, me), shown, poll_text(message.poll)) if part)


def _plain_text(message: discord.Message, me: int) -> str:
    people = {str(user.id): f"@{user.display_name}" for user in message.mentions} | {str(me): ""}
    roles = {str(role.id): f"@{role.name}" for role in message.role_mentions} | {str(own_role(message)): ""}
    text = _PEOPLE.sub(lambda found: people.get(found[1], found[0]), message.content)
    return _ROLES.sub(lambda found: roles.get(found[1], found[0]), text).strip(" ")


def embed_text(embed: discord.Embed) -> str:
    """The text of an embed: title, description, fields, footer."""
    fields = [f"{field.name}: {field.value}" for field in embed.fields]
    parts = (embed.author.name, embed.title, embed.description, *fields, embed.footer.text)
    return "\n".join(part for part in parts if part)


def poll_text(poll: discord.Poll | None) -> str:
    """The question and the answers of a poll."""
    if poll is None:
        return ""
    return "\n".join([f"Poll: {poll.question}", *(f"- {answer.text}" for answer in poll.answers)])


def message_attachments(message: discord.Message) -> tuple[Attachment, ...]:
    """The files of a message, each referred to by its message, since addresses of files expire; then what cannot be read."""
    place = f"{message.channel.id}/{message.id}"
    forwarded = [file for snapshot in message.message_snapshots for file in snapshot.attachments]
    files = [to_attachment(file, f"{place}/{file.id}") for file in (*message.attachments, *forwarded)]
    stickers = [*message.stickers, *(sticker for snapshot in message.message_snapshots for sticker in snapshot.stickers)]
    return (*files, *(_unreadable(f"the sticker “{sticker.name}”", "sticker") for sticker in stickers))


def reply_attachments(message: discord.Message) -> tuple[Attachment, ...]:
    """The attachments of a reply: a poll is no answer."""
    poll = message.poll
    polls = () if poll is None else (_unreadable(f"the poll “{poll.question}”", "poll"),)
    return (*message_attachments(message), *polls)


def to_attachment(file: discord.Attachment, ref: str) -> Attachment:
    """One file."""
    kind = (file.content_type or "application/octet-stream").partition(";")[0]
    return Attachment(name=file.filename, media_type=kind, size=file.size, ref=ref)


def _unreadable(name: str, kind: str) -> Attachment:
    return Attachment(name=name, media_type=kind, size=0, ref="")


def quoted_message(message: discord.Message, me: int) -> str:
    """A message quoted in a task."""
    names = [f"({attachment.name})" for attachment in message_attachments(message)]
    lines = [*everything_in(message, me).splitlines(), *names] or ["(no text)"]
    return "\n".join([f"{message.author.display_name} wrote:", *(f"> {line}" for line in lines)])
