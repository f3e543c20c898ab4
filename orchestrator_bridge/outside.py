"""An agent outside, such as a coding agent in an editor, that came in with a token."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
LONGEST_NAME = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalAgent:
    """Through whom a run came: the `agent` of the token with this name.

    `asks`: the run is made of that agent's questions alone, and the agent is a guest in it. `wish` tells apart what was wanted:
    the same wish of the same token is carried out once.
    """

    token: str
    agent: str
    asks: bool = False
    wish: str = ""

    @property
    def title(self) -> str:
        """Who that is, for people."""
        return f"{self.agent} (outside, token {self.token})"


def agent_name(given: str, taken: frozenset[str] = frozenset()) -> str:
    """What a client calls itself as a name that agents can have, and that none of the team (`taken`) has: `Claude Code` is
    `claude-code`."""
    name = _NOT_IN_NAMES.sub("-", given.casefold()).strip("-")[:LONGEST_NAME].strip("-") or "agent"
    return name if name not in taken else f"{name[: LONGEST_NAME - 8].rstrip('-')}-outside"
