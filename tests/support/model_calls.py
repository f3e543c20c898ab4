"""Shared by the tests of models: a request, a `ModelClient` at the fake server, and the error that a call ends in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.interface import Message, Request, ToolSpec
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer

KEY = "xai-0123456789abcdefSECRET"

NEW_ANSWER = ToolSpec(
    name="new_answer",
    description="Give an answer.",
    parameters={"type": "object", "properties": {"content": {"type": "string"}}, "required": ["content"]},
)


STREAMED = "xai/grok-4.20-non-reasoning"
"""A model whose vendor streams chat completions."""

BOTH_WAYS = pytest.mark.parametrize("model", ["mine", STREAMED, "xai/grok-4.3"], ids=["whole", "streamed", "responses"])
"""A server that ignores the request for a stream, and two formats of streams; the parsed answer must be the same."""

CHAT_BOTH_WAYS = pytest.mark.parametrize("model", ["mine", STREAMED], ids=["whole", "streamed"])
"""The same, for what only chat completions have."""


def create_request(text: str = "Say hello.", *, model: str = STREAMED, **more: Any) -> Request:
    """One call by the agent planner."""
    messages = (Message(role="system", text="You are planner."), Message(role="user", text=text))
    return Request(**{"agent": "planner", "model": model, "messages": messages, "tools": (NEW_ANSWER,), **more})


def create_model_client(server: ModelServer, **more: Any) -> ModelClient:
    """All models, with xAI and OpenAI at the test server and one model of our own that has a price."""
    own = {
        "mine": ModelSpec(
            base_url=server.url, key_env="OWN_KEY", id="big-1", input=Decimal(2), cached_input=Decimal("0.5"), output=Decimal(6)
        ),
        "keyless": ModelSpec(base_url=server.url),
    }
    base_urls = {"xai": server.url, "openai": server.url}
    keys = {"XAI_API_KEY": KEY, "OPENAI_API_KEY": KEY, "OWN_KEY": KEY}
    return ModelClient(**{"keys": keys, "base_urls": base_urls, "own": own, **more})


async def call_error(play: ScriptedReply, request: Request | None = None, **more: Any) -> ModelError:
    """The error that a call ends in if the server plays this."""
    async with ModelServer([play]) as server:
        models = create_model_client(server, **more)
        with pytest.raises(ModelError) as caught:
            await models.respond(request or create_request())
        await models.close()
        return caught.value
