"""The list of models that an endpoint itself gives, which costs nothing: which ids it accepts, and whether it can be reached."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import aiohttp
from yarl import URL

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.errors import ModelError, TimedOut, WrongAddress
from orchestrator_bridge.model.openai.failures import CALL_ERRORS, as_model_error
from orchestrator_bridge.model.openai.network import tls_context, usable_proxy
from orchestrator_bridge.model.provider_errors import (
    ProviderMessage,
    build_error,
    error_for_status,
    parse_error_body,
    safe_base_url,
)

TIMEOUT = 10.0
"""Seconds to wait for a list."""

_ADDRESSES: Mapping[str, str] = MappingProxyType(
    {
        "anthropic": "https://api.anthropic.com",
        "gemini": "https://generativelanguage.googleapis.com",
        "mistral": "https://api.mistral.ai/v1",
    }
)
"""Addresses of vendors behind LiteLLM, which knows them itself for calls."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelList:
    """Ids of the models at an address, aliases included.

    `offered` is False if the server has no such list; `takes_any_id` is True if its only model answers under every id.
    """

    address: str
    ids: frozenset[str] = frozenset()
    offered: bool = True
    takes_any_id: bool = False

    def has(self, model: str) -> bool:
        """True if the endpoint accepts this id: as listed, or with Ollama's tag for the newest version."""
        return bool(self.ids & {model, f"{model}:latest", f"models/{model}"})


def has_list(route: Route) -> bool:
    """True if the route's provider gives a list: all but the clouds and scripts."""
    return route.client == "openai" or route.provider in _ADDRESSES


async def list_models(route: Route, key: str) -> ModelList:
    """Request the list of a route's endpoint.

    Raises:
        ModelError: it cannot be reached, refuses the key, or is no such endpoint.
    """
    base = (route.base_url or _ADDRESSES.get(route.provider, "")).rstrip("/")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
        listing = _Listing(session, route, key)
        await listing.check_key(base)
        status, body = await listing.request("GET", f"{base}{_path(route, base)}")
        if status == 200 and _is_list(body):
            ids = frozenset(_ids(body))
            return ModelList(address=safe_base_url(route) or base, ids=ids, takes_any_id=_has_one_model(body))
        if status not in (200, 404, 405):
            raise error_for_status(status, parse_error_body(body, key), route)
        await listing.check_address(base, status, body)
        return ModelList(address=safe_base_url(route) or base, offered=False)


class _Listing:
    """Requests to one endpoint."""

    def __init__(self, session: aiohttp.ClientSession, route: Route, key: str) -> None:
        self._session = session
        self._route = route
        self._key = key

    async def request(self, method: Literal["GET", "POST"], address: str) -> tuple[int, str]:
        """Status and body; a POST sends an empty object.

        Raises:
            ModelError: the endpoint cannot be reached.
        """
        url = URL(address)
        ssl = await asyncio.to_thread(tls_context) if url.scheme == "https" else True
        headers = _headers(self._route, self._key)
        content: dict[str, str] | None = {} if method == "POST" else None
        failure: ModelError
        try:
            call = self._session.request(method, url, headers=headers, proxy=usable_proxy(url), ssl=ssl, json=content)
            async with call as response:
                return response.status, await response.text(errors="replace")
        except TimeoutError:
            failure = TimedOut(f"{safe_base_url(self._route)} did not answer within {TIMEOUT:g} s", "Check the network.")
        except CALL_ERRORS as error:
            failure = as_model_error(error, self._route, self._key)
        # Raised here, outside of the handler, it has no context that might quote the key.
        raise failure

    async def check_key(self, base: str) -> None:
        """Check the key where the list is public, so that a list proves nothing.

        Raises:
            ModelError: it is refused, or the endpoint cannot be reached.
        """
        # openrouter.ai, API reference, "Get current API key": 401 for a key that is not valid. Proxies may lack it (404).
        if self._route.provider == "openrouter" and self._key:
            status, body = await self.request("GET", f"{base}/key")
            if status in (401, 403):
                raise error_for_status(status, parse_error_body(body, self._key), self._route)

    async def check_address(self, base: str, status: int, body: str) -> None:
        """Tell a server without a list from a wrong address: an address without `/v1` has neither the list nor the calls.

        Raises:
            WrongAddress: it has no calls either.
        """
        # An empty request is refused (400, 422) where calls are served, and not found elsewhere; it costs nothing.
        answered, _ = await self.request("POST", f"{base}/chat/completions")
        if answered not in (200, 404, 405):
            return
        failure = build_error(
            WrongAddress, parse_error_body(body, self._key) if status != 200 else ProviderMessage(), self._route
        )
        status, body = await self.request("GET", f"{base}/v1/models")
        if status == 200 and _is_list(body):
            failure.advice = f"Set base_url to {safe_base_url(self._route)}/v1, which has them."
        raise failure


def _path(route: Route, base: str) -> str:
    version, query = {"anthropic": ("/v1", "?limit=1000"), "gemini": ("/v1beta", "?pageSize=1000")}.get(route.provider, ("", ""))
    return f"{'' if base.endswith(version) else version}/models{query}"


def _headers(route: Route, key: str) -> dict[str, str]:
    if not key:
        return {}
    match route.provider:
        case "anthropic":
            return {"x-api-key": key, "anthropic-version": "2023-06-01"}
        case "gemini":
            return {"x-goog-api-key": key}
        case _:
            return {"Authorization": f"Bearer {key}"}


def _entries(body: str) -> list[Any] | None:
    """Entries of `{"data": [...]}` (OpenAI's format) or `{"models": [...]}` (Google's); None if it is neither."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    entries = value.get("data", value.get("models")) if isinstance(value, dict) else value
    return entries if isinstance(entries, list) else None


def _is_list(body: str) -> bool:
    return _entries(body) is not None


def _has_one_model(body: str) -> bool:
    """True for llama.cpp with one model, which ignores the id of a request (continuedev/continue#11803).

    As a router it selects the model by the id; its entries have a `status` then.
    """
    match _entries(body):
        case [{"owned_by": "llamacpp", **more}]:
            return "status" not in more
        case _:
            return False


def _ids(body: str) -> Iterator[str]:
    for entry in _entries(body) or ():
        if isinstance(entry, dict):
            names = (entry.get("id") or entry.get("name"), *(entry.get("aliases") or ()))
            yield from (name for name in names if isinstance(name, str))


def lists_path(folder: Path) -> Path:
    """File of the stored lists in the data folder."""
    return folder / "model-lists.json"


def stored_lists(folder: Path) -> tuple[str, Mapping[str, ModelList]]:
    """Day and lists by address of the last `townhall models --refresh`; none if there was none, or its file cannot be read."""
    try:
        stored: dict[str, Any] = json.loads(lists_path(folder).read_text(encoding="utf-8"))
        lists = {address: ModelList(address=address, ids=frozenset(ids)) for address, ids in stored["endpoints"].items()}
        return str(stored["as_of"]), lists
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", {}
