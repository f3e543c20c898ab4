"""External agents start runs and read their status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp import Client

from tests.support.mcp_bot import TEAM, McpBot, denial_of, payload_of, start_mcp_bot


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[McpBot]:
    async with start_mcp_bot(tmp_path) as bot:
        yield bot


@pytest.fixture
async def client(bot: McpBot) -> Client:
    return await bot.client(await bot.token())


async def test_a_run_is_started_in_the_channel_and_its_answer_can_be_waited_for(bot: McpBot, client: Client) -> None:
    begun = payload_of(await client.call_tool("start_run", {"task": "Plan the move."}))
    ended = payload_of(await client.call_tool("run_status", {"run": begun["run"], "wait_seconds": 60}))
    assert (ended["status"], ended["result"], ended["team"]) == ("finished", "Done: Plan the move.", "default")
    await bot.platform.until(lambda: bool(bot.platform.final_answers))
    assert "Started by claude-code (external agent, token laptop)." in bot.platform.notes


async def test_the_same_task_is_not_started_twice_within_five_minutes(bot: McpBot, client: Client) -> None:
    numbers = [payload_of(await client.call_tool("start_run", {"task": "Plan."}))["run"] for _ in range(3)]
    assert numbers == [1, 1, 1]
    await bot.app.engine.wait_finished()
    bot.clock.advance(301)
    assert payload_of(await client.call_tool("start_run", {"task": "Plan."}))["run"] == 2


async def test_two_calls_at_once_start_one_run(client: Client) -> None:
    calls = [client.call_tool("start_run", {"task": "Plan.", "key": "k"}) for _ in range(4)]
    assert {payload_of(result)["run"] for result in await asyncio.gather(*calls)} == {1}


async def test_a_key_starts_one_run_for_one_task(bot: McpBot, client: Client) -> None:
    assert payload_of(await client.call_tool("start_run", {"task": "Plan.", "key": "a"}))["run"] == 1
    assert payload_of(await client.call_tool("start_run", {"task": "Plan.", "key": "b"}))["run"] == 2
    await bot.app.engine.wait_finished()
    bot.clock.advance(4000)
    assert payload_of(await client.call_tool("start_run", {"task": "Plan.", "key": "a"}))["run"] == 1
    why = denial_of(await client.call_tool("start_run", {"task": "Another.", "key": "a"}))
    assert "has started run 1, which has another task" in why


async def test_the_same_task_without_its_key_finds_the_run_that_was_started_with_it(bot: McpBot, client: Client) -> None:
    assert payload_of(await client.call_tool("start_run", {"task": "Plan.", "key": "a"}))["run"] == 1
    assert payload_of(await client.call_tool("start_run", {"task": "Plan."}))["run"] == 1
    await bot.app.engine.wait_finished()
    bot.clock.advance(301)
    assert payload_of(await client.call_tool("start_run", {"task": "Plan."}))["run"] == 2


async def test_runs_of_another_token_are_not_found(bot: McpBot, client: Client) -> None:
    payload_of(await client.call_tool("start_run", {"task": "Plan."}))
    other = await bot.client(await bot.token("desk"))
    assert denial_of(await other.call_tool("run_status", {"run": 1})) == "There is no run 1 of your token desk."


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"task": " "}, "The task is empty"),
        ({}, "task: Field required"),
        ({"task": "x", "team": "nobody"}, "there is no such team"),
        ({"task": "x", "model": "no-such-model"}, "cannot be used"),
        ({"task": "x", "colour": "red"}, "colour"),
    ],
)
async def test_an_invalid_run_is_refused_with_the_reason(client: Client, arguments: dict[str, str], why: str) -> None:
    assert why in denial_of(await client.call_tool("start_run", arguments))


async def test_the_team_file_says_who_may_start_runs(tmp_path: Path) -> None:
    async with start_mcp_bot(tmp_path, TEAM + '[permissions]\nstart = ["@bob"]\n') as bot:
        client = await bot.client(await bot.token())
        why = denial_of(await client.call_tool("start_run", {"task": "Plan."}))
        assert "alice, for whom you work, may not start runs" in why
