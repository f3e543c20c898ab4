"""Files and folders that only their owner can read: event logs, costs and people's words are in them.

A new file is safe from a power failure once its folder is on disk too, and a new folder once its parent is (fsync(2)).
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700


def create_private_file(path: Path) -> None:
    """Create an empty file that only its owner can read. An existing file is as it is.

    Raises:
        OSError: it cannot be created.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))
        sync_folder(path.parent)


def create_private_folder(folder: Path) -> None:
    """Create a folder that only its owner can enter. An existing folder, and created parents, are as they are.

    Raises:
        OSError: it cannot be created.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for place in reversed(missing):
        sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Bring the entries of a folder to disk, where the system can: Windows cannot, and some network file systems refuse."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def restrict(paths: Iterable[Path]) -> list[Path]:
    """Take the permissions of group and others from files and folders that this user owns; returns those that had any.

    Paths that do not exist and those of other users are left out, and so is a folder that is not for one program alone: one that
    many users share (`/tmp`), the working folder, the home folder, and every folder around these.
    """
    return [path for path in paths if is_open(path) and not _is_shared(path) and _restrict(path)]


def is_open(path: Path) -> bool:
    """True if this user owns the path and others have permissions. On Windows these bits say nothing."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if sys.platform == "win32" or stat.S_ISLNK(found.st_mode):
        return False
    return found.st_uid == os.geteuid() and bool(found.st_mode & 0o077)


def _is_shared(path: Path) -> bool:
    if not path.is_dir():
        return False
    places = [Path.cwd(), Path(os.environ.get("HOME") or "/")]
    here = path.resolve()
    return bool(here.stat().st_mode & stat.S_ISVTX) or any(place.resolve().is_relative_to(here) for place in places)


def _restrict(path: Path) -> bool:
    try:
        path.chmod(path.stat().st_mode & 0o700)
    except OSError:  # a file system without permissions, or a read-only one
        return False
    return True
