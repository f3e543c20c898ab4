"""Who gets in through the door, and how much may come through it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError

from bot.config.errors import ConfigError
from bot.mcp_server import listener
from bot.mcp_server.listener import ListenerError, open_listener
from bot.mcp_server.scopes import question_quota_error, run_quota_error
from bot.mcp_server.tokens import TokenScope, create_secret, hash_secret
from orchestrator_bridge.chat.inbound import agent_name
from orchestrator_bridge.store.interface import TokenActivity
from tests.support.mcp_bot import House, a_house, question, refused, start_in, told


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as one:
        yield one


def request(port: int, path: str = "/mcp", body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """What the door says to a bare request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, json.dumps(body or {}), {"Content-Type": "application/json", **named})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, json.loads(said) if said[:1] == b"{" else {}


async def asks(house: House, path: str = "/mcp", body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    return await asyncio.to_thread(lambda: request(house.door.file.port, path, body, **headers))


# Who gets in --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer townhall_wrong", "Basic eDp5"])
async def test_nobody_gets_in_without_a_token(house: House, authorization: str) -> None:
    await house.token()
    status, said = await asks(house, Authorization=authorization)
    assert status == 401
    assert "`townhall token make`" in said["error"]


async def test_a_token_that_is_withdrawn_is_good_for_nothing_at_once_and_its_questions_stay_for_people(house: House) -> None:
    client = await house.client(await house.token())
    told(await client.call_tool("ask_team", question(wait_seconds=0)))
    await house.card(1)
    await house.door.tokens.revoke("laptop")
    assert (await asks(house, Authorization=f"Bearer {house.tokens['laptop']}"))[0] == 401
    await house.says("main", 1)
    await house.platform.until(lambda: any(card.closed for card in house.platform.questions))


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
async def test_pages_in_a_browser_do_not_get_in_even_with_a_token(house: House, headers: dict[str, str]) -> None:
    status, _ = await asks(house, Authorization=f"Bearer {await house.token()}", **headers)
    assert status == 403


async def test_only_the_owner_of_the_data_folder_can_do_things_to_tokens(house: House) -> None:
    token = await house.token()
    assert (await asks(house, "/tokens", {"do": "list"}, Authorization=f"Bearer {token}"))[0] == 401
    status, said = await asks(house, "/tokens", {"do": "list"}, Authorization=f"Bearer {house.door.file.secret}")
    assert (status, [one["name"] for one in said["tokens"]]) == (200, ["laptop"])
    assert hash_secret(token) not in json.dumps(said)


async def test_there_is_nothing_else_behind_it(house: House) -> None:
    assert (await asks(house, "/"))[0] == 404


async def test_the_store_and_the_door_file_hold_no_token(house: House, tmp_path: Path) -> None:
    token = await house.token()
    (kept,) = await house.app.store.tokens()
    assert token not in str(kept)
    assert kept.hash == hash_secret(token)
    file = tmp_path / "data" / listener.ENDPOINT_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in file.read_text()


async def test_a_token_holds_after_a_restart(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        token = await house.token()
    async with a_house(tmp_path) as house:
        client = await house.client(token)
        assert told(await client.call_tool("ask_team", question(wait_seconds=0)))["question"] == 1


async def test_names_of_tokens_are_names_and_taken_once(house: House) -> None:
    await house.token()
    for name, why in (("laptop", "taken"), ("My Laptop", "small letters")):
        with pytest.raises(ConfigError, match=why):
            await house.token(name)
    with pytest.raises(ConfigError, match="laptop"):
        await house.door.tokens.revoke("labtop")


# The door itself ----------------------------------------------------------------------------------------------------------


async def test_the_port_of_the_setting_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = str(other.getsockname()[1])
        other.listen()
        async with a_house(tmp_path) as house:
            with pytest.raises(ListenerError, match=f"TOWNHALL_MCP_PORT is {port}, which cannot be had"):
                async with open_listener(start_in(tmp_path, TOWNHALL_MCP_PORT=port), house.app):
                    pass
    async with a_house(tmp_path, TOWNHALL_MCP_PORT=port) as house:
        assert house.door.file.url == f"http://127.0.0.1:{port}/mcp"
        assert (await asks(house))[0] == 401


async def test_the_door_file_holds_while_its_process_has_the_store(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        assert listener.read_endpoint(tmp_path / "data") == house.door.file
        kept = (tmp_path / "data" / listener.ENDPOINT_FILE).read_bytes()
    assert listener.read_endpoint(tmp_path / "data") is None
    (tmp_path / "data" / listener.ENDPOINT_FILE).write_bytes(kept.replace(b'"pid": ', b'"pid": 9'))
    assert listener.read_endpoint(tmp_path / "data") is None
    (tmp_path / "data" / listener.ENDPOINT_FILE).write_bytes(b"[1]")
    assert listener.read_endpoint(tmp_path / "data") is None


async def test_whoever_waits_is_sent_away_when_the_bot_stops(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_house(tmp_path) as house:
        client = await house.client(await house.token())
        asking = asyncio.create_task(client.call_tool("ask_team", question()))
        await house.card(1)
        await house.door.close()
        with pytest.raises(MCPError):
            await asking
    assert [record.message for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


async def test_a_place_that_the_bot_is_not_on_is_told(house: House) -> None:
    client = await house.client(await house.token(channels=("discord/1",)))
    assert "The bot is not on discord" in refused(await client.call_tool("ask_team", question()))


async def test_a_person_who_is_gone_from_the_team_file_is_told(house: House) -> None:
    client = await house.client(await house.token(person="carol"))
    assert "asks on behalf of @carol. There is nobody called '@carol'" in refused(await client.call_tool("ask_team", question()))


# Limits -------------------------------------------------------------------------------------------------------------------


async def test_over_a_limit_the_agent_is_told_which_and_until_when(house: House) -> None:
    client = await house.client(await house.token(open_questions=1, questions_a_day=2, runs_a_day=0))
    told(await client.call_tool("ask_team", question(wait_seconds=0)))
    assert told(await client.call_tool("ask_team", question(wait_seconds=0)))["question"] == 1
    why = refused(await client.call_tool("ask_team", question("Second?")))
    assert why == "1 question of your token is open, the most at a time, until one of them ends: 1."
    told(await client.call_tool("cancel_question", {"question": 1}))
    told(await client.call_tool("ask_team", question("Second?", wait_seconds=0)))
    told(await client.call_tool("cancel_question", {"question": 2}))
    midnight = "until 2027-01-16 00:00 UTC"
    assert midnight in refused(await client.call_tool("ask_team", question("Third?")))
    assert midnight in refused(await client.call_tool("start_run", {"task": "Plan."}))


NOW = datetime(2026, 11, 27, 23, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("use", "why"),
    [
        (TokenActivity(), ""),
        (TokenActivity(cost=Decimal("4.99")), ""),
        (TokenActivity(cost=Decimal("5.00")), "$5.00 of $5.00 are booked or reserved"),
        (TokenActivity(open=(1, 2)), "2 questions of your token are open, the most at a time, until one of them ends: 1 and 2."),
        (TokenActivity(asked=3), "3 questions came through your token today, its limit, until 2026-11-28 00:00 UTC."),
    ],
)
def test_a_limit_is_told_with_its_end(use: TokenActivity, why: str) -> None:
    said = question_quota_error(TokenScope(channels=("terminal",), open_questions=2, questions_a_day=3), use, NOW, UTC)
    assert said.startswith(why) if why else said == ""


def test_runs_have_a_limit_of_their_own() -> None:
    terms = TokenScope(channels=("terminal",), runs_a_day=1, money_a_day=None)
    assert run_quota_error(terms, TokenActivity(asked=99, cost=Decimal(100)), NOW, UTC) == ""
    assert "1 run came through your token today" in run_quota_error(terms, TokenActivity(runs=1), NOW, UTC)


@pytest.mark.parametrize(
    ("given", "name"),
    [("Claude Code", "claude-code"), ("", "agent"), ("Ünï/..", "n"), ("one", "one-external"), ("x" * 99, "x" * 32)],
)
def test_what_a_client_calls_itself_becomes_a_name(given: str, name: str) -> None:
    assert agent_name(given, frozenset({"one"})) == name


def test_every_token_is_another() -> None:
    assert len({create_secret() for _ in range(100)}) == 100
