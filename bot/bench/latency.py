"""Rows 3 and 4: from a reply to the agent's next request, and from an agent's question to the platform; both stored first.

Also the meter for stalls of the event loop.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bot.bench.baseline import Body, RecordingModel, raw_call, raw_client
from bot.bench.fixtures import BenchBot, bench_bot, http_models, team
from bot.bench.report import Figure, median_of, percentile, to_ms

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion


TASK = "Say which database a small team should take for a service that books rooms."


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencySamples:
    """Seconds of each sample; `bare`: without Townhall."""

    replied: list[float] = field(default_factory=list)
    replied_bare: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    asked_bare: list[float] = field(default_factory=list)


async def reply_figures(folder: Path, address: str, samples: int) -> list[Figure]:
    """One agent asks people, a reply arrives, the agent resumes. Bare: one call of the client to the same server."""
    times = await _times(folder, address, samples)
    return [
        _figure(
            "reply",
            "reply in -> next request at the model, p50",
            median_of(times.replied),
            3.0,
            median_of(times.replied_bare),
            samples,
        ),
        _figure("reply", "… p99", percentile(times.replied), 6.0, percentile(times.replied_bare), samples),
        _figure(
            "ask",
            "question asked -> request to the platform, p50",
            median_of(times.asked),
            3.0,
            median_of(times.asked_bare),
            samples,
        ),
    ]


def _figure(row: str, name: str, ours: float, target: float, bare: float, samples: int) -> Figure:
    return Figure(row=row, name=name, ours=to_ms(ours), target=target, bare=to_ms(bare), unit="ms", samples=samples)


async def _times(folder: Path, address: str, samples: int) -> LatencySamples:
    times = LatencySamples()
    async with http_models(address) as models, raw_client(address) as client:
        recorder = RecordingModel(models)
        async with bench_bot(folder / "reply.db", recorder) as bot:
            await _measure_townhall(bot, LatencySamples())
            asks, answers = recorder.bodies
            for _ in range(samples + 1):
                await _measure_townhall(bot, times)
                await _measure_raw(client, asks, answers, times)
    for values in (times.replied, times.replied_bare, times.asked, times.asked_bare):
        del values[0]
    return times


async def _measure_townhall(bot: BenchBot, times: LatencySamples) -> None:
    run = await bot.start_run(team(1, "asking"), TASK)
    card, received = await bot.question(run)
    times.asked.append(received.at - float(card.context))
    await bot.wait_idle()
    before = time.perf_counter()
    await bot.platform.reply(received.thread, "postgres please")
    arrived = (await bot.final_answer(run)).partition("\n")[0]
    times.replied.append(float(arrived) - before)
    await bot.wait_idle()


async def _measure_raw(client: AsyncOpenAI, asks: Body, answers: Body, times: LatencySamples) -> None:
    """The same two requests; the second by a task that waits for an event, as an agent waits for a reply."""
    question = await raw_call(client, asks)
    now = time.perf_counter()
    times.asked_bare.append(now - float(_tool_argument(question, "context")))
    event = asyncio.Event()

    async def agent() -> ChatCompletion:
        await event.wait()
        return await raw_call(client, answers)

    waiting = asyncio.create_task(agent())
    await asyncio.sleep(0)
    before = time.perf_counter()
    event.set()
    arrived = _tool_argument(await waiting, "content").partition("\n")[0]
    times.replied_bare.append(float(arrived) - before)


def _tool_argument(completion: ChatCompletion, name: str) -> str:
    """One argument of the tool call in a completion."""
    calls = completion.choices[0].message.tool_calls or []
    function = getattr(calls[0], "function", None)
    assert function is not None
    return str(json.loads(function.arguments)[name])


TICK = 0.002
"""Seconds between two ticks."""


@contextmanager
def loop_lag() -> Iterator[list[float]]:
    """Record the delay of a regular tick of the event loop, in seconds, until the block ends."""
    loop = asyncio.get_running_loop()
    lags: list[float] = []

    def tick(due: float) -> None:
        now = time.perf_counter()
        lags.append(max(0.0, now - due))
        handles[0] = loop.call_later(TICK, tick, now + TICK)

    handles = [loop.call_later(TICK, tick, time.perf_counter() + TICK)]
    try:
        yield lags
    finally:
        handles[0].cancel()
