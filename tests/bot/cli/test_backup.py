"""`townhall backup` and `townhall restore` at the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.bot.conftest import Townhall
from tests.store.test_backup import fill


def test_a_database_is_copied_and_put_back(townhall: Townhall, folder: Path) -> None:
    asyncio.run(fill(folder / "data" / "townhall.db"))
    said = townhall("backup", "monday.db")
    assert said.code == 0
    assert said.out.startswith("data/townhall.db is copied to monday.db: 1 run, 3 open questions, ")
    again = townhall("backup", "monday.db")
    assert again.code == 1
    assert "monday.db exists already" in again.err
    assert townhall("backup", "monday.db", "--force").code == 0

    (folder / "data" / "townhall.db").unlink()
    said = townhall("restore", "monday.db")
    assert said.code == 0
    assert "data/townhall.db is the backup monday.db now: 1 run, 3 open questions" in said.out
    assert len(json.loads(townhall("questions", "--json").out)["questions"]) == 3


def test_restoring_names_the_database_that_it_kept(townhall: Townhall, folder: Path) -> None:
    asyncio.run(fill(folder / "data" / "townhall.db"))
    townhall("backup", "monday.db")
    found = json.loads(townhall("restore", "monday.db", "--json").out)
    assert (folder / found["kept"]).exists()
    assert found["open_questions"] == 3


def test_a_database_of_postgresql_has_its_own_program(townhall: Townhall, folder: Path) -> None:
    (folder / ".env").write_text("TOWNHALL_DATABASE=postgresql://me:secret@127.0.0.1:1/town\n")
    said = townhall("backup", "monday.db")
    assert said.code != 0
    assert "pg_dump" in said.err
    assert "secret" not in said.err


def test_what_is_no_backup_is_refused(townhall: Townhall, folder: Path) -> None:
    (folder / "notes.txt").write_text("not a database")
    said = townhall("restore", "notes.txt")
    assert said.code == 1
    assert "notes.txt" in said.err
    assert not (folder / "data" / "townhall.db").exists()
