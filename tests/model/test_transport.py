"""Connections to model servers: proxies, certificates, silence, and streams that gateways have changed."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from orchestrator_bridge.model import errors
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import Response
from orchestrator_bridge.model.openai.network import tls_context
from orchestrator_bridge.model.openai.silence import SilenceTimer
from orchestrator_bridge.model.openai.sse import EventDecoder
from tests.support.fake_models.proxy import fake_proxy
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import BOTH_WAYS, KEY, create_model_client, create_request

PROXY_SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
HOST = "models.invalid"
"""A name that no resolver knows (RFC 2606): a call reaches it through the proxy or not at all."""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_SETTINGS, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    tls_context.cache_clear()


async def call(base_url: str, text: str = "Say hello.") -> Response:
    models = ModelClient(own={"mine": ModelSpec(base_url=base_url, key_env="OWN_KEY")}, keys={"OWN_KEY": KEY})
    try:
        return await models.respond(create_request(text, model="mine"))
    finally:
        await models.close()


def port_of(server: ModelServer) -> int:
    return int(server.root.rpartition(":")[2])


async def test_a_request_that_a_closed_connection_did_not_take_is_sent_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    post, tries = aiohttp.ClientSession.post, []

    async def closed_once(session: aiohttp.ClientSession, url: URL, **more: Any) -> aiohttp.ClientResponse:
        tries.append(url)
        if len(tries) == 1:
            raise aiohttp.ClientOSError(None, f"Can not write request body for {url}")
        return await post(session, url, **more)

    monkeypatch.setattr(aiohttp.ClientSession, "post", closed_once)
    async with ModelServer([ScriptedReply(text="hello")]) as server:
        assert (await call(server.url)).text == "hello"
    assert len(tries) == 2


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY", "http_proxy"])
async def test_a_call_goes_through_the_proxy_of_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ModelServer([ScriptedReply(text="hello")]) as server, fake_proxy(port_of(server)) as (proxy, address):
        monkeypatch.setenv(name, address)
        assert (await call(f"http://{HOST}/v1")).text == "hello"
    assert proxy.requests[0].startswith(f"POST http://{HOST}/v1/chat/completions ")


async def test_no_proxy_names_hosts_that_are_called_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ModelServer([]) as server, fake_proxy(port_of(server)) as (proxy, address):
        monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
        monkeypatch.setenv("NO_PROXY", "invalid")
        with pytest.raises(errors.ConnectionFailed, match="the host's name cannot be resolved"):
            await call(f"http://{HOST}/v1")
    assert proxy.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_server_on_this_machine_is_never_called_through_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.invalid:3128")
    async with ModelServer([ScriptedReply(text="hello")]) as server:
        assert (await call(server.url.replace("127.0.0.1", host))).text == "hello"


async def test_an_unreachable_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:hidden@127.0.0.1:1")
    with pytest.raises(errors.ConnectionFailed) as caught:
        await call(f"http://{HOST}/v1")
    assert caught.value.found == "no connection to the proxy 127.0.0.1:1: connection refused."
    assert "HTTP_PROXY" in caught.value.advice


def authority(monkeypatch: pytest.MonkeyPatch, folder: Path) -> ssl.SSLContext:
    """Let SSL_CERT_FILE name an authority; returns the context of a server that it has certified."""
    own = trustme.CA()
    own.cert_pem.write_to_path(folder / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.issue_cert("127.0.0.1", HOST).configure_cert(context)
    return context


async def test_a_company_certificate_is_trusted_by_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = authority(monkeypatch, tmp_path)
    async with ModelServer([ScriptedReply(text="hello")], tls=context) as server:
        assert (await call(server.url)).text == "hello"


async def test_a_call_goes_through_a_proxy_in_a_tunnel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = authority(monkeypatch, tmp_path)
    async with ModelServer([ScriptedReply(text="hello")], tls=context) as server, fake_proxy(port_of(server)) as (proxy, address):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        assert (await call(f"https://{HOST}/v1")).text == "hello"
    assert proxy.requests[0].startswith(f"CONNECT {HOST}:443 ")
    assert KEY not in proxy.requests[0]


async def test_a_proxy_that_wants_a_password_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority(monkeypatch, tmp_path)
    async with fake_proxy(1, token="Basic bWU6aGlkZGVu") as (_, address):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        with pytest.raises(errors.ConnectionFailed) as caught:
            await call(f"https://{HOST}/v1")
    assert caught.value.found.startswith(f"the proxy refused to connect to https://{HOST}/v1: Proxy Authentication Required")
    assert "HTTPS_PROXY" in caught.value.advice


async def test_the_password_of_a_proxy_is_sent_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = authority(monkeypatch, tmp_path)
    async with (
        ModelServer([ScriptedReply(text="hello")], tls=context) as server,
        fake_proxy(port_of(server), token="Basic bWU6aGlkZGVu") as (_, address),
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hidden@{address}")
        assert (await call(f"https://{HOST}/v1")).text == "hello"


async def test_an_unknown_certificate_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = authority(monkeypatch, tmp_path)
    monkeypatch.delenv("SSL_CERT_FILE")
    async with ModelServer([], tls=context) as server:
        with pytest.raises(errors.ConnectionFailed, match=r"TLS failed \(.*certificate verify failed"):
            await call(server.url)


async def test_a_missing_certificate_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(errors.ConnectionFailed, match=r"SSL_CERT_FILE names '/nowhere/ca\.pem', which does not exist"):
        await call(f"https://{HOST}/v1")


PIECE = 'data: {"model": "m", "choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": null}]}\n\n'
LAST = 'data: {"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'


async def streamed(body: str, content_type: str = "text/event-stream") -> str:
    async with ModelServer([ScriptedReply(body=body, content_type=content_type)]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request())
        await models.close()
        return response.text


@pytest.mark.parametrize(
    "body",
    [
        f"data: {{oops\n\n{PIECE}{LAST}data: [DONE]\n\n",
        f"{PIECE}data: still here\n\n{LAST}",
        f"\n\n: a comment\n\nevent: piece\nid: 7\n{PIECE}{LAST}",
        f"{PIECE}{LAST}".replace("\n", "\r\n"),
        f"{PIECE}{LAST.rstrip()}",
        f"{PIECE}{LAST}".replace("data: ", "data:"),
    ],
    ids=["junk first", "junk between", "comments and names", "carriage returns", "no blank line at the end", "no blank"],
)
async def test_a_stream_that_a_gateway_has_changed_is_read(body: str) -> None:
    assert await streamed(body) == "Hello"


async def test_a_stream_that_is_sent_as_plain_text_is_read() -> None:
    assert await streamed(f"{PIECE}{LAST}", content_type="text/plain") == "Hello"


@given(cuts=st.lists(st.integers(0, 60), max_size=30), newline=st.sampled_from(["\n", "\r\n"]))
def test_events_are_the_same_wherever_a_stream_is_cut(cuts: list[int], newline: str) -> None:
    stream = (PIECE + 'data: {"text": "ä🌍"}\n\n: comment\ndata: {oops\n\n' + LAST).replace("\n", newline).encode()
    whole = EventDecoder()
    expected = [*whole.feed(stream), *whole.close()]
    pieces, decoder = stream, EventDecoder()
    found: list[object] = []
    for cut in cuts:
        piece, pieces = pieces[:cut], pieces[cut:]
        found += decoder.feed(piece)
    assert [*found, *decoder.feed(pieces), *decoder.close()] == expected


async def test_a_server_that_keeps_a_finished_stream_open_is_not_waited_for() -> None:
    async with ModelServer([ScriptedReply(text="hello", linger=asyncio.Event())]) as server:
        models = create_model_client(server)
        assert (await models.respond(create_request())).text == "hello"
        await models.close()


async def test_each_piece_restarts_the_time_limit_and_the_answer_shortens_it() -> None:
    now = asyncio.get_running_loop().time
    silence = SilenceTimer(seconds=900, stall_after=60)
    async with silence.timeout:
        before = now()
        silence.restart()
        assert (silence.timeout.when() or 0) >= before + 900
        silence.answer_begun()
        assert before + 60 <= (silence.timeout.when() or 0) < before + 900


@BOTH_WAYS
async def test_connections_are_used_again(model: str) -> None:
    async with ModelServer(lambda _: ScriptedReply(text="hello")) as server:
        models = create_model_client(server)
        for _ in range(3):
            await models.respond(create_request(model=model))
        await models.close()
    assert server.connections == 1


async def test_the_account_of_openai_is_named_to_no_other_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    async with ModelServer([ScriptedReply(text="hello")]) as server:
        await call(server.url)
    assert "openai-organization" not in server.requests[0].headers


async def test_a_picture_of_megabytes_is_sent() -> None:
    async with ModelServer([ScriptedReply(text="hello")]) as server:
        await call(server.url, text="x" * 2_000_000)
    assert len(server.requests[0].messages[1]["content"]) == 2_000_000
