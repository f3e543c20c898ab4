"""Killed with -9 at the moment of an acknowledgement: what a person was told is received is in the store."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from adapters.discord.components import DiscordControl
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.resilience.harness.platforms.discord import DiscordSite
from tests.resilience.harness.platforms.discord import open_site as open_discord
from tests.resilience.harness.platforms.slack import SlackSite
from tests.resilience.harness.platforms.slack import open_site as open_slack
from tests.resilience.harness.site import KillSite
from tests.support.fake_discord.wire import Json
from tests.support.fake_slack.state import ANA, GENERAL

KILLS = 9
TEAM = """
[[team.default.agents]]
name = "one"
model = "scripted/demo"
"""


async def is_stored(file: Path, interaction: str) -> bool:
    """True if an interaction is in the inbox, handled or not."""
    store = await SqliteStore.open(file)
    try:
        rows = await store._executor.read(lambda connection: connection.execute("SELECT key FROM inbox").fetchall())
    finally:
        await store.close()
    return any(interaction in str(row["key"]) for row in rows)


async def kill_at_acknowledgement(site: KillSite, act: Callable[[], str], arm: Callable[[str, Callable[[], None]], None]) -> str:
    """Let a person act, and kill the bot when it has acknowledged that act. Returns the interaction.

    Acts of earlier processes that were not acknowledged are delivered again meanwhile, so the act's own response is awaited.
    """
    killed = asyncio.Event()

    def kill() -> None:
        site.process.kill("acknowledged")
        killed.set()

    await site.process.start()
    await site.process.wait_ready()
    interaction = act()
    arm(interaction, kill)
    await killed.wait()
    await site.process.wait_ended()
    return interaction


def discord_act(site: DiscordSite, number: int) -> str:
    """Give a task, or use a button of a question."""
    world, ana = site.server.world, site.crowd._people[0]
    ask: Json = {"id": "1", "name": "ask", "type": 1, "options": [{"name": "task", "type": 3, "value": "Write a poem."}]}
    click: Json = {"custom_id": DiscordControl(kind="pass", number=1).id, "component_type": 2}
    return world.interact(ana.id, world.general.id, *((2, ask) if number % 2 else (3, click)))


def discord_arm(site: DiscordSite, interaction: str, kill: Callable[[], None]) -> None:
    """Kill when Discord has got the first response to the interaction."""
    site.server.watch = lambda asked: kill() if asked.path.endswith("/callback") and f"/{interaction}/" in asked.path else None


def slack_act(site: SlackSite, number: int) -> str:
    """Give a task."""
    return str(site.server.people.command(ANA, GENERAL, f"ask Write poem {number}.").payload["trigger_id"])


def slack_arm(site: SlackSite, interaction: str, kill: Callable[[], None]) -> None:
    """Kill when Slack has got the acknowledgement of the command."""
    world = site.server.world
    acknowledge = type(world).acknowledge

    def acknowledge_and_kill(number: int, payload: object) -> None:
        ours = world.unacknowledged[number].payload.get("trigger_id") == interaction
        acknowledge(world, number, payload)
        if ours:
            kill()

    world.acknowledge = acknowledge_and_kill  # type: ignore[method-assign,assignment]  # watched from here on


async def test_nothing_that_discord_was_told_is_received_is_lost(tmp_path: Path) -> None:
    (tmp_path / "townhall.toml").write_text(TEAM, encoding="utf-8")
    async with open_discord(tmp_path, random.Random(1)) as site, site.process:
        for number in range(KILLS):
            interaction = await kill_at_acknowledgement(site, partial(discord_act, site, number), partial(discord_arm, site))
            assert await is_stored(site.file, interaction), f"interaction {number} was acknowledged and is lost"


async def test_an_acknowledgement_of_a_store_that_is_busy_says_that_nothing_is_stored_yet(tmp_path: Path) -> None:
    (tmp_path / "townhall.toml").write_text(TEAM, encoding="utf-8")
    async with open_discord(tmp_path, random.Random(1)) as site, site.process:
        with closing(sqlite3.connect(site.file, isolation_level=None, check_same_thread=False)) as other:

            def act() -> str:
                other.execute("BEGIN IMMEDIATE")
                return discord_act(site, 1)

            interaction = await kill_at_acknowledgement(site, act, partial(discord_arm, site))
        assert not await is_stored(site.file, interaction)
        (response,) = [known["answer"] for known in site.server.world.interactions.values() if known["id"] == interaction]
        assert "not stored yet" in response["data"]["content"]


async def test_nothing_that_slack_was_told_is_received_is_lost(tmp_path: Path) -> None:
    (tmp_path / "townhall.toml").write_text(TEAM, encoding="utf-8")
    async with open_slack(tmp_path, random.Random(1)) as site, site.process:
        for number in range(KILLS):
            interaction = await kill_at_acknowledgement(site, partial(slack_act, site, number), partial(slack_arm, site))
            assert await is_stored(site.file, interaction), f"command {number} was acknowledged and is lost"
