"""Autocomplete for tests: a few models, two teams, one run."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_bridge.chat.adapter import ModelOption
from orchestrator_bridge.chat.inbound import Place

MODELS = (
    ModelOption(name="grok-4.3", about="$1.25 in, $2.50 out · 1M context", current=True),
    ModelOption(name="grok-4.1-fast", about="$0.20 in, $0.50 out · 2M context", warning="retired, grok-4.3 answers"),
    ModelOption(name="gpt-5", about="$1.25 in, $10 out · 400k context", usable=False),
)


class FixedAutocomplete:
    """Fixed choices; records the scopes for which models were requested."""

    def __init__(self, models: Sequence[ModelOption] = MODELS) -> None:
        self.scopes: list[str] = []
        self.broken = False
        self._models = models

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelOption]:
        self.scopes.append(scope)
        if self.broken:
            raise OSError("no catalogue")
        return [model for model in self._models if search.lower() in model.name][:limit]

    def teams(self, place: Place) -> Sequence[str]:
        return ("house", "review")

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        return ("architect", "skeptic")

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        return ((4, "Choose a queue"), (3, "Choose a database"))
