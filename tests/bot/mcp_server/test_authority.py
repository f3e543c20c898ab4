"""External agents act for one person, in places that the person can see, and on what their own token has begun."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.authority.knowing_platform import KnowingPlatform
from tests.support.mcp_bot import McpBot, denial_of, payload_of, question, start_mcp_bot


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[McpBot]:
    """A bot on a platform where Alice (U1) sees the channel C1 only."""
    async with start_mcp_bot(tmp_path, kind=KnowingPlatform) as bot:
        knowing(bot).seen = {"C1": {"U1"}}
        yield bot


def knowing(bot: McpBot) -> KnowingPlatform:
    assert isinstance(bot.platform, KnowingPlatform)
    return bot.platform


async def test_an_agent_starts_and_asks_nothing_where_its_person_sees_nothing(bot: McpBot) -> None:
    client = await bot.client(await bot.token())
    for tool, arguments in (("start_run", {"task": "Plan it."}), ("ask_team", question(wait_seconds=0))):
        denied = denial_of(await client.call_tool(tool, {**arguments, "channel": "slack/C2"}))
        assert denied == "alice, for whom you work, cannot see the channel C2."
    payload_of(await client.call_tool("start_run", {"task": "Plan it.", "channel": "slack/C1"}))


async def test_an_agent_is_asked_to_try_again_while_its_person_cannot_be_looked_up(bot: McpBot) -> None:
    client = await bot.client(await bot.token())
    knowing(bot).trouble = OSError("no network")
    assert "Try again in a minute" in denial_of(await client.call_tool("start_run", {"task": "Plan it."}))


async def test_a_token_of_a_name_that_was_used_before_does_not_own_what_the_earlier_one_began(bot: McpBot) -> None:
    client = await bot.client(await bot.token())
    asked = payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))
    started = payload_of(await client.call_tool("start_run", {"task": "Plan it."}))
    await bot.server.tokens.revoke("laptop")
    bot.clock.advance(60)
    again = await bot.client(await bot.token())
    status = denial_of(await again.call_tool("run_status", {"run": started["run"]}))
    assert status == f"There is no run {started['run']} of your token laptop."
    for tool in ("check_question", "cancel_question"):
        assert "There is no question" in denial_of(await again.call_tool(tool, {"question": asked["question"]}))
    new = payload_of(await again.call_tool("ask_team", question(wait_seconds=0)))
    assert new["question"] != asked["question"]
