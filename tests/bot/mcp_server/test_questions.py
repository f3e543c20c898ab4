"""External agents ask the team: the real MCP client against the MCP server of a bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp import Client

from bot.mcp_server import protocol
from tests.support.mcp_bot import McpBot, denial_of, payload_of, question, start_mcp_bot


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[McpBot]:
    async with start_mcp_bot(tmp_path) as bot:
        yield bot


@pytest.fixture
async def client(bot: McpBot) -> Client:
    return await bot.client(await bot.token())


async def test_a_client_lists_the_five_tools(client: Client) -> None:
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert names == ["ask_team", "check_question", "cancel_question", "start_run", "run_status"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_question_waits_for_the_answer_of_a_person(bot: McpBot, mode: str) -> None:
    client = await bot.client(await bot.token(), mode=mode)
    asking = asyncio.create_task(client.call_tool("ask_team", question(context="I rebase.\n<!channel>")))
    card = await bot.card(1)
    assert card.agent == "claude-code (external agent, token laptop)"
    assert [author.id for author in card.mentions] == ["U1"]
    await bot.reply("main please", 1)
    answer = payload_of(await asking)
    assert (answer["status"], answer["decision"], answer["decided_by"]) == ("answered", "main please", "human")
    assert answer["replies"][0]["by"] == "alice"


async def test_a_wait_that_ends_first_returns_the_number_and_the_question_stays_open(bot: McpBot, client: Client) -> None:
    answer = payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    assert (answer["question"], answer["status"]) == (1, "open")
    assert "check_question" in answer["next"]
    checking = asyncio.create_task(client.call_tool("check_question", {"question": 1, "wait_seconds": 60}))
    await bot.card(1)
    await bot.reply("main", 1)
    assert payload_of(await checking)["decision"] == "main"


async def test_a_wait_lasts_for_the_requested_time(bot: McpBot, client: Client) -> None:
    asking = asyncio.create_task(client.call_tool("ask_team", question(wait_seconds=30)))
    await bot.card(1)
    await bot.clock.armed_until(bot.clock.now() + 30)
    bot.clock.advance(30)
    assert payload_of(await asking)["status"] == "open"


async def test_an_unanswered_question_falls_back_and_reports_that_nobody_decided(bot: McpBot, client: Client) -> None:
    asking = asyncio.create_task(client.call_tool("ask_team", question(wait_seconds=3600)))
    await bot.card(1)
    await bot.app.engine.wait_finished()
    bot.clock.advance(700)
    answer = payload_of(await asking)
    assert (answer["status"], answer["decided_by"]) == ("fallen_back", "fallback:assume")
    assert answer["note"] == "No person decided this."


async def test_the_question_of_a_disconnected_client_stays_open_and_is_found_again(bot: McpBot, client: Client) -> None:
    asking = asyncio.create_task(client.call_tool("ask_team", question()))
    await bot.card(1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await bot.disconnect_all()
    again = await bot.client(bot.tokens["laptop"])
    retry = asyncio.create_task(again.call_tool("ask_team", question("which  branch")))
    await bot.clock.armed_until(bot.clock.now() + 50)
    await bot.reply("main", 1)
    assert payload_of(await retry)["question"] == 1
    assert bot.asked == 1


async def test_two_calls_at_once_ask_people_once(bot: McpBot, client: Client) -> None:
    asking = [asyncio.create_task(client.call_tool("ask_team", question())) for _ in range(5)]
    await bot.card(1)
    await bot.reply("main", 1)
    assert {payload_of(result)["question"] for result in await asyncio.gather(*asking)} == {1}
    assert bot.asked == 1


async def test_an_undelivered_outcome_is_returned_when_the_same_question_is_asked(bot: McpBot, client: Client) -> None:
    payload_of(await client.call_tool("ask_team", question("May I push?", kind="confirm", wait_seconds=0)))
    await bot.card(1)
    await bot.reply("yes", 1)
    await bot.app.engine.wait_finished()
    answer = payload_of(await client.call_tool("ask_team", question("May I push?", kind="confirm")))
    assert (answer["question"], answer["choice"]) == (1, "yes")


async def test_a_delivered_approval_is_valid_once(bot: McpBot, client: Client) -> None:
    for number in (1, 2):
        asking = asyncio.create_task(client.call_tool("ask_team", question("May I push?", kind="confirm")))
        await bot.card(number)
        await bot.reply("yes", number)
        assert payload_of(await asking)["question"] == number
    assert bot.asked == 2


async def test_an_answered_question_is_not_asked_again(bot: McpBot, client: Client) -> None:
    asking = asyncio.create_task(client.call_tool("ask_team", question()))
    await bot.card(1)
    await bot.reply("main", 1)
    payload_of(await asking)
    assert payload_of(await client.call_tool("ask_team", question("WHICH branch?")))["question"] == 1
    assert payload_of(await client.call_tool("ask_team", question("Which branch?", to=["@bob"], wait_seconds=0)))["question"] == 2


async def test_the_same_question_from_another_agent_or_channel_is_another_question(bot: McpBot, client: Client) -> None:
    other = await bot.client(bot.tokens["laptop"], name="Cursor")
    for agent, channel in ((client, "C1"), (client, "slack/C2"), (other, "C1")):
        payload_of(await agent.call_tool("ask_team", question(channel=channel, wait_seconds=0)))
    await bot.card(3)
    places = {sent.post.question: sent.place.channel for sent in bot.platform.sent if sent.post.kind == "question_card"}
    assert places == {1: "C1", 2: "C2", 3: "C1"}
    assert (await bot.card(3)).agent == "cursor (external agent, token laptop)"


async def test_the_rules_of_the_named_team_apply(bot: McpBot, client: Client) -> None:
    payload_of(await client.call_tool("ask_team", question(team="other", wait_seconds=0)))
    assert (await bot.card(1)).expires_at == bot.clock.now() + 1800
    assert "there is no such team" in denial_of(await client.call_tool("ask_team", question(team="nobody")))


async def test_the_agent_that_asked_can_cancel_its_question(bot: McpBot, client: Client) -> None:
    payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    await bot.card(1)
    assert payload_of(await client.call_tool("cancel_question", {"question": 1}))["status"] == "cancelled"
    await bot.platform.until(lambda: any(card.closed for card in bot.platform.questions))
    payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    await bot.card(2)


async def test_a_late_reply_is_returned_by_the_next_check(bot: McpBot, client: Client) -> None:
    payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    await bot.card(1)
    await bot.app.engine.wait_finished()
    bot.clock.advance(700)
    await bot.app.engine.wait_finished()
    await bot.reply("develop, sorry", 1)
    await bot.platform.until(lambda: bool(bot.platform.acknowledgements))
    answer = payload_of(await client.call_tool("check_question", {"question": 1}))
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
        (question("What is the root password?"), "Secrets must not be written into a chat"),
        (question(to=["@carol"]), "There is nobody called '@carol' to ask"),
        (question(channel="C9"), "does not allow the channel 'C9'. Allowed channels: slack/C1, slack/C2"),
    ],
)
async def test_an_invalid_question_is_refused_with_the_reason(
    bot: McpBot, client: Client, arguments: dict[str, object], why: str
) -> None:
    assert why in denial_of(await client.call_tool("ask_team", arguments))
    assert bot.asked == 0
    assert await bot.app.store.runs() == []


async def test_questions_of_another_token_are_not_found(bot: McpBot, client: Client) -> None:
    payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    other = await bot.client(await bot.token("desk"))
    for tool in ("check_question", "cancel_question"):
        assert denial_of(await other.call_tool(tool, {"question": 1})) == "There is no question 1 of your token desk."
    assert denial_of(await other.call_tool("check_question", {"question": 7})) == "There is no question 7 of your token desk."


async def test_external_agents_have_no_tool_to_answer_a_question(bot: McpBot, client: Client) -> None:
    payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    assert "There is no tool 'answer_question'" in denial_of(await client.call_tool("answer_question", {"question": 1}))
    await bot.card(1)
    await bot.reply("I may not", 1, by="U2")
    await bot.platform.until(lambda: bool(bot.platform.acknowledgements))
    assert bot.platform.acknowledgements[0].sign == "refused"
    assert payload_of(await client.call_tool("check_question", {"question": 1}))["status"] == "open"


async def test_a_refused_question_uses_no_run_number(bot: McpBot, client: Client) -> None:
    denial_of(await client.call_tool("ask_team", question(to=["@carol"])))
    payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    assert [run.run for run in await bot.app.store.runs()] == [1]
    assert "Secrets" in denial_of(await client.call_tool("ask_team", question("What is the root password?")))
    assert [run.run for run in await bot.app.store.runs()] == [1]


async def test_a_waiting_call_reports_progress_to_a_client_that_asks_for_it(
    bot: McpBot, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PROGRESS_INTERVAL", 0.01)
    reported: asyncio.Queue[float] = asyncio.Queue()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        assert (total, message) == (None, "Still waiting.")
        reported.put_nowait(progress)

    asking = asyncio.create_task(
        client.call_tool("ask_team", question(wait_seconds=75), progress_callback=on_progress),
    )
    await bot.card(1)
    first, second, third = [await reported.get() for _ in range(3)]
    assert first < second < third
    await bot.reply("main", 1)
    assert payload_of(await asking)["decision"] == "main"


async def test_the_limit_of_clients_without_progress_is_in_the_tools(client: Client) -> None:
    for tool in (await client.list_tools()).tools:
        if wait := tool.input_schema["properties"].get("wait_seconds"):
            assert "others give up a call after 60 s" in wait["description"]


async def test_the_model_of_a_client_is_not_shown_as_one_of_the_team(bot: McpBot, client: Client) -> None:
    payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    state = payload_of(await client.call_tool("run_status", {"run": 1}))
    models = {agent["name"]: agent["model"] for agent in state["agents"]}
    assert models == {"one": "scripted/play", "claude-code": "external agent"}
