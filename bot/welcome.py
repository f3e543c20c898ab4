"""What a start says first: who works here, whether they are real, and what is still missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model_list import used_models
from bot.platforms import platform_names
from orchestrator_bridge.model.catalogue import SCRIPTED
from orchestrator_bridge.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.start import LoadedConfig
    from orchestrator_bridge.team import Team


def startup_summary(start: LoadedConfig) -> str:
    """A few lines for the person at the terminal."""
    team = start.team_file.team()
    who = listed([agent.name for agent in team.agents])
    platforms = platform_names(start)
    where = f"on {listed(platforms)}. Ctrl-C stops it." if platforms else "on this terminal. Type a task, or /help."
    return "\n".join([f"Townhall: team {team.name} ({who}) {where}", *_remarks(start, team)])


def _remarks(start: LoadedConfig, team: Team) -> Iterator[str]:
    if any(agent.model.startswith(f"{SCRIPTED}/") for agent in team.agents):
        yield "These agents are played from a script; no model is called. " + _real_models_hint(start)
    for model in used_models(start):
        if model.default_team and model.key == "missing":
            yield f"{model.route.key_env} is not set, so {model.route.name} cannot be called: put it into .env."


def _real_models_hint(start: LoadedConfig) -> str:
    if keys := [name for name in start.settings.set_secrets() if name.endswith("_API_KEY")]:
        return f"For real ones name models in townhall.toml; {listed(keys)} is set."
    return "For real ones put a key such as XAI_API_KEY into .env (see .env.example) and name models in townhall.toml."
