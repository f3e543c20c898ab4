"""Opening a database: what is refused, with what was found, what is expected and the fix."""

from __future__ import annotations

import pytest

from orchestrator_bridge.store.interface import Corrupted, InUse, NotFound, SchemaTooNew, SchemaTooOld, StoreError, WriteFailed
from orchestrator_bridge.store.postgres import connection
from orchestrator_bridge.store.postgres.address import DatabaseAddress
from orchestrator_bridge.store.postgres.migrate import bundled_migrations
from orchestrator_bridge.store.postgres.store import PostgresLookups, PostgresStore
from orchestrator_bridge.store.sql.migrations import Migration
from tests.contract.store_values import guided, question_opened, run_opened
from tests.support.postgres.server import PostgresServer

NEXT = len(bundled_migrations()) + 1
NOTE = Migration(number=NEXT, sql="ALTER TABLE runs ADD COLUMN mood text NOT NULL DEFAULT 'calm';")
SECRET = "p4ss-w0rd"


async def _fill(address: DatabaseAddress) -> None:
    store = await PostgresStore.open(address)
    await store.append(run=1, events=[guided("kept")], rows=[run_opened(1), question_opened(1, 1)])
    await store.close()


def test_the_shipped_steps_are_numbered_without_a_gap() -> None:
    assert [step.number for step in bundled_migrations()] == list(range(1, NEXT))


async def test_an_older_database_is_migrated_and_keeps_everything(address: DatabaseAddress, postgres: PostgresServer) -> None:
    await _fill(address)
    with pytest.raises(SchemaTooOld, match="Start the bot once"):
        await PostgresLookups.open(address, migrations=(*bundled_migrations(), NOTE))
    store = await PostgresStore.open(address, migrations=(*bundled_migrations(), NOTE))
    assert await store.log(1) == [guided("kept")]
    await store.close()
    assert postgres.execute("SELECT run, mood FROM runs", address.url) == [(1, "calm")]


async def test_a_step_that_fails_leaves_the_database_as_the_step_before_made_it(address: DatabaseAddress) -> None:
    await _fill(address)
    broken = Migration(number=NEXT, sql="CREATE TABLE half (a text); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(StoreError, match="nowhere"):
        await PostgresStore.open(address, migrations=(*bundled_migrations(), broken))
    store = await PostgresStore.open(address)
    assert await store.log(1) == [guided("kept")]
    await store.close()


async def test_a_newer_database_is_refused_and_not_changed(address: DatabaseAddress) -> None:
    await (await PostgresStore.open(address, migrations=(*bundled_migrations(), NOTE))).close()
    with pytest.raises(SchemaTooNew, match=f"schema version {NEXT}, written by a newer release"):
        await PostgresStore.open(address)
    with pytest.raises(SchemaTooNew):
        await PostgresLookups.open(address)


async def test_another_programs_database_is_refused_and_not_changed(address: DatabaseAddress, postgres: PostgresServer) -> None:
    postgres.execute("CREATE TABLE songs (title text)", address.url)
    with pytest.raises(Corrupted, match=r"another program \(it has the tables songs\).*CREATE DATABASE"):
        await PostgresStore.open(address)
    assert postgres.execute("SELECT count(*) FROM pg_class WHERE relname IN ('runs', 'townhall_store')", address.url) == [(0,)]


async def test_look_ups_in_an_empty_database_create_nothing(address: DatabaseAddress, postgres: PostgresServer) -> None:
    with pytest.raises(NotFound, match="is empty"):
        await PostgresLookups.open(address)
    assert postgres.execute("SELECT count(*) FROM pg_class WHERE relname = 'runs'", address.url) == [(0,)]


async def test_a_database_that_is_not_there_is_reported_without_the_password(postgres: PostgresServer) -> None:
    with pytest.raises(WriteFailed, match=r'database "none" does not exist.*CREATE DATABASE') as refusal:
        await PostgresStore.open(DatabaseAddress(postgres.url("none", password=SECRET)))
    assert SECRET not in str(refusal.value)


async def test_a_server_that_does_not_answer_is_reported() -> None:
    address = DatabaseAddress(f"postgresql://me:{SECRET}@127.0.0.1:1/townhall")
    with pytest.raises(WriteFailed, match=r"//me@127\.0\.0\.1:1/townhall cannot be reached .*TOWNHALL_DATABASE") as refusal:
        await PostgresStore.open(address)
    assert SECRET not in str(refusal.value)
    with pytest.raises(StoreError, match="cannot be reached"):
        await PostgresLookups.open(address)


async def test_an_unknown_parameter_of_the_url_is_reported(address: DatabaseAddress) -> None:
    with pytest.raises(StoreError, match=r"TOWNHALL_DATABASE is not a valid URL .*colour"):
        await PostgresStore.open(DatabaseAddress(address.url + "&colour=red"))


async def test_an_old_server_is_refused_with_the_version_that_is_needed(
    address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MIN_SERVER", 99)
    with pytest.raises(StoreError, match=r"runs PostgreSQL \d+; expected PostgreSQL 99 or newer"):
        await PostgresStore.open(address)


async def test_a_database_of_another_encoding_is_refused(postgres: PostgresServer) -> None:
    url = postgres.create_database("ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(StoreError, match="has the encoding LATIN1; expected UTF8"):
        await PostgresStore.open(DatabaseAddress(url))


async def test_a_user_who_may_not_create_tables_is_told_the_right_to_grant(postgres: PostgresServer) -> None:
    database = postgres.create_database().split("/")[3].partition("?")[0]
    postgres.execute(f"CREATE ROLE guest_{database} LOGIN")
    with pytest.raises(WriteFailed, match=r"lacks a right \(permission denied for schema public.*GRANT CREATE"):
        await PostgresStore.open(DatabaseAddress(postgres.url(database, user=f"guest_{database}")))


async def test_a_read_only_database_is_reported_and_read(address: DatabaseAddress, postgres: PostgresServer) -> None:
    await _fill(address)
    database = address.url.split("/")[3].partition("?")[0]
    postgres.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    with pytest.raises(WriteFailed, match=r"is read-only .*primary"):
        await PostgresStore.open(address)
    lookups = await PostgresLookups.open(address)
    assert await lookups.log(1) == [guided("kept")]
    await lookups.close()


async def test_a_second_process_is_refused_with_the_name_of_the_first(address: DatabaseAddress) -> None:
    first = await PostgresStore.open(address)
    with pytest.raises(InUse, match=r"is in use by townhall bot \S+ \d+.*one active Townhall"):
        await PostgresStore.open(address)
    await first.append(run=1, events=[guided("still the owner")])
    await first.close()
    second = await PostgresStore.open(address)
    assert await second.log(1) == [guided("still the owner")]
    await second.close()


async def test_two_bots_with_schemas_of_their_own_share_a_database(address: DatabaseAddress, postgres: PostgresServer) -> None:
    postgres.execute("CREATE SCHEMA blue", address.url)
    blue = DatabaseAddress(address.url + "&options=-csearch_path%3Dblue")
    first, second = await PostgresStore.open(address), await PostgresStore.open(blue)
    await first.append(run=1, events=[guided("here")])
    assert await second.log(1) == []
    await first.close()
    await second.close()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", "not a URL"),
        ("townhall", "not a URL"),
        ("mysql://me@host/townhall", "a URL of the kind mysql:"),
        ("postgresql:/townhall", "without //"),
        ("postgresql://", "without the name of a database"),
        (f"postgresql://me:{SECRET}@host:5432", "without the name of a database"),
        (f"postgresql://me:{SECRET}@host/", "without the name of a database"),
        (f"postgresql://me:a@{SECRET}@host/townhall", "a password that has @"),
        (f"postgresql://me:a/{SECRET}@host/townhall", "a password that has @, /"),
        (f"postgresql://me:{SECRET}#1@host/townhall", "a password that has @, / or #"),
        (f"postgresql://me:{SECRET}@[host/townhall", "not a URL"),
    ],
)
def test_an_incomplete_url_is_refused_without_the_password(url: str, found: str) -> None:
    with pytest.raises(ValueError, match=f"{found}.*; expected postgresql://USER:PASSWORD@HOST:5432/DATABASE") as refusal:
        DatabaseAddress(url)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"postgresql://me:{SECRET}@host:6432/townhall", "postgresql://me@host:6432/townhall"),
        (f"postgres://me@host/townhall?password={SECRET}&sslmode=require", "postgresql://me@host/townhall"),
        ("postgresql:///townhall?host=/run/postgresql", "postgresql:///townhall"),
        (
            f"postgresql://me:{SECRET}@one,two:5433/townhall?target_session_attrs=read-write",
            "postgresql://me@one,two:5433/townhall",
        ),
        ("postgresql://host?dbname=townhall", "postgresql://host/townhall"),
    ],
)
def test_the_name_of_an_address_has_no_password(url: str, name: str) -> None:
    address = DatabaseAddress(url)
    assert address.name == name
    assert SECRET not in repr(address)
    assert SECRET not in url or SECRET in address.passwords
