"""A server of OpenAI's chat completions in a process of its own: HTTP/1.1 with keep-alive, by the standard library alone.

`python -m bot.bench.model_server` prints its port and serves until its standard input ends, so that it never outlives the process
that started it.

A model's name selects its behaviour: `quick` and `slow` answer, vote for the first label and write the final text; `asking` asks
people a question first; `stream` streams its text. Times are written into the texts, by the clock of `perf_counter`, which all
processes of a machine share: the context of a question holds the time at which the model asked it, an answer the time at which
its request arrived.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

THINKING_SECONDS: Mapping[str, float] = {"quick": 0.0, "slow": 0.2, "asking": 0.0, "stream": 0.0}
"""Seconds after which each model responds."""

ANSWER = "Begin with the smallest thing that works, measure it, and only then decide what comes next. " * 6
"""About the length of a short answer of a real model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptedReply:
    """Response of a model: a tool call, or a text if `tool` is empty."""

    tool: str = ""
    arguments: Mapping[str, Any] | None = None
    text: str = ""

    @property
    def raw(self) -> str:
        """Arguments as JSON text."""
        return json.dumps(self.arguments)


_LABEL = re.compile(r'<answer label="([^"]+)"')


def scripted_reply(body: Mapping[str, Any], now: float) -> ScriptedReply:
    """Response to a request; `now` is the time at which it arrived."""
    if body.get("tool_choice") == "none":
        return ScriptedReply(text=ANSWER)
    tools = {tool["function"]["name"] for tool in body.get("tools") or ()}
    shown = [label for message in body["messages"] for label in _LABEL.findall(str(message["content"]))]
    if "vote" in tools and shown:
        return ScriptedReply(tool="vote", arguments={"agent_id": shown[0], "reason": "It is the smallest one."})
    if body["model"] == "asking" and not any(message["role"] == "tool" for message in body["messages"]):
        return _question(now)
    if "new_answer" in tools:
        return ScriptedReply(tool="new_answer", arguments={"content": f"{now!r}\n\n{ANSWER}"})
    return ScriptedReply(text=ANSWER)


def _question(now: float) -> ScriptedReply:
    options = [
        {"id": "postgres", "label": "PostgreSQL", "description": "More to run, grows further", "recommended": True},
        {"id": "sqlite", "label": "SQLite", "description": "Nothing to run"},
    ]
    asked = {"question": "Which database shall we use?", "kind": "choice", "options": options, "assumption": "PostgreSQL."}
    return ScriptedReply(tool="ask_others", arguments={**asked, "context": repr(now)})


_END = b"\r\n\r\n"


class HttpConnection(asyncio.Protocol):
    """One connection. Its requests arrive one after another, as HTTP/1.1 clients send them."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the responses."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Add data, and respond once the request is complete."""
        now = time.perf_counter()
        self._received += data
        head, end, body = self._received.partition(_END)
        if end and len(body) >= _length(head):
            self._received.clear()
            self._respond(json.loads(body), now)

    def _respond(self, body: dict[str, Any], now: float) -> None:
        thinking = THINKING_SECONDS[body["model"]]
        if thinking:
            asyncio.get_running_loop().call_later(thinking, self._send, body, now)
        else:
            self._send(body, now)

    def _send(self, body: dict[str, Any], now: float) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        # A question holds the time at which it is sent, an answer the time at which its request arrived.
        reply = scripted_reply(body, now)
        if reply.tool == "ask_others":
            reply = scripted_reply(body, time.perf_counter())
        streamed = body["model"] == "stream"
        content = stream() if streamed else completion(body["model"], reply)
        kind = "text/event-stream" if streamed else "application/json"
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n"
        self._transport.write(head.encode() + content)


def _length(head: bytearray) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def completion(model: str, reply: ScriptedReply) -> bytes:
    """A chat completion as JSON."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tool:
        function = {"name": reply.tool, "arguments": reply.raw}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if reply.tool else "stop"}
    usage = {"prompt_tokens": 900, "completion_tokens": 150, "total_tokens": 1050}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": model}
    return json.dumps({**head, "choices": [choice], "usage": usage}).encode()


PIECES = 64
"""Pieces of a streamed answer."""


def stream() -> bytes:
    """A streamed chat completion as server-sent events, of `PIECES` pieces."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "stream"}
    length = len(ANSWER) // PIECES + 1
    texts = [ANSWER[start : start + length] for start in range(0, len(ANSWER), length)]
    events: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts
    ]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 900, "completion_tokens": 150, "total_tokens": 1050}
    events.append({**head, "choices": [], "usage": usage})
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(HttpConnection, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def _exit_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


_ROOT = Path(__file__).parents[2]
"""Folder from which this process imports `bot`."""


@asynccontextmanager
async def run_module(module: str, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run a module as a program and yield its standard output. Its input stays open until the block ends; then it is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def run_model_server() -> AsyncIterator[str]:
    """Run the model server and yield its base URL."""
    async with run_module("bot.bench.model_server") as output:
        port = int(await output.readline())
        yield f"http://127.0.0.1:{port}/v1"


if __name__ == "__main__":
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    asyncio.run(_serve())
