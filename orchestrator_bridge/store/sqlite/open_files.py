"""Check that the files which the store has open are still those at their paths.

SQLite keeps writing to a file that was removed, moved or replaced: every commit succeeds, and nobody will ever read it
(sqlite.org/howtocorrupt.html, "Unlinking or renaming a database file while in use"). So device and inode are compared before and
after each commit. A database never shrinks while it is open, so a shorter file at the path was written over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator_bridge.store.sqlite.errors import files_replaced

_ENDINGS = ("", "-wal", ".lock")
"""The database, its write-ahead log, and the lock that keeps other processes away."""


@dataclass(frozen=True, slots=True)
class _FileId:
    device: int
    inode: int
    size: int


class OpenFiles:
    """The files of a store that was just opened. Creating it raises `OSError` if one of them cannot be looked up."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = {name: _identify(name) for name in _names(path)}

    def check(self) -> None:
        """Compare the files at the paths with the open ones.

        Raises:
            WriteFailed: a file was removed, moved, replaced or written over. What is written now would be lost.
            OSError: a file cannot be looked up.
        """
        for name, opened in self._opened.items():
            try:
                found = _identify(name)
            except (FileNotFoundError, NotADirectoryError):
                raise files_replaced(name, "is not there any more") from None
            if (found.device, found.inode) != (opened.device, opened.inode):
                raise files_replaced(name, "was replaced by another file")
            if name == self._path and found.size < opened.size:
                raise files_replaced(name, "was written over by another program")
            self._opened[name] = found


def _names(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in _ENDINGS]


def _identify(name: Path) -> _FileId:
    found = name.stat()
    return _FileId(found.st_dev, found.st_ino, found.st_size)
