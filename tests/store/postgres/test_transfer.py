"""`townhall migrate-store`: a file moves into a database with its open questions, as a whole or not at all."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.run.records import (
    BlobStored,
    BudgetRaised,
    ModelSelected,
    Record,
    ReplyStored,
    TokenCreated,
    ToolResultStored,
)
from orchestrator_bridge.store import transfer as module
from orchestrator_bridge.store.interface import InUse, NotFound, StoreError
from orchestrator_bridge.store.postgres.address import DatabaseAddress
from orchestrator_bridge.store.postgres.store import PostgresStore
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.store.transfer import transfer
from orchestrator_bridge.team.team import Policy
from tests.bot.conftest import Townhall, folder, townhall
from tests.contract.store_counting import counted
from tests.contract.store_decisions import HERE, decision, stored
from tests.contract.store_posts import sent
from tests.contract.store_values import (
    CHANNEL,
    booked,
    guided,
    outgoing,
    question_opened,
    question_placed,
    responded,
    run_opened,
    run_placed,
    said,
    thread,
)
from tests.support.clock import ManualClock
from tests.support.fake_chat.recording_adapter import HistoryPlatform, SharedHistory
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.postgres.server import PostgresServer
from tests.support.running_engine import ANA, PLACE, start_engine, team
from tests.support.store_files import run_sql, trace

__all__ = ["folder", "townhall"]

POLICY = Policy(settle_delay=0, remind_after=0, expire_after=1800, grace=3)
CONTENT: list[Record] = [
    run_opened(1),
    run_opened(2),
    question_opened(1, run=1),
    question_opened(2, run=2),
    question_placed(1, "m1", "t1"),
    run_placed(2, "m2", None),
    ReplyStored(question=1, key="k", author="u1", name="Zoë", text="yes\n\\N\tno \x00 end", choice=None, late=True, at=3.5),
    booked(1, "a1", "0.0123", usage=Usage(input=1200, output=30)),
    booked(2, "a2", None),
    outgoing("card"),
    outgoing("note", anchor="card"),
    sent("card", "m9", thread="t9"),
    BlobStored(picture="p1", body=bytes(range(256))),
    ToolResultStored(run=1, use="u1", text="long"),
    ModelSelected(place=CHANNEL, scope="channel", model="grok-4.3", by="Ana", at=1.0),
    BudgetRaised(question=2, channel="", amount=Decimal("1.50"), at=2.0),
    TokenCreated(name="laptop", hash="h", terms="{}", at=1.0),
    counted(100, 110),
    *stored(decision(1, "Welche Gebühr gilt für die Abrechnung?", "Keine")),
]


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A file with rows in every table."""
    file = tmp_path / "data" / "townhall.db"
    store = await SqliteStore.open(file, clock=lambda: 100.0)
    await store.append(run=1, events=[guided("über \x00 🤝"), responded("a1")], rows=CONTENT)
    await store.receive(said("m1"), at=1.0)
    await store.receive(said("m2", "cut \ud83d off"), at=2.0)
    await store.close()
    return file


async def everything(store: SqliteStore | PostgresStore) -> list[object]:
    return [
        [await store.log(run) for run in (1, 2)],
        await store.runs(),
        await store.questions(),
        await store.costs(),
        await store.spending("person"),
        await store.budget_charges(0.0),
        await store.budget_grants(0.0),
        await store.token_calibrations(),
        await store.decisions("gebuhr"),
        await store.similar_decisions(("gebühr", "abrechnung"), HERE, 0.0),
        await store.picture("p1"),
        await store.tool_result(1, "u1"),
        await store.model_selections(),
        await store.tokens(),
        await store.unhandled_events(),
        await store.messages_in(thread("t1")),
        await store.pending_posts(),
        await store.sent_post("card"),
        await store.open_deadlines(),
        await store.find_target(CHANNEL, "m2"),
    ]


async def test_everything_in_the_file_is_in_the_database_and_the_file_is_kept(file: Path, address: DatabaseAddress) -> None:
    done = await transfer(file, address)
    assert not done.already
    assert min(done.rows.values()) > 0
    before, after = await SqliteStore.open(file), await PostgresStore.open(address)
    assert await everything(after) == await everything(before)
    await after.receive(said("m3"), at=3.0)
    await after.append(rows=[outgoing("next")])
    assert [event.key for event in await after.unhandled_events()] == [said(name).key for name in ("m1", "m2", "m3")]
    await before.close()
    await after.close()


async def test_an_open_question_goes_on_in_the_database(tmp_path: Path, address: DatabaseAddress) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        platform = HistoryPlatform(clock, world=world)
        async with start_engine(file, server, platform, clock=clock) as engine:
            await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
        await transfer(file, address)
        platform = HistoryPlatform(clock, world=world)
        store = await PostgresStore.open(address, clock=clock.now)
        async with start_engine(file, server, platform, clock=clock, store=store):
            await platform.person_says("sqlite", question=1)
            await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"


async def test_a_second_transfer_of_the_same_content_changes_nothing(file: Path, address: DatabaseAddress) -> None:
    await transfer(file, address)
    store = await PostgresStore.open(address)
    await store.append(rows=[run_opened(3)])
    await store.close()
    assert (await transfer(file, address)).already
    store = await PostgresStore.open(address)
    assert await store.highest_ids() == (3, 2)
    await store.close()


async def test_a_file_that_has_changed_since_is_refused(file: Path, address: DatabaseAddress) -> None:
    await transfer(file, address)
    store = await SqliteStore.open(file)
    await store.append(rows=[run_opened(3)])
    await store.close()
    with pytest.raises(StoreError, match=r"was filled from .*townhall\.db before.*has other content"):
        await transfer(file, address)


async def test_a_database_with_content_of_its_own_is_refused(file: Path, address: DatabaseAddress) -> None:
    store = await PostgresStore.open(address)
    await store.append(rows=[run_opened(1)])
    await store.close()
    with pytest.raises(StoreError, match=r"has content already \(in runs\); expected an empty database"):
        await transfer(file, address)


async def test_an_interrupted_transfer_leaves_nothing_and_is_made_again(
    file: Path, address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "_verify", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await transfer(file, address)
    store = await PostgresStore.open(address)
    assert await store.runs() == []
    await store.close()
    assert not (await transfer(file, address)).already


async def test_a_lost_row_is_noticed_and_nothing_is_stored(
    file: Path, address: DatabaseAddress, postgres: PostgresServer
) -> None:
    await (await PostgresStore.open(address)).close()
    postgres.execute(
        """
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
        CREATE TRIGGER lossy BEFORE INSERT ON tokens FOR EACH ROW EXECUTE FUNCTION lose();
        """,
        address.url,
    )
    with pytest.raises(StoreError, match="has 0 rows of tokens; expected 1, as in the file"):
        await transfer(file, address)
    assert postgres.execute("SELECT count(*) FROM runs", address.url) == [(0,)]


async def test_a_running_bot_on_either_side_is_refused(file: Path, address: DatabaseAddress) -> None:
    on_file = await SqliteStore.open(file)
    with pytest.raises(InUse, match="in use by process"):
        await transfer(file, address)
    await on_file.close()
    on_database = await PostgresStore.open(address)
    with pytest.raises(InUse, match="in use by townhall bot"):
        await transfer(file, address)
    await on_database.close()


async def test_a_missing_file_is_reported_and_not_created(tmp_path: Path, address: DatabaseAddress) -> None:
    with pytest.raises(NotFound, match="there is no store at"):
        await transfer(tmp_path / "townhall.db", address)
    assert trace(tmp_path / "townhall.db") == {}


async def test_a_damaged_log_moves_as_it_is(file: Path, address: DatabaseAddress) -> None:
    run_sql(file, "UPDATE log SET body = CAST(x'ff7b' AS TEXT) WHERE run = 1 AND seq = 2")
    await transfer(file, address)
    store = await PostgresStore.open(address)
    assert [row.fault is None for row in await store.log_rows(1)] == [True, False]
    await store.close()


def test_both_databases_have_the_same_tables_and_columns(file: Path, address: DatabaseAddress, postgres: PostgresServer) -> None:
    async def create() -> None:
        await (await PostgresStore.open(address)).close()

    asyncio.run(create())
    ours = run_sql(
        file,
        "SELECT tables.name, columns.name FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns "
        "WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' AND tables.name NOT GLOB 'decision_*'",
    )
    theirs = postgres.execute(
        "SELECT table_name::text, column_name::text FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'townhall_store'",
        address.url,
    )
    # Each store has a text index of decisions in a form of its own.
    assert set(theirs) - {("decisions", "words"), ("decisions", "search")} == set(ours)


def test_the_command_moves_the_file_of_the_data_folder(
    townhall: Townhall, folder: Path, address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert townhall("ask", "one", "--no-input").code == 0
    refused = townhall("migrate-store")
    assert refused.code == 1
    assert "TOWNHALL_DATABASE" in refused.err
    monkeypatch.setenv("TOWNHALL_DATABASE", address.url)
    moved = townhall("migrate-store")
    assert moved.code == 0
    assert "`townhall run` continues there; the file is kept." in moved.out
    again = json.loads(townhall("migrate-store", "--json").out)
    assert again["already_moved"]
    assert again["rows"]["runs"] == 1
    assert [run["task"] for run in json.loads(townhall("runs", "--json").out)["runs"]] == ["one"]
