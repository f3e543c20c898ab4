"""Commands appear in German to people whose Discord is German."""

from __future__ import annotations

import pytest

from adapters.discord.localisations import GERMAN
from tests.support.fake_discord.command_rules import check_command
from tests.support.fake_discord.fixture import discord_driver
from tests.support.fake_discord.state import Refused
from tests.support.fake_discord.wire import Json


async def test_every_name_and_description_is_registered_in_german() -> None:
    async with discord_driver() as driver:
        await driver.server.until(lambda: driver.world.commands)
        english: set[str] = set()
        for command in driver.world.commands:
            for part in (command, *command.get("options", [])):
                assert part["name_localizations"] == {"de": GERMAN[part["name"]]}
                english.add(part["name"])
                if part.get("description"):
                    assert part["description_localizations"] == {"de": GERMAN[part["description"]]}
                    english.add(part["description"])
        assert english == set(GERMAN), "the table has texts of no command"


ASK: Json = {"name": "ask", "description": "Give a task", "type": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name_localizations": {"de": "Auftrag"}},
        {"name_localizations": {"de": "zwei wörter"}},
        {"name_localizations": {"xx": "auftrag"}},
        {"description_localizations": {"de": "x" * 101}},
    ],
)
def test_the_fake_refuses_what_discord_refuses_of_a_localised_command(wrong: Json) -> None:
    check_command(ASK)
    with pytest.raises(Refused):
        check_command({**ASK, **wrong})
