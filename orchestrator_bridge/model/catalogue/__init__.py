"""What Townhall knows about models: who serves them, at which address and price, with which limits, and for how long.

A name is one of:

- an entry of the team file: `[models.<name>]`, an endpoint or a price of one's own;
- `provider/model`, where the rest is the provider's own id: `xai/grok-4.3`, `openrouter/x-ai/grok-4.3`, `scripted/demo`;
- a bare name whose beginning tells the provider: `grok-4.1-fast`, `gpt-5`, `o3`.
"""

from orchestrator_bridge.model.catalogue.providers import OWN, PROVIDERS, SCRIPTED, Provider
from orchestrator_bridge.model.catalogue.resolve import UnknownModelName, resolve
from orchestrator_bridge.model.catalogue.route import Client, Lifecycle, LimitName, Route
from orchestrator_bridge.model.catalogue.served import price_of

__all__ = [
    "OWN",
    "PROVIDERS",
    "SCRIPTED",
    "Client",
    "Lifecycle",
    "LimitName",
    "Provider",
    "Route",
    "UnknownModelName",
    "price_of",
    "resolve",
]
