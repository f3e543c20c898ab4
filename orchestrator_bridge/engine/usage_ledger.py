"""The usage ledger: what all runs have spent today, and the one place where a call is checked against the shared budgets.

Stored amounts come in as the rows of each committed transaction. An amount that is about to be stored is reserved before, so that
two runs cannot both take the last dollar: checking and reserving happen without an `await` between them. After a start the sums
are loaded from the store. The sums of other processes, such as `townhall ask` beside a running bot, are added to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal, Protocol, assert_never

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.run.records import BudgetRaised, CallUsageRecorded, Record
from orchestrator_bridge.store.interface import BudgetCharge
from orchestrator_bridge.team.budgets import EVERYWHERE, Budgets, BudgetStatus, channel_key

Key = tuple[int, str, int]
"""One attempt of a call: run, action, number of the attempt."""


class OtherProcesses(Protocol):
    """The ledgers of the other processes that the same budgets hold for. Amounts are US dollars."""

    def others(self, day: str, channel: str) -> Decimal:
        """Sum of what the others have booked and reserved on a day, in a channel or `EVERYWHERE`."""
        ...

    def publish(self, day: str, channel: str, booked: Decimal, reserved: Decimal) -> None:
        """Let the others count the sums of this process."""
        ...

    def record(self, rows: Iterable[Record]) -> None:
        """Let the others see the calls of this process, if it has a store of its own. `rows`: of a committed transaction."""
        ...


class NoOthers:
    """The only process."""

    def others(self, day: str, channel: str) -> Decimal:
        """Nothing."""
        return Decimal(0)

    def publish(self, day: str, channel: str, booked: Decimal, reserved: Decimal) -> None:
        """Do nothing: there is nobody to read it."""

    def record(self, rows: Iterable[Record]) -> None:
        """Do nothing: there is nobody to read them."""


class UsageLedger:
    """US dollars by day and channel: booked, reserved, and those of calls whose bill is unknown.

    A reservation counts for the present day, whenever it was made.
    """

    def __init__(self, budgets: Budgets, shared: OtherProcesses | None = None) -> None:
        self._budgets = budgets
        self._shared = shared or NoOthers()
        self._today = ""
        self._booked: dict[str, defaultdict[str, Decimal]] = {}
        self._grants: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._reserved: dict[Key, tuple[str, Decimal]] = {}

    def load(self, charges: Iterable[BudgetCharge], grants: Iterable[BudgetRaised]) -> None:
        """Begin with the stored amounts."""
        for charge in charges:
            self._charge(charge)
        for grant in grants:
            self._grant(grant)

    def begin_of_day(self, now: float) -> float:
        """The time from which stored calls count, in seconds since the epoch."""
        return self._budgets.begin_of_day(now)

    def statuses(self, place: Place, now: float, unstored: Iterable[Record] = ()) -> tuple[BudgetStatus, ...]:
        """Limit and use of the shared budgets of a place.

        `unstored` are the rows of the transaction that asks; where they book a call, they replace its reservation.
        """
        channel = channel_key(place)
        limits: tuple[tuple[Literal["channel", "day"], str, Decimal | None], ...] = (
            ("channel", channel, self._budgets.of_channel(channel)),
            ("day", EVERYWHERE, self._budgets.day),
        )
        if all(limit is None for _, _, limit in limits):
            return ()
        day, rows = self._day(now), list(unstored)
        change = sum((self._change(row) for row in rows if isinstance(row, CallUsageRecorded)), Decimal(0))
        return tuple(
            BudgetStatus(
                budget=name,
                limit=limit + self._granted(day, key, rows),
                used=self._used(day, key) + change + self._shared.others(day, key),
            )
            for name, key, limit in limits
            if limit is not None
        )

    def reserve(self, key: Key, place: Place, amount: Decimal) -> None:
        """Count a call that is about to be stored."""
        self._reserved[key] = (channel_key(place), amount)
        self._publish(channel_key(place))

    def release(self, key: Key) -> None:
        """Drop the reservation of a call that was not stored."""
        if key in self._reserved:
            channel, _ = self._reserved.pop(key)
            self._publish(channel)

    def record(self, place: Place, rows: Sequence[Record]) -> None:
        """Count the rows of a committed transaction."""
        self._shared.record(rows)
        for row in rows:
            if isinstance(row, CallUsageRecorded):
                self._charge(budget_charge(row, place))
            elif isinstance(row, BudgetRaised):
                self._grant(row)

    def _charge(self, charge: BudgetCharge) -> None:
        self._reserved.pop(charge.key, None)
        if charge.open:
            self._reserved[charge.key] = (charge.channel, charge.amount)
        else:
            self._booked_on(self._budgets.day_of(charge.at))[charge.channel] += charge.amount
        self._today = max(self._today, self._budgets.day_of(charge.at))
        self._publish(charge.channel)

    def _day(self, now: float) -> str:
        """The present day. What is still reserved counts for it from its beginning on, for other processes too."""
        day = self._budgets.day_of(now)
        if day != self._today:
            self._today = day
            for channel in {channel for channel, _ in self._reserved.values()}:
                self._publish(channel)
        return day

    def _publish(self, channel: str) -> None:
        reserved = sum((amount for where, amount in self._reserved.values() if where == channel), Decimal(0))
        booked = self._booked.get(self._today, defaultdict(Decimal)).get(channel, Decimal(0))
        self._shared.publish(self._today, channel, booked, reserved)

    def _booked_on(self, day: str) -> defaultdict[str, Decimal]:
        if day not in self._booked:
            self._booked[day] = defaultdict(Decimal)
            self._booked = dict(sorted(self._booked.items())[-2:])  # no budget looks further back than yesterday
        return self._booked.get(day, defaultdict(Decimal))

    def _grant(self, row: BudgetRaised) -> None:
        self._grants[self._budgets.day_of(row.at), row.channel] += row.amount

    def _granted(self, day: str, channel: str, unstored: Iterable[Record]) -> Decimal:
        new = (row.amount for row in unstored if isinstance(row, BudgetRaised) and row.channel == channel)
        return self._grants.get((day, channel), Decimal(0)) + sum(new, Decimal(0))

    def _used(self, day: str, channel: str) -> Decimal:
        booked = (amount for where, amount in self._booked.get(day, {}).items() if channel in (EVERYWHERE, where))
        reserved = (amount for where, amount in self._reserved.values() if channel in (EVERYWHERE, where))
        return sum(booked, Decimal(0)) + sum(reserved, Decimal(0))

    def _change(self, row: CallUsageRecorded) -> Decimal:
        """The amount by which an unstored row changes what is used."""
        _, before = self._reserved.get(_key(row), ("", Decimal(0)))
        return charged_amount(row) - before


def budget_charge(row: CallUsageRecorded, place: Place) -> BudgetCharge:
    """The charge of one stored attempt."""
    return BudgetCharge(
        key=_key(row), channel=channel_key(place), amount=charged_amount(row), at=row.at, open=row.state == "reserved"
    )


def charged_amount(row: CallUsageRecorded) -> Decimal:
    """The amount that an attempt counts: its cost; the reserved amount where the bill is unknown; nothing for a refused call."""
    match row.state:
        case "failed":
            return Decimal(0)
        case "booked" if row.cost is not None:
            return row.cost
        case "booked" | "reserved" | "unknown":
            return row.reserved or Decimal(0)
        case _:
            assert_never(row.state)


def _key(row: CallUsageRecorded) -> Key:
    return (row.run, row.action, row.attempt)
