"""Whole runs on SimCord, with the engine: from a command to the answer, with buttons, modals, messages, menus and a restart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import discord
import pytest
from simcord.results import ResponseMessage

from adapters.discord.commands import MESSAGE_MENU
from adapters.discord.components import DiscordControl
from tests.support.fake_discord.simcord_bot import Town, a_town, components
from tests.support.fake_models.players import team_player

POSTGRES = DiscordControl(kind="option", number=1, value="postgres").id
WRITE, MORE, LEAVE = (DiscordControl(kind=kind, number=1).id for kind in ("write", "more_time", "decline"))
ONLY_BACKEND = """
[roles.backend]
discord = "{role}"
[permissions]
start = ["role:backend"]
"""


async def asks(town: Town) -> discord.Message:
    """Alice gives a task, and the agents' question is posted."""
    await town.alice.slash(town.channel, "ask", task="Choose a database for the shop")
    await town.until(lambda: town.cards("Question"))
    return town.card("Question")


async def test_a_question_is_answered_by_a_button_and_a_later_modal_learns_so(tmp_path: Path) -> None:
    async with a_town(tmp_path) as town, town.bot():
        town.settle_down()
        card = await asks(town)
        assert card.content.startswith(f"{town.alice.mention} ")
        form = await town.alice.click(card, custom_id=WRITE)
        clicked = await town.alice.click(card, custom_id=POSTGRES)
        assert clicked.ephemeral
        await town.until(town.finished)
        closed = town.card("Question")
        assert "Answered by alice: PostgreSQL" in closed.content
        assert components(closed) == []
        late = await town.alice.submit_modal(form, {"words": "SQLite after all"})
        assert late.ephemeral
        await town.until(lambda: late.response is not None and "Too late" in late.response.content)


async def test_a_question_is_answered_by_a_message_after_a_restart_and_others_are_refused(tmp_path: Path) -> None:
    async with a_town(tmp_path) as town:
        async with town.bot() as engine:
            town.settle_down()
            await asks(town)
            await engine.wait_finished()
        async with town.bot():
            await town.bob.send(town.thread("Question"), "2")
            await town.until(lambda: "🚫" in reactions(town.thread("Question").last_message))
            assert "is for alice" in town.bob.user.dm_channel.history()[-1].content
            await town.alice.send(town.thread("Question"), "let's go with postgres, please")
            await town.until(town.finished)
            assert "Answered by alice: PostgreSQL" in town.card("Question").content
            assert len(town.cards("Question")) == len(town.cards("Run")) == 1


async def test_a_modal_opened_before_a_restart_counts_after_it(tmp_path: Path) -> None:
    async with a_town(tmp_path) as town:
        async with town.bot() as engine:
            town.settle_down()
            card = await asks(town)
            await engine.wait_finished()
        async with town.bot():
            form = await town.alice.click(card, custom_id=WRITE)
            await town.alice.submit_modal(form, {"words": "2"})
            await town.until(town.finished)
            assert "Answered by alice: SQLite" in town.card("Question").content


async def test_more_time_is_granted_from_a_list_and_shown_on_the_card(tmp_path: Path) -> None:
    async with a_town(tmp_path) as town, town.bot():
        town.settle_down()
        card = await asks(town)
        times = await town.alice.click(card, custom_id=MORE)
        assert times.response is not None
        chosen = await town.alice.click(times.response, custom_id=DiscordControl(kind="extend", number=1, value="3600").id)
        await town.until(lambda: chosen.response is not None and "waits 1 h longer" in chosen.response.content)
        before, after = card.embeds[0].to_dict(), await town.until(lambda: changed(town, card))
        assert before != after


async def test_a_question_is_delegated_to_a_person_who_answers_it(tmp_path: Path) -> None:
    async with a_town(tmp_path) as town, town.bot():
        town.settle_down()
        card = await asks(town)
        who = await town.alice.click(card, custom_id=LEAVE)
        assert who.response is not None
        await town.alice.select(who.response, custom_id=DiscordControl(kind="delegate", number=1).id, values=[town.bob])
        await town.until(lambda: town.bob.mention in town.said("Question"))
        assert "bob" in str(town.card("Question").embeds[0].to_dict())
        await town.bob.click(card, custom_id=POSTGRES)
        await town.until(town.finished)
        assert "Answered by bob: PostgreSQL" in town.card("Question").content


async def test_an_open_question_is_answered_privately_from_the_list(tmp_path: Path) -> None:
    async with a_town(tmp_path) as town, town.bot():
        town.settle_down()
        await asks(town)
        listed = await town.alice.slash(town.channel, "questions")
        shown = await town.until(lambda: listed.response if "Which database" in words_of(listed.response) else None)
        assert listed.ephemeral
        answered = await town.alice.click(shown, custom_id=POSTGRES)
        await town.until(lambda: "You answered question 1" in words_of(answered.response))
        await town.until(town.finished)


async def test_a_question_is_cancelled_privately_by_the_requester(tmp_path: Path) -> None:
    async with a_town(tmp_path) as town, town.bot():
        town.settle_down()
        await asks(town)
        looked = await town.alice.slash(town.channel, "questions", question=1)
        shown = await town.until(lambda: looked.response if "asks:" in words_of(looked.response) else None)
        closed = await town.alice.click(shown, custom_id=DiscordControl(kind="cancel", number=1).id)
        await town.until(lambda: "is closed" in words_of(closed.response))
        await town.until(lambda: "alice closed the question" in town.card("Question").content)


async def test_guidance_in_the_runs_thread_is_acknowledged_and_reaches_the_agents(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with a_town(tmp_path, lambda asked: replace(team_player(asked), gate=gate)) as town, town.bot():
        town.settle_down()
        await town.alice.slash(town.channel, "ask", task="Choose a database")
        await town.until(lambda: town.cards("Run"))
        await town.server.request_arrives(1)
        said = await town.bob.send(town.thread("Run"), "mind the budget")
        await town.until(lambda: "✅" in reactions(town.thread("Run").last_message))
        assert said.id == getattr(town.thread("Run").last_message, "id", 0)
        gate.set()
        await town.until(town.finished)
        assert "mind the budget" in str(town.server.requests[-1].messages)


async def test_a_mention_and_the_message_menu_start_runs_too(tmp_path: Path) -> None:
    async with a_town(tmp_path, team_player) as town, town.bot():
        town.settle_down()
        assert town.guild.me is not None
        await town.alice.send(town.channel, f"{town.guild.me.mention} plan our move")
        await town.until(town.finished)
        message = await town.bob.send(town.channel, "The build is red")
        await town.alice.context_menu(town.channel, MESSAGE_MENU, message)
        await town.until(lambda: len(town.cards("Run")) == 2 and town.finished())
        assert "bob wrote" in str(town.server.requests[-1].messages)


async def test_every_command_gets_its_private_answer(tmp_path: Path) -> None:
    async with a_town(tmp_path, team_player) as town, town.bot():
        town.settle_down()
        await town.alice.slash(town.channel, "ask", task="Choose a database")
        await town.until(town.finished)
        for name, options, word in (
            ("runs", {}, "Choose a database"),
            ("questions", {}, "No question is open"),
            ("cost", {}, "architect"),
            ("team", {"team": "house"}, "skeptic"),
            ("models", {"search": "grok-4.1"}, "grok-4.1-fast"),
            ("help", {}, "/ask"),
            ("cancel", {}, "No run is running"),
            ("model", {"model": "local", "scope": "channel"}, "local"),
        ):
            given = await town.alice.slash(town.channel, name, **options)
            assert given.ephemeral
            await town.until(lambda: word in words_of(given.response))  # noqa: B023 - it is awaited here


async def test_autocomplete_offers_the_bots_models_teams_and_runs(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with a_town(tmp_path, lambda asked: replace(team_player(asked), gate=gate)) as town, town.bot():
        town.settle_down()
        await town.alice.slash(town.channel, "ask", task="Choose a database")
        await town.until(lambda: town.cards("Run"))
        found = await town.alice.autocomplete(town.channel, "model", "model", "4.1-fast")
        assert [message["value"] for message in found][:1] == ["grok-4.1-fast"]
        assert all(len(message["name"]) <= 100 for message in found)
        (run,) = await town.alice.autocomplete(town.channel, "cancel", "run", "data")
        assert run["name"] == "1 · Choose a database"
        await town.alice.slash(town.channel, "cancel", run="1")
        await town.until(lambda: "cancelled" in town.card("Run").content)
        gate.set()


async def test_a_person_who_may_not_start_runs_is_refused_privately(tmp_path: Path) -> None:
    async with a_town(tmp_path, team_player, more=ONLY_BACKEND.format(role=ROLE)) as town, town.bot():
        town.settle_down()
        refused = await town.bob.slash(town.channel, "ask", task="Choose a database")
        assert refused.ephemeral
        await town.until(lambda: "not allowed to start runs" in words_of(refused.response))
        assert town.cards("Run") == []


async def test_where_the_bot_may_not_post_cards_the_person_learns_what_is_missing(tmp_path: Path) -> None:
    async with a_town(tmp_path, team_player) as town, town.bot():
        town.settle_down()
        forbidden = discord.PermissionOverwrite(embed_links=False)
        closed = town.guild.create_text_channel("closed", overwrites={town.guild.default_role: forbidden})
        given = await town.alice.slash(closed, "ask", task="Choose a database")
        assert "Embed Links" in words_of(given.response)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_run_finishes_despite_errors_of_discord(tmp_path: Path, status: int) -> None:
    async with a_town(tmp_path) as town, town.bot():
        town.settle_down()
        route = f"/channels/{town.channel.id}/messages"
        town.env.inject_error("POST", route, status=status)
        card = await asks(town)
        await town.alice.click(card, custom_id=POSTGRES)
        await town.until(town.finished)
        assert len(town.cards("Question")) == len(town.cards("Run")) == 1


def reactions(message: discord.Message | None) -> str:
    return " ".join(str(item.emoji) for item in message.reactions) if message else ""


def words_of(message: discord.Message | ResponseMessage | None) -> str:
    embeds = (f"{item.title} {item.description}" for item in message.embeds) if message else ()
    return f"{message.content} {' '.join(embeds)}" if message else ""


def changed(town: Town, card: discord.Message) -> dict[str, object] | None:
    now = town.card("Question").embeds[0].to_dict()
    return dict(now) if now != card.embeds[0].to_dict() else None


ROLE = "234567890123456789"
