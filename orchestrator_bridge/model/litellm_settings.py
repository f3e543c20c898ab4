"""How LiteLLM is set up: nothing over the network but the calls themselves, no retries, no telling, no logs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        # Each of these would be fetched at import or at the first call otherwise; all of them come with the package.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
        "LITELLM_LOCAL_BLOG_POSTS": "True",
        # Else it loads .env into the environment of this process, and so into that of every process that it starts.
        "LITELLM_MODE": "PRODUCTION",
    }
)

LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")


def configure(litellm: Any) -> None:
    """Make the imported module a plain client."""
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.num_retries = 0
    litellm.drop_params = False
    # Lets it bend conversations into the shape that a provider insists on, such as Bedrock's tools beside old tool calls.
    litellm.modify_params = True
    for callbacks in (litellm.callbacks, litellm.success_callback, litellm.failure_callback):
        callbacks.clear()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.disabled = True
