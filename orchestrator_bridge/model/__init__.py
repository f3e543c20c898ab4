"""Port of language models: the protocol `Model`, its requests and responses, and its errors.

`orchestrator_bridge.model.client.ModelClient` is the implementation for all providers. It is not imported here, because it takes
long to import and team files need the port only.
"""

from __future__ import annotations

from orchestrator_bridge.model.errors import (
    BadRequest,
    CircuitOpen,
    ConnectionFailed,
    ContentRefused,
    ContextTooLong,
    InsufficientCredit,
    InvalidApiKey,
    InvalidResponse,
    ModelError,
    Overloaded,
    ProviderUnavailable,
    ProxyRefused,
    RateLimited,
    RegionBlocked,
    RequestRefused,
    TimedOut,
    Transient,
    UnknownModel,
    WrongAddress,
)
from orchestrator_bridge.model.interface import (
    CallEstimate,
    Message,
    Model,
    Picture,
    PromptCount,
    ProviderState,
    Request,
    Response,
    Throttled,
    ToolCall,
    ToolSpec,
    Usage,
)

__all__ = [
    "BadRequest",
    "CallEstimate",
    "CircuitOpen",
    "ConnectionFailed",
    "ContentRefused",
    "ContextTooLong",
    "InsufficientCredit",
    "InvalidApiKey",
    "InvalidResponse",
    "Message",
    "Model",
    "ModelError",
    "Overloaded",
    "Picture",
    "PromptCount",
    "ProviderState",
    "ProviderUnavailable",
    "ProxyRefused",
    "RateLimited",
    "RegionBlocked",
    "Request",
    "RequestRefused",
    "Response",
    "Throttled",
    "TimedOut",
    "ToolCall",
    "ToolSpec",
    "Transient",
    "UnknownModel",
    "Usage",
    "WrongAddress",
]
