"""Facts about models as TOML files state them: our own lists, and `[models.<name>]` of a team file. A missing fact is unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.common.validation import Integer

Rate = Annotated[Decimal, Field(ge=0)]
Tokens = Annotated[Integer, Field(ge=1)]


class TierFacts(Value):
    """Rates, in US dollars per million tokens, of a whole request whose prompt has more than `above` tokens."""

    above: Tokens
    input: Rate
    cached_input: Rate | None = None
    cache_write: Rate | None = None
    output: Rate


class ModelFacts(Value):
    """Facts about a model: rates in US dollars per million tokens, sizes in tokens."""

    input: Rate | None = None
    cached_input: Rate | None = None
    cache_write: Rate | None = None
    output: Rate | None = None
    tiers: tuple[TierFacts, ...] | None = None
    context: Tokens | None = None
    max_output: Tokens | None = None
    tools: bool | None = None
    vision: bool | None = None
    efforts: tuple[str, ...] | None = None
    accepts: tuple[str, ...] | None = None
    requests_per_minute: Annotated[Integer, Field(ge=1)] | None = None
    tokens_per_minute: Tokens | None = None
    retires_on: date | None = None
    answered_by: str | None = None


class ModelSpec(ModelFacts):
    """Model of the team file: an OpenAI-compatible endpoint, or other facts about a model of the catalogue.

    Without `base_url` it is an alias of the catalogue's model `id`, with the facts given here.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")] | None = None
    key_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    """Environment variable of the API key; None for an endpoint that needs none."""
    id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The endpoint's id of the model; the table's name if missing."""


class HostEntry(ModelFacts):
    """A model at one host, in our own list. `also` are other ids of it there; `source` is the origin of the facts."""

    provider: str
    id: str
    also: tuple[str, ...] = ()
    map_key: str = ""
    """Its key in LiteLLM's price map, if not provider and id; `none` if the map is wrong about it."""
    effort: str = ""
    """Reasoning effort to send if the agent sets none: some names are a host's model at a certain effort."""
    source: str = ""
    as_of: date | None = None
    released: date | None = None
    answered_effort: str = ""
    note: str = ""


class ModelEntry(Value):
    """A model of our own list: its use in a few words, other spellings of its name, and its hosts, best first."""

    about: str = ""
    also: tuple[str, ...] = ()
    old: bool = False
    """True for a model that is listed only so that its name is understood."""
    hosts: Annotated[tuple[HostEntry, ...], Field(min_length=1)]
