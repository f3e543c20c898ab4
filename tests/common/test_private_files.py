"""New folders and files survive a power failure: the folder that holds them is on disk before anything relies on them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator_bridge.common.private_files import create_private_file, create_private_folder


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of what is brought to disk, in order."""
    inodes: list[int] = []

    def record(file: int) -> None:
        inodes.append(os.fstat(file).st_ino)

    monkeypatch.setattr("os.fsync", record)
    return inodes


def test_the_parents_of_new_folders_are_brought_to_disk_from_the_top(tmp_path: Path, synced: list[int]) -> None:
    create_private_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path.stat().st_ino, (tmp_path / "a").stat().st_ino]


def test_the_folder_of_a_new_file_is_brought_to_disk(tmp_path: Path, synced: list[int]) -> None:
    create_private_file(tmp_path / "townhall.db")
    assert synced == [tmp_path.stat().st_ino]


def test_what_exists_already_needs_nothing(tmp_path: Path, synced: list[int]) -> None:
    create_private_folder(tmp_path)
    (tmp_path / "townhall.db").touch()
    create_private_file(tmp_path / "townhall.db")
    assert synced == []


def test_a_file_system_that_cannot_sync_a_folder_is_used_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("os.fsync", refuse)
    create_private_folder(tmp_path / "a")
    assert (tmp_path / "a").is_dir()
