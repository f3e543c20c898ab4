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
from tests.support.fake_discord.autocomplete import SmallMenu
from tests.support.fake_discord.fixture import DiscordRig, a_rig
from tests.support.fake_discord.server import Asked


def is_sync(asked: Asked) -> bool:
    return asked.method == "PUT" and asked.path.endswith("/commands")


async def test_every_command_is_registered_with_a_description() -> None:
    async with a_rig() as rig:
        await rig.server.until(lambda: rig.world.commands)
        named = {command["name"]: command for command in rig.world.commands}
        assert set(named) == {"ask", "model", "models", "team", "runs", "questions", "cancel", "cost", "help", MESSAGE_MENU}
        for name, command in named.items():
            assert name == MESSAGE_MENU or command["description"]
            assert all(option["description"] for option in command.get("options", []))
            assert (command["integration_types"], command["contexts"]) == (
                [0],
                [0, 1],
            )  # servers, and direct messages with the bot


async def test_commands_are_registered_only_when_they_have_changed(tmp_path: Path) -> None:
    file = tmp_path / "commands"
    async with a_rig(commands_file=file) as rig:
        while not file.exists():
            await rig.command("runs", "")
            await rig.next_event()
        await rig.adapter.stop()
        await rig.start()
        await rig.command("runs", "")
        await rig.next_event()
        assert sum(map(is_sync, rig.server.requests)) == 1
        file.write_text("an older fingerprint\n", encoding="utf-8")
        await rig.adapter.stop()
        await rig.start()
        await rig.server.until(lambda: sum(map(is_sync, rig.server.requests)) == 2)


async def test_a_development_server_receives_the_commands_at_once() -> None:
    async with a_rig(guild=1_000_000_000_000_000_001) as rig:
        await rig.server.until(lambda: rig.world.commands)
        assert [request.path for request in rig.server.requests if is_sync(request)] == [
            "/applications/1000000000000000003/guilds/1000000000000000001/commands"
        ]
        await rig.command("runs", "")
        assert isinstance(await rig.next_event(), CommandReceived)


async def test_a_failed_registration_of_commands_does_not_stop_the_start() -> None:
    async with a_rig() as rig:
        await rig.adapter.stop()
        rig.server.faults.put("reject", is_sync)
        await rig.start()
        await rig.command("runs", "")
        assert isinstance(await rig.next_event(), CommandReceived)


async def test_a_commands_fields_arrive_as_its_line_and_options() -> None:
    async with a_rig() as rig:
        rig.give("ask", task="plan it", team="review", model="grok-4.3")
        rig.give("model", model="gpt-5", scope="team:review")
        ask, model = await rig.next_event(), await rig.next_event()
        assert isinstance(ask, CommandReceived)
        assert isinstance(model, CommandReceived)
        assert (ask.text, ask.options) == ("plan it", (("team", "review"), ("model", "grok-4.3")))
        assert (model.name, model.text, model.options) == ("model", "gpt-5", (("scope", "team:review"),))


async def test_a_command_that_the_bridge_does_not_answer_gets_a_default_reply() -> None:
    async with a_rig() as rig:
        interaction = rig.give("ask", task="plan it")
        await rig.next_event()
        await answered(rig, interaction, "The run card appears in this channel")


async def test_without_permission_to_show_a_run_none_starts_and_the_person_learns_what_is_missing() -> None:
    async with a_rig() as rig:
        rig.world.app_permissions &= ~(1 << 11) & ~(1 << 14)
        interaction = rig.give("ask", task="plan it")
        await answered(rig, interaction, "Send Messages (to post runs and questions) and Embed Links")
        await rig.command("runs", "")
        heard = await rig.next_event()
        assert isinstance(heard, CommandReceived)
        assert heard.name == "runs"


async def test_a_table_links_to_messages_in_this_server() -> None:
    async with a_rig() as rig:
        posted = await rig.post(RUN)
        await rig.command("questions", "")
        heard = await rig.next_event()
        here = Link(text="Which database?", place=rig.thread(posted), message=posted.message)
        nowhere = Link(text="Elsewhere", place=Place(platform="discord", channel="5"), message="6")
        await rig.adapter.reply_privately(
            heard, PrivateReply(text="", tables=(Table(columns=("what",), rows=((here,), (nowhere,))),))
        )
        text = rig.world.here(rig.channel.id)[-1].text
        assert f"[Which database?](https://discord.com/channels/1000000000000000001/{rig.channel.id}/{posted.message})" in text
        assert "**Elsewhere**" in text


async def test_a_long_table_says_how_much_is_left_out() -> None:
    async with a_rig() as rig:
        await rig.command("runs", "")
        heard = await rig.next_event()
        rows = tuple((str(number), "a task of some words " * 8) for number in range(100))
        await rig.adapter.reply_privately(heard, PrivateReply(text="All.", tables=(Table(columns=("run", "task"), rows=rows),)))
        assert " more" in rig.world.here(rig.channel.id)[-1].text


# Pickers -------------------------------------------------------------------------------------------------------------------


async def offered(rig: DiscordRig, command: str, focused: str, typed: str = "", **others: str) -> list[dict[str, Any]]:
    fields = [{"name": key, "type": 3, "value": value} for key, value in others.items()]
    fields.append({"name": focused, "type": 3, "value": typed, "focused": True})
    interaction = rig.world.interact(rig.ana.id, rig.channel.id, 4, {"id": "1", "name": command, "type": 1, "options": fields})
    known = next(item for item in rig.world.interactions.values() if item["id"] == interaction)
    await rig.server.until(lambda: known["answer"])
    choices: list[dict[str, Any]] = known["answer"]["data"]["choices"]
    return choices


async def test_models_are_found_by_any_part_of_their_name_and_say_what_matters_first() -> None:
    async with a_rig() as rig:
        choices = await offered(rig, "model", "model", "4.1")
        assert choices == [
            {"name": "grok-4.1-fast · retired, grok-4.3 answers · $0.20 in, $0.50 out · 2M context", "value": "grok-4.1-fast"}
        ]
        every = [item["name"] for item in await offered(rig, "model", "model")]
        assert every[0].startswith("✓ grok-4.3")
        assert "no key" in every[2]


async def test_autocomplete_keeps_to_discords_limits() -> None:
    models = [ModelOption(name=f"model-{number}", about="x" * 200) for number in range(40)]
    async with a_rig(autocomplete=SmallMenu(models)) as rig:
        choices = await offered(rig, "model", "model")
        assert len(choices) == 25
        assert all(len(item["name"]) <= 100 for item in choices)


async def test_models_are_offered_for_the_scope_that_was_chosen() -> None:
    menu = SmallMenu()
    async with a_rig(autocomplete=menu) as rig:
        await offered(rig, "model", "model", scope="agent:skeptic")
        await offered(rig, "ask", "model", team="review")
        await offered(rig, "model", "model")
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
    async with a_rig() as rig:
        assert [item["value"] for item in await offered(rig, command, field, typed)] == values


async def test_failing_autocomplete_offers_nothing() -> None:
    menu = SmallMenu()
    menu.broken = True
    async with a_rig(autocomplete=menu) as rig:
        assert await offered(rig, "model", "model", "grok") == []


# The invite ------------------------------------------------------------------------------------------------------------------


def test_the_invite_asks_for_the_permissions_that_are_needed_and_no_more() -> None:
    assert invite_permissions().value == 326417632320
    assert len(PERMISSIONS) == 9
    assert invite_url(42) == (
        "https://discord.com/oauth2/authorize?client_id=42&scope=bot+applications.commands&permissions=326417632320"
    )
