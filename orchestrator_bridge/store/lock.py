"""One process writes a file. The lock is the kernel's, so it dies with the process, however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import IO

from orchestrator_bridge.store.port import InUse

if sys.platform != "win32":
    import fcntl


class StoreLock:
    """A lock that is held. The file beside the store stays: only the lock on it says that somebody writes, not its existence."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def release(self) -> None:
        """Let the next process in; harmless when done twice."""
        with contextlib.suppress(OSError):  # a full disk may refuse the signature once more; the file is closed all the same
            self._file.close()


def acquire_lock(path: Path) -> StoreLock:
    """Take the lock of a store.

    Raises:
        InUse: another process has it; the text names that process.
        OSError: the folder cannot be written.
    """
    file = path.with_name(path.name + ".lock").open("a+", encoding="ascii")
    try:
        _flock(file)
        _write_holder(file)
    except BlockingIOError:
        holder = _read_holder(file)
        file.close()
        raise _in_use(path, holder) from None
    except BaseException:
        file.close()
        raise
    return StoreLock(file)


def _flock(file: IO[str]) -> None:
    # Windows has no flock. There SQLite's own locks keep the file whole, and a second bot is not told off.
    if sys.platform != "win32":
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _write_holder(file: IO[str]) -> None:
    """Write down who has the lock, for the message that the next one gets; the lock holds without it."""
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()


def _read_holder(file: IO[str]) -> str:
    file.seek(0)
    return file.read(32).strip()


def _in_use(path: Path, holder: str) -> InUse:
    who = f"process {holder}" if holder.isdigit() else "another process"
    end = f" (`kill {holder}`)" if holder.isdigit() else ""
    return InUse(
        f"{path} is in use by {who}",
        "one Townhall for each data folder",
        f"Stop that one first{end}, or set TOWNHALL_DATA to another folder. "
        "`townhall runs`, `questions`, `cost` and `export` work beside it",
    )
