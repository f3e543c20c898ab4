"""Where an agent outside may ask, on whose behalf, and of which team: its token's terms, as the team file now is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from adapters.terminal.adapter import TERMINAL_PLACE
from bot.outside.book import AccessToken
from orchestrator_bridge.chat import Author, Place
from orchestrator_bridge.outside import ExternalAgent, agent_name
from orchestrator_bridge.people import Directory, UnknownName
from orchestrator_bridge.team import Team


class ToolCallDenied(Exception):
    """What an agent outside wants cannot be done. The text says why, and what to do, in words for the agent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class McpClient:
    """Who calls a tool: the token, and what its client calls itself."""

    access_token: AccessToken
    client: str

    @property
    def token(self) -> str:
        """The name of the token."""
        return self.access_token.token

    def to_external_agent(self, team: Team, wish: str = "") -> ExternalAgent:
        """The agent among those of a team."""
        return ExternalAgent(
            token=self.token, agent=agent_name(self.client, frozenset(one.name for one in team.agents)), wish=wish
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestScope:
    """Of which team, where, and on whose behalf something is wanted."""

    team: Team
    place: Place
    by: Author


def parse_channel(channel: str) -> Place:
    """The place of `slack/C0123ABCD`, or of `terminal`."""
    platform, _, name = channel.partition("/")
    return TERMINAL_PLACE if platform == TERMINAL_PLACE.platform else Place(platform=platform, channel=name)


def resolve_channel(caller: McpClient, wanted: str | None, platforms: Collection[str]) -> Place:
    """The channel that was named, or the token's first.

    Raises:
        ToolCallDenied: the token is not for this channel, or its platform is not set up.
    """
    allowed = caller.access_token.scope.channels
    meant = [one for one in allowed if wanted in (None, one, one.partition("/")[2])]
    if not meant:
        raise ToolCallDenied(f"Your token {caller.token} is not for the channel {wanted!r}; it is for {', '.join(allowed)}.")
    place = parse_channel(meant[0])
    if place.platform not in platforms:
        raise ToolCallDenied(
            f"The bot is not on {place.platform}, so nobody can be asked in {meant[0]}. Whoever runs it can set it up."
        )
    return place


def resolve_person(caller: McpClient, place: Place, directory: Directory) -> Author:
    """The person on whose behalf the agent asks, as the place's platform knows her.

    Raises:
        ToolCallDenied: she is not known there (any more).
    """
    person = caller.access_token.scope.person
    if person is None:
        return Author(platform=place.platform, id="you", name="you")
    nobody = Author(platform=place.platform, id="", name="")
    try:
        found = directory.audience((f"@{person}",), place=place, by=nobody, agents=())
    except UnknownName as error:
        raise ToolCallDenied(f"Your token {caller.token} asks on behalf of @{person}. {error}") from error
    if not found.people:
        raise ToolCallDenied(f"Your token asks on behalf of @{person}, who has no id on {place.platform} in the team file.")
    return found.people[0].author
