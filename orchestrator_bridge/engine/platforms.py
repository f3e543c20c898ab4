"""The connected chat platforms: start and stop, private replies, members of groups."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from orchestrator_bridge.chat.adapter import Adapter, ChannelReach, NotSent, SupportsReach
from orchestrator_bridge.chat.inbound import Author, InboundEvent, InboundHandler, Place
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock, sleep_until

_LOG = logging.getLogger(__name__)

REACH_TIMEOUT = 5.0
"""Seconds in which a platform must say who can see a channel; a question is not posted before."""

RECONNECT_DELAY = 10.0
"""Seconds before a platform that could not be reached is tried again, unless it named a time itself."""


class Platforms:
    """The adapters by the names of their platforms."""

    def __init__(self, adapters: Sequence[Adapter], clock: Clock, tasks: BackgroundTasks) -> None:
        self.by_name: Mapping[str, Adapter] = {adapter.platform: adapter for adapter in adapters}
        self._clock = clock
        self._tasks = tasks

    async def start(self, on_event: InboundHandler) -> None:
        """Connect every platform. One that cannot be reached is tried again in the background and delays no other."""
        for adapter in self.by_name.values():
            await self._connect(adapter, on_event)

    async def _connect(self, adapter: Adapter, on_event: InboundHandler) -> None:
        try:
            await adapter.start(on_event)
        except NotSent as error:
            _LOG.error("%s cannot be reached and is tried again: %s", adapter.platform, error)
            self._tasks.start(self._connect_later(adapter, on_event, error.retry_after or RECONNECT_DELAY))

    async def _connect_later(self, adapter: Adapter, on_event: InboundHandler, delay: float) -> None:
        await sleep_until(self._clock, self._clock.now() + delay)
        await self._connect(adapter, on_event)

    async def stop(self) -> None:
        """Disconnect every platform; a failure of one does not keep the others connected."""
        async with AsyncExitStack() as stack:
            for adapter in self.by_name.values():
                stack.push_async_callback(adapter.stop)

    def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Send a reply that only the author of an event sees. Best effort: it is neither stored nor sent again."""
        adapter = self.by_name.get(event.place.platform)
        if adapter is not None:
            self._tasks.start(adapter.reply_privately(event, reply))

    def redelivers(self, platform: str) -> bool:
        """True if a platform passes on a message again that could not be stored."""
        adapter = self.by_name.get(platform)
        return adapter is not None and adapter.capabilities.redelivers

    async def reach(self, place: Place) -> ChannelReach:
        """The server of a place's channel and if all its members can see it. What a platform does not say in time is private."""
        adapter = self.by_name.get(place.platform)
        if not isinstance(adapter, SupportsReach):
            return ChannelReach()
        try:
            async with asyncio.timeout(REACH_TIMEOUT):
                return await adapter.reach(place)
        except TimeoutError:
            _LOG.error("%s did not say in time who can see channel %s, so it counts as private", place.platform, place.channel)
        except Exception:
            _LOG.exception("%s could not be asked who can see channel %s, so it counts as private", place.platform, place.channel)
        return ChannelReach()

    def members(self, platform: str, group: str) -> Sequence[Author] | None:
        """The members of a platform's group or channel; None if they are not known."""
        adapter = self.by_name.get(platform)
        return adapter.members(group) if adapter else None
