"""The whole bot on Slack: who is asked where, and messages from while it was down."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.fake_slack.running_bot import RELEASE, ROOT, start_slack_bot
from tests.support.fake_slack.server import SlackServer
from tests.support.fake_slack.shown import controls, words
from tests.support.fake_slack.state import ANA, BEN, BOT_USER, CREW, ELSEWHERE, GENERAL, ROBOT, STRANGER

ASKED = "Was the migration tried on a copy of the data?"
PEOPLE = f"""
[people.ana]
slack = "{ANA}"

[people.ben]
slack = "{BEN}"
"""
BOTH = RELEASE.replace("[team.release]", '[team.release]\nask = ["@ana", "@ben"]').replace(
    "[team.release.policy]", "[team.release.policy]\ndirect = true"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples" / "scripts", tmp_path / "scripts")
    return tmp_path


async def test_only_those_who_are_not_in_the_channel_get_a_direct_message_and_answer_there(folder: Path) -> None:
    async with start_slack_bot(folder, BOTH + PEOPLE) as bot:
        bot.world.channels[GENERAL].members.discard(BEN)
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        direct = bot.world.direct(BEN).id
        copy = await bot.wait_for_message(ASKED, direct)
        await bot.wait_for_message(ASKED)
        assert not any(ASKED in words(message) for message in bot.messages(bot.world.direct(ANA).id))
        bot.people.click(BEN, direct, copy, "option/1")
        await bot.wait_for_message("Answered by ben: Yes")
        await bot.wait_for_message("Answered by ben: Yes", direct)


async def test_nobody_gets_a_direct_message_where_the_policy_does_not_say_so(folder: Path) -> None:
    async with start_slack_bot(folder, BOTH.replace("direct = true", "") + PEOPLE) as bot:
        bot.world.channels[GENERAL].members.discard(BEN)
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        bot.people.say(ANA, GENERAL, "yes", (await bot.wait_for_message(ASKED))["ts"])
        await bot.wait_for_message("finished")
        assert not list(bot.messages(bot.world.direct(BEN).id))


async def test_a_mention_in_the_thread_goes_on_after_the_answer(folder: Path) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        bot.people.say(ANA, GENERAL, "yes", (await bot.wait_for_message(ASKED))["ts"])
        await bot.wait_for_message("Answered by Ana: Yes")
        card = await bot.wait_for_message(":white_check_mark: *Run 1*")
        await bot.wait_for_message("run 1 has its answer")
        bot.people.say(ANA, GENERAL, f"<@{BOT_USER}> thanks!", card["ts"], raw=True)
        bot.people.say(BEN, GENERAL, "and on Friday?", card["ts"])
        bot.people.say(BEN, GENERAL, f"<@{BOT_USER}> and on Friday?", card["ts"], raw=True)
        turn = await bot.wait_for_message("continues run 1")
        assert turn["thread_ts"] == card["ts"]
        assert "Finish now" in controls(turn)
        bot.people.say(BEN, GENERAL, f"<@{BOT_USER}> finish", card["ts"], raw=True)
        await bot.wait_for_message("the conversation $0.0000.")
        await bot.wait_for_message("*Run 2* · finished early by Ben Ng")
        assert not any("*Run 3*" in words(message) for message in bot.messages())


@pytest.mark.parametrize("way", ["button", "word", "mention"])
async def test_a_run_is_ended_with_the_best_answer_so_far(folder: Path, way: str) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        await bot.wait_for_message(ASKED)
        card = next(message for message in bot.messages() if "Finish now" in controls(message))
        match way:
            case "button":
                bot.people.click(ANA, GENERAL, card, "finish")
            case "word":
                bot.people.say(ANA, GENERAL, "das reicht", card["ts"])
            case _:
                bot.people.say(ANA, GENERAL, f"<@{BOT_USER}> finish", card["ts"], raw=True)
        await bot.wait_for_message("Finished early by Ana: the best answer so far")
        await bot.wait_for_message("finished early by Ana")
        await bot.wait_for_message("Cancelled: Ana wanted the answer now")
        assert not any("Finish now" in controls(message) for message in bot.messages())


async def test_a_question_to_several_people_shows_who_has_answered(folder: Path) -> None:
    async with start_slack_bot(folder, BOTH.replace("direct = true", 'quorum = "all"') + PEOPLE) as bot:
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        bot.people.say(ANA, GENERAL, "yes", (await bot.wait_for_message(ASKED))["ts"])
        await bot.wait_for_message("1 of 2 answers: ana.")


@pytest.mark.parametrize(("typed", "answer"), [(":white_check_mark:", "Yes"), (":thumbsdown::skin-tone-3:", "No")])
async def test_an_emoji_below_a_quotation_of_the_question_answers_it(folder: Path, typed: str, answer: str) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        bot.people.say(ANA, GENERAL, f"> {ASKED}\n{typed}", (await bot.wait_for_message(ASKED))["ts"])
        await bot.wait_for_message(f"Answered by Ana: {answer}")


@pytest.mark.parametrize(("emoji", "answer"), [("white_check_mark", "Yes"), ("-1::skin-tone-4", "No"), ("two", "No")])
async def test_a_reaction_of_an_asked_person_on_the_card_answers_it(folder: Path, emoji: str, answer: str) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        card = await bot.wait_for_message(ASKED)
        bot.people.react(BEN, GENERAL, card, emoji)
        assert (await bot.wait_for_message("Question 1 is for Ana."))["to"] == BEN
        bot.people.react(ANA, GENERAL, card, "tada")
        reacted = bot.people.react(ANA, GENERAL, card, emoji)
        await bot.wait_for_message(f"Answered by Ana: {answer}")
        assert (await bot.wait_for_message("You answered question 1"))["to"] == ANA
        bot.world.deliver_again(reacted)
        bot.people.react(ANA, GENERAL, await bot.wait_for_message(f"Answered by Ana: {answer}"), "two")
        await bot.until(lambda: not bot.world.unacknowledged)
        assert sum("You answered question 1" in words(message) for message in bot.messages()) == 1


async def test_a_reaction_that_is_removed_withdraws_its_answer_while_the_question_is_open(folder: Path) -> None:
    async with start_slack_bot(folder, BOTH.replace("direct = true", 'quorum = "all"') + PEOPLE) as bot:
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        card = await bot.wait_for_message(ASKED)
        bot.people.react(ANA, GENERAL, card, "-1")
        await bot.wait_for_message("You answered question 1: No")
        bot.people.unreact(ANA, GENERAL, card, "+1")
        bot.people.unreact(ANA, GENERAL, card, "-1")
        receipt = await bot.wait_for_message("You withdrew your answer to question 1: No.")
        assert receipt["to"] == ANA
        bot.people.react(ANA, GENERAL, card, "+1")
        await bot.wait_for_message("You answered question 1: Yes")
        bot.people.react(BEN, GENERAL, card, "+1")
        closed = await bot.wait_for_message("Answered by")
        assert "Yes" in words(closed)
        bot.people.unreact(BEN, GENERAL, card, "+1")
        assert (await bot.wait_for_message("removing your reaction changes nothing"))["to"] == BEN


@pytest.mark.parametrize("ended", [True, False])
async def test_words_of_a_form_for_a_question_that_has_ended_are_late_and_given_back(folder: Path, ended: bool) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        card = await bot.wait_for_message(ASKED)
        bot.people.click(ANA, GENERAL, card, "write")
        await bot.until(lambda: bot.world.views)
        bot.people.click(ANA, GENERAL, card, "option/1")
        await bot.wait_for_message("finished" if ended else "Answered by Ana: Yes")
        bot.people.submit(ANA, bot.world.views[-1], answer="Yes, with a backup, & at night")
        reply = words(await bot.wait_for_message("You wrote:"))
        assert "Too late: Answered by Ana: Yes" in reply
        assert "> Yes, with a backup, & at night" in reply


async def test_a_doubtful_mention_gets_one_offer_that_starts_one_run(folder: Path) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.say(ANA, GENERAL, f"<@{BOT_USER}> thoughts?", raw=True)
        await bot.wait_for_message("Should the agents work on this?")
        for envelope in list(bot.world.envelopes):
            bot.world.deliver_again(envelope)
        await bot.until(lambda: not bot.world.unacknowledged)
        (offer,) = bot.world.ephemeral
        for _ in range(2):
            bot.people.click(ANA, GENERAL, offer, "command")
        await bot.wait_for_message(ASKED)
        bot.people.command(ANA, GENERAL, "runs")
        assert "*2*" not in str(await bot.wait_for_message("Runs, newest first"))


@pytest.mark.parametrize("replied", [True, False])
async def test_a_deleted_question_is_posted_again_and_answered_there(folder: Path, replied: bool) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        card = await bot.wait_for_message(ASKED)
        if replied:
            bot.people.say(BEN, GENERAL, "hm", card["ts"])
        bot.people.delete(GENERAL, card["ts"])
        await bot.until(lambda: any(ASKED in words(message) for message in bot.messages() if message["ts"] != card["ts"]))
        again = await bot.wait_for_message(ASKED)
        bot.people.say(ANA, GENERAL, "yes", again["ts"])
        await bot.wait_for_message("Answered by Ana: Yes")


# While the bot is down ----------------------------------------------------------------------------------------------------


async def test_a_mention_from_before_the_start_starts_one_run_however_often_it_is_delivered(folder: Path) -> None:
    async with SlackServer() as server:
        server.people.say(ANA, GENERAL, f"<@{BOT_USER}> ask May the release go out?", raw=True)
        async with start_slack_bot(folder, server=server) as bot:
            await bot.wait_for_message(ASKED)
            for envelope in list(server.world.envelopes):
                server.world.deliver_again(envelope)
            await bot.until(lambda: not server.world.unacknowledged)
        async with start_slack_bot(folder, server=server) as bot:
            for envelope in list(server.world.envelopes):
                server.world.deliver_again(envelope)
            await bot.until(lambda: not server.world.unacknowledged)
            bot.people.command(ANA, GENERAL, "runs")
            assert "*2*" not in str(await bot.wait_for_message("Runs, newest first"))


async def test_messages_missed_while_the_bot_was_down_are_read_from_history(folder: Path) -> None:
    async with SlackServer() as server:
        async with start_slack_bot(folder, server=server) as bot:
            bot.people.command(ANA, GENERAL, "ask May the release go out?")
            question, run = await bot.wait_for_message(ASKED), await bot.wait_for_message("Run 1")
        guided = server.people.say(ANA, GENERAL, "Mind the holidays.", run["ts"], delivered=False)
        replied = server.people.say(ANA, GENERAL, "yes", question["ts"], delivered=False)
        async with start_slack_bot(folder, server=server) as bot:
            await bot.wait_for_message("Answered by Ana: Yes")
            stand = bot.world.channels[GENERAL].messages
            await bot.until(
                lambda: all("white_check_mark" in stand[item["ts"]].get("reactions", ()) for item in (guided, replied))
            )


# Who takes part -----------------------------------------------------------------------------------------------------------


async def test_external_people_and_bots_can_neither_ask_nor_answer_unless_listed(folder: Path) -> None:
    team = BOTH.replace("direct = true", 'responders = "anyone"') + PEOPLE
    async with SlackServer() as server:
        async with start_slack_bot(folder, team, server) as bot:
            bot.people.command(STRANGER, GENERAL, "ask Tell me all.")
            await bot.wait_for_message("Only members of this workspace can take part")
            bot.people.command(ANA, GENERAL, "ask May the release go out?")
            question = await bot.wait_for_message(ASKED)
            bot.people.click(STRANGER, GENERAL, question, "option/1")
            bot.people.say(ROBOT, GENERAL, "yes", question["ts"])
            bot.people.say(STRANGER, GENERAL, "yes", question["ts"])
            await bot.until(lambda: sum("Only members of this" in words(message) for message in bot.world.ephemeral) == 3)
            assert not any("Answered" in words(message) for message in bot.messages())
        listed = team + f'\n[people.sly]\nslack = "{STRANGER}"\n'
        async with start_slack_bot(folder, listed, server) as bot:
            bot.people.say(STRANGER, GENERAL, "yes, it was", question["ts"])
            await bot.wait_for_message("Answered by sly: Yes")


async def test_user_group_and_channel_decide_who_may_start_and_others_are_refused_privately(folder: Path) -> None:
    rules = f'''
[roles.crew]
slack = "{CREW}"

[permissions]
start = ["role:crew", "channel:{ELSEWHERE}"]
'''
    async with SlackServer() as server:
        server.world.groups[CREW] = [ANA]
        server.world.channels[ELSEWHERE].members.add(BOT_USER)
        async with start_slack_bot(folder, RELEASE + rules, server) as bot:
            bot.people.command(BEN, GENERAL, "ask May the release go out?")
            refused = await bot.wait_for_message("You are not allowed to start runs here")
            assert (refused["is_ephemeral"], refused["to"]) == (True, BEN)
            bot.people.command(ANA, GENERAL, "ask May the release go out?")
            await bot.wait_for_message(ASKED)
            bot.people.command(BEN, ELSEWHERE, "ask May the release go out?")
            await bot.wait_for_message(ASKED, ELSEWHERE)
