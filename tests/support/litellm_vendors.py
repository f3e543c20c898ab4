"""Shared by the tests of LiteLLM: vendors whose own APIs are served locally, and calls through `ModelClient`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.interface import Request, Response
from tests.support.fake_models.anthropic_wire import ANTHROPIC
from tests.support.fake_models.gemini_wire import GEMINI
from tests.support.fake_models.replies import ModelCall, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.fake_models.wire import OPENAI, Wire
from tests.support.model_calls import create_request

SECRET = "key-0123456789abcdefSECRET"


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """A provider behind LiteLLM: a model of it, and the format in which it is served here."""

    provider: str
    model: str
    wire: Wire
    under: str = ""
    """The path of its address on the local server."""


CLAUDE = Vendor(provider="anthropic", model="claude-sonnet-4-5", wire=ANTHROPIC)
FLASH = Vendor(provider="gemini", model="gemini-2.5-flash", wire=GEMINI)
MISTRAL = Vendor(provider="mistral", model="mistral-large-latest", wire=OPENAI, under="/v1")

ALL_VENDORS = pytest.mark.parametrize("vendor", [CLAUDE, FLASH, MISTRAL], ids=lambda vendor: vendor.provider)


def vendor_client(vendor: Vendor, server: ModelServer, **more: Any) -> ModelClient:
    """All models, this vendor's at the test server."""
    return ModelClient(keys=KEYS, base_urls={vendor.provider: f"{server.root}{vendor.under}"}, **more)


KEYS: Mapping[str, str] = dict.fromkeys(("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY"), SECRET)


async def call_vendor(vendor: Vendor, play: ScriptedReply, request: Request | None = None) -> tuple[Response, ModelCall]:
    """The response to one call, and what the vendor was asked."""
    async with ModelServer([play], wire=vendor.wire) as server:
        models = vendor_client(vendor, server)
        response = await models.respond(request or create_request(model=vendor.model))
        await models.close()
        return response, server.requests[0]


async def vendor_error(vendor: Vendor, play: ScriptedReply, request: Request | None = None) -> ModelError:
    """The error that one call ends in."""
    async with ModelServer([play], wire=vendor.wire) as server:
        models = vendor_client(vendor, server)
        with pytest.raises(ModelError) as caught:
            await models.respond(request or create_request(model=vendor.model))
        await models.close()
        return caught.value
