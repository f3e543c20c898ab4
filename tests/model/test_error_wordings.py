"""Wordings of vendors and servers that decide what a refusal means, each with the place where it was reported."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_bridge.model import errors
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import Message, Request
from tests.support.fake_models.replies import ModelCall, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.litellm_vendors import FLASH, vendor_error
from tests.support.model_calls import call_error, create_model_client, create_request

QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to:"
)
GEMINI_MINUTE = {
    # browserbase/mcp-server-browserbase#129: the limit per minute has the words of an empty account.
    "error": {
        "code": 429,
        "message": f"{QUOTA} https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head to: "
        "https://ai.dev/usage?tab=rate-limit. \n* Quota exceeded for metric: generativelanguage.googleapis.com/"
        "generate_content_paid_tier_input_token_count, limit: 4000000\nPlease retry in 38.4s.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "38s"}],
    }
}


def without_details(body: dict[str, Any], message: str | None = None) -> dict[str, Any]:
    error = {name: value for name, value in body["error"].items() if name != "details"}
    return {"error": {**error, "message": message or error["message"]}}


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (GEMINI_MINUTE, 38.4),
        (without_details(GEMINI_MINUTE), 38.4),
        ({"error": {**GEMINI_MINUTE["error"], "message": "Resource exhausted"}}, 38.0),
        ([GEMINI_MINUTE], 38.4),
        # console.groq.com/docs/rate-limits; OpenAI words it alike.
        ({"error": {"message": "Rate limit reached. Please try again in 7.66s.", "code": "rate_limit_exceeded"}}, 7.66),
        ({"error": {"message": "Rate limit reached. Please try again in 1m26.4s."}}, 86.4),
        ({"error": {"message": "Rate limit reached. Please try again in 120ms."}}, 0.12),
    ],
)
async def test_a_limit_per_minute_is_waited_for_as_long_as_its_body_says(body: Any, seconds: float) -> None:
    error = await call_error(ScriptedReply(status=429, body=json.dumps(body)))
    assert type(error) is errors.RateLimited
    assert error.retry_after == pytest.approx(seconds)


async def test_a_header_decides_before_the_body() -> None:
    error = await call_error(ScriptedReply(status=429, body=json.dumps(GEMINI_MINUTE), headers={"retry-after": "5"}))
    assert error.retry_after == 5.0


async def test_geminis_limit_per_minute_is_a_rate_limit_behind_litellm_too() -> None:
    error = await vendor_error(FLASH, ScriptedReply(status=429, body=json.dumps(GEMINI_MINUTE)))
    assert type(error) is errors.RateLimited
    assert error.retry_after == pytest.approx(38.4)


async def test_a_quota_of_zero_is_no_credit() -> None:
    """A model outside of the free tier has the limit 0 there; waiting does not help."""
    message = f"{QUOTA} … free_tier_requests, limit: 0, model: gemini-3.8-pro\nPlease retry in 38.4s."
    error = await call_error(ScriptedReply(status=429, body=json.dumps(without_details(GEMINI_MINUTE, message))))
    assert type(error) is errors.InsufficientCredit


TOO_LONG = [
    (400, "request (66202 tokens) exceeds the available context size (65536 tokens), try increasing it", 65_536),  # llama.cpp
    (500, "the request exceeds the available context size. try increasing the context size", None),  # llama.cpp, 2025
    (400, "The decoder prompt (length 9000) is longer than the maximum model length of 8192.", 8192),  # vLLM
    (400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages).", 8192),
    (400, "Invalid request: Your request exceeded model token limit: 262144 (requested: 270000)", 262_144),  # Kimi
    (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4200 `inputs` tokens", 4096),  # TGI
    (
        422,
        "Input validation error: inputs tokens + max_new_tokens must be <= 2048. Given: 2000 and 100",
        2048,
    ),  # GenAIExamples#340
    (422, "Input validation error: `inputs` must have less than 1024 tokens. Given: 1200", 1024),  # TGI
    (400, "Please reduce the length of the messages or completion.", None),  # Groq
    (413, "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce it.", 6000),
    (429, "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 34000.", 30_000),  # OpenAI
    (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1_048_576),  # Gemini
    (400, "The input (9000 tokens) is longer than the model's context length (8192 tokens).", 8192),  # SGLang
    (400, "prompt is too long: 200001 tokens > 200000 maximum", 200_000),  # Anthropic
    (400, "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length", 32_768),
    (400, "Range of input length should be [1, 129024]", 129_024),  # DashScope
    (400, "Prompt exceeds max length", None),  # Zhipu
]


@pytest.mark.parametrize(("status", "message", "window"), TOO_LONG)
async def test_a_prompt_that_is_too_long_is_recognised_with_its_window(status: int, message: str, window: int | None) -> None:
    error = await call_error(ScriptedReply(status=status, body=json.dumps({"error": {"message": message, "code": status}})))
    assert isinstance(error, errors.ContextTooLong)
    assert error.window == window


@pytest.mark.parametrize("message", [message for _, message, _ in TOO_LONG[:1]] + ["the prompt is too long"])
async def test_a_window_that_nobody_configured_is_learned_from_the_refusal(message: str) -> None:
    """A server of the team file's own mostly has no `context`: its refusal says how much fits, or that less has to do."""
    body = json.dumps({"error": {"message": message}})

    def serve(asked: ModelCall) -> ScriptedReply:
        longest = max(len(text["content"]) for text in asked.messages)
        return ScriptedReply(status=400, body=body) if longest > 250_000 else ScriptedReply(text="ok")

    long = create_request("word " * 60_000, model="house")
    async with ModelServer(serve) as server:
        models = ModelClient(own={"house": ModelSpec(base_url=server.url)})
        assert models.excess_tokens(long) == 0
        with pytest.raises(errors.ContextTooLong) as caught:
            await models.respond(long)
        assert caught.value.retry_after == 0.0, "the run cuts the conversation and tries again at once"
        assert models.excess_tokens(long) > 0
        short = Request(agent="planner", model="house", messages=(Message(role="user", text="word " * 30_000),))
        assert (await models.respond(short)).text == "ok"
        await models.close()


NO_CREDIT = {
    "DeepSeek (continuedev/continue#9853)": (
        402,
        {"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}},
    ),
    "Moonshot (anomalyco/opencode#24462)": (
        429,
        {
            "error": {
                "message": "Your account org-1 <ak-1> is suspended due to insufficient balance, please recharge your account"
                " or check your plan and billing details",
                "type": "exceeded_current_quota_error",
            }
        },
    ),
    "Moonshot, never paid (MoonshotAI/Kimi-K2#5)": (
        403,
        {
            "error": {
                "message": "Your account org-1 <ak-1> is not active, organization <org-1> exceeded current quota, please check"
                " your plan and billing details",
                "type": "exceeded_current_quota_error",
            }
        },
    ),
    "Zhipu, international (zai-org/GLM-5#148)": (
        429,
        {"error": {"code": "1113", "message": "Insufficient balance or no resource package. Please recharge."}},
    ),
    "Zhipu (continuedev/continue#11823)": (429, {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}}),
    "Alibaba (infiniflow/ragflow#1552)": (
        400,
        {"error": {"code": "Arrearage", "message": "Access denied, please make sure your account is in good standing."}},
    ),
    "Alibaba, free tier (help.aliyun.com, error codes of Model Studio)": (
        403,
        {"error": {"code": "AllocationQuota.FreeTierOnly", "message": "The free tier of the model has been exhausted."}},
    ),
    "SiliconFlow (FoundationAgents/OpenManus#438)": (
        403,
        {"code": 30011, "message": "The selected model requires paid balance. Your paid balance is insufficient.", "data": None},
    ),
    "MiniMax (MiniMax-AI/MiniMax-M2#62)": (500, {"error": {"type": "api_error", "message": "insufficient balance (1008)"}}),
    "Fireworks (pollinations/pollinations#12136)": (
        412,
        {
            "error": {
                "message": "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past"
                " invoices.",
                "code": "PRECONDITION_FAILED",
            }
        },
    ),
    "OpenAI, no payment (BerriAI/litellm#2743)": (
        429,
        {"error": {"message": "Your account is not active, please check your billing details.", "code": "billing_not_active"}},
    ),
    "OpenAI, credit used up (quareth/drowAI#64)": (
        429,
        {"error": {"message": "Your credits are exhausted.", "code": "credit_balance_exhausted"}},
    ),
    "OpenRouter, limit of a key (RooCodeInc/Roo-Code#515)": (
        403,
        {"error": {"message": "Key limit exceeded (total limit). Manage it at the settings of your keys.", "code": 403}},
    ),
    "Anthropic, own limit (anthropics/claude-code#2127)": (
        400,
        {
            "error": {
                "type": "invalid_request_error",
                "message": "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
            }
        },
    ),
    "one-api and its kin (popjane/free_chatgpt_api#76)": (
        403,
        {"error": {"message": "user quota is not enough", "type": "v_api_error", "code": "insufficient_user_quota"}},
    ),
}


@pytest.mark.parametrize(("status", "body"), NO_CREDIT.values(), ids=NO_CREDIT)
async def test_an_account_that_cannot_pay_is_told_for_what_it_is(status: int, body: dict[str, Any]) -> None:
    error = await call_error(ScriptedReply(status=status, body=json.dumps(body, ensure_ascii=False)))
    assert type(error) is errors.InsufficientCredit
    assert error.found.startswith("the account at xai has no credit, or has reached its spending limit: ")
    assert error.advice == "Add credit to the account of XAI_API_KEY or raise its limit, or choose another model."


async def test_an_account_that_is_used_up_within_a_stream_is_told_for_what_it_is() -> None:
    error = await call_error(ScriptedReply(text="x", error={"code": "insufficient_quota", "message": "You have no credit left."}))
    assert type(error) is errors.InsufficientCredit


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "internal error"),
        (401, "Incorrect API key provided"),
        (403, "You have no access to this model"),
        (429, "Rate limit reached for requests"),
        (400, "The parameter balance is unknown"),
    ],
)
async def test_other_refusals_are_not_taken_for_missing_credit(status: int, message: str) -> None:
    error = await call_error(ScriptedReply(status=status, body=json.dumps({"error": {"message": message}})))
    assert type(error) is not errors.InsufficientCredit


@pytest.mark.parametrize("as_text", [True, False])
async def test_openrouters_raw_reason_is_told(as_text: bool) -> None:
    """openrouter.ai/docs, "Errors": `metadata` has the upstream provider's name and its own error."""
    raw: object = {"error": {"message": "tools.0.name: must match ^[a-z]+$", "type": "invalid_request_error"}}
    raw = json.dumps(raw) if as_text else raw
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw, "provider_name": "Venice"}}}
    error = await call_error(ScriptedReply(status=400, body=json.dumps(body)))
    assert error.found == "xai rejected the request: Provider returned error: Venice: tools.0.name: must match ^[a-z]+$."


async def test_openrouters_raw_reason_decides_what_it_means() -> None:
    raw = '{"error":{"message":"This model\'s maximum context length is 8192 tokens."}}'
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}}
    assert type(await call_error(ScriptedReply(status=400, body=json.dumps(body)))) is errors.ContextTooLong


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            403,
            {"error": {"code": "unsupported_country_region_territory", "message": "Country, region, or territory not supported"}},
        ),
        (400, {"error": {"message": "User location is not supported for the API use.", "status": "FAILED_PRECONDITION"}}),
    ],
)
async def test_a_blocked_region_is_told_for_what_it_is(status: int, body: object) -> None:
    error = await call_error(ScriptedReply(status=status, body=json.dumps(body)))
    assert type(error) is errors.RegionBlocked
    assert error.found.startswith("xai does not serve the region or network of this computer: ")
    assert "key" not in error.advice


@pytest.mark.parametrize("status", [400, 401, 403, 407, 451])
async def test_a_page_of_a_proxy_is_told_for_what_it_is(status: int) -> None:
    page = "<!DOCTYPE html><html><head><title>Access Denied by Zscaler</title></head><body>Blocked</body></html>"
    error = await call_error(ScriptedReply(status=status, body=page, content_type="text/html"))
    assert type(error) is errors.ProxyRefused
    assert error.found == "a proxy or firewall answered instead of xai: Access Denied by Zscaler."
    assert "HTTPS_PROXY" in error.advice
    assert "API key" not in error.found + error.advice


async def test_a_407_of_a_local_server_names_the_proxy() -> None:
    reply = ScriptedReply(status=407, body="", headers={"proxy-authenticate": 'Basic realm="squid"'})
    error = await call_error(reply, create_request(model="mine"))
    assert type(error) is errors.ProxyRefused
    assert error.found == "a proxy or firewall answered instead of mine."
    assert "NO_PROXY" in error.advice


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"detail": "Not Found"}', "application/json"),  # FastAPI, and so vLLM
        ('{"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}', "application/json"),  # llama.cpp
        ("404 page not found", "text/plain"),  # Go, and so Ollama
        ("<html><head><title>404 Not Found</title></head></html>", "text/html"),
        ('{"error": {"message": "Invalid URL (POST /chat/completions)"}}', "application/json"),  # OpenAI
    ],
)
async def test_a_path_that_is_not_there_is_a_wrong_address_and_not_an_unknown_model(body: str, kind: str) -> None:
    error = await call_error(ScriptedReply(status=404, body=body, content_type=kind), create_request(model="mine"))
    assert type(error) is errors.WrongAddress
    assert error.found.startswith("mine has no chat completions at http://127.0.0.1:")
    assert "/v1" in error.advice


async def test_lm_studios_answer_to_a_wrong_path_is_a_wrong_address() -> None:
    body = '{"error": "Unexpected endpoint or method. (POST /chat/completions). Returning 200 anyway"}'
    assert type(await call_error(ScriptedReply(body=body), create_request(model="mine"))) is errors.WrongAddress


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/..."),  # llama.cpp
        (500, "Value is not callable: null at row 1, column 72 of the chat template"),  # llama.cpp
        (500, "jinja2.exceptions.TemplateError: System role not supported"),  # vLLM
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
    ],
)
async def test_a_chat_template_that_fails_is_not_tried_again(status: int, message: str) -> None:
    reply = ScriptedReply(status=status, body=json.dumps({"error": {"message": message}}))
    async with ModelServer(lambda _: reply) as server:
        models = create_model_client(server)
        with pytest.raises(errors.BadRequest):
            await models.respond(create_request(model="mine"))
        await models.close()
