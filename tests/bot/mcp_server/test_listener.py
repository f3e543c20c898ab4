"""The MCP server: who may connect, and the quotas of a token."""

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
from bot.doctor.checks import check_mcp_listener, check_store
from bot.mcp_server import listener
from bot.mcp_server.listener import ListenerError, open_listener
from bot.mcp_server.scopes import question_quota_error, run_quota_error
from bot.mcp_server.tokens import TokenScope, create_secret, hash_secret
from orchestrator_bridge.chat.inbound import agent_name
from orchestrator_bridge.store.interface import TokenActivity
from tests.support.mcp_bot import McpBot, denial_of, load_config_in, payload_of, question, start_mcp_bot


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[McpBot]:
    async with start_mcp_bot(tmp_path) as bot:
        yield bot


def request(port: int, path: str = "/mcp", body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Send a plain HTTP request to the MCP server."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, json.dumps(body or {}), {"Content-Type": "application/json", **named})
    response = connection.getresponse()
    body_text = response.read()
    connection.close()
    return response.status, json.loads(body_text) if body_text[:1] == b"{" else {}


async def send_request(bot: McpBot, path: str = "/mcp", body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    return await asyncio.to_thread(lambda: request(bot.server.file.port, path, body, **headers))


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer townhall_wrong", "Basic eDp5"])
async def test_a_request_without_a_valid_token_is_refused(bot: McpBot, authorization: str) -> None:
    await bot.token()
    status, answer = await send_request(bot, Authorization=authorization)
    assert status == 401
    assert "`townhall token make`" in answer["error"]


async def test_a_revoked_token_is_refused_immediately_and_its_questions_stay_open(bot: McpBot) -> None:
    client = await bot.client(await bot.token())
    payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    await bot.card(1)
    await bot.server.tokens.revoke("laptop")
    assert (await send_request(bot, Authorization=f"Bearer {bot.tokens['laptop']}"))[0] == 401
    await bot.reply("main", 1)
    await bot.platform.until(lambda: any(card.closed for card in bot.platform.questions))


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
async def test_a_web_page_is_refused_even_with_a_token(bot: McpBot, headers: dict[str, str]) -> None:
    status, _ = await send_request(bot, Authorization=f"Bearer {await bot.token()}", **headers)
    assert status == 403


async def test_only_the_owner_of_the_data_folder_can_manage_tokens(bot: McpBot) -> None:
    token = await bot.token()
    assert (await send_request(bot, "/tokens", {"do": "list"}, Authorization=f"Bearer {token}"))[0] == 401
    status, answer = await send_request(bot, "/tokens", {"do": "list"}, Authorization=f"Bearer {bot.server.file.secret}")
    assert (status, [token["name"] for token in answer["tokens"]]) == (200, ["laptop"])
    assert hash_secret(token) not in json.dumps(answer)


async def test_other_paths_are_not_found(bot: McpBot) -> None:
    assert (await send_request(bot, "/"))[0] == 404


async def test_the_store_and_the_endpoint_file_hold_no_token(bot: McpBot, tmp_path: Path) -> None:
    token = await bot.token()
    (stored,) = await bot.app.store.tokens()
    assert token not in str(stored)
    assert stored.hash == hash_secret(token)
    file = tmp_path / "data" / listener.ENDPOINT_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in file.read_text()


async def test_a_token_is_valid_after_a_restart(tmp_path: Path) -> None:
    async with start_mcp_bot(tmp_path) as bot:
        token = await bot.token()
    async with start_mcp_bot(tmp_path) as bot:
        client = await bot.client(token)
        assert payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))["question"] == 1


async def test_a_token_has_a_valid_name_that_no_active_token_has(bot: McpBot) -> None:
    await bot.token()
    for name, why in (("laptop", 'token "laptop" already exists'), ("My Laptop", "lower-case letters")):
        with pytest.raises(ConfigError, match=why):
            await bot.token(name)
    with pytest.raises(ConfigError, match="laptop"):
        await bot.server.tokens.revoke("labtop")


async def test_the_port_of_the_setting_is_used_or_the_listener_reports_why_not(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = str(other.getsockname()[1])
        other.listen()
        async with start_mcp_bot(tmp_path) as bot:
            with pytest.raises(ListenerError, match=f"TOWNHALL_MCP_PORT is {port}, which cannot be used"):
                async with open_listener(load_config_in(tmp_path, TOWNHALL_MCP_PORT=port), bot.app):
                    pass
    async with start_mcp_bot(tmp_path, TOWNHALL_MCP_PORT=port) as bot:
        assert bot.server.file.url == f"http://127.0.0.1:{port}/mcp"
        assert (await send_request(bot))[0] == 401


async def test_the_endpoint_file_counts_only_while_its_process_holds_the_store(tmp_path: Path) -> None:
    async with start_mcp_bot(tmp_path) as bot:
        assert listener.read_endpoint(tmp_path / "data") == bot.server.file
        content = (tmp_path / "data" / listener.ENDPOINT_FILE).read_bytes()
    assert listener.read_endpoint(tmp_path / "data") is None
    (tmp_path / "data" / listener.ENDPOINT_FILE).write_bytes(content.replace(b'"pid": ', b'"pid": 9'))
    assert listener.read_endpoint(tmp_path / "data") is None
    (tmp_path / "data" / listener.ENDPOINT_FILE).write_bytes(b"[1]")
    assert listener.read_endpoint(tmp_path / "data") is None


async def test_waiting_clients_are_disconnected_when_the_bot_stops(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with start_mcp_bot(tmp_path) as bot:
        client = await bot.client(await bot.token())
        asking = asyncio.create_task(client.call_tool("ask_team", question()))
        await bot.card(1)
        await bot.server.close()
        with pytest.raises(MCPError):
            await asking
    assert [record.message for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


async def test_a_channel_of_a_platform_without_connection_is_refused(bot: McpBot) -> None:
    client = await bot.client(await bot.token(channels=("discord/1",)))
    assert "The bot is not connected to discord" in denial_of(await client.call_tool("ask_team", question()))


async def test_a_token_of_a_person_missing_from_the_team_file_is_refused(bot: McpBot) -> None:
    client = await bot.client(await bot.token(person="carol"))
    assert "is for @carol. There is nobody called '@carol'" in denial_of(await client.call_tool("ask_team", question()))


async def test_over_a_quota_the_refusal_names_the_quota_and_its_end(bot: McpBot) -> None:
    client = await bot.client(await bot.token(open_questions=1, questions_a_day=2, runs_a_day=0))
    payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    assert payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))["question"] == 1
    why = denial_of(await client.call_tool("ask_team", question("Second?")))
    assert why == "Your token has 1 open question, its limit at a time. Wait until one of them ends: 1."
    payload_of(await client.call_tool("cancel_question", {"question": 1}))
    payload_of(await client.call_tool("ask_team", question("Second?", wait_seconds=0)))
    payload_of(await client.call_tool("cancel_question", {"question": 2}))
    midnight = "until 2027-01-16 00:00 UTC"
    assert midnight in denial_of(await client.call_tool("ask_team", question("Third?")))
    assert midnight in denial_of(await client.call_tool("start_run", {"task": "Plan."}))


NOW = datetime(2026, 11, 27, 23, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("use", "why"),
    [
        (TokenActivity(), ""),
        (TokenActivity(cost=Decimal("4.99")), ""),
        (TokenActivity(cost=Decimal("5.00")), "Your token has used $5.00 of $5.00 today, spent or reserved."),
        (
            TokenActivity(open=(1, 2)),
            "Your token has 2 open questions, its limit at a time. Wait until one of them ends: 1 and 2",
        ),
        (TokenActivity(asked=3), "Your token has asked 3 questions today, its limit until 2026-11-28 00:00 UTC."),
    ],
)
def test_the_refusal_over_a_quota_names_its_end(use: TokenActivity, why: str) -> None:
    said = question_quota_error(TokenScope(channels=("terminal",), open_questions=2, questions_a_day=3), use, NOW, UTC)
    assert said.startswith(why) if why else said == ""


def test_runs_have_a_quota_of_their_own() -> None:
    scope = TokenScope(channels=("terminal",), runs_a_day=1, money_a_day=None)
    assert run_quota_error(scope, TokenActivity(asked=99, cost=Decimal(100)), NOW, UTC) == ""
    assert "Your token has started 1 run today" in run_quota_error(scope, TokenActivity(runs=1), NOW, UTC)


@pytest.mark.parametrize(
    ("given", "name"),
    [("Claude Code", "claude-code"), ("", "agent"), ("Ünï/..", "n"), ("one", "one-external"), ("x" * 99, "x" * 32)],
)
def test_the_client_s_own_name_becomes_an_agent_name(given: str, name: str) -> None:
    assert agent_name(given, frozenset({"one"})) == name


def test_no_two_tokens_are_equal() -> None:
    assert len({create_secret() for _ in range(100)}) == 100


def readiness(port: int, **headers: str) -> tuple[int, dict[str, Any]]:
    """Ask a bot whether it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/readyz", headers=headers)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


async def test_a_bot_is_ready_until_its_database_is_removed_and_tells_its_owner_why(bot: McpBot, tmp_path: Path) -> None:
    owner = {"Authorization": f"Bearer {bot.server.file.secret}"}
    assert await asyncio.to_thread(readiness, bot.server.file.port) == (200, {"ready": True, "problem": None})
    (tmp_path / "data" / "townhall.db").unlink()
    assert await asyncio.to_thread(readiness, bot.server.file.port) == (503, {"ready": False, "problem": None})
    status, told = await asyncio.to_thread(lambda: readiness(bot.server.file.port, **owner))
    assert status == 503
    assert "is not there any more, although the bot has it open" in told["problem"]["found"]


async def test_doctor_reports_a_database_that_was_removed_or_replaced_under_a_running_bot(tmp_path: Path) -> None:
    start = load_config_in(tmp_path)
    async with start_mcp_bot(tmp_path):
        file = start.settings.store
        saved = file.read_bytes()
        file.unlink()
        (gone,) = await check_store(file)
        assert (gone.state, "although the bot" in gone.found) == ("wrong", True)
        file.write_bytes(saved)
        findings = [finding async for finding in check_mcp_listener(start)]
        (replaced,) = [finding for finding in findings if finding.about == "running bot"]
        assert (replaced.state, "was replaced by another file" in replaced.found) == ("wrong", True)
