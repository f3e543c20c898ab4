"""A platform that is a list and says who can see what."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator_bridge.chat.adapter import Membership, Standing
from orchestrator_bridge.chat.inbound import Author, Place
from tests.support.running_engine import ListPlatform


@dataclass
class KnowingPlatform(ListPlatform):
    """A platform with the people who see each channel. `trouble` is raised by every look-up while it is set."""

    memberships: dict[str, Membership] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)
    unserved: set[str] = field(default_factory=set)
    trouble: Exception | None = None

    async def standing(self, person: Author, place: Place) -> Standing:
        if self.trouble is not None:
            raise self.trouble
        sees = place.channel == f"@{person.id}" or person.id in self.seen.get(place.channel, ())
        membership = self.memberships.get(person.id, "member")
        return Standing(membership=membership, sees=sees, served=place.channel not in self.unserved)
