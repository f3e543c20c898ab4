"""Connections that fail, are cut, resumed or refused: no reply is lost, and nothing is sent to an address that was not
configured."""

from __future__ import annotations

import socket
from dataclasses import replace

import discord
import pytest
from discord.http import Route

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.client import DiscordEndpoints
from adapters.discord.connection import GatewayConnection
from adapters.discord.permissions import diagnose
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import InboundEvent, MessageDeleted, MessageReceived
from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.chat.testing import RUN, closed, question
from orchestrator_bridge.common.clock import SystemClock
from tests.support.clock import ManualClock
from tests.support.fake_discord.autocomplete import FixedAutocomplete
from tests.support.fake_discord.fixture import DiscordDriver, create_discord_adapter, discord_driver
from tests.support.fake_discord.server import DiscordServer
from tests.support.fake_discord.wire import MEMBERS


def reads(driver: DiscordDriver) -> list[str]:
    return [request.path for request in driver.server.requests if request.method == "GET" and request.path.endswith("/messages")]


async def said(driver: DiscordDriver) -> MessageReceived:
    heard = await driver.next_event()
    assert isinstance(heard, MessageReceived), heard
    return heard


async def test_a_broken_session_is_resumed_at_our_address_with_the_missed_events() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        await driver.server.gateway.hang_up()
        await driver.say(driver.thread(run), "said in between")
        assert (await said(driver)).text == "said in between"
        assert driver.server.gateway.resumed
        assert len(driver.server.gateway.identified) == 1
        assert driver.server.strays == []
        assert reads(driver) == []


async def test_discord_may_ask_for_a_reconnection() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        await driver.server.gateway.ask_to_reconnect()
        await driver.say(driver.thread(run), "said in between")
        assert (await said(driver)).text == "said in between"
        assert driver.server.strays == []


async def test_after_a_lost_session_only_the_threads_of_open_questions_and_live_runs_are_read() -> None:
    async with discord_driver() as driver:
        over, live = await driver.post(replace(RUN, run=1), key="r1"), await driver.post(replace(RUN, run=2), key="r2")
        await driver.post(replace(RUN, run=1, ended=True), replaces=over)
        answered, waiting = await driver.post(question(2), key="q2"), await driver.post(question(7), key="q7")
        await driver.post(closed(question(2)), replaces=answered)
        await driver.say(driver.thread(waiting), "before")
        await driver.say(driver.thread(waiting), "taken back")
        before = [await said(driver), await said(driver)]
        driver.server.gateway.silent = True
        await driver.edit("will be deleted")
        await driver.delete_message()
        await driver.say(driver.thread(live), "mind the budget")
        await driver.say(driver.thread(waiting), "in between")
        driver.server.gateway.silent = False
        driver.server.gateway.forget = True
        await driver.server.gateway.hang_up()
        heard: dict[str, InboundEvent] = {}
        while not any(isinstance(item, MessageDeleted) for item in heard.values()):
            event = await driver.next_event()
            heard[event.key] = event
        texts = [item.text for item in heard.values() if isinstance(item, MessageReceived)]
        assert texts == ["mind the budget", "before", "in between"]
        assert before[0].key in heard
        (gone,) = [item for item in heard.values() if isinstance(item, MessageDeleted)]
        assert gone.message == before[1].message
        threads = [item for item in dict.fromkeys(reads(driver)) if item != f"/channels/{driver.channel.id}/messages"]
        assert threads == [f"/channels/{item.thread}/messages" for item in (live, waiting)]
        assert driver.server.strays == []


async def test_a_refused_first_connection_can_be_tried_again() -> None:
    async with DiscordServer() as server:
        driver = DiscordDriver(server)
        server.gateway.refuse_with = 4000
        driver.adapter = create_discord_adapter(server, deadline=0.5)
        with pytest.raises(NotSent):
            await driver.start()
        server.gateway.refuse_with = None
        await driver.start()
        await driver.post(Note(text="here now"))
        await driver.adapter.stop()


@pytest.mark.parametrize("path", ["/users/@me", "/gateway/bot"])
async def test_a_start_during_an_outage_of_discord_can_be_tried_again(path: str) -> None:
    async with DiscordServer() as server:
        driver = DiscordDriver(server)
        server.faults.put("refuse", lambda asked: asked.path == path)
        with pytest.raises(NotSent):
            await driver.start()
        await driver.adapter.stop()


async def test_a_start_without_a_server_can_be_tried_again() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        addresses = DiscordEndpoints(api=f"http://{address}/api/v10", gateway=f"ws://{address}/gateway")
        adapter = DiscordAdapter(GatewayConnection("token", addresses, SystemClock()), FixedAutocomplete(), SystemClock())
        with pytest.raises(NotSent, match="Cannot connect"):
            await adapter.start(_nobody)
        await adapter.stop()


async def _nobody(_: object) -> None:
    raise AssertionError("nothing is heard here")


async def test_a_rejected_token_is_named_but_not_shown() -> None:
    async with DiscordServer() as server:
        driver = DiscordDriver(server)
        server.token = "another-token"
        with pytest.raises(SendRejected, match="DISCORD_TOKEN") as rejected:
            await driver.start()
        assert "a-token-for-tests" not in str(rejected.value)
        await driver.adapter.stop()


async def test_a_session_that_is_closed_for_good_is_replaced() -> None:
    clock = ManualClock()
    async with discord_driver(clock=clock) as driver:
        run = await driver.post(RUN)
        await driver.server.gateway.hang_up(4004)
        await clock.armed_until(clock.now() + 5)
        with pytest.raises(NotSent):
            await driver.post(Note(text="nobody is there"))
        clock.advance(5)
        await driver.server.until(lambda: len(driver.server.gateway.identified) == 2)
        await driver.say(driver.thread(run), "hello again")
        assert (await said(driver)).text == "hello again"


async def test_several_shards_keep_to_the_address_that_was_set() -> None:
    async with DiscordServer() as server:
        server.gateway.shards = 2
        driver = DiscordDriver(server)
        await driver.start()
        assert [item["shard"] for item in server.gateway.identified] == [[0, 2], [1, 2]]
        run = await driver.post(RUN)
        await server.gateway.hang_up()
        await driver.say(driver.thread(run), "said in between")
        assert (await said(driver)).text == "said in between"
        assert server.strays == []
        await driver.adapter.stop()


async def test_only_intents_that_are_needed_and_allowed_are_requested() -> None:
    async with discord_driver() as driver:
        driver.world.flags = 0
        await driver.adapter.stop()
        await driver.start()
        asked = [item["intents"] for item in driver.server.gateway.identified]
        assert asked == [46593, 46593 - (1 << 15)]


async def test_stopping_while_a_message_waits_to_be_stored_leaves_nothing_behind() -> None:
    clock = ManualClock()
    async with discord_driver(clock=clock) as driver:
        run = await driver.post(RUN)
        driver.fail_next_store()
        await driver.say(driver.thread(run), "lost here, read again after the start")
        await clock.armed_until(clock.now() + 60)
        await driver.adapter.stop()
        assert clock.alarms == []


def test_unset_addresses_are_discords_own() -> None:
    client = discord.Client(intents=discord.Intents.none())
    DiscordEndpoints(api="http://127.0.0.1:9/api/v10").apply_to(client)
    assert Route.BASE == "http://127.0.0.1:9/api/v10"
    DiscordEndpoints().apply_to(client)
    assert Route.BASE == "https://discord.com/api/v10"


async def test_a_bot_on_many_servers_starts_at_once_with_the_members_intent() -> None:
    async with DiscordServer() as server:
        driver = DiscordDriver(server)
        role = driver.world.add_role("backend", driver.ana)
        driver.world.flags |= MEMBERS
        server.gateway.further_servers = 12
        driver.adapter = create_discord_adapter(server, deadline=10.0, roles=[str(role)])
        await driver.start()
        assert [author.name for author in driver.adapter.members(str(role)) or ()] == ["Ana"]
        await driver.adapter.stop()


async def test_the_start_reports_settings_that_keep_the_bot_from_hearing_people(caplog: pytest.LogCaptureFixture) -> None:
    async with DiscordServer() as server:
        driver = DiscordDriver(server)
        driver.world.flags = 0
        driver.world.endpoint = "https://example.com/interactions"
        await driver.start()
        await driver.adapter.stop()
    said = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert any("Interactions Endpoint URL is set" in message and "fix: remove it" in message for message in said)
    assert any("Message Content is off" in message for message in said)


async def test_a_window_of_a_limit_that_ends_late_stops_neither_the_start_nor_the_doctor() -> None:
    async with DiscordServer() as server:
        server.slow_window = 3600.0
        driver = DiscordDriver(server)
        await driver.start()
        await driver.adapter.stop()
        seen = await diagnose(server.token, DiscordEndpoints(api=server.api, gateway=server.gateway_url), people=["1", "2", "3"])
        assert seen.name == "townhall"
