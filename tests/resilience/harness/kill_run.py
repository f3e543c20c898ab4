"""The kill harness: a bot is killed again and again while people and models go on, and at the end nothing may be missing.

    ordeal = Ordeal(victim, moments, chance)
    await ordeal.kill(50)        # so many lives and deaths
    await ordeal.settle(done)    # one more life, without trouble, until `done` has come; then it is told to end

It knows no platform. What another one (Discord, Slack, an MCP server) brings along:

- a module that is the bot, like `bot_process.py`: `raise_bots` with its adapters, which point at a local server;
- people who act on that server, like `crowd.py`; `on_down` lets them act while the bot is down;
- moments: things at which to kill, like those of `moments.py`. A `Moment` arms something that calls `kill` as it happens, such
  as a server's `watch`; one that does not happen in time ends in a kill all the same. Lives that end while the bot starts, or
  after any time, need no platform and are mixed in;
- `Evidence` for `verdict.judge`: `gather` reads the store; the platform's view of what bots posted and people wrote is given to
  it as `Seen`. Whatever else a platform promises is a check of its own, passed to `judge`.

`test_kill.py` puts it all together for the fake platform and tells the whole story when something is wrong.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.resilience.harness.process import Victim

LONGEST_LIFE = 1.0
"""Seconds that a bot lives at most before it is killed."""
SETTLES_IN = 60.0
"""Seconds after which a bot that is left in peace must have done everything."""

Kill = Callable[[str], None]
"""Kills the bot at a stroke; the text names the moment."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment to kill at. `arm` prepares it when the bot has been started, and `disarm` is called when it is dead."""

    name: str
    arm: Callable[[Kill], None]
    disarm: Callable[[], None] = lambda: None


class Ordeal:
    """Kills a victim at many moments. `weight` is how often moments are chosen over mere random times, from 0 to 1."""

    def __init__(
        self,
        victim: Victim,
        moments: Sequence[Moment],
        chance: random.Random,
        *,
        on_down: Callable[[], None] = lambda: None,
        weight: float = 0.6,
    ) -> None:
        self.victim = victim
        self._moments = moments
        self._chance = chance
        self._on_down = on_down
        self._weight = weight

    async def kill(self, times: int) -> None:
        """Let it live and die so many times."""
        for _ in range(times):
            await self._live_and_die()

    async def settle(self, done: Callable[[], Awaitable[None]]) -> None:
        """Leave it in peace until `done` has come, then tell it to end.

        Raises:
            TimeoutError: it did not come to rest.
        """
        await self.victim.start()
        await self.victim.ready()
        async with asyncio.timeout(SETTLES_IN):
            await done()
            status = await self.victim.end()
        assert status == 0, f"the bot ended with status {status}"

    async def _live_and_die(self) -> None:
        await self.victim.start()
        if self._chance.random() < self._weight:
            await self._die_at(self._chance.choice(self._moments))
        elif self._chance.random() < 0.3:
            await self._die_after(self._chance.uniform(0, 0.2), "while starting")
        else:
            await self.victim.ready()
            await self._die_after(self._chance.uniform(0, LONGEST_LIFE), "after ready")
        status = await self.victim.ended()
        assert status == -9, f"the bot ended by itself, with status {status}"
        self._on_down()

    async def _die_at(self, moment: Moment) -> None:
        """Arm the moment before the bot is ready: recovery has moments too."""
        killed = asyncio.Event()

        def kill(how: str) -> None:
            self.victim.kill(how)
            killed.set()

        moment.arm(kill)
        try:
            async with asyncio.timeout(LONGEST_LIFE):
                await killed.wait()
        except TimeoutError:
            self.victim.kill(f"in vain for {moment.name}")
        finally:
            moment.disarm()

    async def _die_after(self, seconds: float, how: str) -> None:
        """Time passes here because time is what is tried: any moment of a life, chosen blindly."""
        await asyncio.sleep(seconds)
        self.victim.kill(f"{how}, {seconds:.3f} s")
