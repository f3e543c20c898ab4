"""What pickers show while somebody types: at most 25 lines of 100 characters, the beginning of which is what a phone shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from discord import app_commands

from adapters.discord.escape import plain_line
from orchestrator_bridge.menu import ModelOption

MAX_CHOICES = 25
MAX_CHOICE = 100
"""Discord's limits for choices, and for a choice's name and value."""

Choice = app_commands.Choice[str]
THIS_CHANNEL = "this channel"


def model_choices(found: Sequence[ModelOption]) -> list[Choice]:
    """Models: the name, whether it is the one in use, what speaks against it, its price and context."""
    return [
        Choice(name=plain_line(_model_label(one), MAX_CHOICE), value=one.name) for one in found if len(one.name) <= MAX_CHOICE
    ][:MAX_CHOICES]


def _model_label(one: ModelOption) -> str:
    current = "✓ " if one.current else ""
    unusable = "no key" if not one.usable and not one.warning else ""
    return " · ".join(part for part in (f"{current}{one.name}", one.warning or unusable, one.about) if part)


def name_choices(found: Iterable[str], search: str) -> list[Choice]:
    """Names with what was typed in any part of them."""
    wanted = search.casefold().strip()
    fitting = [name for name in found if wanted in name.casefold() and len(name) <= MAX_CHOICE]
    return [Choice(name=name, value=name) for name in fitting[:MAX_CHOICES]]


def run_choices(found: Sequence[tuple[int, str]], search: str) -> list[Choice]:
    """Runs by number and task."""
    lines = [(str(number), plain_line(f"{number} · {task}", MAX_CHOICE)) for number, task in found]
    return [Choice(name=line, value=number) for number, line in lines if search.casefold() in line.casefold()][:MAX_CHOICES]


def scope_choices(teams: Iterable[str], agents: Iterable[str], search: str) -> list[Choice]:
    """What a model can be picked for. The values are `channel`, `team:docs`, `agent:skeptic`."""
    every = [(THIS_CHANNEL, "channel"), *((f"team {one}", f"team:{one}") for one in teams)]
    every += [(f"agent {one}", f"agent:{one}") for one in agents]
    wanted = search.casefold().strip()
    return [Choice(name=name, value=value) for name, value in every if wanted in name.casefold() and len(value) <= MAX_CHOICE][
        :MAX_CHOICES
    ]


def scope_name(scope: str) -> str:
    """The scope as a menu knows it: empty for the channel, else the name of the team or the agent."""
    return "" if scope in ("", "channel", THIS_CHANNEL) else scope.partition(":")[2] or scope
