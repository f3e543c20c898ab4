"""Open questions that are answered on App Home and from the list of `/townhall questions`."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.fake_slack.running_bot import ROOT, SlackBot, start_slack_bot
from tests.support.fake_slack.shown import controls, words
from tests.support.fake_slack.state import ANA, BEN, ELSEWHERE, GENERAL

ASKED = "Was the migration tried on a copy of the data?"


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[SlackBot]:
    shutil.copytree(ROOT / "examples" / "scripts", tmp_path / "scripts")
    async with start_slack_bot(tmp_path) as bot:
        yield bot


async def asked(bot: SlackBot) -> None:
    """Ana has given a task, and the checker asks her."""
    bot.people.command(ANA, GENERAL, "ask May the release go out?")
    await bot.wait_for_message(ASKED)


# The list -----------------------------------------------------------------------------------------------------------------


async def test_a_question_is_answered_from_the_list(bot: SlackBot) -> None:
    await asked(bot)
    bot.people.command(ANA, GENERAL, "questions")
    listed = await bot.wait_for_message("Open questions")
    assert controls(listed) == ("1. Yes", "2. No", "Write an answer", "Not me", "⋯")
    bot.people.click(ANA, GENERAL, listed, "option/1")
    await bot.wait_for_message("Answered by Ana: Yes")
    await bot.wait_for_message("Yes. Checked: Ana says that the migration was tried.")


async def test_a_question_is_extended_and_closed_from_the_list(bot: SlackBot) -> None:
    await asked(bot)
    bot.people.command(ANA, GENERAL, "questions")
    listed = await bot.wait_for_message("Open questions")
    bot.people.click(ANA, GENERAL, listed, "rest", "3600")
    await bot.wait_for_message("Question 1 waits 1 h longer")
    bot.people.click(ANA, GENERAL, listed, "rest", "close")
    await bot.wait_for_message("Cancelled: ")


@pytest.mark.parametrize("action", ["option/1", "pass"])
async def test_a_private_question_is_removed_once_its_buttons_were_used(bot: SlackBot, action: str) -> None:
    await asked(bot)
    bot.people.command(ANA, GENERAL, "questions")
    listed = await bot.wait_for_message("Open questions")
    bot.people.click(ANA, GENERAL, listed, "rest", "3600")
    await bot.wait_for_message("Question 1 waits 1 h longer")
    assert listed in bot.world.ephemeral
    bot.people.click(ANA, GENERAL, listed, action)
    await bot.until(lambda: listed not in bot.world.ephemeral)


async def test_a_list_of_several_questions_stays_for_the_others(bot: SlackBot) -> None:
    await asked(bot)
    bot.people.command(ANA, GENERAL, "ask May the next release go out?")
    await bot.until(lambda: sum(ASKED in words(message) for message in bot.messages()) == 2)
    bot.people.command(ANA, GENERAL, "questions")
    listed = await bot.wait_for_message("Open questions")
    bot.people.click(ANA, GENERAL, listed, "option/1")
    await bot.wait_for_message("Answered by Ana: Yes")
    assert listed in bot.world.ephemeral


async def test_a_question_of_a_run_that_has_ended_cannot_be_asked_again(bot: SlackBot) -> None:
    await asked(bot)
    bot.people.say(ANA, GENERAL, "yes", (await bot.wait_for_message(ASKED))["ts"])
    await bot.wait_for_message("finished")
    bot.people.command(ANA, GENERAL, "questions 1 again")
    await bot.wait_for_message("Nobody waits for question 1 any more.")


async def test_an_answer_is_written_from_the_list_with_the_question_in_view(bot: SlackBot) -> None:
    await asked(bot)
    bot.people.command(ANA, GENERAL, "questions")
    bot.people.click(ANA, GENERAL, await bot.wait_for_message("Open questions"), "write")
    await bot.until(lambda: bot.world.views)
    assert ASKED in words(bot.world.views[-1])
    bot.people.submit(ANA, bot.world.views[-1], answer="no, only the small tables")
    await bot.wait_for_message("Answered by Ana: No")


async def test_a_person_who_is_not_asked_sees_the_list_without_controls(bot: SlackBot) -> None:
    await asked(bot)
    bot.people.command(BEN, GENERAL, "questions")
    listed = await bot.wait_for_message("Open questions")
    assert ASKED in words(listed)
    assert controls(listed) == ()


async def test_a_click_in_an_outdated_list_is_answered_with_the_outcome(bot: SlackBot) -> None:
    await asked(bot)
    bot.people.command(ANA, GENERAL, "questions")
    listed = await bot.wait_for_message("Open questions")
    bot.people.click(ANA, GENERAL, listed, "option/1")
    await bot.wait_for_message("Answered by Ana: Yes")
    bot.people.click(ANA, GENERAL, listed, "option/2")
    await bot.wait_for_message("Too late: Answered by Ana: Yes")


# App Home -----------------------------------------------------------------------------------------------------------------


async def test_a_question_is_answered_on_app_home_which_is_updated(bot: SlackBot) -> None:
    await asked(bot)
    bot.people.open_home(ANA)
    page = await bot.wait_for_home(ASKED)
    assert "1 question waits for you." in words(page)
    bot.people.click_in_view(ANA, page, "option/1")
    page = await bot.wait_for_home("0 questions wait for you.")
    assert ASKED not in words(page)
    assert bot.world.ephemeral == []


async def test_app_home_shows_the_result_of_a_click_that_changes_nothing(bot: SlackBot) -> None:
    await asked(bot)
    bot.people.open_home(ANA)
    page = await bot.wait_for_home(ASKED)
    bot.people.say(ANA, GENERAL, "yes", (await bot.wait_for_message(ASKED))["ts"])
    await bot.wait_for_home("0 questions wait for you.")
    bot.people.click_in_view(ANA, page, "pass")
    await bot.wait_for_home("Too late: Answered by Ana: Yes")


async def test_app_home_shows_a_question_as_soon_as_it_is_asked(bot: SlackBot) -> None:
    bot.people.open_home(ANA)
    await bot.wait_for_home("0 questions wait for you.")
    await asked(bot)
    await bot.wait_for_home(ASKED)


async def test_app_home_shows_the_models_of_the_channel_of_my_last_task(bot: SlackBot) -> None:
    bot.people.command(ANA, GENERAL, "model scripted/release scope=agent:writer")
    await asked(bot)
    bot.people.open_home(ANA)
    page = await bot.wait_for_home("Models of team release")
    assert chosen(page) == GENERAL


async def test_app_home_shows_the_models_of_the_selected_channel_and_remembers_it(bot: SlackBot, tmp_path: Path) -> None:
    (tmp_path / "scripts" / "other.toml").write_text('[[agents."*"]]\ntext = "Done."\n', encoding="utf-8")
    bot.world.channels[ELSEWHERE].members.add("U0BOT")
    bot.people.command(ANA, ELSEWHERE, "model scripted/other")
    await bot.until(lambda: any("scripted/other" in words(message) for message in bot.messages(ELSEWHERE)))
    bot.people.open_home(ANA)
    page = await bot.wait_for_home("scripted/release")
    assert chosen(page) == ""
    bot.people.click_in_view(ANA, page, "home/channel", ELSEWHERE)
    assert chosen(await bot.wait_for_home("scripted/other")) == ELSEWHERE
    bot.people.open_home(ANA)
    await bot.until(lambda: sum(effect.what == "home" for effect in bot.world.effects) == 3)
    assert chosen(await bot.wait_for_home("scripted/other")) == ELSEWHERE


async def test_a_model_is_selected_in_app_home_for_the_channel_that_it_shows(bot: SlackBot, tmp_path: Path) -> None:
    (tmp_path / "scripts" / "other.toml").write_text('[[agents."*"]]\ntext = "Done."\n', encoding="utf-8")
    bot.people.open_home(ANA)
    bot.people.click_in_view(ANA, await bot.wait_for_home("scripted/release"), "home/channel", GENERAL)
    await bot.until(lambda: chosen(bot.world.homes[ANA]) == GENERAL)
    bot.people.click_in_view(ANA, bot.world.homes[ANA], "form/model")
    await bot.until(lambda: bot.world.views)
    bot.people.submit(ANA, bot.world.views[-1], model="scripted/other")
    page = await bot.wait_for_home("This channel uses scripted/other")
    assert "*writer*: model: scripted/other" in str(page) or "scripted/other" in words(page)


async def test_a_task_given_in_app_home_appears_among_my_runs(bot: SlackBot) -> None:
    bot.people.open_home(ANA)
    bot.people.click_in_view(ANA, await bot.wait_for_home("0 questions wait for you."), "form/ask")
    await bot.until(lambda: bot.world.views)
    bot.people.submit(ANA, bot.world.views[-1], task="May the release go out?", channel=GENERAL)
    await bot.wait_for_home("May the release go out?")


def chosen(page: dict[str, object]) -> str:
    """The channel that the select of a page shows."""
    blocks = page["blocks"]
    assert isinstance(blocks, list)
    found = [element for block in blocks for element in block.get("elements", ()) if element.get("action_id") == "home/channel"]
    return str(found[0].get("initial_conversation", ""))
