"""Gateway of the fake Discord: sessions are started, cut, resumed with the missed events, or declared invalid."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.fake_discord import wire
from tests.support.fake_discord.state import DiscordWorld
from tests.support.fake_discord.wire import CONTENT_INTENT, Json

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11


@dataclass
class Session:
    """One client's session: the numbered events sent to it, and its socket, if any."""

    id: str
    intents: int
    shard: list[int]
    told: list[str] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None


class Gateway:
    """All sessions. `elsewhere` is the address that READY names for RESUME; no client should ever connect there."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.changed = changed
        self.sessions: dict[str, Session] = {}
        self.identified: list[Json] = []
        self.resumed: list[str] = []
        self.elsewhere = ""
        self.shards = 1
        self.refuse_with: int | None = None
        """The code with which every new connection is closed."""
        self.forget = False
        """The next RESUME is answered with an invalid session."""
        self.further_servers = 0
        """Servers that the bot is on beside the world's own."""
        self.silent = False
        """Events that happen now are not delivered, now or later."""
        self._sockets: set[web.WebSocketResponse] = set()
        self._sending: set[asyncio.Task[None]] = set()

    def emit(self, event: str, data: Json) -> None:
        """Send an event to every session, also to those that are cut: they may be resumed."""
        for session in self.sessions.values() if not self.silent else ():
            if _is_covered(event, data, session.intents):
                self._tell(session, event, _as_allowed(event, data, session.intents))

    async def hang_up(self, code: int = 1001) -> None:
        """Close every connection with this code."""
        for socket in list(self._sockets):
            await socket.close(code=code)

    async def ask_to_reconnect(self) -> None:
        """Ask every client to reconnect."""
        for socket in list(self._sockets):
            await socket.send_json({"op": RECONNECT, "d": None, "s": None, "t": None})

    async def serve(self, request: web.Request, world: DiscordWorld) -> web.WebSocketResponse:
        """Serve one connection."""
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        if self.refuse_with is not None:
            await socket.close(code=self.refuse_with)
            return socket
        self._sockets.add(socket)
        try:
            await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None})
            await self._listen(socket, world)
        finally:
            self._sockets.discard(socket)
            for session in self.sessions.values():
                if session.socket is socket:
                    session.socket = None
        return socket

    async def _listen(self, socket: web.WebSocketResponse, world: DiscordWorld) -> None:
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            said = json.loads(frame.data)
            match said["op"]:
                case 1:
                    await socket.send_json({"op": ACK, "d": None, "s": None, "t": None})
                case 2:
                    self._begin(socket, said["d"], world)
                case 6:
                    await self._resume(socket, said["d"])
                case 8:
                    # Requests for all members of many servers at once are limited, with an event instead of an answer
                    # (docs.discord.com/developers/events/gateway-events#rate-limited).
                    meta = {"guild_id": said["d"]["guild_id"], "nonce": said["d"].get("nonce")}
                    limited = {"opcode": 8, "retry_after": 30.0, "meta": meta}
                    await socket.send_json({"op": DISPATCH, "t": "RATE_LIMITED", "s": None, "d": limited})

    def _begin(self, socket: web.WebSocketResponse, asked: Json, world: DiscordWorld) -> None:
        self.identified.append(asked)
        session = Session(id=f"session-{len(self.identified)}", intents=asked["intents"], shard=asked.get("shard", [0, 1]))
        session.socket = socket
        self.sessions[session.id] = session
        self.changed()
        ready = {
            "v": 10,
            "user": wire.user(world.people[wire.BOT]),
            "guilds": [{"id": str(wire.GUILD), "unavailable": True}],
            "session_id": session.id,
            "resume_gateway_url": self.elsewhere,
            "shard": session.shard,
            "application": {"id": str(wire.APPLICATION), "flags": world.flags},
        }
        self._tell(session, "READY", ready)
        if session.shard[0] == (wire.GUILD >> 22) % session.shard[1]:
            self._tell(session, "GUILD_CREATE", world.guild(members=False))
        for server in range(1, self.further_servers + 1):
            self._tell(session, "GUILD_CREATE", {**world.guild(members=False), "id": str(server), "channels": [], "threads": []})

    async def _resume(self, socket: web.WebSocketResponse, asked: Json) -> None:
        session = self.sessions.get(asked["session_id"])
        if session is None or self.forget:
            self.forget = False
            self.sessions.pop(asked["session_id"], None)
            await socket.send_json({"op": INVALID, "d": False, "s": None, "t": None})
            return
        self.resumed.append(session.id)
        self.changed()
        session.socket = socket
        for told in session.told[asked["seq"] :]:
            self._send(socket, told)
        self._tell(session, "RESUMED", {})

    def _tell(self, session: Session, event: str, data: Json) -> None:
        text = json.dumps({"op": DISPATCH, "t": event, "s": len(session.told) + 1, "d": data})
        session.told.append(text)
        if session.socket is not None:
            self._send(session.socket, text)

    def _send(self, socket: web.WebSocketResponse, text: str) -> None:
        task = asyncio.create_task(_sent(socket, text))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


async def _sent(socket: web.WebSocketResponse, text: str) -> None:
    with suppress(ConnectionError):
        await socket.send_str(text)


def _is_covered(event: str, data: Json, intents: int) -> bool:
    """True if the client's intents ask for an event. Source: "List of Intents" in Discord's documentation of the gateway."""
    if event == "GUILD_MEMBER_REMOVE":
        return bool(intents & 1 << 1)
    needed = 1 << 10 if "guild_id" in data else 1 << 13
    return event != "MESSAGE_REACTION_ADD" or bool(intents & needed)


def _as_allowed(event: str, data: Json, intents: int) -> Json:
    """The event without the content that the client's intents do not cover."""
    if event not in ("MESSAGE_CREATE", "MESSAGE_UPDATE") or intents & CONTENT_INTENT or "guild_id" not in data:
        return data
    own = data["author"]["id"] == str(wire.BOT)
    named = any(person["id"] == str(wire.BOT) for person in data["mentions"])
    empty: dict[str, Any] = {"content": "", "embeds": [], "attachments": [], "components": []}
    return data if own or named else {**data, **empty}
