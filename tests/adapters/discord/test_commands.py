"""Slash commands, autocomplete and their registration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.discord.commands import MESSAGE_MENU
from adapters.discord.permissions import PERMISSIONS, invite_permissions, invite_url
from orchestrator_bridge.chat.adapter import ModelOption
from orchestrator_bridge.chat.inbound import CommandReceived, Place
from orchestrator_bridge.chat.outbound import Link, PrivateReply, Table
from orchestrator_bridge.chat.testing import RUN
from tests.adapters.discord.test_interactions import answered
from tests.support.clock import ManualClock
from tests.support.fake_discord.autocomplete import FixedAutocomplete
from tests.support.fake_discord.fixture import DiscordDriver, create_discord_adapter, discord_driver
from tests.support.fake_discord.server import DiscordServer, ReceivedRequest
from tests.support.fake_discord.wire import GUILD


def is_sync(asked: ReceivedRequest) -> bool:
    return asked.method == "PUT" and asked.path.endswith("/commands")


async def test_every_command_is_registered_with_a_description() -> None:
    async with discord_driver() as driver:
        await driver.server.until(lambda: driver.world.commands)
        named = {command["name"]: command for command in driver.world.commands}
        names = (
            "ask",
            "model",
            "models",
            "team",
            "runs",
            "questions",
            "cancel",
            "finish",
            "cost",
            "recall",
            "supersede",
            "help",
            MESSAGE_MENU,
        )
        assert set(named) == set(names)
        for name, command in named.items():
            assert name == MESSAGE_MENU or command["description"]
            assert all(option["description"] for option in command.get("options", []))
            assert (command["integration_types"], command["contexts"]) == (
                [0],
                [0, 1],
            )  # servers, and direct messages with the bot


async def test_commands_are_registered_only_when_they_have_changed(tmp_path: Path) -> None:
    file = tmp_path / "commands"
    async with discord_driver(commands_file=file) as driver:
        while not file.exists():
            await driver.command("runs", "")
            await driver.next_event()
        await driver.adapter.stop()
        await driver.start()
        await driver.command("runs", "")
        await driver.next_event()
        assert sum(map(is_sync, driver.server.requests)) == 1
        file.write_text("an older fingerprint\n", encoding="utf-8")
        await driver.adapter.stop()
        await driver.start()
        await driver.server.until(lambda: sum(map(is_sync, driver.server.requests)) == 2)


async def test_a_development_server_receives_the_commands_at_once() -> None:
    async with discord_driver(guild=1_000_000_000_000_000_001) as driver:
        await driver.server.until(lambda: driver.world.commands)
        assert [request.path for request in driver.server.requests if is_sync(request)] == [
            "/applications/1000000000000000003/guilds/1000000000000000001/commands"
        ]
        await driver.command("runs", "")
        assert isinstance(await driver.next_event(), CommandReceived)


async def test_a_failed_registration_of_commands_does_not_stop_the_start() -> None:
    async with discord_driver() as driver:
        await driver.adapter.stop()
        driver.server.faults.put("reject", is_sync)
        await driver.start()
        await driver.command("runs", "")
        assert isinstance(await driver.next_event(), CommandReceived)


async def test_a_commands_fields_arrive_as_its_line_and_options() -> None:
    async with discord_driver() as driver:
        driver.send_command("ask", task="plan it", team="review", model="grok-4.3")
        driver.send_command("model", model="gpt-5", scope="team:review")
        ask, model = await driver.next_event(), await driver.next_event()
        assert isinstance(ask, CommandReceived)
        assert isinstance(model, CommandReceived)
        assert (ask.text, ask.options) == ("plan it", (("team", "review"), ("model", "grok-4.3")))
        assert (model.name, model.text, model.options) == ("model", "gpt-5", (("scope", "team:review"),))


async def test_a_command_that_the_bridge_does_not_answer_gets_a_default_reply() -> None:
    async with discord_driver() as driver:
        interaction = driver.send_command("ask", task="plan it")
        await driver.next_event()
        await answered(driver, interaction, "The run card appears in this channel")


async def test_without_permission_to_show_a_run_none_starts_and_the_person_learns_what_is_missing() -> None:
    async with discord_driver() as driver:
        driver.world.app_permissions &= ~(1 << 11) & ~(1 << 14)
        interaction = driver.send_command("ask", task="plan it")
        await answered(driver, interaction, "Send Messages (to post runs and questions) and Embed Links")
        await driver.command("runs", "")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert heard.name == "runs"


async def test_a_table_links_to_messages_in_this_server() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(RUN)
        await driver.command("questions", "")
        heard = await driver.next_event()
        here = Link(text="Which database?", place=driver.thread(posted), message=posted.message)
        nowhere = Link(text="Elsewhere", place=Place(platform="discord", channel="5"), message="6")
        await driver.adapter.reply_privately(
            heard, PrivateReply(text="", tables=(Table(columns=("what",), rows=((here,), (nowhere,))),))
        )
        text = driver.world.here(driver.channel.id)[-1].text
        assert f"[Which database?](https://discord.com/channels/1000000000000000001/{driver.channel.id}/{posted.message})" in text
        assert "**Elsewhere**" in text


async def test_a_long_table_says_how_much_is_left_out() -> None:
    async with discord_driver() as driver:
        await driver.command("runs", "")
        heard = await driver.next_event()
        rows = tuple((str(number), "a task of some words " * 8) for number in range(100))
        await driver.adapter.reply_privately(
            heard, PrivateReply(text="All.", tables=(Table(columns=("run", "task"), rows=rows),))
        )
        assert " more" in driver.world.here(driver.channel.id)[-1].text


# Pickers -------------------------------------------------------------------------------------------------------------------


async def offered(driver: DiscordDriver, command: str, focused: str, typed: str = "", **others: str) -> list[dict[str, Any]]:
    fields = [{"name": key, "type": 3, "value": value} for key, value in others.items()]
    fields.append({"name": focused, "type": 3, "value": typed, "focused": True})
    interaction = driver.world.interact(
        driver.ana.id, driver.channel.id, 4, {"id": "1", "name": command, "type": 1, "options": fields}
    )
    known = next(item for item in driver.world.interactions.values() if item["id"] == interaction)
    await driver.server.until(lambda: known["answer"])
    choices: list[dict[str, Any]] = known["answer"]["data"]["choices"]
    return choices


async def test_models_are_found_by_any_part_of_their_name_and_say_what_matters_first() -> None:
    async with discord_driver() as driver:
        choices = await offered(driver, "model", "model", "4.1")
        assert choices == [
            {"name": "grok-4.1-fast · retired, grok-4.3 answers · $0.20 in, $0.50 out · 2M context", "value": "grok-4.1-fast"}
        ]
        every = [item["name"] for item in await offered(driver, "model", "model")]
        assert every[0].startswith("✓ grok-4.3")
        assert "no key" in every[2]


async def test_autocomplete_keeps_to_discords_limits() -> None:
    models = [ModelOption(name=f"model-{number}", about="x" * 200) for number in range(40)]
    async with discord_driver(autocomplete=FixedAutocomplete(models)) as driver:
        choices = await offered(driver, "model", "model")
        assert len(choices) == 25
        assert all(len(item["name"]) <= 100 for item in choices)


async def test_models_are_offered_for_the_scope_that_was_chosen() -> None:
    menu = FixedAutocomplete()
    async with discord_driver(autocomplete=menu) as driver:
        await offered(driver, "model", "model", scope="agent:skeptic")
        await offered(driver, "ask", "model", team="review")
        await offered(driver, "model", "model")
        assert menu.scopes == ["skeptic", "review", ""]


@pytest.mark.parametrize(
    ("command", "field", "typed", "values"),
    [
        ("ask", "team", "REV", ["review"]),
        ("model", "scope", "", ["channel", "team:house", "team:review", "agent:architect", "agent:skeptic"]),
        ("cancel", "run", "queue", ["4"]),
    ],
)
async def test_teams_scopes_and_runs_are_offered(command: str, field: str, typed: str, values: list[str]) -> None:
    async with discord_driver() as driver:
        assert [item["value"] for item in await offered(driver, command, field, typed)] == values


async def test_failing_autocomplete_offers_nothing() -> None:
    menu = FixedAutocomplete()
    menu.broken = True
    async with discord_driver(autocomplete=menu) as driver:
        assert await offered(driver, "model", "model", "grok") == []


# The invite ------------------------------------------------------------------------------------------------------------------


def test_the_invite_asks_for_the_permissions_that_are_needed_and_no_more() -> None:
    assert invite_permissions().value == 326417632320
    assert len(PERMISSIONS) == 9
    assert invite_url(42) == (
        "https://discord.com/oauth2/authorize?client_id=42&scope=bot+applications.commands&permissions=326417632320"
    )


async def test_commands_that_discord_cannot_register_now_are_registered_later(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    async with DiscordServer() as server:
        server.faults.put("error", is_sync, status=503)
        driver = DiscordDriver(server, create_discord_adapter(server, clock=clock))
        await driver.start()
        await clock.armed_until(clock.now() + 5)
        assert driver.world.commands == []
        assert any("the slash commands are not registered" in record.message for record in caplog.records)
        clock.advance(5)
        await server.until(lambda: driver.world.commands)
        await driver.adapter.stop()


async def test_the_commands_of_an_earlier_choice_of_servers_are_removed(tmp_path: Path) -> None:
    async with discord_driver(commands_file=tmp_path / "commands") as driver:
        world = driver.world
        await driver.server.until(lambda: world.registered.get(0))
        await driver.adapter.stop()
        driver.adapter = create_discord_adapter(driver.server, commands_file=tmp_path / "commands", guild=GUILD)
        await driver.start()
        await driver.server.until(lambda: world.registered.get(GUILD) and not world.registered[0])
        await driver.command("runs", "")
        assert isinstance(await driver.next_event(), CommandReceived)
        await driver.adapter.stop()
        driver.adapter = create_discord_adapter(driver.server, commands_file=tmp_path / "commands")
        await driver.start()
        await driver.server.until(lambda: world.registered[0] and not world.registered[GUILD])


async def test_an_interaction_without_a_channel_object_keeps_its_channel() -> None:
    async with discord_driver() as driver:
        driver.world.names_channels = False
        await driver.command("ask", "plan it")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert heard.place == driver.home


async def test_a_command_of_an_older_registration_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    async with discord_driver() as driver:
        interaction = driver.send_command("vote", option="a")
        await answered(driver, interaction, "This command has changed")
        assert not any(record.exc_info for record in caplog.records)
