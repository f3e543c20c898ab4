"""One call through LiteLLM. Importing this module imports LiteLLM: 3 to 5 s, so nothing does that but `litellm_client`, aside.

LiteLLM is told to be a plain client: what it would read over the network comes with its package, it retries nothing, tells nobody
of calls, and writes no log. Its settings are read while it is imported, so they are made before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.litellm_settings import ENVIRONMENT, configure
from orchestrator_bridge.model.port import OnDelta, Request

os.environ.update(ENVIRONMENT)

import litellm

from orchestrator_bridge.model.litellm_errors import as_model_error
from orchestrator_bridge.model.openai_body import body_of
from orchestrator_bridge.model.openai_wire import Completion

configure(litellm)


async def complete(
    request: Request,
    route: Route,
    credentials: Mapping[str, str],
    clock: Callable[[], float],
    on_delta: OnDelta | None = None,
) -> Completion:
    """The answer. `credentials`: by the names of LiteLLM's parameters; `clock` tells seconds since the epoch.

    With `on_delta` it is streamed, and every piece of its text told.

    Raises:
        ModelError: the call brought no usable response.
    """
    try:
        arguments = _arguments(request, route, credentials)
        response = await (_stream(arguments, on_delta) if on_delta else litellm.acompletion(**arguments))
        return Completion.model_validate(response.model_dump(warnings=False))
    except Exception as error:
        # Besides its own exceptions LiteLLM lets through those of all the libraries that it uses.
        failure = as_model_error(error, route, tuple(credentials.values()), clock())
    # Raised out here it carries no cause along, and so nothing that might quote a key.
    raise failure


async def _stream(arguments: dict[str, Any], on_delta: OnDelta) -> Any:
    """An answer put together from its stream by LiteLLM."""
    chunks = []
    stream: Any = await litellm.acompletion(**arguments, stream=True, stream_options={"include_usage": True})
    async for chunk in stream:
        chunks.append(chunk)
        if any(choice.delta.content or choice.delta.tool_calls for choice in chunk.choices):
            on_delta("".join(choice.delta.content or "" for choice in chunk.choices[:1]))
    return litellm.stream_chunk_builder(chunks, messages=arguments["messages"])


async def warm_up() -> None:
    """Make a call that goes nowhere: much of LiteLLM, and its tokenizer, is loaded only by the first one."""
    await litellm.acompletion(model="openai/none", messages=[{"role": "user", "content": "."}], mock_response=".")


def _arguments(request: Request, route: Route, credentials: Mapping[str, str]) -> dict[str, Any]:
    body = {**body_of(request, route), "model": route.litellm_model}
    where = {"api_base": route.base_url} if route.base_url else {}
    return {**body, **where, **credentials, "timeout": request.timeout, "max_retries": 0, "num_retries": 0}
