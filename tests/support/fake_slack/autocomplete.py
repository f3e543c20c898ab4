"""Autocomplete with fixed choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator_bridge.chat.adapter import ModelOption
from orchestrator_bridge.chat.inbound import Place

MODELS = (
    ModelOption(name="grok-4.3", about="$1.25 in, $2.50 out, 1M context"),
    ModelOption(name="grok-4.1-fast", about="$1.25 in, $2.50 out", warning="retired: grok-4.3 answers"),
    ModelOption(name="gpt-9", about="$10 in, $40 out", usable=False),
)


class FixedAutocomplete:
    """Three models, two teams, two agents. `current` is the selected model by scope."""

    def __init__(self) -> None:
        self.current = {"": "grok-4.3", "docs": "gpt-9"}

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelOption]:
        found = [replace(model, current=self.current.get(scope) == model.name) for model in MODELS if search in model.name]
        return found[:limit]

    def teams(self, place: Place) -> Sequence[str]:
        return ("house", "docs")

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        return ("architect", "skeptic")

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        return ((3, "Choose a database"),)
