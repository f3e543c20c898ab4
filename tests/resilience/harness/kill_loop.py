"""The kill loop: a bot is killed again and again while people and models go on, and at the end nothing may be missing.

    loop = KillLoop(process, points, random)
    await loop.kill(50)          # so many starts and kills
    await loop.settle(done)      # one more start, without faults, until `done` returns; then the bot is told to end

It knows no platform. `platforms/` brings what each one needs: its local server with faults, the people (a `Crowd`), the points at
which to kill, and its part of the evidence for `checks.judge`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.resilience.harness.bot_pair import BotPair
from tests.resilience.harness.process import BotProcess

LONGEST_LIFE = 1.0
"""Seconds that a bot lives at most before it is killed."""
SETTLES_IN = 60.0
"""Seconds within which an undisturbed bot must finish everything."""

KillNow = Callable[[str], None]
"""Kills the bot at once; the text names the moment."""


@dataclass(frozen=True, slots=True)
class KillPoint:
    """A moment to kill at. `arm` prepares it when the bot has been started, and `disarm` is called when it is dead."""

    name: str
    arm: Callable[[KillNow], None]
    disarm: Callable[[], None] = lambda: None


class KillLoop:
    """Kills a bot at many moments. `weight`, from 0 to 1: how often a kill point is chosen instead of a random time."""

    def __init__(
        self,
        process: BotProcess | BotPair,
        points: Sequence[KillPoint],
        chance: random.Random,
        *,
        on_down: Callable[[], None] = lambda: None,
        weight: float = 0.6,
    ) -> None:
        self.process = process
        self._points = points
        self._chance = chance
        self._on_down = on_down
        self._weight = weight

    async def kill(self, times: int) -> None:
        """Start and kill the bot so many times."""
        for _ in range(times):
            await self._start_and_kill()

    async def settle(self, done: Callable[[], Awaitable[None]]) -> None:
        """Leave the bot alone until `done` returns, then tell it to end.

        Raises:
            TimeoutError: it did not finish.
        """
        await self.process.start()
        await self.process.wait_ready()
        async with asyncio.timeout(SETTLES_IN):
            await done()
            status = await self.process.terminate()
        assert status == 0, f"the bot ended with status {status}"

    async def _start_and_kill(self) -> None:
        await self.process.start()
        if self._chance.random() < self._weight:
            await self._kill_at(self._chance.choice(self._points))
        elif self._chance.random() < 0.3:
            await self._kill_after(self._chance.uniform(0, 0.2), "while starting")
        else:
            await self.process.wait_ready()
            await self._kill_after(self._chance.uniform(0, LONGEST_LIFE), "after ready")
        status = await self.process.wait_ended()
        assert status == -9, f"the bot ended by itself, with status {status}"
        self._on_down()

    async def _kill_at(self, point: KillPoint) -> None:
        """Arm the point before the bot is ready: recovery has such moments too."""
        killed = asyncio.Event()

        def kill_now(moment: str) -> None:
            self.process.kill(moment)
            killed.set()

        point.arm(kill_now)
        try:
            async with asyncio.timeout(LONGEST_LIFE):
                await killed.wait()
        except TimeoutError:
            self.process.kill(f"waited in vain for {point.name}")
        finally:
            point.disarm()

    async def _kill_after(self, seconds: float, moment: str) -> None:
        """Kill at a blindly chosen time. Here time itself is the input under test, not something that is waited for."""
        await asyncio.sleep(seconds)
        self.process.kill(f"{moment}, {seconds:.3f} s")
