"""What a start says first: who works here, whether they are real, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue import SCRIPTED
from orchestrator_bridge.text import listed

if TYPE_CHECKING:
    from bot.start import Start
    from orchestrator_bridge.team import Team

_NOT_YET = ("discord_token", "slack_bot_token")


def welcome(start: Start) -> str:
    """A few lines for the person at the terminal."""
    team = start.team_file.team()
    who = listed([agent.name for agent in team.agents])
    lines = [f"Townhall: team {team.name} ({who}) on this terminal. Type a task, or /help."]
    if _is_scripted(team):
        lines.append(
            "These agents are played from a script; no model is called. For real ones: copy .env.example to .env, put a key"
        )
        lines.append("into it, such as XAI_API_KEY, and name models in townhall.toml. `townhall doctor` checks both.")
    if tokens := [name.upper() for name in _NOT_YET if getattr(start.settings, name) is not None]:
        lines.append(f"{listed(tokens)} is set, but this release speaks on the terminal only.")
    return "\n".join(lines)


def _is_scripted(team: Team) -> bool:
    return any(agent.model.startswith(f"{SCRIPTED}/") for agent in team.agents)
