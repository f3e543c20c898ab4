"""Calls through LiteLLM to vendors with APIs of their own, served locally."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import BadRequest, InvalidApiKey, Overloaded, TimedOut
from orchestrator_bridge.model.interface import Message, ToolCall, Usage
from tests.support.fake_models.replies import ScriptedReply, Tokens, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.litellm_vendors import (
    ALL_VENDORS,
    CLAUDE,
    FLASH,
    MISTRAL,
    SECRET,
    Vendor,
    call_vendor,
    vendor_client,
    vendor_error,
)
from tests.support.model_calls import NEW_ANSWER, create_request

ROOT = Path(__file__).parents[2]

USE = ToolUse(name="new_answer", arguments={"content": "begin small"}, id="toolu_7")


@ALL_VENDORS
async def test_the_text_and_the_served_model_are_returned(vendor: Vendor) -> None:
    response, _ = await call_vendor(vendor, ScriptedReply(text="Hello — 🌍", served="served-1"))
    assert response.text == "Hello — 🌍"
    assert response.served == "served-1"


@ALL_VENDORS
async def test_tools_are_offered_and_tool_calls_returned(vendor: Vendor) -> None:
    response, asked = await call_vendor(vendor, ScriptedReply(tool_calls=[USE]))
    assert set(asked.tools["new_answer"]["properties"]) == {"content"}
    (call,) = response.tool_calls
    assert (call.name, call.arguments) == ("new_answer", '{"content": "begin small"}')


@ALL_VENDORS
async def test_a_conversation_with_a_tool_result_continues(vendor: Vendor) -> None:
    use = ToolCall(id="turn_0_0", name="new_answer", arguments='{"content": "a"}')
    messages = (
        Message(role="system", text="You are planner."),
        Message(role="user", text="Do it."),
        Message(role="assistant", tool_calls=(use,)),
        Message(role="tool", text="Your answer stands.", tool_call="turn_0_0"),
        Message(role="user", text="Vote."),
    )
    for tools in ((NEW_ANSWER,), ()):  # peers and winners write without tools, in a conversation that holds uses of them
        response, asked = await call_vendor(
            vendor, ScriptedReply(text="x"), create_request(model=vendor.model, messages=messages, tools=tools)
        )
        assert response.text == "x"
        assert "Your answer stands." in str(asked.body)


@pytest.mark.parametrize(
    ("vendor", "tokens", "usage"),
    [
        (
            CLAUDE,
            Tokens(input=1000, output=200, cached=600, written=100),
            Usage(input=1000, output=200, cached=600, cache_written=100),
        ),
        (
            FLASH,
            Tokens(input=1000, output=200, cached=600, reasoning=150),
            Usage(input=1000, output=200, cached=600, reasoning=150),
        ),
    ],
    ids=["anthropic", "gemini"],
)
async def test_usage_includes_cached_and_reasoning_tokens(vendor: Vendor, tokens: Tokens, usage: Usage) -> None:
    response, _ = await call_vendor(vendor, ScriptedReply(text="x", usage=tokens))
    assert response.usage == usage


@ALL_VENDORS
async def test_reasoning_stays_out_of_the_text(vendor: Vendor) -> None:
    response, _ = await call_vendor(vendor, ScriptedReply(text="42", reasoning="Let me think …", signature="c2lnbmVk"))
    assert response.text == "42"


@ALL_VENDORS
async def test_a_silent_vendor_times_out_after_the_requests_timeout(vendor: Vendor) -> None:
    async with ModelServer(
        [ScriptedReply(text="warm"), ScriptedReply(text="x", gate=asyncio.Event())], wire=vendor.wire
    ) as server:
        models = vendor_client(vendor, server)
        await models.respond(create_request(model=vendor.model))
        with pytest.raises(TimedOut, match=rf"{vendor.provider} sent nothing for 0\.05 s"):
            await models.respond(create_request(model=vendor.model, timeout=0.05))
        await models.close()


async def test_silence_in_the_middle_of_a_streamed_answer_ends_the_call() -> None:
    halves = ScriptedReply(text="We begin small. " * 9, gate=asyncio.Event())
    async with ModelServer([ScriptedReply(text="warm"), halves], wire=MISTRAL.wire) as server:
        models = vendor_client(MISTRAL, server, stall_after=0.2)
        await models.respond(create_request(model=MISTRAL.model))
        seen: list[str] = []
        with pytest.raises(TimedOut, match=r"mistral sent nothing for 0\.2 s in the middle of its answer"):
            await models.respond(create_request(model=MISTRAL.model), seen.append)
        assert "".join(seen).startswith("We begin small.")
        await models.close()


async def test_a_cancelled_call_closes_its_connection() -> None:
    async with ModelServer([ScriptedReply(text="x", gate=asyncio.Event())], wire=CLAUDE.wire) as server:
        models = vendor_client(CLAUDE, server)
        call = asyncio.ensure_future(models.respond(create_request(model=CLAUDE.model)))
        await server.request_arrives(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.client_leaves(1)
        await models.close()


async def test_a_failed_call_is_not_retried() -> None:
    async with ModelServer([ScriptedReply(status=529, body="{}"), ScriptedReply(text="second")], wire=CLAUDE.wire) as server:
        models = vendor_client(CLAUDE, server)
        with pytest.raises(Overloaded, match="is overloaded or failing"):
            await models.respond(create_request(model=CLAUDE.model))
        assert len(server.requests) == 1
        assert (await models.respond(create_request(model=CLAUDE.model))).text == "second"
        await models.close()


async def test_concurrent_calls_share_one_thread_which_ends_with_the_client() -> None:
    async with ModelServer(lambda _: ScriptedReply(text="x"), wire=CLAUDE.wire) as server:
        models = vendor_client(CLAUDE, server)
        await asyncio.gather(*(models.respond(create_request(f"task {number}", model=CLAUDE.model)) for number in range(10)))
        assert sum(thread.name == "litellm" for thread in threading.enumerate()) == 1
        await models.close()
    assert not any(thread.name == "litellm" for thread in threading.enumerate())
    assert len(server.requests) == 10


async def test_missing_settings_are_reported_before_anything_is_imported_or_sent() -> None:
    with pytest.raises(InvalidApiKey) as caught:
        await ModelClient(keys={"AZURE_API_KEY": SECRET}).respond(create_request(model="azure/mine"))
    assert caught.value.found == "AZURE_API_BASE and AZURE_API_VERSION are not set, and 'azure/mine' needs them."


async def test_a_missing_extra_is_reported_with_its_install_command() -> None:
    settings = {"VERTEXAI_PROJECT": "p", "VERTEXAI_LOCATION": "global"}
    with pytest.raises(BadRequest) as caught:
        await ModelClient(keys=settings).respond(create_request(model="vertex_ai/xai/grok-4.1-fast-reasoning"))
    assert caught.value.found == "vertex_ai needs the optional packages of the extra 'vertex', which are not installed."
    assert "`make vertex`" in caught.value.advice


async def test_no_key_appears_in_a_vendors_message() -> None:
    error = await vendor_error(CLAUDE, ScriptedReply(status=401, body=f'{{"error": {{"message": "bad key {SECRET}"}}}}'))
    assert SECRET not in repr(error) + error.found + error.advice
    assert "[key]" in error.found
    assert error.__cause__ is None
    assert error.__context__ is None


_OFFLINE = """
import asyncio, os, socket, sys
real = socket.socket.connect
def connect(self, address):
    if not str(address[0]).startswith("127."):
        print("reached for", address)
    return real(self, address)
socket.socket.connect = connect
socket.getaddrinfo = lambda host, *rest, **more: print("looked up", host) or []
os.environ.pop("TIKTOKEN_CACHE_DIR", None)
from tests.support.litellm_vendors import CLAUDE, FLASH, call_vendor
from tests.support.fake_models.replies import ScriptedReply
async def main():
    assert "litellm" not in sys.modules
    for vendor in (CLAUDE, FLASH):
        response, _ = await call_vendor(vendor, ScriptedReply(text="x", reasoning="y", signature="c2ln"))
        print(response.text)
    assert "litellm" in sys.modules
asyncio.run(main())
print("A_SECRET" in os.environ)
"""


def test_nothing_is_downloaded_printed_or_read_from_env_files(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A_SECRET=1\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _OFFLINE],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "x\nx\nFalse\n"
    assert done.stderr == ""
