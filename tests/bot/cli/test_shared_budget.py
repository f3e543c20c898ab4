"""A day's budget holds for a running bot and for every `townhall ask` beside it, together."""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from bot.formatting import print_json
from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.engine.usage_ledger import UsageLedger
from orchestrator_bridge.store.interface import BudgetCharge
from orchestrator_bridge.store.sqlite.shared_spending import SharedSpending, SpendingOfOthers
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.budgets import Budgets
from tests.support.fake_models.replies import ScriptedReply, Tokens
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import PLACE

ROOT = Path(__file__).parents[3]
TEAM = """
[budgets]
day = 1.00

[[team.quick.agents]]
name = "only"
model = "priced"

[models.priced]
base_url = "{url}"
input = 300
output = 0
context = 100_000
tools = true
"""
BUDGETS = Budgets(day=Decimal(1))


async def townhall(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code and output of a command, in a process of its own."""
    env = {"PYTHONPATH": str(ROOT), "TOWNHALL_DATA": str(folder), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        cwd=folder,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_asks_beside_a_running_bot_and_the_bot_share_the_day(tmp_path: Path) -> None:
    def serve(_: object) -> ScriptedReply:
        return ScriptedReply(text="Done.", usage=Tokens(input=1000, output=1))

    now = SystemClock().now()
    async with ModelServer(serve) as server:
        (tmp_path / "townhall.toml").write_text(TEAM.format(url=server.url))
        bot = await SqliteStore.open(tmp_path / "townhall.db", clock=SystemClock().now)
        shared = SharedSpending(tmp_path / "townhall-spending.db", "bot")
        ledger = UsageLedger(BUDGETS, shared)
        try:
            key = (1, "work:one:1", 1)
            ledger.load([BudgetCharge(key=key, channel="discord:1", amount=Decimal("0.605"), at=now, open=False)], [])
            said = [await townhall(tmp_path, "ask", "count", "--no-input", "--json") for _ in range(3)]
            (status,) = ledger.statuses(PLACE, now)
            shared.close()
            cost = await townhall(tmp_path, "cost", "--by", "day", "--json")
        finally:
            await bot.close()
    results = [json.loads(out)["result"] for _, out, _ in said]
    assert results[0] == "Done."
    assert any("the budget of $1.00 a day for all runs" in result for result in results), results
    assert len(server.requests) < 3
    assert Decimal("0.605") < status.used <= Decimal(1)
    (told,) = json.loads(cost[1])["budgets"]
    assert Decimal(told["used"]) > 0


async def test_calls_of_an_ask_beside_a_running_bot_are_in_every_table_of_costs(tmp_path: Path) -> None:
    def serve(_: object) -> ScriptedReply:
        return ScriptedReply(text="Done.", usage=Tokens(input=1000, output=10, cached=600))

    async with ModelServer(serve) as server:
        without_budgets = TEAM.format(url=server.url).partition("[[team")
        (tmp_path / "townhall.toml").write_text("".join(without_budgets[1:]))
        await townhall(tmp_path, "ask", "count", "--no-input")
        before = json.loads((await townhall(tmp_path, "cost", "--json"))[1])
        bot = await SqliteStore.open(tmp_path / "townhall.db", clock=SystemClock().now)
        try:
            await townhall(tmp_path, "ask", "count", "--no-input")
            whole = json.loads((await townhall(tmp_path, "cost", "--json"))[1])
            tables = [json.loads((await townhall(tmp_path, "cost", "--by", by, "--json"))[1]) for by in ("model", "day", "run")]
            text = (await townhall(tmp_path, "cost"))[1]
        finally:
            await bot.close()
    (first,) = before["costs"]
    assert (first["run"], first["origin"]) == (1, "")
    assert [(line["run"], line["origin"], line["cached"]) for line in whole["costs"]] == [(1, "", 600), (0, "ask 1", 600)]
    assert Decimal(whole["known_usd"]) == 2 * Decimal(before["known_usd"]) > 0
    assert [[line["calls"] for line in table["costs"]] for table in tables] == [[2], [2], [1, 1]]
    assert {table["known_usd"] for table in tables} == {whole["known_usd"]}
    assert text.splitlines()[2].split()[:6] == ["ask", "1", "only", "1", "1,000", "600"]
    assert "600 (60%)" in text


def ledgers(file: Path) -> tuple[UsageLedger, UsageLedger]:
    return UsageLedger(BUDGETS, SharedSpending(file, "bot")), UsageLedger(BUDGETS, SharedSpending(file, "ask"))


def test_a_reservation_counts_at_once_and_is_returned(tmp_path: Path) -> None:
    bot, ask = ledgers(tmp_path / "s.db")
    now = 1_800_000_000.0
    bot.statuses(PLACE, now)
    bot.reserve((1, "a", 1), PLACE, Decimal("0.4"))
    (status,) = ask.statuses(PLACE, now)
    assert status.used == Decimal("0.4")
    bot.release((1, "a", 1))
    (status,) = ask.statuses(PLACE, now)
    assert status.used == 0


async def test_checking_and_reserving_are_one_step_across_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_bridge.store.sqlite.shared_spending.LOCK_TIMEOUT", 0.0)
    bot, ask = ledgers(tmp_path / "s.db")
    bot.statuses(PLACE, 1_800_000_000.0)
    with pytest.raises(Exception, match="locked"):
        ask.statuses(PLACE, 1_800_000_000.0)
    await asyncio.sleep(0)
    (status,) = ask.statuses(PLACE, 1_800_000_000.0)
    assert status.used == 0


def test_a_new_process_of_the_same_name_replaces_the_old_sums(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    bot, ask = ledgers(file)
    bot.statuses(PLACE, 1_800_000_000.0)
    bot.reserve((1, "a", 1), PLACE, Decimal("0.4"))
    UsageLedger(BUDGETS, SharedSpending(file, "bot"))
    (status,) = ask.statuses(PLACE, 1_800_000_000.0)
    assert status.used == 0


def test_a_look_up_reads_without_a_file_too(tmp_path: Path) -> None:
    assert SpendingOfOthers(tmp_path / "none.db", "bot").others("2026-11-30", "") == 0


def test_money_in_json_is_a_plain_decimal(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"tiny": Decimal("1E-7"), "none": Decimal("0E-8"), "large": Decimal("1E+3")})
    assert json.loads(capsys.readouterr().out) == {"tiny": "0.0000001", "none": "0.00000000", "large": "1000"}
