"""Errors of vendors behind LiteLLM: each becomes one `ModelError` with the vendor's own message."""

from __future__ import annotations

import json

import pytest

from orchestrator_bridge.model import errors
from orchestrator_bridge.model.client import ModelClient
from tests.model.test_interrupted_calls import free_port
from tests.support.fake_models.replies import ScriptedReply
from tests.support.litellm_vendors import ALL_VENDORS, CLAUDE, FLASH, KEYS, MISTRAL, Vendor, vendor_error
from tests.support.model_calls import create_request

STATUSES = [
    (400, errors.BadRequest),
    (401, errors.InvalidApiKey),
    (402, errors.InsufficientCredit),
    (403, errors.InvalidApiKey),
    (404, errors.UnknownModel),
    (410, errors.UnknownModel),
    (422, errors.BadRequest),
    (429, errors.RateLimited),
    (500, errors.Overloaded),
    (503, errors.Overloaded),
    (529, errors.Overloaded),
]


@pytest.mark.parametrize(("status", "expected"), STATUSES)
@ALL_VENDORS
async def test_a_status_means_one_error(status: int, expected: type[errors.ModelError], vendor: Vendor) -> None:
    body = json.dumps({"type": "error", "error": {"type": "some_error", "message": "the provider's own words"}})
    error = await vendor_error(vendor, ScriptedReply(status=status, body=body, headers={"retry-after": "7"}))
    assert type(error) is expected
    assert vendor.provider in error.found
    assert error.found.endswith(": the provider's own words.")
    assert error.advice
    if status == 429:
        assert error.retry_after == 7.0


@pytest.mark.parametrize(
    ("vendor", "status", "message", "expected"),
    [
        (CLAUDE, 400, "prompt is too long: 200001 tokens > 200000 maximum", errors.ContextTooLong),
        (CLAUDE, 400, "Your credit balance is too low to access the Anthropic API.", errors.InsufficientCredit),
        (CLAUDE, 413, "Request exceeds the maximum size (request_too_large)", errors.ContextTooLong),
        (
            FLASH,
            400,
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            errors.ContextTooLong,
        ),
        (FLASH, 400, "API key not valid. Please pass a valid API key.", errors.InvalidApiKey),
        (
            MISTRAL,
            400,
            "Prompt contains 40000 tokens and is too large for model with 32768 maximum context length",
            errors.ContextTooLong,
        ),
    ],
)
async def test_a_message_overrides_the_status(
    vendor: Vendor, status: int, message: str, expected: type[errors.ModelError]
) -> None:
    error = await vendor_error(vendor, ScriptedReply(status=status, body=json.dumps({"error": {"message": message}})))
    assert type(error) is expected
    assert message.rstrip(".") in error.found


async def test_an_answer_withheld_by_a_filter_is_refused_content() -> None:
    error = await vendor_error(FLASH, ScriptedReply(finish="SAFETY"))
    assert type(error) is errors.ContentRefused


@ALL_VENDORS
async def test_an_unreachable_server_is_a_failed_connection(vendor: Vendor) -> None:
    models = ModelClient(keys=KEYS, base_urls={vendor.provider: f"http://127.0.0.1:{free_port()}{vendor.under}"})
    with pytest.raises(errors.ConnectionFailed, match=f"no connection to {vendor.provider} at http://127"):
        await models.respond(create_request(model=vendor.model))
    await models.close()


@ALL_VENDORS
async def test_a_lost_connection_means_the_provider_is_unavailable(vendor: Vendor) -> None:
    error = await vendor_error(vendor, ScriptedReply(text="An answer that is cut.", cut="midway"))
    assert type(error) is errors.ProviderUnavailable


@ALL_VENDORS
@pytest.mark.parametrize("body", ["Welcome to the hotel", '{"id": "x", "cont'])
async def test_a_body_that_is_not_json_is_an_invalid_response(vendor: Vendor, body: str) -> None:
    error = await vendor_error(vendor, ScriptedReply(body=body))
    assert type(error) is errors.InvalidResponse
