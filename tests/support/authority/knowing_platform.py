"""A platform that is a list and says who can see what."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator_bridge.chat.adapter import ChannelReach, Membership, Standing
from orchestrator_bridge.chat.inbound import Author, Place
from tests.support.running_engine import ListPlatform


@dataclass
class KnowingPlatform(ListPlatform):
    """A platform with the people who see each channel, and the channels that everybody sees.

    `trouble` is raised by every look-up while it is set.
    """

    memberships: dict[str, Membership] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)
    public: set[str] = field(default_factory=set)
    unserved: set[str] = field(default_factory=set)
    trouble: Exception | None = None

    async def standing(self, person: Author, place: Place) -> Standing:
        if self.trouble is not None:
            raise self.trouble
        sees = place.channel == f"@{person.id}" or person.id in self.seen.get(place.channel, ())
        membership = self.memberships.get(person.id, "member")
        return Standing(membership=membership, sees=sees, served=place.channel not in self.unserved)

    async def reach(self, place: Place) -> ChannelReach:
        if self.trouble is not None:
            raise self.trouble
        return ChannelReach(server="S1", public=place.channel in self.public)

    def message_url(self, place: Place, message: str) -> str:
        return f"https://chat.example/{place.channel}/{message}"
