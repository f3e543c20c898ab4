"""The machine on which a benchmark runs, and a folder on a disk of it: figures say nothing without these."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.bench.figures import median_of, to_ms

MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")
"""File systems on which a write is never waited for."""

COMMITS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """`commit_ms`: one durable commit of one small row in this folder, the floor of all that is stored, in milliseconds."""

    cores: int
    python: str
    sqlite: str
    system: str
    folder: str
    file_system: str
    commit_ms: float

    @property
    def durable(self) -> bool:
        """Whether commits reach a disk."""
        return self.file_system not in MEMORY_FILE_SYSTEMS


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder on a disk, removed at the end: that for temporary files, unless it is in memory and another is not."""
    choices = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd()]
    there = [choice for choice in choices if os.access(choice, os.W_OK)]
    on_disk = [choice for choice in there if file_system(choice) not in MEMORY_FILE_SYSTEMS]
    with tempfile.TemporaryDirectory(prefix="townhall-bench-", dir=(on_disk or there)[0]) as folder:
        yield Path(folder)


def describe_machine(folder: Path) -> Machine:
    """This machine, as seen from a folder."""
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        folder=str(folder.parent),
        file_system=file_system(folder),
        commit_ms=to_ms(median_of(list(_commits(folder / "commits.db")))),
    )


def file_system(folder: Path) -> str:
    """The kind of the file system of a folder, as Linux tells it; elsewhere `unknown`."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    known = {fields[1]: fields[2] for fields in (line.split() for line in mounts.read_text("utf-8").splitlines())}
    parents = [str(parent) for parent in (folder.resolve(), *folder.resolve().parents)]
    return next((known[parent] for parent in parents if parent in known), "unknown")


def _commits(file: Path) -> Iterator[float]:
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (a INTEGER) STRICT;")
        for number in range(COMMITS):
            before = time.perf_counter()
            connection.execute("INSERT INTO t VALUES (?)", (number,))
            yield time.perf_counter() - before
    finally:
        connection.close()
