"""The fake model server itself: the requests that it records, and its life as a separate process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai

from orchestrator_bridge.model.interface import ToolSpec
from tests.support.fake_models.players import ask_if, asking_behaviour, team_behaviour
from tests.support.fake_models.replies import ReplyQueue, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import NEW_ANSWER, create_model_client, create_request

ROOT = Path(__file__).parents[2]
VOTE = ToolSpec(name="vote", description="Vote.", parameters={"properties": {"agent_id": {"enum": ["agent2", "agent1"]}}})
ASK = ToolSpec(name="ask_others", description="Ask.", parameters={"type": "object"})


@contextmanager
def process(*arguments: str) -> Iterator[str]:
    """The server as a process of its own; gives its address."""
    command = [sys.executable, "-m", "tests.support.fake_models.server", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running.stdout.readline().strip()
        finally:
            running.terminate()


async def test_a_team_player_answers_then_votes_then_writes() -> None:
    async with ModelServer(team_behaviour) as server:
        models = create_model_client(server)
        answered = await models.respond(create_request(tools=(NEW_ANSWER, ASK)))
        voted = await models.respond(create_request('<answer label="agent2">\nRed.\n</answer>', tools=(NEW_ANSWER, VOTE)))
        written = await models.respond(create_request(tools=()))
        await models.close()
    assert answered.tool_calls[0].name == "new_answer"
    assert json.loads(voted.tool_calls[0].arguments)["agent_id"] == "agent2"
    assert written.text


async def test_an_asking_player_asks_before_it_answers() -> None:
    async with ModelServer(asking_behaviour) as server:
        models = create_model_client(server)
        asked = await models.respond(create_request(tools=(NEW_ANSWER, ASK)))
        await models.close()
    assert asked.tool_calls[0].name == "ask_others"


async def test_only_the_named_agents_ask() -> None:
    async with ModelServer(ask_if("You are planner")) as server:
        models = create_model_client(server)
        asked = await models.respond(create_request(tools=(NEW_ANSWER, ASK)))
        await models.close()
    assert asked.tool_calls[0].name == "ask_others"


async def test_a_repeated_call_is_detected() -> None:
    async with ModelServer(ReplyQueue([ScriptedReply(cut="before")], then=team_behaviour)) as server:
        models = create_model_client(server)
        first = create_request("one")
        for request in (first, first, create_request("two"), first):
            await asyncio.gather(models.respond(request), return_exceptions=True)
        await models.close()
    assert [again.number for again in server.repeated_requests()] == [4]


async def test_requests_are_waited_for_by_their_number() -> None:
    async with ModelServer() as server:
        models = create_model_client(server)
        calls = [asyncio.ensure_future(models.respond(create_request(text))) for text in ("one", "two")]
        second = await server.request_arrives(2)
        assert second is server.requests[1]
        await asyncio.gather(*calls)
        await models.close()


async def test_the_server_runs_as_a_process_and_logs_its_requests(tmp_path: Path) -> None:
    script = tmp_path / "plays.toml"
    script.write_text(
        """
        player = "asking"
        [[plays]]
        text = "scripted"
        served = "served-1"
        usage = { input = 7, output = 3, cached = 1 }
        [[plays]]
        tool_calls = [{ name = "vote", arguments = { agent_id = "agent1" } }]
        [[plays]]
        status = 429
        headers = { retry-after = "3" }
        """,
        encoding="utf-8",
    )
    record = tmp_path / "asked.jsonl"
    with process("--script", str(script), "--record", str(record), "--delay-ms", "1") as url:
        client = openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0)
        first = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
        models = [model.id async for model in client.models.list()]
        await client.close()
    assert first.choices[0].message.content == "scripted"
    assert first.model == "served-1"
    assert models == ["test-model"]
    (line,) = record.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["body"]["messages"] == [{"role": "user", "content": "hello"}]


def test_the_model_client_is_made_without_importing_openai() -> None:
    load = "import sys, orchestrator_bridge.model.client as c; c.ModelClient()"
    code = f"{load}; print(sorted({{'openai', 'httpx'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout == "[]\n"
