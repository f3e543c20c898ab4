"""Everything that takes part in a kill test of one platform, and the test itself."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from bot.storage import StoreLocation
from orchestrator_bridge.store.postgres.address import DatabaseAddress
from tests.resilience.harness.bot_pair import BotPair
from tests.resilience.harness.bot_process import PlatformName
from tests.resilience.harness.crowd import Crowd
from tests.resilience.harness.evidence import Evidence, PlatformEvidence, gather
from tests.resilience.harness.kill_loop import KillLoop, KillPoint
from tests.resilience.harness.kill_points import model_points
from tests.resilience.harness.model_player import TeamPlayer
from tests.resilience.harness.process import BotProcess
from tests.resilience.harness.timeline import Line, log_lines, render_timeline
from tests.support.fake_models.server import ModelServer

CLOCK_AHEAD = 90.0
"""Seconds by which the platform's clock is ahead of ours."""


class KillSite(ABC):
    """One platform's local server, its people, and the bot that is killed. Made by the functions `open_site` in `platforms/`."""

    platform: PlatformName

    def __init__(self, folder: Path, addresses: Sequence[str], chance: random.Random) -> None:
        self.folder = folder
        self.file = folder / "townhall.db"
        self.location: StoreLocation = self.file
        self.chance = chance
        self._bot = (self.platform, self.file, addresses, folder)
        self._environ = {"TOWNHALL_TEAM_FILE": str(folder / "townhall.toml")}
        self.process: BotProcess | BotPair = BotProcess(*self._bot, self._environ)
        self.crowd: Crowd[Any]

    def use_database(self, address: DatabaseAddress, suspend_every: int) -> BotPair:
        """Store in a database instead of a file, with two processes: one active, one standby. See `BotPair`."""
        self.location = address
        pair = BotPair(*self._bot, {**self._environ, "TOWNHALL_DATABASE": address.url}, suspend_every=suspend_every)
        self.process = pair
        return pair

    @abstractmethod
    def start_faults(self) -> None:
        """From now on the platform refuses, is busy, loses responses or is slow, now and then."""

    @abstractmethod
    def stop_faults(self) -> None:
        """The platform works from now on."""

    @abstractmethod
    def kill_points(self) -> Sequence[KillPoint]:
        """Points at which to kill, from the platform's requests."""

    @abstractmethod
    def until(self, condition: Callable[[], bool]) -> Awaitable[None]:
        """Wait until a condition holds, which is looked at after every change on the platform."""

    @abstractmethod
    def evidence(self) -> PlatformEvidence:
        """Messages on the platform at the end."""

    @abstractmethod
    def lines(self) -> Sequence[Line]:
        """Events on the platform, for the report of a failure."""

    def problems(self) -> list[str]:
        """Further checks of this platform; each problem in words."""
        return []


async def kill_and_judge(site: KillSite, model: ModelServer, player: TeamPlayer, kills: int) -> tuple[list[str], Evidence]:
    """Kill the bot so many times, let it finish, and judge what is left: the problems in words, and the evidence."""
    problems = []
    site.start_faults()
    async with site.process:
        loop = KillLoop(
            site.process, [*site.kill_points(), *model_points(model, site.chance)], site.chance, on_down=site.crowd.look
        )
        site.crowd.look()
        try:
            await loop.kill(kills)
            site.crowd.busy, player.healthy = False, True
            site.stop_faults()
            await loop.settle(lambda: site.until(lambda: site.crowd.satisfied))
        except (TimeoutError, AssertionError) as error:
            problems.append(f"it did not come to an end: {error!r}")
        await site.process.kill_and_wait()
    evidence = await gather(site.location, model.requests, site.evidence())
    return [*problems, *site.problems()], evidence


def write_report(site: KillSite, evidence: Evidence) -> str:
    """Write everything that happened into a file beside the bot's log; returns its end, in words."""
    kills = [Line(kill.at, "KILL", kill.moment) for kill in site.process.kills]
    logs = [line for run, log in evidence.logs.items() for line in log_lines(run, log)]
    whole = render_timeline(logs, site.lines(), kills)
    path = site.folder / "timeline.txt"
    path.write_text(whole, encoding="utf-8")
    return f"The timeline is in {path}, and the bot's log beside it. Its end:\n" + "\n".join(whole.splitlines()[-200:])
