"""Commands, permissions, components, modals, threads, restarts and limits, as SimCord implements Discord."""

from __future__ import annotations

from dataclasses import replace

import discord
import pytest

from adapters.discord.commands import MESSAGE_MENU
from adapters.discord.components import DiscordControl
from adapters.discord.posted_cards import card_controls, card_sentence
from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, MessageReceived
from orchestrator_bridge.chat.outbound import CardOption, Note, OutboundPost, PrivateReply
from orchestrator_bridge.chat.testing import RUN, closed, long_answer, question
from tests.support.fake_discord.simcord import simulation

LITE = DiscordControl(kind="option", number=2, value="lite").id


async def test_every_command_is_registered_delivered_and_acknowledged_privately() -> None:
    async with simulation() as sim:
        assert set(sim.alice.available_commands(sim.channel)) >= {"ask", "model", "models", "team", "runs", "questions", "help"}
        result = await sim.alice.slash(sim.channel, "ask", task="plan it", team="review")
        heard = sim.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.name, heard.text, heard.options) == ("ask", "plan it", (("team", "review"),))
        assert result.acknowledged
        assert result.ephemeral
        assert result.response is not None
        assert "Received" in result.response.content
        await sim.adapter.reply_privately(heard, PrivateReply(text="You may not start runs here."))
        assert result.response.content == "You may not start runs here."


async def test_autocomplete_answers() -> None:
    async with simulation() as sim:
        choices = await sim.alice.autocomplete(sim.channel, "model", "model", "4.1")
        assert [choice["value"] for choice in choices] == ["grok-4.1-fast"]


async def test_the_message_menu() -> None:
    async with simulation() as sim:
        message = await sim.alice.send(sim.channel, "The build is red")
        await sim.alice.context_menu(sim.channel, MESSAGE_MENU, message)
        heard = sim.next_event()
        assert isinstance(heard, CommandReceived)
        assert heard.text == "What about this?\n\nalice wrote:\n> The build is red"


async def test_a_question_is_answered_by_button_message_and_modal_also_after_a_restart() -> None:
    async with simulation() as sim:
        posted = await sim.post(question(), key="q")
        await sim.adapter.start(sim.received.put)  # the next process, over the same world
        clicked = await sim.alice.click(sim.card(), custom_id=LITE)
        heard = sim.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.question, heard.value) == (2, "lite")
        assert clicked.ephemeral
        shown = await sim.alice.click(sim.card(), custom_id=DiscordControl(kind="write", number=2).id)
        await sim.alice.submit_modal(shown, {"words": "let's go with staging"})
        written = sim.next_event()
        assert isinstance(written, ControlUsed)
        assert (written.press, written.value) == ("write", "let's go with staging")
        (thread,) = sim.channel.threads
        await sim.alice.send(thread, "2, please")
        said = sim.next_event()
        assert isinstance(said, MessageReceived)
        assert (said.text, said.place) == ("2, please", sim.place(thread=posted.thread))


async def test_many_options_are_shown_as_a_select() -> None:
    async with simulation() as sim:
        options = tuple(CardOption(id=f"o{number}", label=f"Option {number}") for number in range(10))
        await sim.post(replace(question(), options=options), key="q")
        await sim.alice.select(sim.card(), custom_id=DiscordControl(kind="select", number=2).id, values=["o7"])
        heard = sim.next_event()
        assert isinstance(heard, ControlUsed)
        assert heard.value == "o7"


async def test_more_time_asks_how_much() -> None:
    async with simulation() as sim:
        await sim.post(question(), key="q")
        asked = await sim.alice.click(sim.card(), custom_id=DiscordControl(kind="more_time", number=2).id)
        assert asked.response is not None
        await sim.alice.click(asked.response, custom_id=DiscordControl(kind="extend", number=2, value="3600").id)
        heard = sim.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.press, heard.value) == ("more", "3600")


async def test_a_closed_card_has_nothing_to_click() -> None:
    async with simulation() as sim:
        posted = await sim.post(question(), key="q")
        await sim.post(closed(question()), key="q:closed", replaces=posted)
        assert not any(card_controls(sim.card()))
        assert "Alice answered: SQLite" in card_sentence(sim.card())


async def test_edits_and_deletions_in_a_thread_are_delivered() -> None:
    async with simulation() as sim:
        await sim.post(RUN, key="run")
        (thread,) = sim.channel.threads
        message = await sim.alice.send(thread, "SQLite")
        await sim.alice.edit(message, "PostgreSQL")
        await sim.alice.delete(message)
        first, second, gone = sim.next_event(), sim.next_event(), sim.next_event()
        assert isinstance(first, MessageReceived)
        assert isinstance(second, MessageReceived)
        assert (first.text, second.text, second.edit != "") == ("SQLite", "PostgreSQL", True)
        assert gone.place == first.place


async def test_a_forum_gets_posts() -> None:
    async with simulation() as sim:
        forum = sim.guild.create_forum_channel("ideas")
        posted = await sim.post(question(), key="q", place=sim.place(forum))
        (thread,) = forum.threads
        assert str(thread.id) == posted.thread
        await sim.alice.send(thread, "SQLite")
        heard = sim.next_event()
        assert heard.place == sim.place(forum, posted.thread)
        sending = OutboundPost(key="q", place=sim.place(forum), post=question())
        assert await sim.adapter.find_sent(sending) == posted


async def test_limits_of_discord_are_kept_by_the_longest_texts() -> None:
    async with simulation() as sim:
        options = tuple(CardOption(id=f"o{number}" * 10, label="l" * 75, description="d" * 300) for number in range(10))
        long = replace(
            question(), text="t" * 500, context="c " * 5000, options=options, silence="s" * 900, task="x" * 5000, asked="a" * 900
        )
        await sim.post(long, key="q")
        run = await sim.post(replace(RUN, task="x" * 50_000, agents=RUN.agents * 8), key="run")
        await sim.post(long_answer(), key="final", place=sim.place(thread=run.thread))
        await sim.post(Note(text="n" * 5000, speaker="s" * 100), key="note", place=sim.place(thread=run.thread))


async def test_a_missing_permission_is_named() -> None:
    async with simulation() as sim:
        nowhere = sim.guild.create_text_channel(
            "closed", overwrites={sim.guild.default_role: discord.PermissionOverwrite(send_messages=False)}
        )
        with pytest.raises(SendRejected, match="townhall doctor"):
            await sim.post(Note(text="hello"), key="note", place=sim.place(nowhere))
