"""What all runs have spent today: the one place where a call of any run is checked against shared budgets and reserved.

What is stored comes in as the rows of each transaction; what is about to be stored is reserved before, so that two runs cannot
both take the last dollar. Checking and reserving happen without a pause between them. After a start the sums come from the
database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.run.records import BudgetRaised, CallUsageRecorded, Record
from orchestrator_bridge.store.interface import BudgetCharge
from orchestrator_bridge.team.budgets import EVERYWHERE, Budgets, BudgetStatus, channel_key

Key = tuple[int, str, int]
"""One attempt of a call: its run, its action and its number."""


class UsageLedger:
    """Sums by day and channel. A budget counts what is booked, reserved and unknown; a reservation counts for the day that is."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._booked: dict[str, defaultdict[str, Decimal]] = {}
        self._raised: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._open: dict[Key, tuple[str, Decimal]] = {}

    def load(self, charges: Iterable[BudgetCharge], raises: Iterable[BudgetRaised]) -> None:
        """Begin with what is stored."""
        for charge in charges:
            self._enter(charge)
        for row in raises:
            self._raise(row)

    def begin_of_day(self, now: float) -> float:
        """From when on stored calls matter, in seconds since the epoch."""
        return self._budgets.begin_of_day(now)

    def statuses(self, place: Place, now: float, unstored: Iterable[Record] = ()) -> tuple[BudgetStatus, ...]:
        """How the shared budgets of a place stand. `unstored`: rows of its transaction, which know more than the reservations."""
        channel = channel_key(place)
        own, every = self._budgets.of_channel(channel), self._budgets.day
        if own is None and every is None:
            return ()
        day, rows = self._budgets.day_of(now), list(unstored)
        change = sum((self._change(row) for row in rows if isinstance(row, CallUsageRecorded)), Decimal(0))
        standings = []
        if own is not None:
            limit = own + self._more(day, channel, rows)
            standings.append(BudgetStatus(budget="channel", limit=limit, used=self._used(day, channel) + change))
        if every is not None:
            limit = every + self._more(day, EVERYWHERE, rows)
            standings.append(BudgetStatus(budget="day", limit=limit, used=self._used(day, EVERYWHERE) + change))
        return tuple(standings)

    def reserve(self, key: Key, place: Place, amount: Decimal) -> None:
        """A call is about to be stored."""
        self._open[key] = (channel_key(place), amount)

    def release(self, key: Key) -> None:
        """It was not stored."""
        self._open.pop(key, None)

    def record(self, place: Place, rows: Iterable[Record]) -> None:
        """A transaction was stored."""
        for row in rows:
            if isinstance(row, CallUsageRecorded):
                self._enter(charge_of(row, place))
            elif isinstance(row, BudgetRaised):
                self._raise(row)

    def _enter(self, charge: BudgetCharge) -> None:
        self._open.pop(charge.key, None)
        if charge.open:
            self._open[charge.key] = (charge.channel, charge.amount)
        else:
            self._of_day(self._budgets.day_of(charge.at))[charge.channel] += charge.amount

    def _of_day(self, day: str) -> defaultdict[str, Decimal]:
        if day not in self._booked:
            self._booked[day] = defaultdict(Decimal)
            self._booked = dict(sorted(self._booked.items())[-2:])  # nobody asks about the day before yesterday
        return self._booked.get(day, defaultdict(Decimal))

    def _raise(self, row: BudgetRaised) -> None:
        self._raised[self._budgets.day_of(row.at), row.channel] += row.amount

    def _more(self, day: str, channel: str, unstored: Iterable[Record]) -> Decimal:
        new = (row.amount for row in unstored if isinstance(row, BudgetRaised) and row.channel == channel)
        return self._raised.get((day, channel), Decimal(0)) + sum(new, Decimal(0))

    def _used(self, day: str, channel: str) -> Decimal:
        booked = (amount for where, amount in self._booked.get(day, {}).items() if channel in (EVERYWHERE, where))
        reserved = (amount for where, amount in self._open.values() if channel in (EVERYWHERE, where))
        return sum(booked, Decimal(0)) + sum(reserved, Decimal(0))

    def _change(self, row: CallUsageRecorded) -> Decimal:
        """What a row that is not stored yet changes."""
        _, before = self._open.get(_key(row), ("", Decimal(0)))
        return counted(row) - before


def charge_of(row: CallUsageRecorded, place: Place) -> BudgetCharge:
    """What a stored attempt counts."""
    return BudgetCharge(key=_key(row), channel=channel_key(place), amount=counted(row), at=row.at, open=row.state == "reserved")


def counted(row: CallUsageRecorded) -> Decimal:
    """What is booked; what was reserved, where nobody knows the bill; nothing for a call that was refused."""
    match row.state:
        case "failed":
            return Decimal(0)
        case "booked" if row.cost is not None:
            return row.cost
        case _:
            return row.reserved or Decimal(0)


def _key(row: CallUsageRecorded) -> Key:
    return (row.run, row.action, row.attempt)
