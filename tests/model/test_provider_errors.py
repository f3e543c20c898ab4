"""Error responses of providers: each becomes one `ModelError` with plain text and advice, and never with a key."""

from __future__ import annotations

import json
import logging

import pytest

from orchestrator_bridge.model import errors
from orchestrator_bridge.model.client import ModelClient
from tests.support.fake_models.replies import ScriptedReply
from tests.support.model_calls import BOTH_WAYS, KEY, call_error, create_request

STATUSES = [
    (400, errors.BadRequest),
    (401, errors.InvalidApiKey),
    (402, errors.InsufficientCredit),
    (403, errors.InvalidApiKey),
    (404, errors.UnknownModel),
    (408, errors.TimedOut),
    (410, errors.UnknownModel),
    (413, errors.ContextTooLong),
    (418, errors.BadRequest),
    (422, errors.BadRequest),
    (429, errors.RateLimited),
    (500, errors.Overloaded),
    (502, errors.Overloaded),
    (503, errors.Overloaded),
    (504, errors.Overloaded),
    (529, errors.Overloaded),
]

WORDS = [
    (400, {"error": {"message": "too much", "code": "context_length_exceeded"}}, errors.ContextTooLong),
    (
        400,
        {"error": "This model's maximum prompt length is 131072 but the request contains 200000 tokens."},
        errors.ContextTooLong,
    ),
    (400, {"code": "invalid-argument", "error": "Incorrect API key provided: xa***ET."}, errors.InvalidApiKey),
    (404, {"error": {"message": "The model `grok-9` does not exist", "code": "model_not_found"}}, errors.UnknownModel),
    (403, {"error": {"message": "Project has no access to model x", "code": "model_not_found"}}, errors.UnknownModel),
    (403, {"error": "Your newly created team doesn't have any credits yet."}, errors.InsufficientCredit),
    (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, errors.InsufficientCredit),
    (422, {"detail": [{"loc": ["body", "tools"], "msg": "unexpected"}]}, errors.BadRequest),
]


@pytest.mark.parametrize(("status", "expected"), STATUSES)
@BOTH_WAYS
async def test_a_status_means_one_error(
    status: int, expected: type[errors.ModelError], model: str, caplog: pytest.LogCaptureFixture
) -> None:
    """People read what happened; the status is for the operator, in the log."""
    caplog.set_level(logging.INFO)
    body = json.dumps({"error": {"message": "the provider's own words"}})
    error = await call_error(ScriptedReply(status=status, body=body), create_request(model=model))
    assert type(error) is expected
    assert error.found.endswith(": the provider's own words.")
    assert model.split("/")[0] in error.found
    assert str(status) not in error.found
    assert f"answered HTTP {status}" in caplog.text
    assert error.advice


@pytest.mark.parametrize(("status", "body", "expected"), WORDS)
async def test_a_message_overrides_the_status(status: int, body: object, expected: type[errors.ModelError]) -> None:
    error = await call_error(ScriptedReply(status=status, body=json.dumps(body)))
    assert type(error) is expected


async def test_an_error_inside_a_success_is_an_error() -> None:
    body = json.dumps({"error": {"message": "upstream is busy", "code": 429}})
    assert type(await call_error(ScriptedReply(body=body), create_request(model="mine"))) is errors.RateLimited
    stream = ScriptedReply(body='data: {"error": {"message": "broke down"}}\n\n', content_type="text/event-stream")
    error = await call_error(stream)
    assert type(error) is errors.Overloaded
    assert "broke down" in error.found


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 01 Jul 2026 12:00:30 GMT", "date": "Wed, 01 Jul 2026 12:00:10 GMT"}, 20.0),
        ({"retry-after": "Wed, 01 Jul 2026 12:00:00 GMT", "date": "Wed, 01 Jul 2026 12:00:10 GMT"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
async def test_retry_after_is_passed_on(headers: dict[str, str], seconds: float | None) -> None:
    error = await call_error(ScriptedReply(status=429, headers=headers, body="{}"))
    assert error.retry_after == seconds


async def test_an_html_page_is_reported_by_its_title() -> None:
    page = "<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>"
    error = await call_error(ScriptedReply(status=502, body=page, content_type="text/html"))
    assert error.found == "xai is overloaded or failing: 502 Bad Gateway."


async def test_a_page_without_a_title_is_cut_to_a_line() -> None:
    error = await call_error(ScriptedReply(status=500, body="<p>" + "very long " * 10_000, content_type="text/html"))
    assert len(error.found) < 400
    assert error.found.endswith("…")


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
async def test_a_key_that_the_provider_echoes_is_redacted(status: int) -> None:
    body = json.dumps({"error": {"message": f"Key {KEY} and Bearer {KEY} and sk-other***1234 are no good"}})
    error = await call_error(ScriptedReply(status=status, body=body))
    assert KEY not in repr(error) + error.found + error.advice
    assert "sk-other" not in error.found
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_a_key_of_unusual_form_is_redacted_too() -> None:
    body = json.dumps({"detail": "no access for letmein42"})
    error = await call_error(ScriptedReply(status=401, body=body), keys={"XAI_API_KEY": "letmein42"})
    assert error.found == "xai rejected the API key: no access for [key]."


async def test_control_characters_of_a_provider_are_removed() -> None:
    body = json.dumps({"error": {"message": "red \x1b[31malert\u202e\nnow"}})
    assert (await call_error(ScriptedReply(status=500, body=body))).found == "xai is overloaded or failing: red [31malert now."


async def test_a_missing_key_is_reported_by_name_before_anything_is_sent() -> None:
    models = ModelClient(base_urls={"xai": "http://127.0.0.1:9/v1"})
    with pytest.raises(errors.InvalidApiKey, match=r"XAI_API_KEY is not set, and 'grok-4\.3' needs it"):
        await models.respond(create_request(model="grok-4.3"))


async def test_a_malformed_key_is_reported_without_showing_it() -> None:
    models = ModelClient(base_urls={"xai": "http://127.0.0.1:9/v1"}, keys={"XAI_API_KEY": "xai-sécret\nxx"})
    with pytest.raises(errors.InvalidApiKey) as caught:
        await models.respond(create_request())
    assert "XAI_API_KEY" in caught.value.found
    assert "cret" not in caught.value.found


async def test_an_unknown_model_is_a_model_error() -> None:
    with pytest.raises(errors.UnknownModel, match="model 'nobody' is not known"):
        await ModelClient().respond(create_request(model="nobody"))
