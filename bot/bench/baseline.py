"""The floor: the same requests, made with nothing but the `openai` client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiosqlite
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import CallEstimate, OnDelta, Request, Response
from orchestrator_bridge.model.openai.wire import body_of

Body = dict[str, Any]


class RecordingModel:
    """A `port.Model` that passes every request on, and keeps what went over the wire."""

    def __init__(self, models: ModelClient) -> None:
        self.bodies: list[Body] = []
        self._models = models

    async def respond(self, request: Request, on_delta: OnDelta | None = None) -> Response:
        """Keep the request and make the call."""
        self.bodies.append(body_of(request, self._models.check(request.model)))
        return await self._models.respond(request)

    def max_cost(self, request: Request) -> Decimal | None:
        """What the models say."""
        return self._models.max_cost(request)

    def lifecycle_notice(self, model: str) -> str:
        """Nothing is to be known of it."""
        return ""

    def excess_tokens(self, request: Request) -> int:
        """Every prompt fits."""
        return 0

    def supports_images(self, model: str) -> bool:
        """It takes none."""
        return False

    def estimate_call(self, request: Request) -> CallEstimate:
        """What the models say."""
        return self._models.estimate_call(request)

    async def close(self) -> None:
        """The models are closed by whoever opened them."""

    def pop_rounds(self, agents: int) -> list[list[Body]]:
        """What one run has sent: all answers side by side, then all votes, then the final text; then forgets it.

        Raises:
            ValueError: it was not 2N+1 calls.
        """
        bodies, self.bodies = self.bodies, []
        if len(bodies) != 2 * agents + 1:
            raise ValueError(f"{agents} agents made {len(bodies)} calls; expected {2 * agents + 1}")
        return [bodies[:agents], bodies[agents : 2 * agents], bodies[2 * agents :]]


@asynccontextmanager
async def raw_client(address: str) -> AsyncIterator[AsyncOpenAI]:
    """A client with its own connections."""
    async with AsyncOpenAI(base_url=address, api_key="none", max_retries=0) as client:
        yield client


async def raw_rounds(client: AsyncOpenAI, rounds: Sequence[Sequence[Body]]) -> None:
    """The calls of a run, side by side where the run makes them so."""
    for bodies in rounds:
        await asyncio.gather(*(raw_call(client, body) for body in bodies))


async def raw_call(client: AsyncOpenAI, body: Body) -> ChatCompletion:
    """One call."""
    completion: ChatCompletion = await client.chat.completions.create(**body)
    return completion


_INSERT = "INSERT INTO journal (body) VALUES (?)"
_BODY = "postgres please " * 16


class FileJournal:
    """Durable commits, as `sqlite3` and `aiosqlite` make them by themselves."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def resume_one(self) -> float:
        """A reply is stored, what follows from it is stored, and who waits goes on; in seconds."""
        before = time.perf_counter()
        for _ in range(2):
            await self._connection.execute(_INSERT, (_BODY,))
            await self._connection.commit()
        return await _wake_tasks(1) - before

    async def resume_all(self, count: int) -> float:
        """The same for many at once, all in one commit each; in seconds."""
        before = time.perf_counter()
        for _ in range(2):
            await self._connection.executemany(_INSERT, [(_BODY,)] * count)
            await self._connection.commit()
        return await _wake_tasks(count) - before


async def _wake_tasks(count: int) -> float:
    event = asyncio.Event()
    waiting = [asyncio.create_task(event.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    event.set()
    await asyncio.gather(*waiting)
    return time.perf_counter()


@asynccontextmanager
async def file_journal(file: Path) -> AsyncIterator[FileJournal]:
    """A new journal."""
    async with aiosqlite.connect(file) as connection:
        await connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE journal (turn INTEGER PRIMARY KEY, body TEXT) STRICT;"
        )
        yield FileJournal(connection)
