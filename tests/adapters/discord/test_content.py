"""Content that is not plain text, on the whole bot: it is read where it can be, else refused with a hint, and never an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.discord.commands import MESSAGE_MENU
from tests.support.fake_discord.running_bot import DiscordBot, start_discord_bot
from tests.support.fake_discord.wire import Json, Message

STICKER: Json = {"sticker_items": [{"id": "5", "name": "Thumbs up", "format_type": 1}]}
POLL: Json = {
    "poll": {
        "question": {"text": "Which day?"},
        "answers": [{"answer_id": 1, "poll_media": {"text": "Monday"}}, {"answer_id": 2, "poll_media": {"text": "Friday"}}],
        "expiry": "2030-01-01T00:00:00+00:00",
        "allow_multiselect": False,
        "layout_type": 1,
    }
}


def forward(text: str, **more: Any) -> Json:
    """A forward: its words are in a snapshot (docs.discord.com/developers/resources/message#message-snapshot-object)."""
    snapshot = {
        "type": 0,
        "content": text,
        "embeds": [],
        "attachments": [],
        "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "flags": 0,
        "mentions": [],
        "mention_roles": [],
        "components": [],
        **more,
    }
    reference = {"type": 1, "message_id": "9", "channel_id": "8"}
    return {"message_snapshots": [{"message": snapshot}], "message_reference": reference}


def put(bot: DiscordBot, name: str, content: bytes, kind: str) -> Json:
    """A file that is no text."""
    file = bot.server.put_file(name, content.decode("latin-1").encode())
    bot.server._files[f"/files/{file['id']}/{name}"] = content
    return {**file, "content_type": kind, "size": len(content)}


async def asked(bot: DiscordBot) -> Message:
    """A question with the options PostgreSQL and SQLite, whose thread is open."""
    bot.say("ask Choose a database", bot.direct)
    card = await bot.wait_card("Question", bot.direct)
    await bot.until(lambda: len(bot.driver.adapter.open_cards.items()) == 2)
    return card


@pytest.mark.parametrize("kind", ["sticker", "poll", "voice", "zip"])
async def test_content_that_cannot_be_read_is_refused_and_is_no_answer(tmp_path: Path, kind: str) -> None:
    async with start_discord_bot(tmp_path) as bot:
        card = await asked(bot)
        match kind:
            case "sticker":
                reply = bot.say("", bot.direct, extra=STICKER)
            case "poll":
                reply = bot.say("", bot.direct, extra=POLL)
            case "voice":
                voice = {**put(bot, "voice-message.ogg", b"OggS\0\2", "audio/ogg"), "waveform": "AA==", "duration_secs": 2.0}
                reply = bot.say("", bot.direct, attachments=[voice], extra={"flags": 1 << 13})
            case _:
                reply = bot.say("", bot.direct, attachments=[put(bot, "logs.zip", b"PK\3\4\0", "application/zip")])
        await bot.until(lambda: reply.reactions == ["🚫"])
        await bot.wait_for("Answer in words, or use the buttons.", bot.direct)
        assert "Answered" not in card.text


async def test_a_forwarded_reply_counts_with_the_words_of_the_forwarded_message(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        await asked(bot)
        bot.say("", bot.direct, extra=forward("SQLite"))
        await bot.wait_for("Answered by Ana: SQLite", bot.direct)


def menu(bot: DiscordBot, message: Message) -> None:
    """Ana opens the menu of a message and asks the agents about it."""
    payload = bot.world.payload(message)
    data: Json = {"id": "1", "name": MESSAGE_MENU, "type": 3, "target_id": str(message.id)}
    bot.world.interact(bot.ana.id, bot.general, 2, {**data, "resolved": {"messages": {str(message.id): payload}}})


async def test_the_message_menu_takes_an_alert_that_consists_of_an_embed(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        builder = bot.world.add_person("Builder", bot=True)
        embed = {"type": "rich", "title": "Build 12 failed", "description": "Out of disk", "fields": []}
        menu(bot, bot.world.write(builder.id, bot.general, "", embeds=[embed]))
        card = await bot.wait_card("Run")
        assert "Build 12 failed" in card.text
        await bot.until(lambda: bot.calls)
        assert "Out of disk" in str(bot.models.requests[0].messages)


async def test_the_message_menu_takes_a_forward_and_its_file(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        file = bot.server.put_file("plan.txt", b"step one")
        menu(bot, bot.say("", extra=forward("The plan of Ben", attachments=[file])))
        await bot.until(lambda: bot.calls)
        assert "The plan of Ben" in str(bot.models.requests[0].messages)


async def test_the_message_menu_takes_a_file(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        menu(bot, bot.say("", attachments=[bot.server.put_file("plan.txt", b"step one")]))
        await bot.until(lambda: bot.calls)
        assert "step one" in str(bot.models.requests[0].messages)


async def test_the_message_menu_takes_a_poll(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        menu(bot, bot.say("", extra=POLL))
        await bot.until(lambda: bot.calls)
        assert "Monday" in str(bot.models.requests[0].messages)


async def test_a_file_with_doubtful_words_is_offered_and_read_after_a_yes(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say("here you go", bot.direct, attachments=[bot.server.put_file("plan.txt", b"step one")])
        offer = await bot.wait_for("Should the agents work on this?", bot.direct)
        assert "plan.txt" in offer.text
        assert bot.calls == 0
        (button,) = offer.controls
        bot.driver.click(str(button["custom_id"]), message=offer)
        await bot.until(lambda: bot.calls)
        assert "step one" in str(bot.models.requests[0].messages)
