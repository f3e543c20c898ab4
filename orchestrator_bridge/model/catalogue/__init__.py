"""Catalogue of models: hosts, addresses, prices, limits and lifecycles.

A model name is one of these:

- an entry of the team file, `[models.<name>]`: an endpoint of its own, or other facts about a known model;
- a friendly name of our list or another spelling of it: `grok-4.1-fast`, `x-ai/grok-4.1-fast`, `gpt-5.4-mini`;
- `provider/model` with the provider's own id: `xai/grok-4.3`, `openrouter/x-ai/grok-4.3`, `scripted/demo`;
- an unlisted name whose prefix identifies the vendor: `gpt-...`, `claude-...`, `gemini-...`.

Facts about a route come from its provider (`providers`), LiteLLM's price map (`sources`), the prices of genai-prices
(`dated_prices`), our own dated list (`sources`), and the team file. A later source overrides an earlier one.
"""

from orchestrator_bridge.model.catalogue.providers import OWN, PROVIDERS, SCRIPTED, Provider
from orchestrator_bridge.model.catalogue.resolve import (
    UnknownModelName,
    is_configured,
    replacement_route,
    resolve,
    resolve_all,
    similar_names,
)
from orchestrator_bridge.model.catalogue.route import (
    Client,
    Lifecycle,
    LifecycleStage,
    LimitName,
    Route,
    lifecycle_badge,
    lifecycle_notice,
    lifecycle_stage,
)
from orchestrator_bridge.model.catalogue.served import price_of, served_model_notice

__all__ = [
    "OWN",
    "PROVIDERS",
    "SCRIPTED",
    "Client",
    "Lifecycle",
    "LifecycleStage",
    "LimitName",
    "Provider",
    "Route",
    "UnknownModelName",
    "is_configured",
    "lifecycle_badge",
    "lifecycle_notice",
    "lifecycle_stage",
    "price_of",
    "replacement_route",
    "resolve",
    "resolve_all",
    "served_model_notice",
    "similar_names",
]
