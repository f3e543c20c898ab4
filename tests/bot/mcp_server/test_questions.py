"""Agents outside ask the team: the real MCP client before the door of a bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp import Client

from tests.support.mcp_bot import House, a_house, question, refused, told


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as one:
        yield one


@pytest.fixture
async def client(house: House) -> Client:
    return await house.client(await house.token())


async def test_it_finds_the_five_tools(client: Client) -> None:
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert names == ["ask_team", "check_question", "cancel_question", "start_run", "run_status"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_question_waits_for_the_answer_of_a_person(house: House, mode: str) -> None:
    client = await house.client(await house.token(), mode=mode)
    asking = asyncio.create_task(client.call_tool("ask_team", question(context="I rebase.\n<!channel>")))
    card = await house.card(1)
    assert card.agent == "claude-code (external agent, token laptop)"
    assert [author.id for author in card.mentions] == ["U1"]
    await house.says("main please", 1)
    answer = told(await asking)
    assert (answer["status"], answer["decision"], answer["decided_by"]) == ("answered", "main please", "human")
    assert answer["replies"][0]["by"] == "alice"


async def test_a_wait_that_ends_before_gives_the_number_and_the_question_lives_on(house: House, client: Client) -> None:
    answer = told(await client.call_tool("ask_team", question(wait_seconds=0)))
    assert (answer["question"], answer["status"]) == (1, "open")
    assert "check_question" in answer["next"]
    checking = asyncio.create_task(client.call_tool("check_question", {"question": 1, "wait_seconds": 60}))
    await house.card(1)
    await house.says("main", 1)
    assert told(await checking)["decision"] == "main"


async def test_a_wait_lasts_as_long_as_was_asked_for(house: House, client: Client) -> None:
    asking = asyncio.create_task(client.call_tool("ask_team", question(wait_seconds=30)))
    await house.card(1)
    await house.clock.armed_until(house.clock.now() + 30)
    house.clock.advance(30)
    assert told(await asking)["status"] == "open"


async def test_silence_falls_back_and_says_that_nobody_decided(house: House, client: Client) -> None:
    asking = asyncio.create_task(client.call_tool("ask_team", question(wait_seconds=3600)))
    await house.card(1)
    await house.app.engine.wait_finished()
    house.clock.advance(700)
    answer = told(await asking)
    assert (answer["status"], answer["decided_by"]) == ("fallen_back", "fallback:assume")
    assert answer["note"] == "No person decided this."


async def test_a_client_that_is_cut_off_leaves_its_question_behind_and_finds_it_again(house: House, client: Client) -> None:
    asking = asyncio.create_task(client.call_tool("ask_team", question()))
    await house.card(1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await house.all_leave()
    again = await house.client(house.tokens["laptop"])
    retry = asyncio.create_task(again.call_tool("ask_team", question("which  branch")))
    await house.clock.armed_until(house.clock.now() + 50)
    await house.says("main", 1)
    assert told(await retry)["question"] == 1
    assert house.asked == 1


async def test_two_calls_at_once_ask_people_once(house: House, client: Client) -> None:
    asking = [asyncio.create_task(client.call_tool("ask_team", question())) for _ in range(5)]
    await house.card(1)
    await house.says("main", 1)
    assert {told(one)["question"] for one in await asyncio.gather(*asking)} == {1}
    assert house.asked == 1


async def test_an_outcome_that_the_client_never_got_is_given_to_whoever_asks_the_same(house: House, client: Client) -> None:
    told(await client.call_tool("ask_team", question("May I push?", kind="confirm", wait_seconds=0)))
    await house.card(1)
    await house.says("yes", 1)
    await house.app.engine.wait_finished()
    answer = told(await client.call_tool("ask_team", question("May I push?", kind="confirm")))
    assert (answer["question"], answer["choice"]) == (1, "yes")


async def test_leave_that_was_given_and_told_holds_once(house: House, client: Client) -> None:
    for number in (1, 2):
        asking = asyncio.create_task(client.call_tool("ask_team", question("May I push?", kind="confirm")))
        await house.card(number)
        await house.says("yes", number)
        assert told(await asking)["question"] == number
    assert house.asked == 2


async def test_what_people_have_answered_is_not_asked_again(house: House, client: Client) -> None:
    asking = asyncio.create_task(client.call_tool("ask_team", question()))
    await house.card(1)
    await house.says("main", 1)
    told(await asking)
    assert told(await client.call_tool("ask_team", question("WHICH branch?")))["question"] == 1
    assert told(await client.call_tool("ask_team", question("Which branch?", to=["@bob"], wait_seconds=0)))["question"] == 2


async def test_another_agent_and_another_channel_ask_for_themselves(house: House, client: Client) -> None:
    other = await house.client(house.tokens["laptop"], name="Cursor")
    for one, channel in ((client, "C1"), (client, "slack/C2"), (other, "C1")):
        told(await one.call_tool("ask_team", question(channel=channel, wait_seconds=0)))
    await house.card(3)
    places = {one.post.question: one.place.channel for one in house.platform.sent if one.post.kind == "question_card"}
    assert places == {1: "C1", 2: "C2", 3: "C1"}
    assert (await house.card(3)).agent == "cursor (external agent, token laptop)"


async def test_the_rules_are_those_of_the_team_that_is_named(house: House, client: Client) -> None:
    told(await client.call_tool("ask_team", question(team="other", wait_seconds=0)))
    assert (await house.card(1)).expires_at == house.clock.now() + 1800
    assert "there is no such team" in refused(await client.call_tool("ask_team", question(team="nobody")))


async def test_a_question_can_be_closed_by_who_asked_it(house: House, client: Client) -> None:
    told(await client.call_tool("ask_team", question(wait_seconds=0)))
    await house.card(1)
    assert told(await client.call_tool("cancel_question", {"question": 1}))["status"] == "cancelled"
    await house.platform.until(lambda: any(card.closed for card in house.platform.questions))
    told(await client.call_tool("ask_team", question(wait_seconds=0)))
    await house.card(2)


async def test_a_late_reply_waits_for_whoever_looks_again(house: House, client: Client) -> None:
    told(await client.call_tool("ask_team", question(wait_seconds=0)))
    await house.card(1)
    await house.app.engine.wait_finished()
    house.clock.advance(700)
    await house.app.engine.wait_finished()
    await house.says("develop, sorry", 1)
    await house.platform.until(lambda: bool(house.platform.receipts))
    answer = told(await client.call_tool("check_question", {"question": 1}))
    assert answer["decided_by"] == "fallback:assume"
    assert [late["text"] for late in answer["late_replies"]] == ["develop, sorry"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"question": "Which?"}, "assumption: Field required"),
        (question(kind="approval"), "kind 'approval' is not for you to ask"),
        (question(kind="choice"), "needs 2 to 10 options"),
        (question(wait_seconds=-1), "wait_seconds"),
        (question(quorum="all"), "quorum is unknown; known are question, context"),
        (question("What is the root password?"), "Nobody may write a secret into a chat"),
        (question(to=["@carol"]), "There is nobody called '@carol' to ask"),
        (question(channel="C9"), "not for the channel 'C9'; it is for slack/C1, slack/C2"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_the_reason(
    house: House, client: Client, arguments: dict[str, object], why: str
) -> None:
    assert why in refused(await client.call_tool("ask_team", arguments))
    assert house.asked == 0


async def test_another_token_s_questions_are_nobody_s(house: House, client: Client) -> None:
    told(await client.call_tool("ask_team", question(wait_seconds=0)))
    other = await house.client(await house.token("desk"))
    for tool in ("check_question", "cancel_question"):
        assert refused(await other.call_tool(tool, {"question": 1})) == "There is no question 1 of your token desk."
    assert refused(await other.call_tool("check_question", {"question": 7})) == "There is no question 7 of your token desk."


async def test_people_settle_it_by_command_as_any_other_and_agents_outside_cannot(house: House, client: Client) -> None:
    told(await client.call_tool("ask_team", question(wait_seconds=0)))
    assert "There is no tool 'answer_question'" in refused(await client.call_tool("answer_question", {"question": 1}))
    await house.card(1)
    await house.says("I may not", 1, by="U2")
    await house.platform.until(lambda: bool(house.platform.receipts))
    assert house.platform.receipts[0].sign == "refused"
    assert told(await client.call_tool("check_question", {"question": 1}))["status"] == "open"
