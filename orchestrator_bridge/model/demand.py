"""What a call asks of its route before it is made: the route whose limits it shares, and the tokens that it will take."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from orchestrator_bridge.model.catalogue import OWN, Route
from orchestrator_bridge.model.port import CallEstimate

PROVIDER_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "xai": "xAI",
        "openai": "OpenAI",
        "openrouter": "OpenRouter",
        "deepseek": "DeepSeek",
        "ollama": "Ollama",
        "vllm": "vLLM",
        "anthropic": "Anthropic",
        "gemini": "Gemini",
        "mistral": "Mistral",
        "azure_ai": "Azure AI",
        "azure": "Azure",
        "vertex_ai": "Vertex AI",
        "bedrock": "Bedrock",
    }
)
"""What people call the hosts of models."""


def call_estimate(route: Route, tokens: int) -> CallEstimate:
    """What a call of so many tokens asks of its route."""
    return CallEstimate(
        route=f"{route.provider}/{route.id} {route.base_url}",
        provider=route.name if route.provider == OWN else PROVIDER_TITLES.get(route.provider, route.provider),
        tokens=tokens,
        requests_per_minute=route.requests_per_minute,
        tokens_per_minute=route.tokens_per_minute,
    )
