"""The baseline without Townhall: the same requests with the `openai` client alone, the same commits with SQLite alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiosqlite

from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import CallEstimate, OnDelta, OnProgress, Request, Response
from orchestrator_bridge.model.openai.request import body_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion

Body = dict[str, Any]


class RecordingModel:
    """Implements `Model`: passes every request on, and records its body as it is sent."""

    def __init__(self, models: ModelClient) -> None:
        self.bodies: list[Body] = []
        self._models = models

    async def respond(self, request: Request, on_delta: OnDelta | None = None, on_progress: OnProgress | None = None) -> Response:
        """Record the request and make the call."""
        self.bodies.append(body_of(request, self._models.check(request.model)))
        return await self._models.respond(request)

    def max_cost(self, request: Request) -> Decimal | None:
        """Delegate to the models."""
        return self._models.max_cost(request)

    def lifecycle_notice(self, model: str) -> str:
        """Return no notice."""
        return ""

    def excess_tokens(self, request: Request) -> int:
        """Return 0: every prompt fits."""
        return 0

    def supports_images(self, model: str) -> bool:
        """Return False."""
        return False

    def estimate_call(self, request: Request) -> CallEstimate:
        """Delegate to the models."""
        return self._models.estimate_call(request)

    async def close(self) -> None:
        """Do nothing: the caller closes the models."""

    def pop_rounds(self, agents: int) -> list[list[Body]]:
        """Remove and return the requests of one run: answers (concurrent), votes (concurrent), the final text.

        Raises:
            ValueError: the run did not make 2N+1 calls.
        """
        bodies, self.bodies = self.bodies, []
        if len(bodies) != 2 * agents + 1:
            raise ValueError(f"{agents} agents made {len(bodies)} calls; expected {2 * agents + 1}")
        return [bodies[:agents], bodies[agents : 2 * agents], bodies[2 * agents :]]


@asynccontextmanager
async def raw_client(address: str) -> AsyncIterator[AsyncOpenAI]:
    """Open a client with connections of its own."""
    # Imported here: the row on waiting starts a process that needs this module and no client, and times that start.
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=address, api_key="none", max_retries=0) as client:
        yield client


async def raw_rounds(client: AsyncOpenAI, rounds: Sequence[Sequence[Body]]) -> None:
    """Make the calls of a run, concurrently within each round, as the run does."""
    for bodies in rounds:
        await asyncio.gather(*(raw_call(client, body) for body in bodies))


async def raw_call(client: AsyncOpenAI, body: Body) -> ChatCompletion:
    """Make one call."""
    completion: ChatCompletion = await client.chat.completions.create(**body)
    return completion


_INSERT = "INSERT INTO journal (body) VALUES (?)"
_BODY = "postgres please " * 16


class FileJournal:
    """Durable commits with `aiosqlite` alone."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def resume_one(self) -> float:
        """Commit a reply, commit its consequences, and resume one waiting task; in seconds."""
        before = time.perf_counter()
        for _ in range(2):
            await self._connection.execute(_INSERT, (_BODY,))
            await self._connection.commit()
        return await _wake_tasks(1) - before

    async def resume_all(self, count: int) -> float:
        """Do the same for `count` replies, with one commit for all of them each time; in seconds."""
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
    """Create a journal."""
    async with aiosqlite.connect(file) as connection:
        await connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE journal (turn INTEGER PRIMARY KEY, body TEXT) STRICT;"
        )
        yield FileJournal(connection)
