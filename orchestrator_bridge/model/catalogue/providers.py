"""Table of providers: addresses, required settings, client, and accepted parameters.

OpenAI-compatible providers are called through `openai`, all others through `litellm` under LiteLLM's name for the provider.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from orchestrator_bridge.model.catalogue.route import Api, Client, LimitName, Route

SCRIPTED = "scripted"
OWN = "own"

_ALWAYS = ("parallel_tool_calls", "reasoning_effort", "response_format", "tool_choice")
_SAMPLING = ("frequency_penalty", "presence_penalty", "seed", "stop", "temperature", "top_p")


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """Host of models. `name` is its prefix in `provider/model`, `title` its name for people."""

    name: str
    title: str
    base_url: str = ""
    """Address of its API; empty if LiteLLM knows it or if it differs between accounts."""
    key_env: str | None = None
    also_needs: tuple[str, ...] = ()
    """Required settings beside the key."""
    prefixes: tuple[str, ...] = ()
    """Prefixes of its models' names."""
    suggested: str = ""
    """Model that `townhall init` suggests: current, with tools, and neither the cheapest nor the most expensive."""
    client: Client = "openai"
    litellm_prefix: str = ""
    """Prefix of its ids in LiteLLM; the provider's name if empty."""
    bare_in_map: bool = False
    """True if LiteLLM's price map lists its models without the provider's prefix."""
    extra: str | None = None
    """Optional extra of this package that it needs."""
    chat_only: str | None = None
    """Pattern of the ids that are called through chat completions; all others through Responses. None: it has no Responses."""
    limit_name: LimitName = "max_completion_tokens"
    accepts: tuple[str, ...] = _ALWAYS
    """Parameters that its models accept, each if the model has the ability."""
    sampling: tuple[str, ...] = _SAMPLING
    """Sampling parameters that its models accept."""
    samples_while_reasoning: bool = True
    """True if its reasoning models accept the sampling parameters too."""
    tiers_reach: bool = False
    """True if the higher rates of long prompts begin at the bound itself, not one token above it."""
    any_model: bool = False
    """True if its owner installs models there, under any name."""

    def api(self, model: str) -> Api:
        """Format in which one of its models is called."""
        return "chat_completions" if self.chat_only is None or re.match(self.chat_only, model) else "responses"

    @property
    def needs(self) -> tuple[str, ...]:
        """All required settings."""
        return (self.key_env, *self.also_needs) if self.key_env else self.also_needs

    def litellm_name(self, model: str) -> str:
        """Name of one of its models in LiteLLM."""
        return f"{self.litellm_prefix or self.name}/{model}"

    def map_key(self, model: str) -> str:
        """Key of one of its models in LiteLLM's price map."""
        return model if self.bare_in_map else self.litellm_name(model)


_XAI = Provider(
    name="xai",
    title="xAI",
    base_url="https://api.x.ai/v1",
    key_env="XAI_API_KEY",
    suggested="grok-4.3",
    prefixes=("grok",),
    # docs.x.ai, best practices: Responses for models that reason; chat completions is deprecated and returns no reasoning.
    chat_only=r".*non-reasoning",
    # Its reasoning models answer 400 to presence_penalty, frequency_penalty and stop, and all its models reason since Grok 4.
    sampling=("seed", "temperature", "top_p"),
    # docs.x.ai, models: "requests whose prompt reaches 200k tokens"
    tiers_reach=True,
)
_OPENAI = Provider(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    key_env="OPENAI_API_KEY",
    suggested="gpt-6.1-terra",
    prefixes=("gpt", "chatgpt", "o1", "o3", "o4"),
    # gpt-5.5 and later take tools through Responses only (BerriAI/litellm#34569). Models that do not reason have none to encrypt.
    chat_only=r"gpt-[34]|chatgpt|.*-chat(-|$)",
    bare_in_map=True,
    samples_while_reasoning=False,
)
_OPENROUTER = Provider(
    name="openrouter",
    title="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    key_env="OPENROUTER_API_KEY",
    suggested="openrouter/x-ai/grok-4.3",
    limit_name="max_tokens",
)
_DEEPSEEK = Provider(
    name="deepseek",
    title="DeepSeek",
    base_url="https://api.deepseek.com",
    key_env="DEEPSEEK_API_KEY",
    suggested="deepseek-v4-flash",
    prefixes=("deepseek",),
    limit_name="max_tokens",
    accepts=("reasoning_effort", "response_format", "tool_choice"),
    sampling=("frequency_penalty", "presence_penalty", "stop", "temperature", "top_p"),
)
_ANTHROPIC = Provider(
    name="anthropic",
    title="Anthropic",
    key_env="ANTHROPIC_API_KEY",
    suggested="claude-sonnet-5-5",
    prefixes=("claude",),
    client="litellm",
    bare_in_map=True,
    sampling=("stop", "temperature", "top_p"),
)
_MISTRAL = Provider(
    name="mistral",
    title="Mistral",
    key_env="MISTRAL_API_KEY",
    suggested="mistral-large-4",
    prefixes=("mistral", "magistral", "ministral", "codestral", "devstral"),
    client="litellm",
    sampling=("seed", "stop", "temperature", "top_p"),
)
_LOCAL = (
    Provider(
        name="ollama",
        title="Ollama",
        base_url="http://localhost:11434/v1",
        limit_name="max_tokens",
        any_model=True,
    ),
    Provider(name="vllm", title="vLLM", base_url="http://localhost:8000/v1", limit_name="max_tokens", any_model=True),
)
_CLOUDS = (
    Provider(name="azure_ai", title="Azure AI", key_env="AZURE_AI_API_KEY", also_needs=("AZURE_AI_API_BASE",), client="litellm"),
    Provider(
        name="azure",
        title="Azure",
        key_env="AZURE_API_KEY",
        also_needs=("AZURE_API_BASE", "AZURE_API_VERSION"),
        client="litellm",
        samples_while_reasoning=False,
    ),
    Provider(
        name="vertex_ai",
        title="Vertex AI",
        also_needs=("VERTEXAI_PROJECT", "VERTEXAI_LOCATION"),
        client="litellm",
        extra="vertex",
    ),
    Provider(
        name="bedrock",
        title="Bedrock",
        key_env="AWS_SECRET_ACCESS_KEY",
        also_needs=("AWS_ACCESS_KEY_ID", "AWS_REGION_NAME"),
        client="litellm",
        bare_in_map=True,
    ),
)
_ALL = (
    _XAI,
    _OPENAI,
    _OPENROUTER,
    _DEEPSEEK,
    _ANTHROPIC,
    Provider(
        name="gemini",
        title="Gemini",
        key_env="GEMINI_API_KEY",
        suggested="gemini-3.8-flash",
        prefixes=("gemini",),
        client="litellm",
    ),
    _MISTRAL,
    *_LOCAL,
    *_CLOUDS,
    Provider(name=SCRIPTED, title=SCRIPTED, client="scripted"),
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({provider.name: provider for provider in _ALL})


def is_local(route: Route) -> bool:
    """True for a server of the user's own, of which the model's chat template decides on the form of conversations."""
    provider = PROVIDERS.get(route.provider)
    return route.provider == OWN or (provider is not None and provider.any_model)


_MISTRAL_FAMILIES = ("mistral", "ministral", "magistral", "codestral", "devstral", "pixtral")


def needs_order(route: Route) -> bool:
    """True if roles must alternate: at Mistral, for its models elsewhere, and by the chat templates of local servers.

    Sources: mistralai/mistral-common#169 (no `user` after `tool`), vllm-project/vllm#6862 ("roles must alternate").
    """
    return is_local(route) or any(family in f"{route.provider}/{route.id}".lower() for family in _MISTRAL_FAMILIES)
