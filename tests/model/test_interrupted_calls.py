"""Calls that end in silence, in the middle of an answer, or in an invalid answer."""

from __future__ import annotations

import asyncio
import socket

import pytest

from orchestrator_bridge.model import errors
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.run.handlers import billed
from tests.support.fake_models.replies import Cut, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import BOTH_WAYS, KEY, call_error, create_model_client, create_request

LONG = "An answer that comes in several pieces, so that a stream has a middle."


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@BOTH_WAYS
async def test_an_unreachable_server_is_a_failed_connection(model: str) -> None:
    address = f"http://127.0.0.1:{free_port()}/v1"
    models = ModelClient(base_urls={"xai": address}, keys={"XAI_API_KEY": KEY}, own={"mine": ModelSpec(base_url=address)})
    with pytest.raises(errors.ProviderUnavailable) as caught:
        await models.respond(create_request(model=model))
    await models.close()
    assert caught.value.found == f"no connection to {address}: connection refused."
    assert address in caught.value.advice


async def test_a_password_in_an_address_is_redacted() -> None:
    own = {"mine": ModelSpec(base_url=f"http://me:hidden@127.0.0.1:{free_port()}/v1")}
    models = ModelClient(own=own)
    with pytest.raises(errors.ProviderUnavailable) as caught:
        await models.respond(create_request(model="mine"))
    await models.close()
    assert "hidden" not in caught.value.found + caught.value.advice


async def test_an_invalid_address_is_reported() -> None:
    models = ModelClient(base_urls={"xai": "localhost:8000/v1"}, keys={"XAI_API_KEY": KEY})
    with pytest.raises(errors.BadRequest, match="localhost:8000/v1 cannot be called"):
        await models.respond(create_request())
    await models.close()


async def test_an_unusable_proxy_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://me:hidden@127.0.0.1:1")
    models = ModelClient(base_urls={"xai": "http://models.invalid/v1"}, keys={"XAI_API_KEY": KEY})
    with pytest.raises(errors.ConnectionFailed) as caught:
        await models.respond(create_request())
    await models.close()
    assert caught.value.found == "the proxy '127.0.0.1:1' cannot be used: expected an http:// address."
    assert caught.value.advice == "Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or put models.invalid into NO_PROXY."


async def test_an_unknown_host_is_reported() -> None:
    models = ModelClient(own={"mine": ModelSpec(base_url="http://nowhere.invalid/v1")})
    with pytest.raises(errors.ConnectionFailed, match=r"no connection to http://nowhere\.invalid/v1: the host"):
        await models.respond(create_request(model="mine"))
    await models.close()


@BOTH_WAYS
@pytest.mark.parametrize("cut", ["before", "midway"])
async def test_a_lost_connection_means_the_provider_is_unavailable(cut: Cut, model: str) -> None:
    error = await call_error(ScriptedReply(text=LONG, cut=cut), create_request(model=model))
    assert type(error) is errors.ProviderUnavailable
    assert "was lost" in error.found


async def test_a_stream_that_ends_early_means_the_provider_is_unavailable() -> None:
    error = await call_error(ScriptedReply(text=LONG, cut="unfinished"), create_request())
    assert type(error) is errors.ProviderUnavailable
    assert error.found == "the stream from xai ended before the answer was complete."


@BOTH_WAYS
async def test_a_silent_server_times_out_after_the_requests_timeout(model: str) -> None:
    error = await call_error(ScriptedReply(gate=asyncio.Event(), text=None), create_request(model=model, timeout=0.05))
    assert type(error) is errors.TimedOut
    assert error.found == f"{model.split('/')[0]} sent nothing for 0.05 s."


async def test_a_stalled_stream_times_out_before_the_requests_timeout() -> None:
    error = await call_error(ScriptedReply(text=LONG, gate=asyncio.Event()), create_request(), stall_after=0.05)
    assert type(error) is errors.TimedOut
    assert error.found == "xai sent nothing for 0.05 s in the middle of its answer."


async def test_a_model_may_reason_in_silence_before_its_first_piece() -> None:
    gate = asyncio.Event()
    async with ModelServer([ScriptedReply(text=None, gate=gate)]) as server:
        models = create_model_client(server, stall_after=0.0)
        call = asyncio.ensure_future(models.respond(create_request()))
        await server.request_arrives(1)
        gate.set()
        assert (await call).text == ""
        await models.close()


GARBAGE = [
    (ScriptedReply(body="Welcome to the hotel"), "something other than JSON: 'Welcome to the hotel'"),
    (ScriptedReply(body="<html><title>Log in</title></html>", content_type="text/html"), "something other than JSON: 'Log in'"),
    (ScriptedReply(body='{"choices": [{"mess'), "something other than JSON"),
    (ScriptedReply(body=""), "something other than JSON: ''"),
    (ScriptedReply(body=b'{"a": "\xff"}'), "unreadable JSON"),
    (ScriptedReply(body="[" * 200_000), "unreadable JSON"),
    (ScriptedReply(body="{}"), "JSON of an unexpected shape: choices: Field required"),
    (ScriptedReply(body='{"choices": null}'), "JSON of an unexpected shape: choices"),
    (ScriptedReply(body='{"choices": []}'), "JSON of an unexpected shape: choices"),
    (ScriptedReply(body='{"choices": [{"message": null}]}'), "JSON of an unexpected shape: choices.0.message"),
    (ScriptedReply(body='["hello"]'), "JSON of an unexpected shape: body"),
    (ScriptedReply(body='"hello"'), "JSON of an unexpected shape: body"),
]


async def test_a_page_in_place_of_a_stream_is_an_invalid_response() -> None:
    error = await call_error(ScriptedReply(body="<title>Log in to the hotel</title>", content_type="text/html"))
    assert error.found == "xai returned something other than JSON: 'Log in to the hotel'."


@pytest.mark.parametrize(("play", "found"), GARBAGE)
async def test_a_body_that_is_not_an_answer_is_an_invalid_response(play: ScriptedReply, found: str) -> None:
    error = await call_error(play, create_request(model="mine"))
    assert type(error) is errors.InvalidResponse
    assert error.found.startswith(f"mine returned {found}")


@pytest.mark.parametrize("body", ["data: {oops\n\n", 'data: {"choices": "none"}\n\n', "data: 7\n\n"])
async def test_a_stream_of_garbage_is_an_invalid_response(body: str) -> None:
    error = await call_error(ScriptedReply(body=body, content_type="text/event-stream"), create_request())
    assert type(error) is errors.InvalidResponse


@BOTH_WAYS
async def test_a_cancelled_call_closes_its_connection(model: str) -> None:
    async with ModelServer([ScriptedReply(text=LONG, gate=asyncio.Event())]) as server:
        models = create_model_client(server)
        call = asyncio.ensure_future(models.respond(create_request(model=model)))
        await server.request_arrives(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.client_leaves(1)
        await models.close()


async def test_a_failed_call_is_not_retried() -> None:
    async with ModelServer([ScriptedReply(status=503, headers={"retry-after": "0"}), ScriptedReply(text="second")]) as server:
        models = create_model_client(server)
        with pytest.raises(errors.Overloaded):
            await models.respond(create_request())
        assert len(server.requests) == 1
        assert (await models.respond(create_request())).text == "second"
        await models.close()


BROKEN = [
    ({"message": "upstream broke down", "code": "server_error"}, errors.Overloaded),
    ({"message": "upstream broke down", "code": 404}, errors.Overloaded),
    ({"message": "slow down", "code": 429}, errors.RateLimited),
]


@BOTH_WAYS
@pytest.mark.parametrize(("error", "kind"), BROKEN)
async def test_an_error_in_the_middle_of_an_answer_may_be_billed(
    error: dict[str, object], kind: type[errors.ModelError], model: str
) -> None:
    failure = await call_error(ScriptedReply(text=LONG, error=error), create_request(model=model))
    assert type(failure) is kind
    assert str(error["message"]) in failure.found
    assert (failure.answer_begun, billed(failure)) == (True, None)


@BOTH_WAYS
async def test_an_answer_that_finishes_with_an_error_may_be_billed(model: str) -> None:
    failure = await call_error(ScriptedReply(text="Final tex", finish="error"), create_request(model=model))
    assert type(failure) is errors.Overloaded
    assert (failure.answer_begun, billed(failure)) == (True, None)


@pytest.mark.parametrize("finish", ["network_error", "insufficient_system_resource", "abort"])
async def test_an_answer_that_a_fault_ended_is_a_failed_call(finish: str) -> None:
    failure = await call_error(ScriptedReply(text="Final tex", finish=finish), create_request())
    assert type(failure) is errors.Overloaded
    assert (failure.answer_begun, billed(failure)) == (True, None)


async def test_an_error_before_an_answer_is_not_billed() -> None:
    body = 'data: {"error": {"message": "slow down", "code": 429}}\n\n'
    failure = await call_error(ScriptedReply(body=body, content_type="text/event-stream"))
    assert (failure.answer_begun, billed(failure)) == (False, False)
