"""What pickers show while somebody types: at most 25 lines of 100 characters, the beginning of which is what a phone shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from discord import app_commands

from adapters.discord.escape import unformatted
from orchestrator_bridge.menu import ModelOption

MOST = 25
LINE = 100
"""Discord's limits for choices, and for a choice's name and value."""

Choice = app_commands.Choice[str]
HERE = "this channel"


def models(found: Sequence[ModelOption]) -> list[Choice]:
    """Models: the name, whether it is the one in use, what speaks against it, its price and context."""
    return [Choice(name=unformatted(_label(one), LINE), value=one.name) for one in found if len(one.name) <= LINE][:MOST]


def _label(one: ModelOption) -> str:
    current = "✓ " if one.current else ""
    unusable = "no key" if not one.usable and not one.warning else ""
    return " · ".join(part for part in (f"{current}{one.name}", one.warning or unusable, one.about) if part)


def names(found: Iterable[str], search: str) -> list[Choice]:
    """Names with what was typed in any part of them."""
    wanted = search.casefold().strip()
    fitting = [name for name in found if wanted in name.casefold() and len(name) <= LINE]
    return [Choice(name=name, value=name) for name in fitting[:MOST]]


def runs(found: Sequence[tuple[int, str]], search: str) -> list[Choice]:
    """Runs by number and task."""
    lines = [(str(number), unformatted(f"{number} · {task}", LINE)) for number, task in found]
    return [Choice(name=line, value=number) for number, line in lines if search.casefold() in line.casefold()][:MOST]


def scopes(teams: Iterable[str], agents: Iterable[str], search: str) -> list[Choice]:
    """What a model can be picked for. The values are `channel`, `team:docs`, `agent:skeptic`."""
    every = [(HERE, "channel"), *((f"team {one}", f"team:{one}") for one in teams)]
    every += [(f"agent {one}", f"agent:{one}") for one in agents]
    wanted = search.casefold().strip()
    return [Choice(name=name, value=value) for name, value in every if wanted in name.casefold() and len(value) <= LINE][:MOST]


def scope_name(scope: str) -> str:
    """The scope as a menu knows it: empty for the channel, else the name of the team or the agent."""
    return "" if scope in ("", "channel", HERE) else scope.partition(":")[2] or scope
