"""State of the fake Discord: one server, its people and channels, what they write and click, and the bot's posts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from simcord.components import ComponentValidationError, validate_message_state

from tests.support.fake_discord import wire
from tests.support.fake_discord.wire import BOT, DM, EPOCH, GUILD, TEXT, THREAD, Channel, Json, Message, Person

Emit = Callable[[str, Json], None]

_PINGS = re.compile(r"<@!?(\d+)>")
_ROLE_PINGS = re.compile(r"<@&(\d+)>")


class Refused(Exception):
    """An error response: HTTP status, Discord's code and text."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


class DiscordWorld:
    """One server with the channel `general`. `emit` sends an event to all sessions; `flags` are the application's."""

    def __init__(self, emit: Emit, changed: Callable[[], None], clock: Callable[[], float] = time.time) -> None:
        self.emit = emit
        self.changed = changed
        self.clock = clock
        self.flags = wire.MESSAGE_CONTENT
        self.people: dict[int, Person] = {BOT: Person(id=BOT, name="Townhall", bot=True)}
        self.roles: dict[int, tuple[str, bool]] = {}
        self.everyone = wire.EVERYTHING
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.left: set[int] = set()
        self.deleted: set[int] = set()
        self.threads_reopen = True
        """People who have left the server; Discord still knows their accounts."""
        self.interactions: dict[str, Json] = {}
        self.modals: list[Json] = []
        self.registered: dict[int, list[Json]] = {}
        """Commands by server; those of server 0 are global. Discord keeps both, and shows people both."""
        self.nonces: dict[tuple[int, str], int] = {}
        self.app_permissions = (1 << 53) - 1
        self.endpoint: str | None = None
        self.names_channels = True
        """Interactions contain their channel. It is optional: `channel_id` may stand alone
        (docs.discord.com/developers/interactions/receiving-and-responding#interaction-object)."""
        self._last = 0
        self.general = self.add_channel("general")

    @property
    def commands(self) -> list[Json]:
        """All commands that people see."""
        return [command for commands in self.registered.values() for command in commands]

    # The house --------------------------------------------------------------------------------------------------------------

    def new_id(self) -> int:
        """A snowflake, larger than all before."""
        self._last = max(self._last + 1, int((self.clock() - EPOCH) * 1000) << 22)
        return self._last

    def add_person(self, name: str, *, bot: bool = False) -> Person:
        person = Person(id=self.new_id(), name=name, bot=bot)
        self.people[person.id] = person
        return person

    def leave(self, person: Person) -> None:
        """A person leaves the server, or is removed from it."""
        self.left.add(person.id)
        self.emit("GUILD_MEMBER_REMOVE", {"guild_id": str(GUILD), "user": wire.user(person)})

    def add_role(self, name: str, *people: Person, mentionable: bool = True) -> int:
        role = self.new_id()
        self.roles[role] = (name, mentionable)
        for person in people:
            person.roles.append(role)
        return role

    def add_channel(self, name: str, kind: int = TEXT) -> Channel:
        channel = Channel(id=self.new_id(), kind=kind, name=name)
        self.channels[channel.id] = channel
        return channel

    def direct(self, person: int) -> Channel:
        """The bot's direct messages with a person."""
        for channel in self.channels.values():
            if channel.kind == DM and channel.person == person:
                return channel
        channel = self.add_channel("", DM)
        channel.person = person
        return channel

    def make_thread(self, parent: int, name: str, id_: int, owner: int, applied: Sequence[str] = ()) -> Channel:
        thread = Channel(id=id_, kind=THREAD, name=name, parent=parent, owner=owner, applied=list(applied))
        self.channels[id_] = thread
        self.emit("THREAD_CREATE", {**wire.thread(thread), "newly_created": True})
        return thread

    # Messages ---------------------------------------------------------------------------------------------------------------

    def write(self, author: int, channel: int, content: str, **more: Any) -> Message:
        """Post a message and send its event."""
        id_ = self.new_id()
        at = (id_ >> 22) / 1000 + EPOCH
        message = Message(id=id_, channel=channel, author=author, content=content, at=at, **more)
        message.announce()
        self.messages[id_] = message
        if not message.private_to:
            self._wake(channel)
            self.emit("MESSAGE_CREATE", self.payload(message))
        self.changed()
        return message

    def repost(self, original: Message, content: str, application: int | None, **more: Any) -> Message:
        """Post a message again through a webhook: of an application, or (None) one that a person made.

        Discord names the webhook as the author, and no member (docs.discord.com/developers/resources/message#message-object).
        """
        webhook = self.add_person("Robin", bot=True)
        extra = {"webhook_id": str(webhook.id), **({"application_id": str(application)} if application else {})}
        return self.write(webhook.id, original.channel, content, extra=extra, **more)

    def _wake(self, channel: int) -> None:
        """A message reopens an archived thread."""
        where = self.channels[channel]
        if where.kind == THREAD and where.archived:
            where.archived = False
            self.emit("THREAD_UPDATE", wire.thread(where))

    def change(self, message: Message, content: str) -> None:
        message.content = content
        message.edited = self.clock()
        self.emit("MESSAGE_UPDATE", self.payload(message))

    def react(self, person: int, message: int, emoji: str) -> None:
        """React to a message as a person. Discord names the member in servers only."""
        known = self.messages[message]
        data: Json = {"user_id": str(person), "channel_id": str(known.channel), "message_id": str(message)}
        data |= {
            "type": 0,
            "burst": False,
            "emoji": {"id": None, "name": emoji},
            "message_author_id": str(known.author),
            **self._guild(known.channel),
        }
        member = {"member": wire.member(self.people[person])} if "guild_id" in data else {}
        self.emit("MESSAGE_REACTION_ADD", data | member)

    def unreact(self, person: int, message: int, emoji: str) -> None:
        """Remove a reaction. The event names no member and no author of the message (Gateway Events, Message Reaction Remove)."""
        known = self.messages[message]
        data: Json = {"user_id": str(person), "channel_id": str(known.channel), "message_id": str(message)}
        data |= {"type": 0, "burst": False, "emoji": {"id": None, "name": emoji}, **self._guild(known.channel)}
        self.emit("MESSAGE_REACTION_REMOVE", data)

    def delete(self, message: int) -> None:
        gone = self.messages.pop(message)
        self.emit("MESSAGE_DELETE", {"id": str(gone.id), "channel_id": str(gone.channel), **self._guild(gone.channel)})

    def delete_channel(self, channel: int) -> None:
        """Delete a channel or thread with its messages."""
        gone = self.channels.pop(channel)
        self.deleted.add(channel)
        for message in self.here(channel):
            del self.messages[message.id]
        event = "THREAD_DELETE" if gone.kind == THREAD else "CHANNEL_DELETE"
        self.emit(event, {**wire.channel(gone), "guild_id": str(GUILD)})

    def remove_bot(self) -> None:
        """Remove the bot from the server, which it then no longer sees."""
        for channel in [channel.id for channel in self.channels.values() if channel.kind != DM]:
            del self.channels[channel]
        self.emit("GUILD_DELETE", {"id": str(GUILD)})

    def here(self, channel: int) -> list[Message]:
        """All messages of a channel or thread, oldest first."""
        return [message for message in self.messages.values() if message.channel == channel]

    def notified(self) -> Iterator[str]:
        """The people whom the bot's messages have notified."""
        for message in self.messages.values():
            if message.author == BOT:
                yield from self._called(message)

    def _called(self, message: Message) -> Iterator[str]:
        # Mentions in components notify as those in the content do (Component Reference, Text Display); an edit notifies nobody.
        allowed, parse = message.allowed, message.allowed.get("parse", [])
        for user in _PINGS.findall(message.pinging):
            if "users" in parse or user in map(str, allowed.get("users", [])):
                yield user
        for role in _ROLE_PINGS.findall(message.pinging):
            if "roles" in parse or role in map(str, allowed.get("roles", [])):
                yield f"role:{role}"
        if "everyone" in parse and ("@everyone" in message.pinging or "@here" in message.pinging):
            yield "everyone"

    # Interactions -----------------------------------------------------------------------------------------------------------

    def interact(self, person: int, channel: int, kind: int, data: Json, message: Message | None = None) -> str:
        """Create an interaction: a command (2), a component (3), autocomplete (4) or a modal (5); returns its id."""
        id_ = str(self.new_id())
        where = self.channels[channel]
        who = self.people[person]
        payload: Json = {
            "id": id_,
            "application_id": str(wire.APPLICATION),
            "type": kind,
            "token": f"token-{id_}",
            "version": 1,
            "data": data,
            "channel_id": str(channel),
            **({"channel": wire.channel(where, who)} if self.names_channels else {}),
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {},
            "context": 1 if where.kind == DM else 0,
            "attachment_size_limit": 10_000_000,
            "app_permissions": str(self.app_permissions),
        }
        if where.kind == DM:
            payload["user"] = wire.user(who)
        else:
            payload |= {"guild_id": str(GUILD), "member": {**wire.member(who), "permissions": "0"}, "guild_locale": "en-US"}
        if message is not None:
            payload["message"] = self.payload(message)
        self.interactions[payload["token"]] = {"id": id_, "person": person, "channel": channel, "answer": None, "message": None}
        self.emit("INTERACTION_CREATE", payload)
        return id_

    def resolved(self, people: Sequence[str]) -> Json:
        """The users whom Discord describes in an interaction with a user select."""
        known = [self.people[int(person)] for person in people]
        members = {
            str(person.id): {key: value for key, value in wire.member(person).items() if key != "user"} for person in known
        }
        return {"users": {str(person.id): wire.user(person) for person in known}, "members": members}

    def respond(self, id_: str, token: str, body: Json) -> None:
        """Store the bot's first response to an interaction."""
        known = self.interactions.get(token)
        if known is None or known["id"] != id_:
            raise Refused(404, 10062, "Unknown interaction")
        if known["answer"] is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        known["answer"] = body
        if body["type"] == 9:
            self.modals.append({**body["data"], "interaction": known})
        if body["type"] in (4, 5):
            self.fill(token, body.get("data") or {})
        self.changed()

    def fill(self, token: str, data: Json, *, further: bool = False) -> Message:
        """Store the bot's answer to an interaction: as its first response, or as a `further` message."""
        # Its webhook exists from the first response on (docs.discord.com/developers/interactions/receiving-and-responding).
        known = self.interactions.get(token)
        if known is None or known["answer"] is None:
            raise Refused(404, 10015, "Unknown Webhook")
        if known["message"] is None or further:
            made = self.write(BOT, known["channel"], "", private_to=known["person"])
            known["message"] = known["message"] or made.id
        else:
            made = self.messages[known["message"]]
        fill(made, data)
        self.changed()
        return made

    # Payloads ---------------------------------------------------------------------------------------------------------------

    def payload(self, message: Message) -> Json:
        who = self.people[message.author]
        named = [self.people[item] for item in dict.fromkeys(map(int, _PINGS.findall(message.mentioning))) if item in self.people]
        made: Json = {
            "id": str(message.id),
            "channel_id": str(message.channel),
            "author": wire.user(who),
            "content": message.content,
            "timestamp": wire.moment(message.at),
            "edited_timestamp": wire.moment(message.edited) if message.edited else None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [wire.user(person) for person in named],
            "mention_roles": _ROLE_PINGS.findall(message.mentioning),
            "attachments": [{key: value for key, value in file.items() if key != "text"} for file in message.attachments],
            "embeds": message.embeds,
            "components": message.components,
            "pinned": False,
            "type": 19 if message.replies_to else 0,
            "flags": message.flags | (64 if message.private_to else 0),
            **self._guild(message.channel),
            **message.extra,
        }
        if self.channels[message.channel].kind != DM and "webhook_id" not in message.extra:
            made["member"] = {key: value for key, value in wire.member(who).items() if key != "user"}
        if message.replies_to:
            made["message_reference"] = {"message_id": str(message.replies_to), "channel_id": str(message.channel), "type": 0}
            known = self.messages.get(message.replies_to)
            made["referenced_message"] = self.payload(known) if known else None
        return made

    def _guild(self, channel: int) -> Json:
        return {} if self.channels[channel].kind == DM else {"guild_id": str(GUILD)}

    def guild(self, *, members: bool) -> Json:
        others = [wire.role(id_, name, 0, mentionable=free) for id_, (name, free) in self.roles.items()]
        own = wire.role(wire.BOT_ROLE, "Townhall", 0, bot=BOT)
        roles = [wire.role(GUILD, "@everyone", self.everyone), own, *others]
        return wire.guild(list(self.channels.values()), list(self.people.values()), roles, members=members)


def fill(message: Message, data: Json) -> None:
    """Copy what the bot sent into a message.

    Raises:
        Refused: Discord does not accept it: see `check_form`.
    """
    content = data["content"] or "" if "content" in data else message.content
    embeds = data.get("embeds", message.embeds) or []
    components = data.get("components", message.components) or []
    flags = int(data.get("flags") or 0) | (message.flags & wire.COMPONENTS_V2)
    check_form(content, embeds, components, flags, message.flags)
    message.content, message.embeds, message.components, message.flags = content, embeds, components, flags
    message.allowed = data.get("allowed_mentions") or message.allowed


def check_form(content: str, embeds: list[Json], components: list[Json], flags: int, earlier: int = 0) -> None:
    """Refuse what Discord refuses in a message's form; `earlier` are the flags that it had before.

    A message with IS_COMPONENTS_V2 has no content and no embeds, at most 40 components and 4,000 characters, and keeps the flag;
    others have no containers, 5 rows, and the limits of embeds (docs.discord.com/developers/components/reference). SimCord has
    these rules.
    """
    try:
        validate_message_state(components, flags=flags, content=content, embeds=embeds, previous_flags=earlier)
    except ComponentValidationError as error:
        raise Refused(400, 50035, f"Invalid Form Body: {error}") from error
