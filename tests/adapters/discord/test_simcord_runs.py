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
from adapters.discord.posted_cards import card_sentence
from tests.support.fake_discord.simcord_bot import SimulatedServer, card_text, components, simulated_server
from tests.support.fake_models.players import team_behaviour

POSTGRES = DiscordControl(kind="option", number=1, value="postgres").id
WRITE, MORE, LEAVE = (DiscordControl(kind=kind, number=1).id for kind in ("write", "more_time", "decline"))
ONLY_BACKEND = """
[roles.backend]
discord = "{role}"
[permissions]
start = ["role:backend"]
"""


async def asks(server: SimulatedServer) -> discord.Message:
    """Alice gives a task, and the agents' question is posted."""
    await server.alice.slash(server.channel, "ask", task="Choose a database for the shop")
    await server.until(lambda: server.cards("Question"))
    return server.card("Question")


async def test_a_question_is_answered_by_a_button_and_a_later_modal_learns_so(tmp_path: Path) -> None:
    async with simulated_server(tmp_path) as server, server.bot():
        server.create_server()
        card = await asks(server)
        assert card_sentence(card).startswith(f"{server.alice.mention} ")
        form = await server.alice.click(card, custom_id=WRITE)
        clicked = await server.alice.click(card, custom_id=POSTGRES)
        assert clicked.ephemeral
        await server.until(server.finished)
        closed = server.card("Question")
        assert "Answered by alice: PostgreSQL" in card_sentence(closed)
        assert components(closed) == []
        late = await server.alice.submit_modal(form, {"words": "SQLite after all"})
        assert late.ephemeral
        await server.until(lambda: late.response is not None and "The run has ended" in late.response.content)


async def test_a_question_is_answered_by_a_message_after_a_restart_and_others_are_refused(tmp_path: Path) -> None:
    async with simulated_server(tmp_path) as server:
        async with server.bot() as engine:
            server.create_server()
            await asks(server)
            await engine.wait_finished()
        async with server.bot():
            await server.bob.send(server.thread("Question"), "2")
            await server.until(lambda: "🚫" in reactions(server.thread("Question").last_message))
            assert "is for alice" in server.bob.user.dm_channel.history()[-1].content
            await server.alice.send(server.thread("Question"), "let's go with postgres, please")
            await server.until(server.finished)
            assert "Answered by alice: PostgreSQL" in card_sentence(server.card("Question"))
            assert len(server.cards("Question")) == len(server.cards("Run")) == 1


async def test_the_button_on_the_runs_card_ends_the_run_with_the_best_answer_so_far(tmp_path: Path) -> None:
    async with simulated_server(tmp_path) as server, server.bot():
        server.create_server()
        await asks(server)
        (finish,) = components(server.card("Run"))
        clicked = await server.alice.click(server.card("Run"), custom_id=finish)
        assert clicked.ephemeral
        await server.until(server.finished)
        assert "Finished early by alice: the best answer so far" in server.thread_text("Run")
        await server.until(lambda: "finished early by alice" in card_sentence(server.card("Run")))
        assert components(server.card("Run")) == []
        assert "Cancelled: alice wanted the answer now" in card_sentence(server.card("Question"))


async def test_a_mention_in_the_thread_goes_on_after_the_answer_and_thanks_do_not(tmp_path: Path) -> None:
    async with simulated_server(tmp_path, team_behaviour) as server, server.bot() as engine:
        server.create_server()
        client = server.connection.client
        assert client is not None
        await server.alice.slash(server.channel, "ask", task="Choose a database for the shop")
        await server.until(server.finished)
        await server.env.advance_time(60)
        thread = server.thread("Run")
        await server.alice.send(thread, f"<@{client.me}> thanks!")
        await server.alice.send(thread, f"<@{client.me}> and which backup?")
        await server.until(lambda: "Final answer of run 2" in server.thread_text("Run"))
        assert len(server.cards("Run")) == 1, "the card of the second turn stands in the thread"
        assert any("continues run 1" in card_text(message) for message in thread.history())
        assert ", the conversation $" in server.thread_text("Run")
        turn = next(message for message in thread.history() if "continues run 1" in card_sentence(message))
        await server.env.advance_time(60)
        await server.bob.send(thread, "Compare it with MySQL, please", reply_to=turn)
        await server.until(lambda: "Final answer of run 3" in server.thread_text("Run"))
        third = await engine.run(3)
        assert third is not None
        assert third.continues is not None
        assert (third.by.name, [turn.run for turn in third.continues.turns]) == ("bob", [1, 2])


async def test_a_modal_opened_before_a_restart_counts_after_it(tmp_path: Path) -> None:
    async with simulated_server(tmp_path) as server:
        async with server.bot() as engine:
            server.create_server()
            card = await asks(server)
            await engine.wait_finished()
        async with server.bot():
            form = await server.alice.click(card, custom_id=WRITE)
            await server.alice.submit_modal(form, {"words": "2"})
            await server.until(server.finished)
            assert "Answered by alice: SQLite" in card_sentence(server.card("Question"))


async def test_more_time_is_granted_from_a_list_and_shown_on_the_card(tmp_path: Path) -> None:
    async with simulated_server(tmp_path) as server, server.bot():
        server.create_server()
        card = await asks(server)
        times = await server.alice.click(card, custom_id=MORE)
        assert times.response is not None
        chosen = await server.alice.click(times.response, custom_id=DiscordControl(kind="extend", number=1, value="3600").id)
        await server.until(lambda: chosen.response is not None and "waits 1 h longer" in chosen.response.content)
        before, after = card_text(card), await server.until(lambda: changed(server, card))
        assert before != after


async def test_a_question_is_delegated_to_a_person_who_answers_it(tmp_path: Path) -> None:
    async with simulated_server(tmp_path) as server, server.bot():
        server.create_server()
        card = await asks(server)
        who = await server.alice.click(card, custom_id=LEAVE)
        assert who.response is not None
        await server.alice.select(who.response, custom_id=DiscordControl(kind="delegate", number=1).id, values=[server.bob])
        await server.until(lambda: server.bob.mention in server.thread_text("Question"))
        assert "bob" in card_text(server.card("Question"))
        await server.bob.click(card, custom_id=POSTGRES)
        await server.until(server.finished)
        assert "Answered by bob: PostgreSQL" in card_sentence(server.card("Question"))


async def test_an_open_question_is_answered_privately_from_the_list(tmp_path: Path) -> None:
    async with simulated_server(tmp_path) as server, server.bot():
        server.create_server()
        await asks(server)
        listed = await server.alice.slash(server.channel, "questions")
        shown = await server.until(lambda: listed.response if "Which database" in words_of(listed.response) else None)
        assert listed.ephemeral
        answered = await server.alice.click(shown, custom_id=POSTGRES)
        await server.until(lambda: "You answered question 1" in words_of(answered.response))
        await server.until(server.finished)


async def test_a_question_is_cancelled_privately_by_the_requester(tmp_path: Path) -> None:
    async with simulated_server(tmp_path) as server, server.bot():
        server.create_server()
        await asks(server)
        looked = await server.alice.slash(server.channel, "questions", question=1)
        shown = await server.until(lambda: looked.response if "asks:" in words_of(looked.response) else None)
        closed = await server.alice.click(shown, custom_id=DiscordControl(kind="cancel", number=1).id)
        await server.until(lambda: "is closed" in words_of(closed.response))
        await server.until(lambda: "alice closed the question" in card_sentence(server.card("Question")))


async def test_guidance_in_the_runs_thread_is_acknowledged_and_reaches_the_agents(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with simulated_server(tmp_path, lambda asked: replace(team_behaviour(asked), gate=gate)) as server, server.bot():
        server.create_server()
        await server.alice.slash(server.channel, "ask", task="Choose a database")
        await server.until(lambda: server.cards("Run"))
        await server.models.request_arrives(1)
        said = await server.bob.send(server.thread("Run"), "mind the budget")
        await server.until(lambda: "✅" in reactions(server.thread("Run").last_message))
        assert said.id == getattr(server.thread("Run").last_message, "id", 0)
        gate.set()
        await server.until(server.finished)
        assert "mind the budget" in str(server.models.requests[-1].messages)


async def test_a_mention_and_the_message_menu_start_runs_too(tmp_path: Path) -> None:
    async with simulated_server(tmp_path, team_behaviour) as server, server.bot():
        server.create_server()
        assert server.guild.me is not None
        await server.alice.send(server.channel, f"{server.guild.me.mention} plan our move")
        await server.until(server.finished)
        message = await server.bob.send(server.channel, "The build is red")
        await server.alice.context_menu(server.channel, MESSAGE_MENU, message)
        await server.until(lambda: len(server.cards("Run")) == 2 and server.finished())
        assert "bob wrote" in str(server.models.requests[-1].messages)


async def test_every_command_gets_its_private_answer(tmp_path: Path) -> None:
    async with simulated_server(tmp_path, team_behaviour) as server, server.bot():
        server.create_server()
        await server.alice.slash(server.channel, "ask", task="Choose a database")
        await server.until(server.finished)
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
            given = await server.alice.slash(server.channel, name, **options)
            assert given.ephemeral
            await server.until(lambda: word in words_of(given.response))  # noqa: B023 - it is awaited here


async def test_autocomplete_offers_the_bots_models_teams_and_runs(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with simulated_server(tmp_path, lambda asked: replace(team_behaviour(asked), gate=gate)) as server, server.bot():
        server.create_server()
        await server.alice.slash(server.channel, "ask", task="Choose a database")
        await server.until(lambda: server.cards("Run"))
        found = await server.alice.autocomplete(server.channel, "model", "model", "4.1-fast")
        assert [message["value"] for message in found][:1] == ["grok-4.1-fast"]
        assert all(len(message["name"]) <= 100 for message in found)
        (run,) = await server.alice.autocomplete(server.channel, "cancel", "run", "data")
        assert run["name"] == "1 · Choose a database"
        await server.alice.slash(server.channel, "cancel", run="1")
        await server.until(lambda: "cancelled" in card_sentence(server.card("Run")))
        gate.set()


async def test_a_person_who_may_not_start_runs_is_refused_privately(tmp_path: Path) -> None:
    async with simulated_server(tmp_path, team_behaviour, more=ONLY_BACKEND.format(role=ROLE)) as server, server.bot():
        server.create_server()
        refused = await server.bob.slash(server.channel, "ask", task="Choose a database")
        assert refused.ephemeral
        await server.until(lambda: "not allowed to start runs" in words_of(refused.response))
        assert server.cards("Run") == []


async def test_where_the_bot_may_not_post_cards_the_person_learns_what_is_missing(tmp_path: Path) -> None:
    async with simulated_server(tmp_path, team_behaviour) as server, server.bot():
        server.create_server()
        forbidden = discord.PermissionOverwrite(embed_links=False)
        closed = server.guild.create_text_channel("closed", overwrites={server.guild.default_role: forbidden})
        given = await server.alice.slash(closed, "ask", task="Choose a database")
        assert "Embed Links" in words_of(given.response)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_run_finishes_despite_errors_of_discord(tmp_path: Path, status: int) -> None:
    async with simulated_server(tmp_path) as server, server.bot():
        server.create_server()
        route = f"/channels/{server.channel.id}/messages"
        server.env.inject_error("POST", route, status=status)
        card = await asks(server)
        await server.alice.click(card, custom_id=POSTGRES)
        await server.until(server.finished)
        assert len(server.cards("Question")) == len(server.cards("Run")) == 1


def reactions(message: discord.Message | None) -> str:
    return " ".join(str(item.emoji) for item in message.reactions) if message else ""


def words_of(message: discord.Message | ResponseMessage | None) -> str:
    embeds = (f"{item.title} {item.description}" for item in message.embeds) if message else ()
    return f"{message.content} {' '.join(embeds)}" if message else ""


def changed(server: SimulatedServer, card: discord.Message) -> str | None:
    now = card_text(server.card("Question"))
    return now if now != card_text(card) else None


ROLE = "234567890123456789"
