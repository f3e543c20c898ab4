"""Content beside the typed text: forwarded messages, messages of other apps, blocks, files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.fake_slack.fixture import SlackDriver, slack_driver
from tests.support.fake_slack.state import ANA, BEN, BOT_USER, GENERAL

ME = f"<@{BOT_USER}>"
FORWARD = {
    "id": 1,
    "is_msg_unfurl": True,
    "is_share": True,
    "author_id": BEN,
    "author_name": "Ben Ng",
    "text": f"The export is slow &amp; <@{ANA}> knows why",
    "fallback": "[November 30th, 2026 9:14 AM] ben: The export is slow",
    "from_url": "https://home.slack.example/archives/C2/p1",
    "ts": "1.1",
}
ALERT = {
    "id": 1,
    "color": "a30200",
    "fallback": "[FIRING] Disk full on db-1",
    "title": "Disk full on db-1",
    "text": "97 % used",
    "fields": [{"title": "Host", "value": "db-1", "short": True}],
}
PREVIEW = {"from_url": "https://example.com", "original_url": "https://example.com", "title": "A page", "text": "about things"}
BLOCKS: list[dict[str, Any]] = [
    {"type": "header", "text": {"type": "plain_text", "text": "Deploy failed"}},
    {"type": "section", "text": {"type": "mrkdwn", "text": "Build *41*"}, "fields": [{"type": "mrkdwn", "text": "Branch: main"}]},
    {"type": "actions", "elements": [{"type": "button", "action_id": "x", "text": {"type": "plain_text", "text": "Retry"}}]},
]
RICH: list[dict[str, Any]] = [
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "Ask "},
                    {"type": "user", "user_id": BEN},
                    {"type": "text", "text": " "},
                    {"type": "emoji", "name": "tada"},
                ],
            }
        ],
    }
]


@pytest.fixture
async def driver() -> AsyncIterator[SlackDriver]:
    async with slack_driver() as driver:
        yield driver


async def said(driver: SlackDriver) -> MessageReceived:
    heard = await driver.next_event()
    assert isinstance(heard, MessageReceived)
    return heard


@pytest.mark.parametrize(
    ("text", "more", "read"),
    [
        ("", {"attachments": [FORWARD]}, "Ben Ng wrote:\nThe export is slow & @Ana knows why"),
        ("See this", {"attachments": [FORWARD]}, "See this\n\nBen Ng wrote:\nThe export is slow & @Ana knows why"),
        ("", {"attachments": [ALERT]}, "Disk full on db-1\n97 % used\nHost: db-1"),
        ("", {"attachments": [{"id": 1, "fallback": "A chart"}]}, "A chart"),
        ("", {"attachments": [{"id": 1, "blocks": BLOCKS}]}, "Deploy failed\nBuild *41*\nBranch: main"),
        ("", {"blocks": BLOCKS}, "Deploy failed\nBuild *41*\nBranch: main"),
        ("", {"blocks": RICH}, "Ask @Ben Ng :tada:"),
        ("https://example.com", {"attachments": [PREVIEW]}, "https://example.com"),
    ],
)
async def test_what_a_message_forwards_or_shows_is_read(driver: SlackDriver, text: str, more: dict[str, Any], read: str) -> None:
    run = await driver.post(RUN)
    driver.server.people.say(ANA, GENERAL, text, run.thread, **more)
    assert (await said(driver)).text == read


async def test_a_forwarded_person_is_not_mentioned(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    driver.server.people.say(ANA, GENERAL, "", asked.thread, attachments=[FORWARD])
    assert (await said(driver)).mentions == ()


async def test_files_of_a_forwarded_message_come_with_it(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    file = {"id": "F1", "name": "log.txt", "mimetype": "text/plain", "size": 5}
    driver.server.people.say(ANA, GENERAL, "", run.thread, attachments=[{**FORWARD, "files": [file]}])
    assert [item.name for item in (await said(driver)).attachments] == ["log.txt"]


async def test_a_task_has_the_message_that_it_forwards(driver: SlackDriver) -> None:
    driver.server.people.say(ANA, GENERAL, f"{ME} find the cause, please", raw=True, attachments=[FORWARD])
    heard = await driver.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "find the cause, please"
    assert dict(heard.options)["about"] == "Ben Ng wrote:\nThe export is slow & @Ana knows why"


async def test_the_shortcut_quotes_a_message_of_another_app(driver: SlackDriver) -> None:
    alert = driver.server.people.say(BEN, GENERAL, "", bot_id="B7", subtype="bot_message", attachments=[ALERT])
    driver.server.people.ask_about(ANA, GENERAL, alert)
    await driver.server.until(lambda: driver.world.views)
    quoted = driver.world.views[-1]["blocks"][0]["element"]["initial_value"]
    assert "> Disk full on db-1\n> 97 % used\n> Host: db-1" in quoted
