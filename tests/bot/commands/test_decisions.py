"""`/recall` through a running bot: what is found, and who sees it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, CommandReceived, Place
from orchestrator_bridge.chat.outbound import Link, Note, OutboundPost, PrivateReply
from orchestrator_bridge.question.decisions import date_text
from tests.bot.commands.test_models import ELSEWHERE, Bot, start_bot
from tests.bot.commands.test_visibility import cells
from tests.support.authority.knowing_platform import KnowingPlatform
from tests.support.clock import ManualClock
from tests.support.fake_models.players import has_called, may_vote
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, prompt_text

BO = Author(platform="list", id="bo", name="Bo")
DIRECT = Place(platform="list", channel="@ana")
QUESTION = "Which database does the billing service use?"


def teams(memory: str) -> str:
    return f"""
default_team = "docs"
[team.docs]
memory = "{memory}"
[team.docs.policy]
settle_delay = 0
[[team.docs.agents]]
name = "writer"
model = "grok-4.3"
"""


def asks_its_task(asked: ModelCall) -> ScriptedReply:
    """Ask what the task says, then answer with what was decided."""
    task = prompt_text(asked).partition("The task:\n\n")[2].partition("\n")[0].removesuffix("</task>")
    if not asked.tools:
        return ScriptedReply(text="Done.")
    if may_vote(asked):
        return ScriptedReply(tool_calls=[ToolUse(name="vote", arguments={"agent_id": "A", "reason": "Good."})])
    if not has_called(asked, "ask_others"):
        arguments = {"question": task, "assumption": "I take none.", "to": ["humans"]}
        return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=arguments)])
    return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "Done."})])


@asynccontextmanager
async def a_bot(folder: Path, memory: str) -> AsyncIterator[Bot]:
    async with ModelServer(asks_its_task) as server, start_bot(folder, server, teams(memory), platform=KnowingPlatform) as bot:
        knowing(bot).seen = {ELSEWHERE.channel: {"ana"}, PLACE.channel: {"ana", "bo"}}
        yield bot


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with a_bot(tmp_path, "channel") as bot:
        yield bot


@pytest.fixture
async def sharing(tmp_path: Path) -> AsyncIterator[Bot]:
    async with a_bot(tmp_path, "workspace") as bot:
        yield bot


def knowing(bot: Bot) -> KnowingPlatform:
    assert isinstance(bot.platform, KnowingPlatform)
    return bot.platform


async def decide(bot: Bot, question: str, answer: str, place: Place = PLACE) -> int:
    """Let Ana decide a question in a place; its number."""
    before, finals = len(bot.platform.questions), len(bot.platform.final_answers)
    task = CommandReceived(place=place, interaction=f"ask{before}", author=ANA, name="ask", text=question, at=bot.platform.now)
    await bot.platform.deliver(task)
    await bot.platform.until(lambda: len(bot.platform.questions) > before)
    number = bot.platform.questions[before].question
    await bot.execute(ANA, place, "questions", f"{number} {answer}")
    await bot.platform.until(lambda: len(bot.platform.final_answers) > finals)
    return number


def numbers(reply: PrivateReply) -> list[str]:
    """The numbers of the decisions in a reply."""
    return [cell.text if isinstance(cell, Link) else cell for table in reply.tables for cell, *_ in table.rows]


async def test_a_decision_is_found_with_its_date_its_people_and_a_link(bot: Bot) -> None:
    await decide(bot, QUESTION, "PostgreSQL")
    reply = await bot("recall", "database postgres")
    (row,) = reply.tables[0].rows
    assert row[1:] == (date_text(bot.platform.now, bot.platform.now), QUESTION, "PostgreSQL", "Ana (first answer)")
    assert isinstance(row[0], Link)
    assert (row[0].text, row[0].place.channel) == ("1", PLACE.channel)
    stored = await bot.app.store.decision(1)
    assert stored is not None
    assert stored.link == f"https://chat.example/{PLACE.channel}/{row[0].message}"


async def test_the_newest_decision_comes_first_and_other_words_find_nothing(bot: Bot) -> None:
    await decide(bot, QUESTION, "PostgreSQL")
    await decide(bot, "Which queue does the billing service use?", "RabbitMQ")
    assert numbers(await bot("recall")) == ["2", "1"]
    assert numbers(await bot("recall", "billing")) == ["2", "1"]
    assert (await bot("recall", "kafka")).text == "No decision here has the words “kafka”."


async def test_without_decisions_the_reply_says_so(bot: Bot) -> None:
    assert (await bot("recall")).text == "No decisions here yet."


async def test_a_long_list_says_that_there_is_more(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.commands.decisions.MAX_ROWS", 1)
    await decide(bot, QUESTION, "PostgreSQL")
    await decide(bot, "Which queue does the billing service use?", "RabbitMQ")
    reply = await bot("recall", "billing")
    assert (numbers(reply), reply.text) == (["2"], "There are more: add a word to find them.")


async def test_a_decision_stays_in_its_channel_by_default(bot: Bot) -> None:
    knowing(bot).public = {ELSEWHERE.channel, PLACE.channel}
    await decide(bot, QUESTION, "PostgreSQL", ELSEWHERE)
    assert numbers(await bot("recall", "database")) == []
    assert numbers(await bot.execute(ANA, ELSEWHERE, "recall", "database")) == ["1"]


async def test_a_shared_decision_of_a_public_channel_is_seen_in_others(sharing: Bot) -> None:
    knowing(sharing).public = {ELSEWHERE.channel}
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    assert numbers(await sharing("recall", "database")) == ["1"]


async def test_nothing_leaves_a_private_channel_or_a_direct_message(sharing: Bot) -> None:
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    await decide(sharing, QUESTION, "MySQL", DIRECT)
    # That a channel becomes public later opens nothing that was said before.
    knowing(sharing).public = {ELSEWHERE.channel, PLACE.channel}
    assert numbers(await sharing("recall", "database")) == []
    assert "SQL" not in cells(await sharing("recall"))
    assert numbers(await sharing.execute(ANA, DIRECT, "recall")) == ["2"]


async def test_a_channel_that_has_become_private_shows_its_decisions_to_nobody_elsewhere(sharing: Bot) -> None:
    knowing(sharing).public = {ELSEWHERE.channel}
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    knowing(sharing).public = set()
    assert numbers(await sharing("recall", "database")) == []


async def test_people_who_cannot_see_the_channel_see_none_of_its_decisions(sharing: Bot) -> None:
    knowing(sharing).public = {ELSEWHERE.channel}
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    assert numbers(await sharing.execute(BO, PLACE, "recall", "database")) == []
    knowing(sharing).seen[ELSEWHERE.channel].add("bo")
    assert numbers(await sharing.execute(BO, PLACE, "recall", "database")) == ["1"]
    knowing(sharing).memberships["bo"] = "external"
    assert "Only members" in (await sharing.execute(BO, PLACE, "recall", "database")).text


async def test_what_a_platform_does_not_say_is_private(sharing: Bot) -> None:
    knowing(sharing).public = {ELSEWHERE.channel}
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    knowing(sharing).trouble = OSError("no network")
    assert "Try again in a minute" in (await sharing("recall", "database")).text


async def test_a_team_without_memory_leaves_no_decisions(tmp_path: Path) -> None:
    async with a_bot(tmp_path, "off") as bot:
        await decide(bot, QUESTION, "PostgreSQL")
        assert numbers(await bot("recall")) == []
        assert await bot.app.store.decisions() == []


def tool_results(asked: ModelCall) -> list[str]:
    return [str(message["content"]) for message in asked.messages if message["role"] == "tool"]


def goes_by_what_it_is_shown(asked: ModelCall, field: str = "settled_by") -> ScriptedReply:
    """As `asks_its_task`, but an agent that is shown decisions names the first one in `field` when it asks again."""
    results = tool_results(asked)
    shown = _DECISION.search(results[-1]) if results else None
    if not asked.tools or may_vote(asked) or shown is None or not results[-1].startswith("Not asked yet"):
        return asks_its_task(asked)
    arguments = {"question": QUESTION, "assumption": "I take none.", "to": ["humans"], field: int(shown[1])}
    return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=arguments)])


_DECISION = re.compile(r'"decision": (\d+)')


@asynccontextmanager
async def a_bot_that(plays: Callable[[ModelCall], ScriptedReply], folder: Path, **more: str) -> AsyncIterator[Bot]:
    async with ModelServer(plays) as server:
        keys = "".join(f"{key} = {value}\n" for key, value in more.items())
        team = teams("workspace").replace("[team.docs]\n", f"[team.docs]\n{keys}")
        async with start_bot(folder, server, team, platform=KnowingPlatform) as bot:
            knowing(bot).seen = {ELSEWHERE.channel: {"ana"}, PLACE.channel: {"ana", "bo"}}
            yield bot


async def gives_the_task_again(bot: Bot, place: Place = PLACE) -> None:
    """Give the task that asks `QUESTION` once more."""
    task = CommandReceived(place=place, interaction="again", author=ANA, name="ask", text=QUESTION, at=bot.platform.now)
    await bot.platform.deliver(task)


def settled_notes(bot: Bot) -> list[OutboundPost]:
    return [sent for sent in bot.platform.sent if isinstance(sent.post, Note) and sent.post.again is not None]


async def test_an_agent_goes_by_an_earlier_decision_and_nobody_is_asked(tmp_path: Path) -> None:
    async with a_bot_that(goes_by_what_it_is_shown, tmp_path) as bot:
        await decide(bot, QUESTION, "PostgreSQL")
        await gives_the_task_again(bot)
        await bot.platform.until(lambda: len(bot.platform.final_answers) == 2)
        assert {card.question for card in bot.platform.questions} == {1}
        (note,) = settled_notes(bot)
        assert isinstance(note.post, Note)
        today = date_text(bot.platform.now, bot.platform.now)
        assert f"Settled on {today} by Ana (first answer) as decision 1: PostgreSQL" in note.post.text
        assert note.link is not None
        assert note.link.place.channel == PLACE.channel
        shown = (await bot("questions", "2")).text
        assert f"Settled on {today} by Ana" in shown
        assert numbers(await bot("recall")) == ["1"], "no new decision was made"


def goes_by_it_and_asks_more(asked: ModelCall) -> ScriptedReply:
    """As `goes_by_what_it_is_shown`, and asks something else after that, so that the run goes on."""
    results = tool_results(asked)
    if results and results[-1].startswith("Decision 1 answers this"):
        arguments = {"question": "Who pays?", "assumption": "Nobody.", "to": ["humans"]}
        return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=arguments)])
    return goes_by_what_it_is_shown(asked)


async def test_ask_again_asks_the_question_and_its_answer_supersedes_the_decision(tmp_path: Path) -> None:
    async with a_bot_that(goes_by_it_and_asks_more, tmp_path) as bot:
        await decide(bot, QUESTION, "PostgreSQL")
        await gives_the_task_again(bot)
        await bot.platform.until(lambda: any(card.question == 3 for card in bot.platform.questions))
        assert "is for Ana" in (await bot.execute(BO, PLACE, "questions", "2 again")).text
        assert (await bot("questions", "2 again")).text == "Asked again as question 4."
        assert (await bot("questions", "2 again")).text == "Question 4 is open: answer it there."
        await bot.platform.until(lambda: any(card.question == 4 for card in bot.platform.questions))
        await bot("questions", "4 MySQL")
        await bot.platform.until(lambda: any(card.question == 4 and card.ended for card in bot.platform.questions))
        assert numbers(await bot("recall", "database")) == ["4", "1"]
        assert "PostgreSQL (superseded by 4)" in cells(await bot("recall"))


async def test_an_agent_that_asks_all_the_same_replaces_the_decision_that_it_names(tmp_path: Path) -> None:
    async with a_bot_that(lambda asked: goes_by_what_it_is_shown(asked, "refers_to"), tmp_path) as bot:
        await decide(bot, QUESTION, "PostgreSQL")
        number = await decide(bot, QUESTION, "MySQL")
        assert numbers(await bot("recall")) == [str(number), "1"]
        assert "PostgreSQL (superseded by 2)" in cells(await bot("recall"))


@pytest.mark.parametrize("age", ['"30d"', '"1h"'])
async def test_decisions_are_offered_up_to_an_age(tmp_path: Path, age: str) -> None:
    async with a_bot_that(goes_by_what_it_is_shown, tmp_path, memory_max_age=age) as bot:
        await decide(bot, QUESTION, "PostgreSQL")
        assert isinstance(bot.platform.clock, ManualClock)
        bot.platform.clock.advance(2 * 86_400)
        await gives_the_task_again(bot)
        if age == '"30d"':
            await bot.platform.until(lambda: bool(settled_notes(bot)))
        else:
            await bot.platform.until(lambda: {card.question for card in bot.platform.questions} == {1, 2})


async def test_a_run_is_offered_nothing_of_a_private_channel(tmp_path: Path) -> None:
    async with a_bot_that(goes_by_what_it_is_shown, tmp_path) as bot:
        await decide(bot, QUESTION, "PostgreSQL", ELSEWHERE)
        await gives_the_task_again(bot)
        await bot.platform.until(lambda: {card.question for card in bot.platform.questions} == {1, 2})


async def test_a_run_goes_by_a_shared_decision_while_its_channel_is_public(tmp_path: Path) -> None:
    async with a_bot_that(goes_by_what_it_is_shown, tmp_path) as bot:
        knowing(bot).public = {ELSEWHERE.channel}
        await decide(bot, QUESTION, "PostgreSQL", ELSEWHERE)
        await gives_the_task_again(bot)
        await bot.platform.until(lambda: bool(settled_notes(bot)))


async def test_a_person_replaces_a_decision_by_another_one(bot: Bot) -> None:
    await decide(bot, QUESTION, "PostgreSQL")
    await decide(bot, "Where do invoices live?", "In MySQL")
    for _ in range(2):
        assert (await bot("supersede", "1 2")).text == "Decision 2 supersedes decision 1: In MySQL"
    assert "PostgreSQL (superseded by 2)" in cells(await bot("recall"))
    assert numbers(await bot("recall")) == ["2", "1"]
    assert (await bot("supersede", "2 1")).text == "Decision 1 is superseded by decision 2 itself."
    assert (await bot("supersede", "2 2")).text == "Decision 2 cannot supersede itself."
    assert (await bot("supersede", "2 9")).text == "There is no decision 9."
    assert (await bot("supersede", "2")).text.startswith("Give the numbers of two decisions")


async def test_only_those_who_may_cancel_the_run_replace_its_decision(bot: Bot) -> None:
    await decide(bot, QUESTION, "PostgreSQL", ELSEWHERE)
    await decide(bot, "Where do invoices live?", "In MySQL")
    assert (await bot.execute(BO, PLACE, "supersede", "1 2")).text == "There is no decision 1."
    knowing(bot).memberships["bo"] = "guest"
    await decide(bot, "Where do backups live?", "On tape")
    assert "Guests are not allowed to replace" in (await bot.execute(BO, PLACE, "supersede", "2 3")).text
    assert numbers(await bot("recall", "invoices")) == ["2"]
