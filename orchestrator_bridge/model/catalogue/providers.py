"""Who serves models: addresses, the settings that each needs, and the client that speaks to it.

OpenAI-compatible ones are called through `openai`, every other one through `litellm` under its own name for the provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from orchestrator_bridge.model.catalogue.route import Client, LimitName

SCRIPTED = "scripted"
OWN = "own"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """One host of models."""

    name: str
    base_url: str = ""
    """Its own address; empty where LiteLLM knows it, or where it differs from account to account."""
    key_env: str | None = None
    also_needs: tuple[str, ...] = ()
    """Settings beside the key that must be set."""
    prefixes: tuple[str, ...] = ()
    """The beginnings of its models' names."""
    client: Client = "openai"
    litellm_prefix: str = ""
    """What LiteLLM puts before its ids; the provider's name where it is empty."""
    extra: str | None = None
    streams: bool = True
    limit_name: LimitName = "max_completion_tokens"

    @property
    def needs(self) -> tuple[str, ...]:
        """Every setting that must be set."""
        return (self.key_env, *self.also_needs) if self.key_env else self.also_needs


_ALL = (
    Provider(name="xai", base_url="https://api.x.ai/v1", key_env="XAI_API_KEY", prefixes=("grok",)),
    Provider(
        name="openai",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        prefixes=("gpt", "chatgpt", "o1", "o3", "o4"),
    ),
    Provider(name="openrouter", base_url="https://openrouter.ai/api/v1", key_env="OPENROUTER_API_KEY", limit_name="max_tokens"),
    Provider(
        name="deepseek",
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        prefixes=("deepseek",),
        limit_name="max_tokens",
    ),
    Provider(name="ollama", base_url="http://localhost:11434/v1", streams=False, limit_name="max_tokens"),
    Provider(name="vllm", base_url="http://localhost:8000/v1", streams=False, limit_name="max_tokens"),
    Provider(name="anthropic", key_env="ANTHROPIC_API_KEY", prefixes=("claude",), client="litellm"),
    Provider(name="gemini", key_env="GEMINI_API_KEY", prefixes=("gemini",), client="litellm"),
    Provider(
        name="mistral",
        key_env="MISTRAL_API_KEY",
        prefixes=("mistral", "magistral", "ministral", "codestral", "devstral", "pixtral"),
        client="litellm",
    ),
    Provider(name="azure_ai", key_env="AZURE_AI_API_KEY", also_needs=("AZURE_AI_API_BASE",), client="litellm"),
    Provider(name="azure", key_env="AZURE_API_KEY", also_needs=("AZURE_API_BASE", "AZURE_API_VERSION"), client="litellm"),
    Provider(name="vertex_ai", also_needs=("VERTEXAI_PROJECT", "VERTEXAI_LOCATION"), client="litellm", extra="vertex"),
    Provider(
        name="bedrock",
        key_env="AWS_SECRET_ACCESS_KEY",
        also_needs=("AWS_ACCESS_KEY_ID", "AWS_REGION_NAME"),
        client="litellm",
    ),
    Provider(name=SCRIPTED, client="scripted"),
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({provider.name: provider for provider in _ALL})
