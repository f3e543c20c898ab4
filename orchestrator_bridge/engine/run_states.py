"""Runs as this process knows them: their folded states, an index of the live ones, and who waits for a change.

None of these objects drives a run. They are created before the parts that do, so that a reader of states (router, recovery,
outbox) does not depend on the supervisor.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Corrupted, ExternalRun, RunSummary, SchemaTooNew, Store, StoreError

_LOG = logging.getLogger(__name__)

STATE_CACHE_SIZE = 256
"""Idle runs whose folded state stays in memory."""

OwnerKey = tuple[str, str, Place, str]
"""Token, external agent, place and team: the questions of one owner go into one run."""


class NumberSequence:
    """Consecutive numbers for new runs or new questions. `recover` sets the highest number that the store holds."""

    def __init__(self) -> None:
        self._last = 0

    def recover(self, last: int) -> None:
        """Continue after the highest number in the store."""
        self._last = last

    def next(self) -> int:
        """Take the next number."""
        self._last += 1
        return self._last

    def give_back(self, number: int) -> None:
        """Return a number that was not used, unless a higher one has been taken since."""
        if number == self._last:
            self._last -= 1


class RunStates:
    """Folds the logs of runs, and caches the states of runs that were active recently.

    A run whose log cannot be read is quarantined until the next start: its inputs stay in the inbox, and other runs go on.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: OrderedDict[int, RunState] = OrderedDict()
        self._quarantined: set[int] = set()

    async def get(self, run: int) -> RunState:
        """The state of a run as it is stored.

        Raises:
            ValueError: there is no such run.
            StoreError: its log cannot be read.
        """
        return self._cache.get(run) or await self.read(run)

    async def read(self, run: int) -> RunState:
        """Fold the log of a run. A damaged log, or one of a newer release, quarantines the run.

        Raises:
            ValueError: there is no such run.
            StoreError: its log cannot be read.
        """
        try:
            log = await self._store.log(run)
        except (Corrupted, SchemaTooNew) as error:
            self._quarantine(run, error)
            raise
        if not log:
            raise ValueError(f"there is no run {run}")
        try:
            return fold(log)
        except (LookupError, ValueError) as error:
            found = f"the log of run {run} is inconsistent ({type(error).__name__}: {error})"
            broken = Corrupted(found, "a log that begins with its start and has no gap", "Restore a backup")
            self._quarantine(run, broken)
            raise broken from error

    def _quarantine(self, run: int, error: StoreError) -> None:
        if run not in self._quarantined:
            self._quarantined.add(run)
            _LOG.error("run %s is quarantined until the next start; the other runs continue: %s", run, error)

    def is_quarantined(self, run: int) -> bool:
        """True if the log of a run could not be read."""
        return run in self._quarantined

    def cache(self, state: RunState) -> None:
        """Keep the state of a run that has become idle."""
        self._cache[state.run] = state
        if len(self._cache) > STATE_CACHE_SIZE:
            self._cache.popitem(last=False)

    def evict(self, run: int) -> None:
        """Drop the cached state of a run: its driver holds the newest one from now on."""
        self._cache.pop(run, None)


class LocalRuns:
    """The runs that this process has started, and the platforms on which nobody is left to answer them."""

    def __init__(self) -> None:
        self.started: set[int] = set()
        self._closed_platforms: set[str] = set()
        self._only_local = False

    def ignore_others(self) -> None:
        """Leave the runs of earlier processes alone: their messages are refused, and nothing is delivered to them."""
        self._only_local = True

    def is_ignored(self, run: int) -> bool:
        """True if a run belongs to an earlier process and is to be left alone."""
        return self._only_local and run not in self.started

    def close_platform(self, platform: str) -> None:
        """Note that the input of a platform has ended, such as a terminal whose user has left."""
        self._closed_platforms.add(platform)

    def no_human_reachable(self, state: RunState) -> bool:
        """True if nobody can see the questions of a run any more.

        A run of an earlier process is never that: the people whom it asked may come back with the next process.
        """
        return state.place.platform in self._closed_platforms and state.run in self.started


class RunIndex:
    """The live runs in memory: by channel for autocomplete, by owner for questions of external agents."""

    def __init__(self) -> None:
        self._live: dict[int, tuple[str, str, str]] = {}
        self._external: dict[OwnerKey, int] = {}

    def recover(self, live: Iterable[RunSummary], external: Iterable[ExternalRun]) -> None:
        """Add the live runs of an earlier process; `external` are those that hold questions of external agents."""
        self._live |= {run.run: (run.place.platform, run.place.channel, run.task) for run in live}
        self._external |= {(run.outside.token, run.outside.agent, run.place, run.team): run.run for run in external}

    def update(self, state: RunState) -> None:
        """Follow a committed transaction of a run."""
        owner = _owner(state)
        if state.end is None:
            self._live[state.run] = (state.place.platform, state.place.channel, state.task)
            if owner is not None:
                self._external[owner] = state.run
        else:
            self._live.pop(state.run, None)
            if owner is not None:
                self.forget_external(owner, state.run)

    def in_channel(self, place: Place) -> Sequence[tuple[int, str]]:
        """Number and task of the live runs in a place's channel, newest first."""
        here = (place.platform, place.channel)
        return [(run, task) for run, (*where, task) in sorted(self._live.items(), reverse=True) if tuple(where) == here]

    def is_live(self, run: int) -> bool:
        """True if a run is known to be live; of very many live runs of an earlier process, some are not known."""
        return run in self._live

    def is_in_channel(self, run: int, place: Place) -> bool:
        """True if a run is live, and of this place's channel."""
        return self._live.get(run, ("", "", ""))[:2] == (place.platform, place.channel)

    def external_run(self, owner: OwnerKey) -> int | None:
        """The live run that takes the questions of this owner."""
        return self._external.get(owner)

    def forget_external(self, owner: OwnerKey, run: int) -> None:
        """Send no more questions of this owner into a run."""
        if self._external.get(owner) == run:
            del self._external[owner]


def _owner(state: RunState) -> OwnerKey | None:
    outside = state.outside
    return (outside.token, outside.agent, state.place, state.team.name) if outside is not None and outside.asks else None


class RunWatchers:
    """Those who wait until something is true of a run."""

    def __init__(self, states: RunStates, clock: Clock) -> None:
        self._states = states
        self._clock = clock
        self._watches: defaultdict[int, set[_Watch]] = defaultdict(set)

    def update(self, state: RunState) -> None:
        """Show a newly committed state to those who wait for the run."""
        for watch in self._watches.get(state.run, ()):
            watch.update(state)

    async def wait_until(self, run: int, predicate: Callable[[RunState], bool], deadline: float | None = None) -> RunState:
        """Wait until `predicate` is true of a run, or until `deadline` (seconds since the epoch). Returns the newest state.

        Raises:
            ValueError: there is no such run.
            StoreError: its log cannot be read.
        """
        watch = _Watch()
        alarm = None if deadline is None else self._clock.call_at(deadline, watch.expire)
        self._watches[run].add(watch)
        try:
            # The state is read after the watch is registered: a transaction that is committed meanwhile is not missed.
            watch.update(await self._states.get(run))
            return await watch.wait_until(predicate)
        finally:
            if alarm is not None:
                alarm.cancel()
            self._watches[run].discard(watch)
            if not self._watches[run]:
                del self._watches[run]


class _Watch:
    """One waiting caller, with the newest state that it was shown."""

    def __init__(self) -> None:
        self._state: RunState | None = None
        self._expired = False
        self._changed = asyncio.Event()

    def update(self, state: RunState) -> None:
        # A transaction may be committed while an older state is read from the store: the newer of the two stays.
        if self._state is None or state.seq >= self._state.seq:
            self._state = state
            self._changed.set()

    def expire(self) -> None:
        self._expired = True
        self._changed.set()

    async def wait_until(self, predicate: Callable[[RunState], bool]) -> RunState:
        while True:
            assert self._state is not None
            if predicate(self._state) or self._expired:
                return self._state
            self._changed.clear()
            await self._changed.wait()
