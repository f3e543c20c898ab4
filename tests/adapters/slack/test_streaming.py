"""Final answers that are shown while they are written, and what becomes of them after a fault."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.slack.streaming import stable_prefix
from orchestrator_bridge.chat.adapter import SendUncertain
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.outbound import FinalAnswer, Note, PostedMessage, StreamingAnswer
from orchestrator_bridge.chat.testing import HOSTILE, RUN, long_answer
from tests.support.fake_slack.fixture import SlackDriver, slack_driver
from tests.support.fake_slack.running_bot import start_slack_bot
from tests.support.fake_slack.shown import hidden_links, notified, words
from tests.support.fake_slack.state import ANA, BOT_USER, GENERAL

TEXT = "Take PostgreSQL.\n\nIt keeps its promises, and we know how to run it."


@pytest.fixture
async def driver() -> AsyncIterator[SlackDriver]:
    async with slack_driver() as driver:
        yield driver


async def begun(driver: SlackDriver) -> Place:
    """The thread of a run."""
    return driver.thread(await driver.post(RUN))


async def drafted(driver: SlackDriver, thread: Place, text: str | None) -> None:
    """Stream the final answer up to this text."""
    await driver.slack.stream_answer(StreamingAnswer(run=3, place=thread, text=text, by="skeptic", to=driver.person))


async def answered(driver: SlackDriver, thread: Place, text: str = TEXT, key: str = "final") -> PostedMessage:
    answer = FinalAnswer(run=3, text=text, how="Two votes of two.", by="skeptic", drafted=True)
    return await driver.post(answer, place=thread, key=key)


def replies(driver: SlackDriver, thread: Place) -> list[str]:
    """The messages of the thread except the first."""
    return [
        words(message).strip()
        for message in driver.world.messages()
        if message.get("thread_ts") == thread.thread != message["ts"]
    ]


def count(driver: SlackDriver, what: str) -> int:
    return sum(effect.what == what for effect in driver.world.effects)


# As it should be ----------------------------------------------------------------------------------------------------------


async def test_a_text_grows_in_one_message_that_becomes_the_answer(driver: SlackDriver) -> None:
    thread = await begun(driver)
    await drafted(driver, thread, "Take Post")
    await drafted(driver, thread, "Take PostgreSQL.\n\nIt kee")
    assert replies(driver, thread) == ["Take PostgreSQL.\n\nIt"]
    posted = await answered(driver, thread)
    assert len(replies(driver, thread)) == 1
    assert TEXT in replies(driver, thread)[0]
    assert await driver.adapter.find_sent(driver.outbound(long_answer(), place=thread, key="final")) is not None
    message = driver.world.channels[GENERAL].messages[posted.message]
    assert message["text"].startswith("Run 3 has its answer, by skeptic")


async def test_a_discarded_draft_is_deleted(driver: SlackDriver) -> None:
    thread = await begun(driver)
    await drafted(driver, thread, TEXT)
    await drafted(driver, thread, None)
    assert replies(driver, thread) == []


async def test_a_long_answer_begins_with_the_draft(driver: SlackDriver) -> None:
    thread = await begun(driver)
    text = "\n\n".join(f"Point {number}. {'All things considered. ' * 8}" for number in range(60))
    await drafted(driver, thread, text)
    await answered(driver, thread, text)
    shown = replies(driver, thread)
    assert [f"Point {number}." in "\n".join(shown) for number in range(60)] == [True] * 60
    assert len(shown) == 2


async def test_an_answer_with_a_file_is_posted_anew_and_the_draft_is_deleted(driver: SlackDriver) -> None:
    thread = await begun(driver)
    await drafted(driver, thread, TEXT)
    await answered(driver, thread, f"{TEXT}\n\n" + "\n\n".join("A paragraph. " * 80 for _ in range(60)))
    shown = replies(driver, thread)
    assert len(shown) == 2
    assert "run-3-answer.md" in shown[0]
    assert TEXT in shown[1]


# What may be shown --------------------------------------------------------------------------------------------------------


async def test_a_draft_mentions_nobody_and_hides_no_link(driver: SlackDriver) -> None:
    thread = await begun(driver)
    await drafted(driver, thread, f"{HOSTILE} <@{ANA}> <!channel> [a](https://evil.example) end")
    draft = next(message for message in driver.world.messages() if "streaming" in message)
    assert notified(draft) == set()
    assert hidden_links(draft) == []


def test_the_beginning_of_a_text_only_ever_grows() -> None:
    prose = "# A title\n\nSome *words* & <more>.\n\n"
    text = f"{prose}```python\nprint('x')\n```\n\n> a quotation\n> of two lines\n\n{HOSTILE}\n\nEnd. "
    shown = [stable_prefix(text[:end]) for end in range(len(text) + 1)]
    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))
    assert "print('x')" in shown[-1]
    assert not any("print(" in item and item.count("```") % 2 for item in shown)


# Trouble ------------------------------------------------------------------------------------------------------------------


async def test_a_draft_whose_start_had_no_response_is_not_shown_twice(driver: SlackDriver) -> None:
    thread = await begun(driver)
    driver.server.faults.put("lose", "chat.startStream")
    await drafted(driver, thread, TEXT)
    await drafted(driver, thread, f"{TEXT} And more. ")
    assert count(driver, "stream") == 1
    await answered(driver, thread)
    assert len(replies(driver, thread)) == 1
    assert "Two votes of two" in replies(driver, thread)[0]


@pytest.mark.parametrize("lost", ["chat.appendStream", "chat.stopStream", "chat.update"])
async def test_no_text_is_shown_twice_when_a_response_is_lost(driver: SlackDriver, lost: str) -> None:
    thread = await begun(driver)
    await drafted(driver, thread, "Take PostgreSQL.\n\nIt ")
    driver.server.faults.put("lose", lost)
    await drafted(driver, thread, f"{TEXT} ")
    await drafted(driver, thread, f"{TEXT} And more. ")
    assert driver.server.count("chat.appendStream") == (1 if lost == "chat.appendStream" else 2)
    try:
        await answered(driver, thread)
    except SendUncertain:
        assert lost != "chat.appendStream"
        answer = FinalAnswer(run=3, text=TEXT, how="Two votes of two.", by="skeptic", drafted=True)
        found = await driver.adapter.find_sent(driver.outbound(answer, place=thread, key="final"))
        assert (found is not None) == (lost == "chat.update")
        if found is None:
            await answered(driver, thread)
    assert len(replies(driver, thread)) == 1
    assert replies(driver, thread)[0].count("It keeps its promises") == 1
    assert "Two votes of two" in replies(driver, thread)[0]


async def test_a_draft_of_an_earlier_process_becomes_the_answer(driver: SlackDriver) -> None:
    thread = await begun(driver)
    await drafted(driver, thread, "Take SQLite. ")
    await driver.adapter.stop()
    await driver.start()
    await drafted(driver, thread, "Take PostgreSQL. ")
    await driver.post(Note(text="A note."), place=thread)
    assert len(replies(driver, thread)) == 3
    await answered(driver, thread)
    shown = replies(driver, thread)
    assert len(shown) == 2
    assert "SQLite" not in "".join(shown)


async def test_a_stream_that_slack_has_ended_by_itself_still_becomes_the_answer(driver: SlackDriver) -> None:
    thread = await begun(driver)
    await drafted(driver, thread, "Take PostgreSQL.\n\nIt ")
    del next(message for message in driver.world.messages() if "streaming" in message)["streaming"]
    await drafted(driver, thread, TEXT)
    await answered(driver, thread)
    assert len(replies(driver, thread)) == 1
    assert TEXT in replies(driver, thread)[0]


async def test_after_its_draft_was_deleted_the_answer_is_a_new_message(driver: SlackDriver) -> None:
    thread = await begun(driver)
    await drafted(driver, thread, "Take PostgreSQL. ")
    draft = next(message for message in driver.world.messages() if "streaming" in message)
    del driver.world.channels[GENERAL].messages[draft["ts"]]
    await answered(driver, thread)
    assert len(replies(driver, thread)) == 1


async def test_a_rate_limit_pauses_the_draft_which_then_continues() -> None:
    async with slack_driver() as driver:
        thread = await begun(driver)
        await drafted(driver, thread, "Take PostgreSQL.\n\nIt ")
        driver.server.faults.put("limit", "chat.appendStream", seconds=30)
        await drafted(driver, thread, f"{TEXT} ")
        await drafted(driver, thread, f"{TEXT} And more. ")
        assert driver.server.count("chat.appendStream") == 1
        await answered(driver, thread)
        assert TEXT in replies(driver, thread)[0]


async def test_without_streaming_the_answer_is_still_posted(driver: SlackDriver) -> None:
    thread = await begun(driver)
    driver.server.faults.put("error", "chat.startStream", name="missing_scope")
    await drafted(driver, thread, TEXT)
    await drafted(driver, thread, f"{TEXT} And more. ")
    assert driver.server.count("chat.startStream") == 1
    await answered(driver, thread)
    assert len(replies(driver, thread)) == 1


# The whole bot ------------------------------------------------------------------------------------------------------------

SCRIPT = """
[[agents."*"]]
unused = ["new_answer"]
needs = ["new_answer"]
calls = [{ tool = "new_answer", arguments = { content = "An answer." } }]

[[agents."*"]]
needs = ["vote"]
calls = [{ tool = "vote", arguments = { agent_id = "{first}", reason = "It is the first." } }]

[[agents."*"]]
takes = "0.3s"
text = "The first line.\\nThe second line.\\nThe last line."
"""
TEAM = """
default_team = "pair"
[team.pair]
stream = STREAM
[[team.pair.agents]]
name = "one"
model = "scripted/pair"
[[team.pair.agents]]
name = "two"
model = "scripted/pair"
"""


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_a_final_answer_is_shown_while_it_is_written(tmp_path: Path, stream: str) -> None:
    (tmp_path / "pair.toml").write_text(SCRIPT, encoding="utf-8")
    async with start_slack_bot(tmp_path, TEAM.replace("STREAM", stream)) as bot:
        bot.people.command(ANA, GENERAL, "ask Write three lines")
        await bot.wait_for_message("The last line.")
        await bot.wait_for_message("finished")
        streamed = [effect.body["text"] for effect in bot.world.effects if effect.what == "stream"]
        assert [item.startswith("The first") for item in streamed] == ([True] if stream == "true" else [])
        answers = [
            message for message in bot.world.messages() if message["user"] == BOT_USER and "The first line." in words(message)
        ]
        assert len(answers) == 1
