"""Agents outside start runs and look at them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp import Client

from tests.support.mcp_bot import TEAM, House, a_house, refused, told


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as one:
        yield one


@pytest.fixture
async def client(house: House) -> Client:
    return await house.client(await house.token())


async def test_a_run_is_started_in_the_channel_and_its_answer_can_be_waited_for(house: House, client: Client) -> None:
    begun = told(await client.call_tool("start_run", {"task": "Plan the move."}))
    ended = told(await client.call_tool("run_status", {"run": begun["run"], "wait_seconds": 60}))
    assert (ended["status"], ended["result"], ended["team"]) == ("finished", "Done: Plan the move.", "default")
    await house.platform.until(lambda: bool(house.platform.finals))
    assert "Started by claude-code (external agent, token laptop)." in house.platform.notes


async def test_the_same_task_is_not_started_twice_within_some_minutes(house: House, client: Client) -> None:
    numbers = [told(await client.call_tool("start_run", {"task": "Plan."}))["run"] for _ in range(3)]
    assert numbers == [1, 1, 1]
    await house.app.engine.wait_finished()
    house.clock.advance(301)
    assert told(await client.call_tool("start_run", {"task": "Plan."}))["run"] == 2


async def test_two_calls_at_once_start_one_run(client: Client) -> None:
    calls = [client.call_tool("start_run", {"task": "Plan.", "key": "k"}) for _ in range(4)]
    assert {told(one)["run"] for one in await asyncio.gather(*calls)} == {1}


async def test_a_key_starts_one_run_for_one_task(house: House, client: Client) -> None:
    assert told(await client.call_tool("start_run", {"task": "Plan.", "key": "a"}))["run"] == 1
    assert told(await client.call_tool("start_run", {"task": "Plan.", "key": "b"}))["run"] == 2
    await house.app.engine.wait_finished()
    house.clock.advance(4000)
    assert told(await client.call_tool("start_run", {"task": "Plan.", "key": "a"}))["run"] == 1
    why = refused(await client.call_tool("start_run", {"task": "Another.", "key": "a"}))
    assert "has started run 1, which has another task" in why


async def test_another_token_s_runs_are_nobody_s(house: House, client: Client) -> None:
    told(await client.call_tool("start_run", {"task": "Plan."}))
    other = await house.client(await house.token("desk"))
    assert refused(await other.call_tool("run_status", {"run": 1})) == "There is no run 1 of your token desk."


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
async def test_what_cannot_be_started_is_refused_with_the_reason(client: Client, arguments: dict[str, str], why: str) -> None:
    assert why in refused(await client.call_tool("start_run", arguments))


async def test_who_may_start_runs_is_said_by_the_team_file(tmp_path: Path) -> None:
    async with a_house(tmp_path, TEAM + '[permissions]\nstart = ["@bob"]\n') as house:
        client = await house.client(await house.token())
        why = refused(await client.call_tool("start_run", {"task": "Plan."}))
        assert "alice, on whose behalf you work, may not start runs" in why
