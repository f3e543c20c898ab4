"""Token counts before a call: exact with the model's tokenizer, estimated otherwise, corrected by reported usage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import ContextTooLong
from orchestrator_bridge.model.estimator import LEAST, MOST, Estimator, Ratio
from orchestrator_bridge.model.interface import Message, PromptCount, ProviderState, Usage
from orchestrator_bridge.model.tokens import TokenCounter, TokenizerCache, estimate, estimate_by_samples, tokenizer_of
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.support.fake_models.replies import ScriptedReply, Tokens
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import create_model_client, create_request
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

ROOT = Path(__file__).parents[2]
TEXT = "Is the sky blue? Ja, natürlich — 空は青い。 def f(x): return x ** 2\n"


def route(model: str = "grok-4.3", provider: str = "xai", **known: Any) -> Route:
    return Route(name=model, provider=provider, id=model, **known)


@pytest.fixture(scope="module")
def counter() -> TokenCounter:
    tokenizers = TokenizerCache()
    for name in ("o200k_base", "cl100k_base"):
        tokenizers.get(name)
    tokenizers.wait_loaded()
    return TokenCounter(tokenizers)


@pytest.mark.parametrize(
    ("model", "provider", "tokenizer"),
    [
        ("gpt-5-mini", "openai", "o200k_base"),
        ("gpt-4.1", "openai", "o200k_base"),
        ("o3", "openai", "o200k_base"),
        ("gpt-4-turbo", "openai", "cl100k_base"),
        ("gpt-3.5-turbo", "azure", "cl100k_base"),
        ("openai/gpt-5", "openrouter", "o200k_base"),
        ("x-ai/grok-4.3", "openrouter", None),
        ("gpt-oss-mine", "own", None),
        ("claude-sonnet-4-5", "anthropic", None),
    ],
)
def test_the_tokenizer_follows_from_provider_and_model(model: str, provider: str, tokenizer: str | None) -> None:
    assert tokenizer_of(route(model, provider)) == tokenizer


def test_openais_models_are_counted_with_their_own_tokenizer(counter: TokenCounter) -> None:
    request = create_request("hello world", messages=(Message(role="user", text="hello world"),), tools=())
    counted = counter.count(request, route("gpt-5", "openai"))
    assert (counted.tokens, counted.by) == (2 + 4, "o200k_base")  # two words, and the frame of a message
    assert counter.count(request, route("gpt-4", "openai")).by == "cl100k_base"


def test_other_models_are_counted_with_o200k_which_is_near(counter: TokenCounter) -> None:
    request = create_request(messages=(Message(role="user", text="hello world"),), tools=())
    counted = counter.count(request, route())
    assert (counted.tokens, counted.by, counted.exact) == (2 + 4, "o200k_base", False)
    assert counter.count(request, route("gpt-5", "openai")).exact


# Texts of the classes in which an estimate by size is wrong in its own way, and the bounds of estimate / o200k.
CLASSES = {
    "English": ("The second database is cheaper to run, and it is simpler to move a small team onto it. " * 20, 1.0, 1.7),
    "German": ("Die zweite Datenbank kostet weniger, und ein kleines Team kann leicht zu ihr wechseln. " * 20, 0.9, 1.5),
    "Russian": ("Вторая база данных дешевле, и небольшой команде легко перейти на неё. " * 20, 1.7, 2.7),
    "Chinese": ("第二个数据库更便宜,小团队也容易迁移。" * 20, 0.8, 1.3),
    "code": ("def total(rows: list[Row]) -> int:\n    return sum(row.cost for row in rows if row.cost)\n" * 20, 0.8, 1.4),
    "JSON": ('{"id": 17, "name": "db-2", "tags": ["a", "b"], "cost": 0.25, "on": true}\n' * 20, 0.5, 0.9),
    "logs": ("2026-11-30T20:18:37.123Z INFO 10.0.0.17 GET /v1/runs/481 200 17ms 0x7f3a\n" * 20, 0.4, 0.9),
    "base64": ("SGVsbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0IGRhdGEgb2YgYSBmaWxlLg==" * 20, 0.3, 0.8),
    "emoji": ("🚀🦀🌍🎉🗳️✍️💭⏳" * 40, 0.4, 1.6),
}


@pytest.mark.parametrize(("text", "least", "most"), CLASSES.values(), ids=CLASSES)
def test_o200k_counts_every_kind_of_text_for_models_without_a_tokenizer(
    counter: TokenCounter, text: str, least: float, most: float
) -> None:
    request = create_request(messages=(Message(role="user", text=text),), tools=())
    theirs, own = counter.count(request, route()), counter.count(request, route("gpt-5", "openai"))
    assert theirs.tokens == own.tokens
    assert least <= TokenCounter(TokenizerCache()).count(request, route()).tokens / own.tokens <= most


def test_until_o200k_is_loaded_the_size_decides() -> None:
    """A run does not load it, which would hold up everything for half a second; the start of the bot does."""
    request = create_request(messages=(Message(role="user", text="a" * 400),), tools=())
    counted = TokenCounter(TokenizerCache()).count(request, route())
    assert (counted.tokens, counted.by, counted.exact) == (104, "estimate", False)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("Is the sky blue?", "o200k_base"),
        ("Grüße aus Köln, naïve façade", "o200k_base"),
        ("Почему небо голубое?", "o200k_base, other scripts"),
        ("空はなぜ青いのですか", "o200k_base, other scripts"),
        ("The word небо is Russian for sky, and that is all there is.", "o200k_base"),
    ],
)
def test_each_script_has_a_ratio_of_its_own(counter: TokenCounter, text: str, by: str) -> None:
    request = create_request(messages=(Message(role="user", text=text),), tools=())
    assert counter.count(request, route()).by == by
    assert counter.count(request, route("gpt-5", "openai")).by == "o200k_base", "its own tokenizer counts every script alike"


def test_a_start_loads_o200k_for_every_real_model() -> None:
    models = ModelClient()
    models.preload_tokenizers(["scripted/demo", "claude-opus-5-5"])
    models._tokenizers.wait_loaded()
    request = create_request(model="claude-opus-5-5", messages=(Message(role="user", text="hello world"),), tools=())
    assert models.estimate_call(request).tokens == 6 + 4096


def test_reasoning_sent_back_is_counted(counter: TokenCounter) -> None:
    plain = Message(role="assistant", text="x")
    kept = Message(role="assistant", text="x", kept=ProviderState(maker="m", message={"reasoning_content": "y" * 4000}))
    without, with_it = (counter.count(create_request(messages=(message,)), route()).tokens for message in (plain, kept))
    assert with_it - without >= 1000


def test_a_very_long_text_is_estimated_by_samples(counter: TokenCounter) -> None:
    long = TEXT * 5000
    exact = (
        counter.count(create_request(messages=(Message(role="user", text=TEXT),), tools=()), route("gpt-5", "openai")).tokens - 4
    )
    judged = counter.count(create_request(messages=(Message(role="user", text=long),), tools=()), route("gpt-5", "openai")).tokens
    assert judged == pytest.approx(5000 * exact, rel=0.05)


@given(st.text(max_size=200))
def test_the_estimate_of_a_nonempty_text_is_never_zero(text: str) -> None:
    assert (estimate(text) > 0) == bool(text)


@given(st.integers(min_value=50_001, max_value=200_000))
def test_samples_of_an_even_text_give_its_whole_count(length: int) -> None:
    assert estimate_by_samples("a" * length, len) == length


def test_tokenizers_come_from_the_installed_packages_and_litellm_is_not_imported_for_them(tmp_path: Path) -> None:
    code = """
import socket, sys
socket.socket.connect = None
from orchestrator_bridge.model.tokens import TokenizerCache
tokenizers = TokenizerCache()
tokenizers.get("o200k_base"); tokenizers.wait_loaded()
print(tokenizers.get("o200k_base")("hello world"), "litellm" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "2 False\n"


# What responses teach ---------------------------------------------------------------------------------------------------------

COUNTS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=30)


@given(COUNTS)
def test_a_ratio_stays_within_its_bounds(calls: list[tuple[int, int]]) -> None:
    ratio = Ratio()
    for counted, reported in calls:
        ratio = ratio.updated(counted, reported)
    assert LEAST <= ratio.value <= MOST


def test_a_ratio_follows_the_newest_calls() -> None:
    ratio = Ratio()
    for _ in range(50):
        ratio = ratio.updated(100, 100)
    for _ in range(30):
        ratio = ratio.updated(100, 200)
    assert ratio.value == pytest.approx(2.0, rel=0.05)
    assert ratio.calls == 80


async def test_reported_usage_corrects_the_next_estimate() -> None:
    async with ModelServer([ScriptedReply(text="x", usage=Tokens(input=2024))]) as server:
        models = create_model_client(server)
        request = create_request("x" * 4000, model="mine", tools=(), max_output=1)
        before = models.estimate_call(request).tokens
        response = await models.respond(request)
        after = models.estimate_call(request).tokens
        await models.close()
    assert before == 1012 + 1
    assert after == 2024 + 1
    assert response.counted == PromptCount(model="own/big-1", by="estimate", tokens=1012)


async def test_a_response_without_usage_corrects_nothing() -> None:
    async with ModelServer([ScriptedReply(text="x", usage=None)]) as server:
        models = create_model_client(server)
        request = create_request("x" * 4000, model="mine")
        before = models.estimate_call(request)
        await models.respond(request)
        assert models.estimate_call(request) == before
        await models.close()


# What does not fit ------------------------------------------------------------------------------------------------------------


def estimator() -> Estimator:
    return Estimator(TokenCounter(TokenizerCache()))


def test_a_prompt_exceeds_what_a_window_leaves_beside_the_answer() -> None:
    small = route(context=1000)
    request = create_request(messages=(Message(role="user", text="x" * 4 * 700),), tools=(), max_output=400)
    assert estimator().excess_tokens(request, small) == 704 - 570  # 95% of the 600 that the answer leaves
    assert estimator().excess_tokens(request, route(context=100_000)) == 0
    assert estimator().excess_tokens(request, route()) == 0


async def test_a_prompt_that_cannot_fit_is_refused_before_the_call() -> None:
    async with ModelServer([]) as server:
        models = create_model_client(server)
        with pytest.raises(ContextTooLong) as caught:
            await models.respond(create_request("x" * 8_000_000, model="xai/grok-4.3"))
        await models.close()
    assert caught.value.found == "the prompt has about 2,000,050 tokens, and xai/grok-4.3 takes 1,000,000."
    assert caught.value.retry_after is None
    assert server.requests == []


async def test_a_too_long_prompt_corrects_the_count_and_is_retried() -> None:
    body = '{"error": {"message": "maximum prompt length is 1000000", "code": "context_length_exceeded"}}'
    async with ModelServer([ScriptedReply(status=400, body=body)]) as server:
        models = create_model_client(server)
        request = create_request("x" * 3_000_000, model="xai/grok-4.3")
        assert models.excess_tokens(request) == 0
        with pytest.raises(ContextTooLong) as caught:
            await models.respond(request)
        await models.close()
    assert caught.value.retry_after == 0.0
    assert models.excess_tokens(request) > 0


def test_ratios_of_earlier_processes_are_loaded() -> None:
    known = estimator()
    known.load_calibrations({("xai/grok-4.3", "estimate"): Ratio(counted=100, reported=150, calls=3)})
    request = create_request(messages=(Message(role="user", text="x" * 400),), tools=())
    assert known.estimate_prompt(request, route()) == 156


def test_estimated_usage_corrects_nothing() -> None:
    known = estimator()
    request = create_request(messages=(Message(role="user", text="x" * 400),), tools=())
    known.learn(known.count_prompt(request, route()), Usage(input=1000, estimated=True))
    assert known.estimate_prompt(request, route()) == 104


async def test_a_run_stores_the_ratios_that_it_learned(tmp_path: Path) -> None:
    clock = SystemClock()
    store = await SqliteStore.open(tmp_path / "t.db", clock=clock.now)
    async with (
        ModelServer(lambda _: ScriptedReply(text="Done.", usage=Tokens(input=5000))) as server,
        start_engine(tmp_path / "t.db", server, ListPlatform(clock), store=store) as engine,
    ):
        run = await engine.start_run(task="Plan it.", team=team("one"), place=PLACE, by=ANA)
        await engine.wait_ended(run)
        (learned,) = await store.token_calibrations()
    assert (learned.model, learned.by, learned.ratio.calls) == ("own/local", "estimate", 1)
    assert learned.ratio.reported == 5000
