"""Records of the fake Discord, and their JSON on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from simcord.components import walk_components

TEXT, DM, VOICE, NEWS, THREAD, FORUM = 0, 1, 2, 5, 11, 15
USER_SELECT = 5
"""The component type of a user select."""
GUILD = 1_000_000_000_000_000_001
BOT = 1_000_000_000_000_000_002
BOT_ROLE = 1_000_000_000_000_000_004
APPLICATION = 1_000_000_000_000_000_003
EPOCH = 1_420_070_400.0
"""2015-01-01, the epoch of Discord's snowflakes."""

REQUIRE_TAG = 1 << 4
"""The flag of a forum whose posts need a tag (docs.discord.com/developers/resources/channel#channel-object-channel-flags)."""
COMPONENTS_V2 = 1 << 15
"""The flag of a message that consists of components alone (docs.discord.com/developers/resources/message#message-object)."""
MESSAGE_CONTENT, MEMBERS = 1 << 18, 1 << 14
"""Flags of the application: what its owner has switched on in the developer portal."""
CONTENT_INTENT = 1 << 15

Json = dict[str, Any]


@dataclass
class Person:
    """A user."""

    id: int
    name: str
    bot: bool = False
    roles: list[int] = field(default_factory=list)
    takes_direct: bool = True


@dataclass
class Channel:
    """A channel, a thread, or direct messages with `person`. `forbidden`: permissions that the bot lacks here."""

    id: int
    kind: int
    name: str
    parent: int = 0
    owner: int = 0
    person: int = 0
    archived: bool = False
    locked: bool = False
    denied: int = 0
    tags: list[Json] = field(default_factory=list)
    """Tags that a forum has; ids of a post's tags are in `applied`."""
    requires_tag: bool = False
    applied: list[str] = field(default_factory=list)
    forbidden: set[Literal["send", "threads", "history", "manage"]] = field(default_factory=set)


@dataclass
class Message:
    """One message. `private_to` is the only person who sees it; `at` is in seconds by Discord's clock."""

    id: int
    channel: int
    author: int
    content: str
    at: float
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    replies_to: int = 0
    allowed: Json = field(default_factory=dict)
    edited: float | None = None
    reactions: list[str] = field(default_factory=list)
    private_to: int = 0
    versions: list[str] = field(default_factory=list)
    flags: int = 0
    notification: str = ""
    """What phones show of it when it is posted: its content, and nothing of its components
    (github.com/discord/discord-api-docs/issues/7854)."""
    pinging: str = ""
    """The text whose mentions notified people when it was posted."""
    extra: Json = field(default_factory=dict)
    """Further fields of the payload: stickers, a poll, the snapshots of a forward, the webhook."""

    @property
    def text(self) -> str:
        """All visible text, including embeds and text files."""
        parts = [self.content]
        for embed in self.embeds:
            parts += [embed.get("title") or "", embed.get("description") or ""]
            parts += [f"{field['name']}\n{field['value']}" for field in embed.get("fields", [])]
            parts.append(embed.get("footer", {}).get("text", ""))
        parts += [component["content"] for component in walk_components(self.components) if "content" in component]
        return "\n".join([*parts, *(file["text"] for file in self.attachments)])

    @property
    def mentioning(self) -> str:
        """The text in which mentions are mentions: content and text displays, but not embeds."""
        texts = (str(part["content"]) for part in walk_components(self.components) if "content" in part)
        return "\n".join([self.content, *texts])

    def announce(self) -> None:
        """Notify people: its text of this moment is what counts."""
        self.notification, self.pinging = self.content, self.mentioning

    @property
    def controls(self) -> list[Json]:
        """All buttons and selects."""
        return [inner for inner in walk_components(self.components) if "custom_id" in inner]

    @property
    def footer(self) -> str:
        """The last line of a card; empty for other messages."""
        texts = [str(embed.get("footer", {}).get("text", "")) for embed in self.embeds]
        texts += [component["content"] for component in walk_components(self.components) if "content" in component]
        return texts[-1].removeprefix("-# ") if texts else ""

    @property
    def is_container(self) -> bool:
        """True if it consists of components alone (IS_COMPONENTS_V2)."""
        return bool(self.flags & COMPONENTS_V2)


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def user(person: Person) -> Json:
    return {
        "id": str(person.id),
        "username": person.name.lower(),
        "global_name": person.name,
        "discriminator": "0",
        "avatar": None,
        "bot": person.bot,
        "public_flags": 0,
    }


def member(person: Person) -> Json:
    return {
        "user": user(person),
        "roles": [str(role) for role in person.roles],
        "nick": None,
        "joined_at": moment(EPOCH),
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


EVERYTHING = (1 << 53) - 1


def role(id_: int, name: str, permissions: int = EVERYTHING, *, mentionable: bool = True, bot: int = 0) -> Json:
    """A role; that of a `bot` is made by Discord when the bot is invited (discord.com/developers/docs/topics/permissions)."""
    return {
        "tags": {"bot_id": str(bot)} if bot else {},
        "id": str(id_),
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": 0,
        "permissions": str(permissions),
        "managed": bool(bot),
        "mentionable": mentionable,
        "flags": 0,
    }


def channel(record: Channel, person: Person | None = None) -> Json:
    if record.kind == DM:
        return {"id": str(record.id), "type": DM, "last_message_id": None, "recipients": [user(person)] if person else []}
    if record.kind == THREAD:
        return thread(record)
    return {
        "id": str(record.id),
        "type": record.kind,
        "guild_id": str(GUILD),
        "name": record.name,
        "position": 0,
        "permission_overwrites": [{"id": str(GUILD), "type": 0, "allow": "0", "deny": str(record.denied)}]
        if record.denied
        else [],
        "parent_id": None,
        "topic": None,
        "rate_limit_per_user": 0,
        "last_message_id": None,
        "bitrate": 64000,
        "user_limit": 0,
        "available_tags": record.tags,
        "flags": REQUIRE_TAG if record.requires_tag else 0,
        "nsfw": False,
    }


def thread(record: Channel) -> Json:
    return {
        "id": str(record.id),
        "type": THREAD,
        "guild_id": str(GUILD),
        "name": record.name,
        "parent_id": str(record.parent),
        "owner_id": str(record.owner),
        "last_message_id": None,
        "rate_limit_per_user": 0,
        "message_count": 0,
        "member_count": 1,
        "total_message_sent": 0,
        "applied_tags": record.applied,
        "flags": 0,
        "thread_metadata": {
            "archived": record.archived,
            "auto_archive_duration": 10080,
            "archive_timestamp": moment(EPOCH),
            "locked": record.locked,
            "create_timestamp": moment(EPOCH),
        },
    }


def application(flags: int, endpoint: str | None = None) -> Json:
    owner = user(Person(id=7, name="Owner"))
    return {
        "id": str(APPLICATION),
        "name": "Townhall",
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": owner,
        "team": None,
        "flags": flags,
        "interactions_endpoint_url": endpoint,
    }


def guild(channels: list[Channel], people: list[Person], roles: list[Json], *, members: bool) -> Json:
    known = [person for person in people if members or person.id == BOT]
    return {
        "id": str(GUILD),
        "name": "The house",
        "owner_id": "7",
        "icon": None,
        "splash": None,
        "banner": None,
        "description": None,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "premium_tier": 0,
        "preferred_locale": "en-US",
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "features": [],
        "emojis": [],
        "stickers": [],
        "roles": roles,
        "member_count": len(people),
        "large": False,
        "unavailable": False,
        "joined_at": moment(EPOCH),
        "members": [member(person) for person in known],
        "channels": [channel(item) for item in channels if item.kind not in (DM, THREAD)],
        "threads": [thread(channel) for channel in channels if channel.kind == THREAD and not channel.archived],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }
