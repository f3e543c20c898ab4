"""What Townhall knows about models: who serves them, at which address and price, with which limits, and for how long.

A name is one of:

- an entry of the team file: `[models.<name>]`, an endpoint or facts of one's own;
- a friendly name of our own list, or any other spelling of it: `grok-4.1-fast`, `x-ai/grok-4.1-fast`, `gpt-5.4-mini`;
- `provider/model`, where the rest is the provider's own id: `xai/grok-4.3`, `openrouter/x-ai/grok-4.3`, `scripted/demo`;
- a name that is not listed but tells its vendor by its beginning: `gpt-…`, `claude-…`, `gemini-…`.

What is known of a route comes from its provider (`providers`), from LiteLLM's map (`bundled`), from our own dated list
(`entries`, `data/*.toml`) and from the team file, in this order.
"""

from orchestrator_bridge.model.catalogue.providers import OWN, PROVIDERS, SCRIPTED, Provider
from orchestrator_bridge.model.catalogue.resolve import UnknownModelName, is_configured, replacement_route, resolve
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
    "served_model_notice",
]
