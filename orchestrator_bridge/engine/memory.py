"""The memory of decisions, as people and runs can see it: only where they could have seen the decision's thread.

The store narrows decisions down to a scope: a channel, and what its server shares. A decision from another channel is then
checked anew: the channel can have become private since, and not every member of a workspace sees every channel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.chat.adapter import ChannelReach
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.engine.authority import HIGHEST_NUMBER, Actor, Authority
from orchestrator_bridge.engine.platforms import Platforms
from orchestrator_bridge.question.decisions import Decision, DecisionScope, Recollection, matching_decisions, search_words
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run.decide import AskQuestion
from orchestrator_bridge.run.records import DecisionSuperseded
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Store, StoreError
from orchestrator_bridge.team.authority import Act, Verdict

_LOG = logging.getLogger(__name__)

EXTRA = 4
"""Times the decisions wanted that are looked up, because some may turn out not to be visible."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionMemory:
    """Looks up decisions for people and for runs."""

    store: Store
    authority: Authority
    platforms: Platforms
    clock: Clock

    async def recall(self, words: str, actor: Actor, limit: int) -> Sequence[Decision]:
        """The decisions with these words that a person can see from where they are, newest valid first.

        Raises:
            StoreError: the store cannot be read.
        """
        reach = await self.platforms.reach(actor.here)
        scope = DecisionScope(place=actor.here, server=reach.server)
        found = await self.store.decisions(words, limit * EXTRA, scope)
        places = {decision.place.channel: decision.place for decision in found}
        seen = await asyncio.gather(*(self._sees(actor, place) for place in places.values()))
        visible = {channel for channel, sees in zip(places, seen, strict=True) if sees}
        return [decision for decision in found if decision.place.channel in visible][:limit]

    async def find(self, number: int, actor: Actor) -> Decision | None:
        """A decision by its number; None if there is none, or if the person cannot see it.

        Raises:
            StoreError: the store cannot be read.
        """
        decision = await self.store.decision(number) if 0 < number < HIGHEST_NUMBER else None
        if decision is None:
            return None
        own = (decision.place.platform, decision.place.channel) == (actor.here.platform, actor.here.channel)
        seen = own or await self.authority.in_place(Act.SEE_DECISION, actor, decision.place) is Verdict.ALLOWED
        return decision if seen else None

    async def supersede(self, old: Decision, new: Decision) -> None:
        """Replace a decision by another one, at a person's word.

        Raises:
            StoreError: the store cannot be written.
        """
        await self.store.append(rows=[DecisionSuperseded(decision=old.decision, by=new.decision)])

    async def before_asking(self, state: RunState, action: AskQuestion) -> Recollection:
        """The decisions that matter to an ask of a run: the one that it names, or those that resemble it and may be offered.

        Memory is a help and no condition: if it cannot be read, people are asked.
        """
        try:
            reach = await self.platforms.reach(state.place) if state.team.memory == "workspace" else ChannelReach()
            scope = DecisionScope(place=state.place, server=reach.server)
            found = await self._valid(state, action.ask, scope)
            visible = [decision for decision in found if await self._run_sees(scope, decision)]
        except StoreError as error:
            _LOG.error("run %s asks without looking up earlier decisions: %s", state.run, error)
            return Recollection()
        return Recollection(decisions=tuple(visible), shared_with=reach.server if reach.public else "")

    async def _valid(self, state: RunState, ask: Ask, scope: DecisionScope) -> Sequence[Decision]:
        """The decisions in the scope that hold and are young enough."""
        since = self.clock.now() - state.team.memory_max_age
        named = ask.refers_to if ask.settled_by is None else ask.settled_by
        if named is None:
            candidates = await self.store.similar_decisions(search_words(ask), scope, since)
            return matching_decisions(ask, candidates, agents_alone=True, limit=len(candidates))
        decision = await self.store.decision(named) if 0 < named < HIGHEST_NUMBER else None
        holds = decision is not None and decision.offered and decision.superseded_by is None
        return [decision] if decision and holds and decision.at >= since and scope.sees(decision) else []

    async def _run_sees(self, scope: DecisionScope, decision: Decision) -> bool:
        """Check anew that a decision of another channel is from a public one of the same server."""
        if decision.place.channel == scope.place.channel:
            return True
        reach = await self.platforms.reach(decision.place)
        return reach.public and reach.server == scope.server

    async def _sees(self, actor: Actor, place: Place) -> bool:
        # The command's own place was judged before the command was carried out.
        if (place.platform, place.channel) == (actor.here.platform, actor.here.channel):
            return True
        if not (await self.platforms.reach(place)).public:
            return False
        return await self.authority.in_place(Act.SEE_DECISION, actor, place) is Verdict.ALLOWED
