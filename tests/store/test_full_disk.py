"""A full disk is told, loses nothing that was acknowledged, and is no reason to start again once there is room."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]
_SMALL_DISK = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=2m none "$0" && exec "$@"')


def _told(command: tuple[str, ...]) -> dict[str, Any]:
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def _small_disks_can_be_made(folder: Path) -> bool:
    try:
        return subprocess.run((*_SMALL_DISK, str(folder), "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _holds(told: dict[str, Any]) -> None:
    assert told["acknowledged"] > 5
    assert told["readable"] == told["acknowledged"]
    assert "Unwritable" in told["crowd"]
    assert set(told["crowd"]) <= {"Unwritable", "NoneType"}
    assert told["crowd_afterwards"] == ["NoneType"]
    assert told["kept"] == told["acknowledged"] + 1
    assert "Nothing that was acknowledged is lost" in told["said"]


def test_a_file_that_may_not_grow_is_told_and_goes_on_later(path: Path) -> None:
    told = _told((sys.executable, "-m", "tests.store.until_full", str(path), "limit"))
    _holds(told)
    assert "townhall.db cannot be written" in told["said"]


def test_a_full_disk_is_told_and_goes_on_once_there_is_room(path: Path) -> None:
    if not _small_disks_can_be_made(path.parent):
        pytest.skip("making a small disk needs Linux and user namespaces")
    command = (*_SMALL_DISK, str(path.parent), sys.executable, "-m", "tests.store.until_full", str(path), "filler")
    told = _told(command)
    _holds(told)
    assert "no space left on the disk of" in told["said"]
