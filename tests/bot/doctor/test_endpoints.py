"""`doctor --online` asks each endpoint's own list of models for the ids that the team file uses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer as LocalServer

from bot.app import LoadedConfig
from bot.config.settings import read_settings
from bot.config.team_file import parse_team_file
from bot.doctor.models import check_endpoints, check_models
from orchestrator_bridge.chat.platform import Finding

Reply = tuple[int, Any]
"""Status and body: a text is sent as HTML."""


@asynccontextmanager
async def endpoint(replies: Mapping[str, Reply], seen: list[web.Request] | None = None) -> AsyncIterator[str]:
    """A server with these paths and no others; yields its root address."""

    async def serve(request: web.Request) -> web.Response:
        if seen is not None:
            seen.append(request)
        status, body = replies.get(request.path, (404, {"detail": "Not Found"}))
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html")
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", serve)
    server = LocalServer(app)
    await server.start_server()
    yield str(server.make_url("")).rstrip("/")
    await server.close()


def config(model: str, settings: Mapping[str, str], own: str = "") -> LoadedConfig:
    text = f'[[team.a.agents]]\nname = "one"\nmodel = {json.dumps(model)}\n{own}'
    return LoadedConfig(settings=read_settings(Path("none"), settings), team_file=parse_team_file(text, Path("townhall.toml")))


def own_model(address: str, more: str = "") -> LoadedConfig:
    return config("mine", {}, f'[models.mine]\nbase_url = "{address}"\nid = "qwen3-32b"\n{more}')


def listed(*ids: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name} for name in ids]}


async def only(start: LoadedConfig, about: str) -> Finding:
    (finding,) = [finding for finding in await check_endpoints(start) if finding.about == about]
    return finding


VENDORS = [
    ("xai", "/v1", "/v1/models", "grok-4.7", listed("grok-4.7")),
    ("openai", "/v1", "/v1/models", "gpt-6.1-sol", listed("gpt-6.1-sol")),
    ("openrouter", "/v1", "/v1/models", "x-ai/grok-4.3", listed("x-ai/grok-4.3")),
    ("deepseek", "", "/models", "deepseek-v4-pro", listed("deepseek-v4-pro")),
    ("mistral", "/v1", "/v1/models", "mistral-large-4", {"data": [{"id": "mistral-large-2610", "aliases": ["mistral-large-4"]}]}),
    ("anthropic", "", "/v1/models", "claude-opus-5-5", listed("claude-opus-5-5")),
    ("gemini", "", "/v1beta/models", "gemini-3.8-flash", {"models": [{"name": "models/gemini-3.8-flash"}]}),
]


@pytest.mark.parametrize(("provider", "under", "path", "model", "body"), VENDORS, ids=[vendor[0] for vendor in VENDORS])
async def test_every_provider_is_asked_for_its_ids(provider: str, under: str, path: str, model: str, body: Any) -> None:
    seen: list[web.Request] = []
    async with endpoint({path: (200, body)}, seen) as root:
        settings = {f"{provider.upper()}_API_KEY": "key-abc", f"{provider.upper()}_BASE_URL": f"{root}{under}"}
        (finding,) = await check_endpoints(config(f"{provider}/{model}", settings))
        assert finding.state == "ok"
        assert finding.found.startswith("it responds and lists ")
        missing = await only(config(f"{provider}/{model}-typo", settings), f"model {provider}/{model}-typo")
    assert missing.state == "wrong"
    assert f"'{model}-typo' is not in the list" in missing.found
    assert model in missing.fix
    assert "key-abc" in "".join(seen[0].headers.values())
    assert "key-abc" not in f"{seen[0].url}"


async def test_a_retired_id_that_another_model_answers_to_is_a_warning() -> None:
    async with endpoint({"/v1/models": (200, listed("grok-4.3"))}) as root:
        start = config("grok-4.1-fast", {"XAI_API_KEY": "k", "XAI_BASE_URL": f"{root}/v1"})
        finding = await only(start, "model grok-4.1-fast")
    assert finding.state == "warn"
    assert finding.fix == "grok-4.3 answers instead; name it"


@pytest.mark.parametrize(
    "reply", [(404, "<html><title>404 Not Found</title></html>"), (404, {"detail": "Not Found"}), (200, "<p>UI</p>")]
)
async def test_an_address_without_v1_is_named(reply: Reply) -> None:
    replies = {"/models": reply, "/chat/completions": (404, {"detail": "Not Found"}), "/v1/models": (200, listed("qwen3-32b"))}
    async with endpoint(replies) as root:
        (finding,) = await check_endpoints(own_model(root))
    assert finding.state == "wrong"
    assert finding.found.startswith(f"mine has no chat completions at {root}")
    assert finding.fix == f"Set base_url to {root}/v1, which has them."


async def test_a_server_without_a_list_is_a_warning() -> None:
    async with endpoint({"/v1/chat/completions": (422, {"detail": "messages: field required"})}) as root:
        (finding,) = await check_endpoints(own_model(f"{root}/v1"))
    assert (finding.state, finding.found) == ("warn", "it responds, but has no list of models")


def llama_cpp(**more: Any) -> dict[str, Any]:
    """A list of llama.cpp's server, as people have posted it; a router's entries have a `status` as well."""
    return {"object": "list", "data": [{"id": "models/gemma-4.gguf", "owned_by": "llamacpp", "aliases": [], **more}]}


async def test_the_only_model_of_llama_cpp_answers_under_every_id() -> None:
    async with endpoint({"/v1/models": (200, llama_cpp(meta={"n_ctx": 8192}))}) as root:
        finding = await only(own_model(f"{root}/v1"), "model mine")
    assert finding.state == "ok"
    assert finding.found.endswith("/v1, whose only model 'models/gemma-4.gguf' answers under every id")


async def test_a_router_of_llama_cpp_needs_the_id_that_it_lists() -> None:
    async with endpoint({"/v1/models": (200, llama_cpp(status={"value": "unloaded"}))}) as root:
        finding = await only(own_model(f"{root}/v1"), "model mine")
    assert finding.state == "wrong"
    assert finding.fix == "name one that it lists, such as 'models/gemma-4.gguf'"


async def test_ollamas_newest_version_needs_no_tag() -> None:
    async with endpoint({"/v1/models": (200, listed("qwen3-32b:latest"))}) as root:
        (finding,) = await check_endpoints(own_model(f"{root}/v1"))
    assert finding.state == "ok"


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ((407, ""), "a proxy or firewall answered instead of mine"),
        (
            (403, "<html><title>Blocked by policy</title></html>"),
            "a proxy or firewall answered instead of mine: Blocked by policy",
        ),
        ((403, {"error": {"message": "Country, region, or territory not supported"}}), "mine does not serve the region"),
        ((401, {"error": {"message": "bad key"}}), "mine rejected the API key: bad key"),
    ],
)
async def test_a_refusal_is_told_for_what_it_is(reply: Reply, found: str) -> None:
    async with endpoint({"/v1/models": reply}) as root:
        (finding,) = await check_endpoints(own_model(f"{root}/v1"))
    assert finding.state == "wrong"
    assert finding.found.startswith(found)


async def test_a_server_without_tls_at_an_https_address_is_a_tls_failure() -> None:
    async with endpoint({}) as root:
        (finding,) = await check_endpoints(own_model(root.replace("http://", "https://") + "/v1"))
    assert finding.state == "wrong"
    assert "TLS failed" in finding.found


def test_an_unknown_price_is_a_warning() -> None:
    (finding,) = check_models(own_model("http://127.0.0.1:9/v1"))
    assert finding.state == "warn"
    assert "price unknown" in finding.found
    assert "`input` and `output`" in finding.fix
    (finding,) = check_models(own_model("http://127.0.0.1:9/v1", "input = 0\noutput = 0\n"))
    assert finding.state == "ok"


def test_a_model_without_tools_is_a_warning() -> None:
    (finding,) = check_models(own_model("http://127.0.0.1:9/v1", "input = 0\noutput = 0\ntools = false\n"))
    assert finding.state == "warn"
    assert "does not support tools" in finding.found
