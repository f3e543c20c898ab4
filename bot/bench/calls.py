"""Row 2: single calls. Beside the `openai` client and beside HTTP alone, whole and streamed; and the first call of a process.

`python -m bot.bench.calls ADDRESS` is the process whose first call is measured. It prints one JSON object: milliseconds of the
first call and of a later one, and the memory in MB that it had before the first.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import aiohttp

from bot.bench.baseline import Body, raw_call, raw_client
from bot.bench.fixtures import http_models
from bot.bench.idle import resident_kb
from bot.bench.model_server import run_module
from bot.bench.report import Figure, median_of, to_ms
from orchestrator_bridge.model.catalogue import resolve
from orchestrator_bridge.model.interface import Message, Request
from orchestrator_bridge.model.openai.request import PATH, body_of
from orchestrator_bridge.model.tokens import O200K, TokenizerCache

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_ASKED = Message(role="user", text="Say which of two servers should take the evening's load.")
WHOLE = Request(agent="one", model="quick", messages=(_ASKED,))
STREAMED = Request(agent="one", model="stream", messages=(_ASKED,))

Call = Callable[[], Awaitable[object]]


async def call_figures(address: str, samples: int, processes: int) -> list[Figure]:
    """A call beside the client and beside HTTP alone, a streamed call, and the first calls of `processes` processes."""
    async with http_models(address) as models, raw_client(address) as client, aiohttp.ClientSession() as session:
        whole = body_of(WHOLE, models.check(WHOLE.model))
        streamed = body_of(STREAMED, models.check(STREAMED.model))
        ours, bare, floor = await _alternate(
            samples,
            lambda: models.respond(WHOLE),
            lambda: raw_call(client, whole),
            lambda: _http_call(session, address, whole),
        )
        ours_streamed, bare_streamed = await _alternate(
            samples, lambda: models.respond(STREAMED, _ignore), lambda: _raw_stream(client, streamed)
        )
    figures = [
        _figure("one call of a model", ours, bare, 1.15, samples),
        _figure("… beside HTTP alone, without a client", ours, floor, 2.0, samples),
        _figure("a streamed call of 64 pieces", ours_streamed, bare_streamed, 1.15, samples),
    ]
    return figures + await first_call_figures(address, processes)


async def _alternate(samples: int, *calls: Call) -> list[list[float]]:
    """Seconds of several kinds of calls, one of each in turn; the first of each is a warm-up."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(samples + 1):
        for call, measured in zip(calls, seconds, strict=True):
            measured.append(await _timed(call))
    return [measured[1:] for measured in seconds]


async def _timed(call: Call) -> float:
    begun = time.perf_counter()
    await call()
    return time.perf_counter() - begun


async def _http_call(session: aiohttp.ClientSession, address: str, body: Body) -> bytes:
    """The same request over a connection that is kept, its answer unread."""
    async with session.post(f"{address}{PATH}", json=body) as response:
        return await response.read()


async def _raw_stream(client: AsyncOpenAI, body: Body) -> str:
    stream = await client.chat.completions.create(**body, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


def _ignore(_: str) -> None:
    """Drop a piece: only its arrival is measured."""


def _figure(name: str, ours: Sequence[float], bare: Sequence[float], target: float, samples: int) -> Figure:
    ours_ms, bare_ms = to_ms(median_of(ours)), to_ms(median_of(bare))
    return Figure(row="call", name=name, ours=ours_ms, bare=bare_ms, target=target, of_bare=True, unit="ms", samples=samples)


async def first_call_figures(address: str, processes: int) -> list[Figure]:
    """The first call of a process that is ready to serve both chat platforms, and its memory before that."""
    measured = [await _measure_process(address) for _ in range(processes)]
    first, later, megabytes = (median_of([found[name] for found in measured]) for name in ("first_ms", "later_ms", "mb"))
    return [
        Figure(
            row="call",
            name="the first call of a process",
            ours=first,
            target=50.0,
            unit="ms",
            samples=processes,
            note=f"later {later:.1f} ms",
        ),
        Figure(
            row="call",
            name="… memory before it, both platforms loaded",
            ours=megabytes,
            target=130.0,
            unit="MB",
            samples=processes,
            note="with the tokenizer",
        ),
    ]


async def _measure_process(address: str) -> dict[str, float]:
    async with run_module("bot.bench.calls", address) as output:
        found: dict[str, float] = json.loads(await output.readline())
        return found


async def _report_first_call(address: str) -> None:
    """Load what a bot has loaded when it is ready, then call twice."""
    import bot.app  # noqa: F401  (what a start loads)

    async with http_models(address) as models:
        resolve("grok-4.3")  # loads the lists of models and prices
        tokenizers = TokenizerCache()
        tokenizers.get(O200K)
        tokenizers.wait_loaded()
        models.check(WHOLE.model)
        megabytes = resident_kb() * 1024 / 1e6
        first, later = [await _timed(lambda: models.respond(WHOLE)) for _ in range(2)]
    sys.stdout.write(json.dumps({"first_ms": to_ms(first), "later_ms": to_ms(later), "mb": megabytes}) + "\n")


if __name__ == "__main__":
    asyncio.run(_report_first_call(sys.argv[1]))
