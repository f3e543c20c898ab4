"""People of the tables of docs/security.md on SimCord: two servers, a private channel with run 1, and forged buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, RoleHandle

from adapters.discord.commands import ACKNOWLEDGEMENTS
from adapters.discord.components import DiscordControl
from adapters.discord.posted_cards import card_footer
from adapters.discord.standing import RECHECK_SECONDS
from orchestrator_bridge.engine.engine import Engine
from tests.support.authority.matrix import MENTION, TASK, command
from tests.support.fake_discord.simcord_bot import TEAM_FILE, SimulatedServer, card_text, simulated_server

FORGED = DiscordControl(kind="option", number=1, value="sqlite")
ANYONE = TEAM_FILE.replace("settle_delay = 0", 'settle_delay = 0\nresponders = "anyone"')
HIDDEN, SHOWN = discord.PermissionOverwrite(view_channel=False), discord.PermissionOverwrite(view_channel=True)
FIELDS = {"ask": "task", "model": "model", "team": "team", "cancel": "run", "finish": "run", "cost": "run"}


@dataclass
class DiscordStage:
    """The servers with their people. `where` maps the persons of the tables to an actor and the channel they act in.

    `crew` is a role that sees the private channel, and that nobody has.
    """

    server: SimulatedServer
    engine: Engine
    where: dict[str, tuple[MemberActor, ChannelHandle | None]]
    crew: RoleHandle | None = None

    async def act(self, act: str, person: str) -> str:
        """Let a person do something; returns the private reply when it has come."""
        if person == "cannot be checked":
            self.server.env.inject_error("GET", "/guilds/*/members/*", status=503, times=None)
        actor, channel = self.where[person]
        if act == MENTION:
            return await self._mention(actor, channel)
        result = await (self._click(actor, channel) if act.startswith("button") else self._command(actor, channel, act))
        first = await self.server.until(lambda: _reply(result, act))
        if first in ACKNOWLEDGEMENTS.values():  # it stands there until the bridge has answered
            await self.engine.wait_finished()
            await self.server.env.settle()
        return _reply(result, act) or first

    async def let_in(self, person: str) -> None:
        """Give a person a role that sees the private channel, a few seconds after they were looked up."""
        assert self.crew is not None
        self.server.env.backend.add_member_role(self.server.guild.id, self.where[person][0].id, self.crew.id)
        await self.server.env.advance_time(RECHECK_SECONDS)

    async def _command(self, actor: MemberActor, channel: ChannelHandle | None, act: str) -> Any:
        name, text = command(act)
        if name == "questions" and text:
            number, _, words = text.partition(" ")
            options: dict[str, Any] = {"question": int(number)} | ({"answer": words} if words else {})
        else:
            options = {FIELDS[name]: text} if text else {}
        return await (actor.user.slash(name, **options) if channel is None else actor.slash(channel, name, **options))

    async def _mention(self, actor: MemberActor, channel: ChannelHandle | None) -> str:
        """Mention the bot with a task; the answer is a direct message, or the card of a run."""
        me = self.server.connection.client
        assert me is not None
        here = actor.user.dm_channel if channel is None else channel
        runs, replies = _runs(here), len(_posts(actor.user.dm_channel))
        text = f"<@{me.me}> {TASK}"
        await (actor.send_dm(text) if channel is None else actor.send(channel, text))
        await self.server.until(lambda: _runs(here) > runs or len(_posts(actor.user.dm_channel)) > replies or None)
        return "" if _runs(here) > runs else " ".join(_posts(actor.user.dm_channel)[replies:])

    async def _click(self, actor: MemberActor, channel: ChannelHandle | None) -> Any:
        """Press a button with the id of question 1, on a message that stands where the person is."""
        client = self.server.connection.client
        assert client is not None
        place = await client.create_dm(discord.Object(actor.id)) if channel is None else client.get_channel(channel.id)
        assert isinstance(place, discord.DMChannel | discord.TextChannel)
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="SQLite", custom_id=FORGED.id))
        message = await place.send("Which database?", view=view)
        await self.server.env.settle()
        return await (actor.user if channel is None else actor).click(message, custom_id=FORGED.id)


def _posts(channel: ChannelHandle) -> list[str]:
    """What the bot wrote in a channel."""
    return [message.content for message in channel.history() if message.author.bot]


def _runs(channel: ChannelHandle) -> int:
    return sum((card_footer(message) or "").startswith("Run") for message in channel.history())


def _reply(result: Any, act: str) -> str | None:
    """The text of a private reply; None while only its placeholder stands."""
    shown = result.response
    embeds = (f"{item.title} {item.description}" for item in shown.embeds) if shown else ()
    return f"{shown.content} {' '.join(embeds)}".strip() or None if shown else None


@asynccontextmanager
async def discord_stage(folder: Path, *, anyone: bool = False) -> AsyncIterator[DiscordStage]:
    """Two servers; Alice has given run 1 its task in a private channel, and handed question 1 over to Bob."""
    async with simulated_server(folder, team=ANYONE if anyone else TEAM_FILE) as server, server.bot() as engine:
        server.create_server()
        env, guild = server.env, server.guild
        carol, dave, fay = (guild.add_member(env.create_user(name)) for name in ("carol", "dave", "fay"))
        client = server.connection.client
        assert client is not None
        assert client.user is not None
        other = server.channel
        crew = guild.create_role("crew")
        overwrites: dict[Any, discord.PermissionOverwrite] = {
            guild.default_role: HIDDEN,
            crew: SHOWN,
            client.user: SHOWN,
            server.alice: SHOWN,
            carol: SHOWN,
            fay: SHOWN,
        }
        server.channel = guild.create_text_channel("ops", overwrites=overwrites)
        elsewhere = env.create_guild()
        eve = elsewhere.add_member(env.create_user("eve"))
        there = elsewhere.create_text_channel("general")
        await server.alice.slash(server.channel, "ask", task="Choose a database")
        card = await server.until(lambda: server.cards("Question"))
        asked = await server.alice.click(card[-1], custom_id=DiscordControl(kind="decline", number=1).id)
        delegate = DiscordControl(kind="delegate", number=1).id
        assert asked.response is not None
        await server.alice.select(asked.response, custom_id=delegate, values=[server.bob])
        await server.until(lambda: "bob" in card_text(server.card("Question")))
        yield DiscordStage(
            server,
            engine,
            {
                "requester": (server.alice, None),
                "requester, elsewhere": (server.alice, other),
                "person asked": (server.bob, None),
                "sees the channel": (carol, other),
                "sees it, in another channel": (carol, other),
                "in the channel": (carol, server.channel),
                "sees it, in direct messages": (carol, None),
                "does not see it": (dave, other),
                "on another server": (eve, there),
                "member": (dave, other),
                "in direct messages": (dave, None),
                "on a server that is not set up": (eve, there),
                "on no server that is set up": (eve, None),
                "cannot be checked": (fay, other),
            },
            crew,
        )
