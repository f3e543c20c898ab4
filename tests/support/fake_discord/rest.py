"""REST routes of the fake Discord: functions of the world, the parts of the path and the body."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.fake_discord import wire
from tests.support.fake_discord.command_rules import check_command
from tests.support.fake_discord.state import DiscordWorld, Refused, check_form, fill
from tests.support.fake_discord.wire import BOT, DM, FORUM, TEXT, THREAD, Channel, Json, Message

Route = Callable[..., Any]
_ROUTES: list[tuple[str, re.Pattern[str], Route]] = []

READ_HISTORY = 1 << 16
"""The permission Read Message History. Without it a history is empty, which is no error
(docs.discord.com/developers/resources/message#get-channel-messages)."""


def route(method: str, path: str) -> Callable[[Route], Route]:
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def keep(function: Route) -> Route:
        _ROUTES.append((method, pattern, function))
        return function

    return keep


def answer(world: DiscordWorld, method: str, path: str, query: Mapping[str, str], body: Json) -> Any:
    """The response body; None for no content.

    Raises:
        Refused: the response is an error.
    """
    for known, pattern, function in _ROUTES:
        found = pattern.fullmatch(path)
        if known == method and found:
            return function(world, query=query, body=body, **found.groupdict())
    raise Refused(404, 0, f"404: Not Found ({method} {path})")


# Who we are ---------------------------------------------------------------------------------------------------------------


@route("GET", "/users/@me")
def _me(world: DiscordWorld, **_: Any) -> Json:
    return {**wire.user(world.people[BOT]), "verified": True, "mfa_enabled": False, "locale": "en-US", "flags": 0}


@route("GET", "/users/{user}")
def _user(world: DiscordWorld, user: str, **_: Any) -> Json:
    return wire.user(world.people[int(user)])


@route("GET", "/oauth2/applications/@me")
def _application(world: DiscordWorld, **_: Any) -> Json:
    return wire.application(world.flags, world.endpoint)


@route("GET", "/users/@me/guilds")
def _guilds(world: DiscordWorld, **_: Any) -> list[Json]:
    return [{"id": str(wire.GUILD), "name": "The house", "icon": None, "owner": False, "permissions": "0", "features": []}]


@route("GET", "/guilds/{guild}")
def _guild(world: DiscordWorld, **_: Any) -> Json:
    return world.guild(members=False)


@route("GET", "/guilds/{guild}/members")
def _members(world: DiscordWorld, query: Mapping[str, str], **_: Any) -> list[Json]:
    # It needs the Server Members intent (docs.discord.com/developers/resources/guild#list-guild-members).
    if not world.flags & wire.MEMBERS:
        raise Refused(403, 50001, "Missing Access")
    after = int(query.get("after", 0))
    people = sorted((person for person in world.people.values() if person.id not in world.left), key=lambda person: person.id)
    return [wire.member(person) for person in people if person.id > after]


@route("GET", "/guilds/{guild}/members/{member}")
def _member(world: DiscordWorld, member: str, **_: Any) -> Json:
    if int(member) not in world.people or int(member) in world.left:
        raise Refused(404, 10007, "Unknown Member")
    return wire.member(world.people[int(member)])


@route("GET", "/guilds/{guild}/channels")
def _channels(world: DiscordWorld, **_: Any) -> list[Json]:
    return [wire.channel(channel) for channel in world.channels.values() if channel.kind not in (DM, THREAD)]


@route("GET", "/applications/{application}/commands")
@route("GET", "/applications/{application}/guilds/{guild}/commands")
def _known_commands(world: DiscordWorld, guild: str = "0", **_: Any) -> list[Json]:
    return _listed(world, int(guild))


@route("PUT", "/applications/{application}/commands")
@route("PUT", "/applications/{application}/guilds/{guild}/commands")
def _sync(world: DiscordWorld, body: Any, guild: str = "0", **_: Any) -> list[Json]:
    for command in body:
        check_command(command)
    world.registered[int(guild)] = list(body)
    world.changed()
    return _listed(world, int(guild))


@route("DELETE", "/applications/{application}/commands/{command}")
def _remove(world: DiscordWorld, command: str, **_: Any) -> None:
    world.registered[0] = [known for known in _listed(world, 0) if known["id"] != command]
    world.changed()


def _listed(world: DiscordWorld, guild: int) -> list[Json]:
    more = {"application_id": str(wire.APPLICATION), "version": "1"}
    commands = enumerate(world.registered.get(guild, []), 1)
    return [{"description": "", "id": str(number), **command, **more} for number, command in commands]


# Channels -----------------------------------------------------------------------------------------------------------------


@route("POST", "/users/@me/channels")
def _direct(world: DiscordWorld, body: Json, **_: Any) -> Json:
    person = world.people[int(body["recipient_id"])]
    return wire.channel(world.direct(person.id), person)


@route("GET", "/channels/{channel}")
def _channel(world: DiscordWorld, channel: str, **_: Any) -> Json:
    known = _place(world, channel)
    return wire.channel(known, world.people.get(known.person))


@route("PATCH", "/channels/{channel}")
def _edit_channel(world: DiscordWorld, channel: str, body: Json, **_: Any) -> Json:
    known = _place(world, channel)
    if "manage" in known.forbidden:
        raise Refused(403, 50013, "Missing Permissions")
    known.archived = body.get("archived", known.archived)
    known.locked = body.get("locked", known.locked)
    if "applied_tags" in body:
        known.applied = _applied_tags(world.channels[known.parent], body["applied_tags"])
    world.emit("THREAD_UPDATE", wire.thread(known))
    return wire.channel(known)


@route("POST", "/channels/{channel}/messages/{message}/threads")
def _thread(world: DiscordWorld, channel: str, message: str, body: Json, **_: Any) -> Json:
    where = _place(world, channel)
    if "threads" in where.forbidden:
        raise Refused(403, 50013, "Missing Permissions")
    if where.kind != TEXT:
        raise Refused(400, 50024, "Cannot execute action on this channel type")
    # Discord does not document if a message whose thread was deleted may get another one: tests try both.
    if int(message) in world.channels or (int(message) in world.deleted and not world.threads_reopen):
        raise Refused(400, 160004, "A thread has already been created for this message")
    _message(world, message)
    return wire.thread(world.make_thread(where.id, body["name"], int(message), BOT))


@route("POST", "/channels/{channel}/threads")
def _post(world: DiscordWorld, channel: str, body: Json, **_: Any) -> Json:
    where = _place(world, channel)
    if where.kind != FORUM:
        raise Refused(400, 50024, "Cannot execute action on this channel type")
    applied = _applied_tags(where, body.get("applied_tags") or [])
    thread = world.make_thread(where.id, body["name"], world.new_id(), BOT, applied)
    message = Message(id=thread.id, channel=thread.id, author=BOT, content="", at=(thread.id >> 22) / 1000 + wire.EPOCH)
    fill(message, body["message"])
    message.announce()
    world.messages[message.id] = message
    world.emit("MESSAGE_CREATE", world.payload(message))
    return {**wire.thread(thread), "message": world.payload(message)}


@route("GET", "/guilds/{guild}/threads/active")
def _active(world: DiscordWorld, **_: Any) -> Json:
    threads = [channel for channel in world.channels.values() if channel.kind == THREAD and not channel.archived]
    return {"threads": [wire.thread(thread) for thread in threads], "members": []}


@route("GET", "/channels/{channel}/threads/archived/public")
def _archived(world: DiscordWorld, channel: str, **_: Any) -> Json:
    threads = [item for item in world.channels.values() if item.parent == int(channel) and item.archived]
    return {"threads": [wire.thread(thread) for thread in threads], "members": [], "has_more": False}


# Messages -----------------------------------------------------------------------------------------------------------------


@route("GET", "/channels/{channel}/messages")
def _history(world: DiscordWorld, channel: str, query: Mapping[str, str], **_: Any) -> list[Json]:
    where = _place(world, channel)
    if "history" in where.forbidden:
        raise Refused(403, 50001, "Missing Access")
    if not 1 <= int(query.get("limit", 50)) <= 100:
        raise Refused(400, 50035, "Invalid Form Body")
    if where.denied & READ_HISTORY:
        return []
    found = [message for message in world.here(where.id) if not message.private_to]
    if "after" in query:
        found = [message for message in found if message.id > int(query["after"])][: int(query.get("limit", 50))]
    elif "before" in query:
        found = [message for message in found if message.id < int(query["before"])]
    return [world.payload(message) for message in reversed(found[-int(query.get("limit", 50)) :])]


@route("GET", "/channels/{channel}/messages/{message}")
def _one(world: DiscordWorld, channel: str, message: str, **_: Any) -> Json:
    where, known = _place(world, channel), _message(world, message)
    if known.channel != where.id:
        raise Refused(404, 10008, "Unknown Message")
    if where.denied & READ_HISTORY:  # docs.discord.com/developers/resources/message#get-channel-message
        raise Refused(403, 50001, "Missing Access")
    return world.payload(known)


@route("POST", "/channels/{channel}/messages")
def _send(world: DiscordWorld, channel: str, body: Json, **_: Any) -> Json:
    where = _place(world, channel)
    _may_write(world, where)
    if not _says_something(body):
        raise Refused(400, 50035, "Invalid Form Body")
    flags = int(body.get("flags") or 0)
    check_form(body.get("content") or "", body.get("embeds") or [], body.get("components") or [], flags)
    known = world.nonces.get((where.id, str(body.get("nonce"))))
    if body.get("enforce_nonce") and known is not None:
        return {**world.payload(world.messages[known]), "nonce": body["nonce"]}
    replies_to = int((body.get("message_reference") or {}).get("message_id", 0))
    message = world.write(
        BOT,
        where.id,
        body.get("content") or "",
        embeds=body.get("embeds") or [],
        components=body.get("components") or [],
        attachments=body.get("files") or [],
        allowed=body.get("allowed_mentions") or {"parse": ["users", "roles", "everyone"]},
        flags=flags,
        replies_to=replies_to if replies_to in world.messages else 0,
    )
    world.nonces[where.id, str(body.get("nonce"))] = message.id
    return {**world.payload(message), "nonce": body.get("nonce")}


@route("PATCH", "/channels/{channel}/messages/{message}")
def _edit(world: DiscordWorld, channel: str, message: str, body: Json, **_: Any) -> Json:
    where, known = _place(world, channel), _message(world, message)
    if where.archived:
        raise Refused(400, 50083, "Thread is archived")
    if known.channel != where.id:
        raise Refused(404, 10008, "Unknown Message")
    fill(known, body)
    known.edited = world.clock()
    known.versions.append(known.text)
    world.emit("MESSAGE_UPDATE", world.payload(known))
    world.changed()
    return world.payload(known)


@route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me")
def _react(world: DiscordWorld, channel: str, message: str, emoji: str, **_: Any) -> None:
    where, known = _place(world, channel), _message(world, message)
    if known.channel != where.id:
        raise Refused(404, 10008, "Unknown Message")
    if where.archived:
        raise Refused(400, 50083, "Thread is archived")
    known.reactions.append(emoji)
    world.changed()


# Interactions ---------------------------------------------------------------------------------------------------------------


@route("POST", "/interactions/{id_}/{token}/callback")
def _respond(world: DiscordWorld, id_: str, token: str, body: Json, **_: Any) -> Json:
    world.respond(id_, token, body)
    return {"interaction": {"id": id_, "type": 2, "response_message_loading": True, "response_message_ephemeral": True}}


@route("PATCH", "/webhooks/{application}/{token}/messages/@original")
def _fill(world: DiscordWorld, token: str, body: Json, **_: Any) -> Json:
    return world.payload(world.fill(token, body))


@route("POST", "/webhooks/{application}/{token}")
def _further(world: DiscordWorld, token: str, body: Json, **_: Any) -> Json:
    return world.payload(world.fill(token, body, further=True))


# ----------------------------------------------------------------------------------------------------------------------------


def _place(world: DiscordWorld, channel: str) -> Channel:
    known = world.channels.get(int(channel))
    if known is None:
        raise Refused(404, 10003, "Unknown Channel")
    return known


def _applied_tags(forum: Channel, ids: list[str]) -> list[str]:
    """Tags of a post: at most five of the forum's, and one where it requires that
    (docs.discord.com/developers/resources/channel#thread-object and, for 40067, topics/opcodes-and-status-codes)."""
    if forum.requires_tag and not ids:
        raise Refused(400, 40067, "A tag is required to create a forum post in this channel")
    if len(ids) > 5 or not set(map(str, ids)) <= {tag["id"] for tag in forum.tags}:
        raise Refused(400, 50035, "Invalid Form Body")
    return [str(id_) for id_ in ids]


def _message(world: DiscordWorld, message: str) -> Message:
    known = world.messages.get(int(message))
    if known is None:
        raise Refused(404, 10008, "Unknown Message")
    return known


def _may_write(world: DiscordWorld, where: Channel) -> None:
    if "send" in where.forbidden:
        raise Refused(403, 50013, "Missing Permissions")
    if where.kind == FORUM:
        raise Refused(400, 50008, "Cannot send messages in a non-text channel")
    if where.locked:
        raise Refused(400, 160005, "Thread is locked")
    if where.kind == DM and (where.person in world.left or not world.people[where.person].takes_direct):
        # 50007 covers people who share no server with the bot (discord.com/developers/docs/topics/opcodes-and-status-codes).
        raise Refused(403, 50007, "Cannot send messages to this user")


def _says_something(body: Json) -> bool:
    return bool(body.get("content") or body.get("embeds") or body.get("files") or body.get("components"))


def body_of(content_type: str, raw: bytes, parts: Mapping[str, tuple[str, bytes]]) -> Any:
    """The body of a request: JSON, or a form with JSON and files."""
    if not content_type.startswith("multipart/"):
        return json.loads(raw) if raw else {}
    body = json.loads(parts["payload_json"][1])
    files = [(name, data) for key, (name, data) in sorted(parts.items()) if key.startswith("files[")]
    body["files"] = [
        {"id": str(number), "filename": name, "size": len(data), "url": f"https://files.test/{name}", "text": data.decode()}
        | {"proxy_url": f"https://files.test/{name}", "content_type": "text/markdown"}
        for number, (name, data) in enumerate(files)
    ]
    return body
