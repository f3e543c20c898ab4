"""Cards as containers: a phone is notified with a sentence, the card is then drawn with components, and old cards go on."""

from __future__ import annotations

from dataclasses import replace

import discord
import pytest

from adapters.discord.containers import MAX_TEXT, card_container
from adapters.discord.markers import parse_reference_code, reference_code
from adapters.discord.render import DiscordMessage, render_question_card, render_run_card
from orchestrator_bridge.chat.inbound import ControlUsed
from orchestrator_bridge.chat.outbound import CardAgent, CardOption, QuestionCard
from orchestrator_bridge.chat.testing import RUN, closed, question
from orchestrator_bridge.common.text import clean
from tests.support.fake_discord.fixture import DiscordDriver, discord_driver
from tests.support.fake_discord.state import Refused, check_form
from tests.support.fake_discord.wire import COMPONENTS_V2, FORUM, Json, Message


def card_of(driver: DiscordDriver) -> Message:
    return next(message for message in driver.world.messages.values() if message.footer)


async def used(driver: DiscordDriver) -> ControlUsed:
    event = await driver.next_event()
    assert isinstance(event, ControlUsed)
    return event


def texts(layout: discord.ui.LayoutView) -> list[str]:
    return [item.content for item in layout.walk_children() if isinstance(item, discord.ui.TextDisplay)]


@pytest.mark.parametrize("kind", [None, FORUM])
async def test_the_phone_of_the_person_asked_shows_a_sentence_and_the_card_is_a_container(kind: int | None) -> None:
    async with discord_driver(channel=kind) as driver:
        await driver.post(replace(question(), mentions=(driver.person,)))
        card = card_of(driver)
        assert card.notification.startswith(f"<@{driver.ana.id}> **skeptic** asks: Which database")
        assert list(driver.world.notified()) == [str(driver.ana.id)]
        assert (card.is_container, card.content, card.embeds) == (True, "", [])
        assert "PostgreSQL" in card.text
        assert card.controls


async def test_the_card_of_a_run_becomes_a_container_with_its_first_change() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(RUN)
        assert f"Run {RUN.run}" in card_of(driver).notification
        await driver.post(replace(RUN, status="waiting"), replaces=posted, key="then")
        assert card_of(driver).is_container
        await driver.post(replace(RUN, status="finished", ended=True), replaces=posted, key="end")
        assert not card_of(driver).controls


async def test_a_card_of_an_earlier_release_is_answered_and_closed() -> None:
    async with discord_driver() as driver:
        driver.server.faults.put("reject", lambda asked: asked.method == "PATCH")
        posted = await driver.post(question(), key="old")
        old = card_of(driver)
        assert old.embeds
        driver.world.react(driver.ana.id, old.id, "2️⃣")
        assert (await used(driver)).value == question().options[1].id
        await driver.choose(question().question, question().options[0].id)
        assert (await used(driver)).value == question().options[0].id
        await driver.post(closed(question()), replaces=posted, key="closed")
        assert "answered: SQLite" in card_of(driver).text
        assert not card_of(driver).controls


async def test_a_form_that_discord_refuses_is_shown_as_an_embed() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(RUN)
        driver.server.faults.put("reject", lambda asked: asked.method == "PATCH", code=50035)
        await driver.post(replace(RUN, status="waiting"), replaces=posted, key="then")
        assert not card_of(driver).is_container
        assert "waiting" in card_of(driver).content


def longest(text: str) -> list[DiscordMessage]:
    asked = replace(
        question(),
        agent=text,
        text=text,
        context=text,
        options=tuple(CardOption(id=f"o{number}", label=text[:70], description=text) for number in range(7)),
        asked=text,
        silence=text,
        task=text,
        progress=text,
    )
    run = replace(RUN, task=text, team=text, agents=(CardAgent(name=text, model=text, state=text),) * 30, status=text, cost=text)
    return [render_question_card(asked, "key"), render_question_card(closed(asked), "key"), render_run_card(run, "key")]


@pytest.mark.parametrize("text", ["word " * 2000, "```\n" + "code\n" * 2000, "*_~" * 2000, "🦊" * 3000, "|" * 5000])
def test_the_longest_cards_are_accepted_and_keep_their_reference(text: str) -> None:
    for shown in longest(clean(text)):
        layout = card_container(shown)
        check_form("", [], [dict(part.to_component_dict()) for part in layout.children], COMPONENTS_V2)
        assert sum(map(len, texts(layout))) <= MAX_TEXT
        assert parse_reference_code(texts(layout)[-1].removeprefix("-# ")) == reference_code("key")


def test_the_last_line_shows_markdown_of_the_task_as_it_was_typed() -> None:
    asked: QuestionCard = replace(question(), task="**loud** [x](https://evil.test) @everyone")
    assert "\\*\\*loud\\*\\*" in texts(card_container(render_question_card(asked, "key")))[-1]


TEXT: Json = {"type": 10, "content": "x"}
CONTAINER: Json = {"type": 17, "components": [TEXT]}


@pytest.mark.parametrize(
    ("content", "components", "flags", "earlier"),
    [
        ("words", [CONTAINER], COMPONENTS_V2, 0),
        ("", [CONTAINER], 0, 0),
        ("words", [], 0, COMPONENTS_V2),
        ("", [TEXT] * 41, COMPONENTS_V2, 0),
        ("", [{"type": 10, "content": "x" * 2000}] * 2 + [TEXT], COMPONENTS_V2, 0),
    ],
    ids=["content beside containers", "a container without the flag", "the flag removed", "41 components", "4,001 characters"],
)
def test_the_fake_refuses_what_discord_refuses(content: str, components: list[Json], flags: int, earlier: int) -> None:
    with pytest.raises(Refused):
        check_form(content, [], components, flags, earlier)
