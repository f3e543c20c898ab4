"""The commands `townhall mcp` and `townhall token`, beside a bot that runs and beside none."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from bot.mcp_server.listener import EndpointFile, read_endpoint, write_endpoint
from tests.bot.conftest import Said, Townhall
from tests.resilience.harness.process import ROOT
from tests.support.mcp_bot import denial_of, payload_of, question
from tests.support.piped_bot import read_until, type_line

pytestmark = pytest.mark.timeout(300)

TEAM = """
[people.alice]
slack = "U1"
[people.bob]
discord = "7"
"""


@pytest.fixture
def environ(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TOWNHALL_DATA": str(folder / "data")}


@contextmanager
def running(environ: dict[str, str], errors: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a bot whose terminal is a pipe, once its MCP server listens or has failed to."""
    command = [sys.executable, "-m", "bot", "run"]
    with (
        errors.open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environ) as bot,
    ):
        try:
            # The terminal answers as soon as the engine runs, which is before the MCP server listens or reports why not.
            while read_endpoint(Path(environ["TOWNHALL_DATA"])) is None and not errors.read_text(encoding="utf-8"):
                type_line(bot, "/help")
                read_until(bot, "Give the team a task.")
            yield bot
        finally:
            bot.kill()


@asynccontextmanager
async def mcp(environ: dict[str, str], token: str) -> AsyncIterator[Client]:
    """`townhall mcp` as a coding agent starts it."""
    env = {**environ, "TOWNHALL_TOKEN": token}
    async with Client(StdioServerParameters(command=sys.executable, args=["-m", "bot", "mcp"], env=env)) as client:
        yield client


async def test_an_agent_with_a_token_asks_the_person_at_the_terminal_of_the_running_bot(
    folder: Path, townhall: Townhall, environ: dict[str, str]
) -> None:
    async def said(*arguments: str) -> Said:
        return await asyncio.to_thread(townhall, *arguments)

    await said("token", "make", "old", "--json")
    with running(environ, folder / "errors") as bot:
        token = json.loads((await said("token", "make", "laptop", "--json")).out)["token"]
        assert [token["name"] for token in json.loads((await said("token", "list", "--json")).out)["tokens"]] == ["laptop", "old"]
        async with mcp(environ, token) as client:
            assert payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))["status"] == "open"
            await asyncio.to_thread(read_until, bot, "Question 1 from mcp (external agent, token laptop)")
            type_line(bot, "1 main")
            assert (
                payload_of(await client.call_tool("check_question", {"question": 1, "wait_seconds": 900}))["decision"] == "main"
            )
        assert (await said("token", "withdraw", "laptop")).code == 0
        async with mcp(environ, token) as client:
            assert "wrong or revoked" in denial_of(await client.call_tool("ask_team", question()))
        findings = json.loads((await said("doctor", "--json")).out)["findings"]
        found = {finding["about"]: finding["found"] for finding in findings if finding["about"] in ("mcp server", "tokens")}
        assert found["mcp server"].startswith("serves external agents at http://127.0.0.1:")
        assert found["tokens"] == "old; 1 revoked"
    assert (folder / "errors").read_text() == ""


async def test_without_a_running_bot_the_tools_report_how_to_start_it(folder: Path, environ: dict[str, str]) -> None:
    async with mcp(environ, "townhall_any") as client:
        assert len((await client.list_tools()).tools) == 5
        why = denial_of(await client.call_tool("ask_team", question()))
        assert f"No Townhall bot runs on the data folder {folder / 'data'}" in why
        assert "townhall run" in why


def test_without_a_token_the_command_ends_and_reports_how_to_get_one(environ: dict[str, str]) -> None:
    ended = subprocess.run([sys.executable, "-m", "bot", "mcp"], env=environ, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "TOWNHALL_TOKEN" in ended.stderr
    assert "townhall token make" in ended.stderr


def test_a_bot_whose_port_is_taken_reports_it_and_works(folder: Path, townhall: Townhall, environ: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with running({**environ, "TOWNHALL_MCP_PORT": port}, folder / "errors") as bot:
            type_line(bot, "/runs")
            read_until(bot, "No runs here yet.")
            assert f"is not available: TOWNHALL_MCP_PORT is {port}" in (folder / "errors").read_text()
            said = townhall("token", "make", "laptop")
            assert said.code == 1
            assert "a bot runs, but its MCP server does not" in said.err
            findings = json.loads(townhall("doctor", "--json").out)["findings"]
            server = next(finding for finding in findings if finding["about"] == "mcp server")
            assert (server["state"], "TOWNHALL_MCP_PORT" in server["mend"]) == ("warn", True)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "--channel"),
        (["--channel", "C1"], "no person for whom the agents ask"),
        (["--channel", "C1", "--for", "@alcie"], "did you mean 'alice'?"),
        (["--channel", "C1", "--for", "@bob"], "no id on slack"),
        (["--channel", "discord/1", "--for", "@bob"], "'discord/1', but Discord is not set up"),
        (["--channel", "discord/1", "--for", "@bob"], "the id of a channel on slack, such as slack/C0123ABCD"),
        (["--channel", "slack/#general", "--for", "@alice"], "the id of a channel on slack, such as slack/C0123ABCD"),
        (["--channel", "general", "--for", "@alice"], "copy the channel's id, not its name"),
        (["--channel", "C1", "--for", "@alice", "--team", "nobody"], "there is no such team"),
        (["--channel", "C1", "--for", "@alice", "--questions-a-day", "-1"], "--questions-a-day"),
        (["--channel", "C1", "--for", "@alice", "--money-a-day", "much"], "--money-a-day"),
    ],
)
def test_an_invalid_token_scope_is_refused_with_the_option(
    folder: Path, townhall: Townhall, monkeypatch: pytest.MonkeyPatch, options: list[str], why: str
) -> None:
    (folder / "townhall.toml").write_text(TEAM)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    said = townhall("token", "make", "laptop", *options)
    assert said.code == 1
    assert why in said.err
    assert not (folder / "data").exists()


def test_a_channel_of_a_platform_that_is_not_set_up_is_refused_with_what_is_there(townhall: Townhall) -> None:
    said = townhall("token", "make", "laptop", "--channel", "slack/C1")
    assert said.code == 1
    assert "'slack/C1', but Slack is not set up" in said.err
    assert "terminal, the only channel there" in said.err
    assert "`townhall setup slack`" in said.err


async def test_the_call_and_its_token_reach_no_proxy(folder: Path, townhall: Townhall, environ: dict[str, str]) -> None:
    seen: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1000))
        writer.close()

    async with await asyncio.start_server(record, "127.0.0.1", 0) as proxy:
        address = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        proxied = {**environ, "HTTP_PROXY": address, "http_proxy": address, "ALL_PROXY": address, "NO_PROXY": "", "no_proxy": ""}
        with running(environ, folder / "errors"):
            token = json.loads((await asyncio.to_thread(townhall, "token", "make", "laptop", "--json")).out)["token"]
            async with mcp(proxied, token) as client:
                assert payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))["status"] == "open"
    assert not seen


async def test_a_call_that_did_not_reach_the_bot_says_that_nothing_was_asked(folder: Path, environ: dict[str, str]) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "townhall.db.lock").write_text(f"{os.getpid()}\n")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        write_endpoint(folder / "data", EndpointFile(pid=os.getpid(), port=closed.getsockname()[1], secret="s"))
        async with mcp(environ, "townhall_any") as client:
            why = denial_of(await client.call_tool("ask_team", question()))
    assert "Nothing was asked." in why
    assert "stays open" not in why


def test_a_token_for_slack_has_its_channel_and_its_person(
    folder: Path, townhall: Townhall, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "townhall.toml").write_text(TEAM)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    made = townhall("token", "make", "laptop", "--channel", "C1", "--for", "@alice", "--money-a-day", "0.50")
    assert made.out.startswith("townhall_")
    assert "for slack/C1 on behalf of @alice" in made.err
    assert "50 questions, 20 runs, $0.50" in townhall("token", "list").out
    assert townhall("token", "withdraw", "laptop").code == 0
    assert townhall("token", "withdraw", "laptop").code == 1
