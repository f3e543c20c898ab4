"""Options whose labels are numbers, on the whole bot: a number that can mean two of them is asked about."""

from __future__ import annotations

from pathlib import Path

from tests.support.fake_discord.running_bot import start_discord_bot
from tests.support.fake_models.players import has_called, question, team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse


def asks_for_nodes(asked: ModelCall) -> ScriptedReply:
    """Ask for a number of nodes, once."""
    if "ask_others" not in asked.tools or has_called(asked, "ask_others"):
        return team_behaviour(asked)
    sizes = {"2 nodes": "two", "3 nodes": "three"}
    options = [{"id": id_, "label": label, "description": "", "recommended": False} for label, id_ in sizes.items()]
    arguments = {**question(question="How large a cluster?"), "options": options, "assumption": "I take 3 nodes."}
    return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=arguments)])


async def test_a_number_that_means_two_options_is_asked_about_and_a_clear_reply_counts(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path, asks_for_nodes) as bot:
        bot.say("ask Size the cluster", bot.direct)
        card = await bot.wait_card("Question", bot.direct)
        await bot.until(lambda: len(bot.driver.adapter.open_cards.items()) == 2)
        assert [control["label"] for control in card.controls][:2] == ["1. 2 nodes", "2. 3 nodes"]
        reply = bot.say("2", bot.direct)
        await bot.wait_for("2 can mean option 2, “3 nodes”, or “2 nodes”", bot.direct)
        assert reply.reactions == ["🚫"]
        assert "Answered" not in card.text
        bot.say("option 2", bot.direct)
        await bot.wait_for("Answered by Ana: 3 nodes", bot.direct)


async def test_a_button_whose_label_is_a_number_chooses_its_own_option(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path, asks_for_nodes) as bot:
        bot.say("ask Size the cluster", bot.direct)
        card = await bot.wait_card("Question", bot.direct)
        (button,) = [control for control in card.controls if control["label"] == "1. 2 nodes"]
        bot.driver.click(str(button["custom_id"]), message=card)
        await bot.wait_for("Answered by Ana: 2 nodes", bot.direct)
