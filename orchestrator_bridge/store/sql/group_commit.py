"""Group commit: jobs that arrive during one commit share the next one.

A commit waits for the disk however much is in it, so a commit for each transaction would limit all runs together to some hundred
transactions a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from orchestrator_bridge.store.interface import StoreError
from orchestrator_bridge.store.sql.statement import WriteJob

_LOG = logging.getLogger(__name__)

MAX_GROUP = 100
"""Jobs that share a commit at most. All of a group resume at the same moment; more of them would block the event loop."""

CHECK_INTERVAL = 1.0
"""Seconds without a commit after which the store is checked all the same."""

WriteResult = int | Exception
"""Number of rows that the last statement of a job changed, or the error of the job."""


class GroupCommit:
    """Commits the jobs of any number of tasks in groups. `name` is the store's, for messages.

    `commit_group` gives a result for each job, or raises one error for all; without jobs it checks the store.
    """

    def __init__(self, name: str, commit_group: Callable[[Sequence[WriteJob]], Awaitable[Sequence[WriteResult]]]) -> None:
        self._name = name
        self._commit_group = commit_group
        self._waiting: deque[tuple[WriteJob, asyncio.Future[int]]] = deque()
        self._wakeup = asyncio.Event()
        self._closing = False
        self._fault = ""
        self._task = asyncio.create_task(self._run(), name="store writer")

    async def commit(self, job: WriteJob) -> int:
        """Commit the statements of a job, all or none. Returns the number of rows that the last one changed.

        A job is committed even if its caller is cancelled meanwhile.

        Raises:
            Conflict: a statement found no matching row, or a row with its key.
            StoreError: the store cannot be written, or is closed.
        """
        if self._closing:
            raise StoreError(f"{self._name} is closed", "an open store", "Open it again")
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        self._wakeup.set()
        return await done

    async def close(self) -> None:
        """Commit the waiting jobs, then stop. Harmless when called twice."""
        self._closing = True
        self._wakeup.set()
        await asyncio.shield(self._task)

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._wait_for_jobs()
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(MAX_GROUP, len(self._waiting)))]
                results = await self._commit([job for job, _ in group])
                for (_, done), result in zip(group, results, strict=True):
                    _resolve(done, result)

    async def _wait_for_jobs(self) -> None:
        """Wait until there are jobs or the store is closed; meanwhile check the store."""
        while not self._wakeup.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_INTERVAL):
                    await self._wakeup.wait()
                    break
            await self._commit([])
        self._wakeup.clear()

    async def _commit(self, jobs: Sequence[WriteJob]) -> Sequence[WriteResult]:
        try:
            results = await self._commit_group(jobs)
        except Exception as error:
            self._report(str(error))
            return [error] * len(jobs)
        self._report("")
        return results

    def _report(self, fault: str) -> None:
        """Log a fault of the store when it begins, changes or ends."""
        if fault and fault != self._fault:
            _LOG.error("%s", fault)
        elif self._fault and not fault:
            _LOG.warning("%s is stored to again", self._name)
        self._fault = fault


def _resolve(done: asyncio.Future[int], result: WriteResult) -> None:
    if done.done():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
