"""Watch over the connection of Socket Mode: a loss that lasts is written to the log, and to a file for `townhall doctor`.

The SDK connects again by itself, for as long as it takes. Meanwhile nothing that people do on Slack arrives, and only the
operator can be told.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

_LOG = logging.getLogger(__name__)

OUTAGE_FILE = "slack-outage.json"
"""File in the data folder that exists while the connection is lost for long."""

REPORT_AFTER = 60.0
"""Seconds without a connection after which it is reported."""

CHECKS = 4
"""Checks within that time."""

STALE_AFTER = 300.0
"""Seconds after which a report that is not renewed is one of a bot that no longer runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """A lost connection. Times in seconds since the epoch: `since` it is lost, `checked` it was lost still."""

    since: float
    checked: float

    @property
    def text(self) -> str:
        """A sentence on it."""
        since = f"{datetime.fromtimestamp(self.since, UTC):%Y-%m-%d %H:%M} UTC"
        return f"Socket Mode has had no connection since {since}: nothing that people do on Slack arrives"


OUTAGE_FIX = "check the network and the proxy, and at api.slack.com/apps that Socket Mode is on and the app-level token exists"


def read_outage(folder: Path, now: float) -> Outage | None:
    """The outage that a running bot has reported; None if there is none."""
    try:
        outage = Outage(**json.loads((folder / OUTAGE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return outage if now - outage.checked < STALE_AFTER else None


class ConnectionWatch:
    """Checks a connection again and again. `report_after` is in seconds; without a `folder` the log alone has the report."""

    def __init__(
        self,
        is_connected: Callable[[], bool],
        folder: Path | None,
        *,
        report_after: float = REPORT_AFTER,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._is_connected = is_connected
        self._folder = folder
        self._report_after = report_after
        self._clock = clock
        self._lost_at: float | None = None
        self._reported = False

    async def run(self) -> None:
        """Check the connection until cancelled."""
        try:
            while True:
                self._check()
                await asyncio.sleep(self._report_after / CHECKS)
        finally:
            self._remove_file()

    def _check(self) -> None:
        now = self._clock()
        if self._is_connected():
            if self._reported:
                _LOG.warning("Socket Mode is connected again")
                self._remove_file()
            self._lost_at, self._reported = None, False
            return
        self._lost_at = now if self._lost_at is None else self._lost_at
        if now - self._lost_at >= self._report_after:
            self._report(Outage(since=self._lost_at, checked=now))

    def _report(self, outage: Outage) -> None:
        if not self._reported:
            _LOG.error("%s; fix: %s", outage.text, OUTAGE_FIX)
        self._reported = True
        if self._folder is not None:
            try:
                (self._folder / OUTAGE_FILE).write_text(json.dumps(asdict(outage)), encoding="utf-8")
            except OSError as error:
                _LOG.warning("townhall doctor cannot be informed of the lost connection: %s", error)

    def _remove_file(self) -> None:
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / OUTAGE_FILE).unlink(missing_ok=True)
