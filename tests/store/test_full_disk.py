"""A full disk is reported and loses no acknowledged write; the store continues without a restart."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
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


def _small_disks() -> list[tuple[str, ...]]:
    """The command that makes a small disk: Linux with user namespaces has one; elsewhere only the file size is limited."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = subprocess.run((*_SMALL_DISK, folder, "true"), capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            made = False
    return [_SMALL_DISK] if made else []


FULL = [
    *((disk, "filler", "no space left on the disk of") for disk in _small_disks()),
    ((), "limit", "townhall.db cannot be written"),
]
"""Ways to run out of space: the command in front, the thing that fills up, and the message."""


def _holds(told: dict[str, Any]) -> None:
    assert told["acknowledged"] > 5
    assert told["readable"] == told["acknowledged"]
    assert "WriteFailed" in told["crowd"]
    assert set(told["crowd"]) <= {"WriteFailed", "NoneType"}
    assert told["crowd_afterwards"] == ["NoneType"]
    assert told["kept"] == told["acknowledged"] + 1
    assert "Acknowledged data is not lost" in told["said"]


@pytest.mark.parametrize(("disk", "filled", "said"), FULL, ids=[filled for _, filled, _ in FULL])
def test_writes_continue_after_a_full_disk(path: Path, disk: tuple[str, ...], filled: str, said: str) -> None:
    front = (*disk, str(path.parent)) if disk else ()
    told = _told((*front, sys.executable, "-m", "tests.support.write_until_full", str(path), filled))
    _holds(told)
    assert said in told["said"]


@pytest.mark.parametrize(("disk", "filled", "said"), FULL, ids=[filled for _, filled, _ in FULL])
def test_a_full_disk_at_the_start_is_reported_and_leaves_no_lock(
    path: Path, disk: tuple[str, ...], filled: str, said: str
) -> None:
    front = (*disk, str(path.parent)) if disk else ()
    told = _told((*front, sys.executable, "-m", "tests.support.start_when_full", str(path), filled))
    assert [said in error for error in told["said"]] == [True, True]
