"""Token counts of prompts: by the model's own tokenizer if there is one, else by o200k, and by text size until that is loaded.

No package contains the tokenizers of the other vendors. Their counts differ from o200k's by some percent, and from the size of a
text by up to a factor of 2.6 (Russian).

A conversation grows at its end, so the counts of its texts are cached and only new texts are counted. A very long text is sampled
instead of counted, because counting runs on the event loop, between two steps of a run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_bridge.model.background_loop import import_quietly
from orchestrator_bridge.model.interface import Request

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


_LOG = logging.getLogger(__name__)

Encode = Callable[[str], int]
"""Function that counts the tokens of a text."""

O200K, CL100K = "o200k_base", "cl100k_base"

_BY_NAME = (
    (re.compile(r"(gpt-4o|gpt-4\.|gpt-[5-9]|gpt-oss|chatgpt-4o|o\d)"), O200K),
    (re.compile(r"(gpt-4|gpt-3\.5)"), CL100K),
)
"""Tokenizers by model name (tiktoken's model.py, 0.14); the first pattern that matches the name's beginning applies."""

_PROVIDERS = ("openai", "azure", "azure_ai", "openrouter")
"""Providers at which these names mean OpenAI's models. At an endpoint of the team file's own, a name can mean anything."""


def tokenizer_of(route: Route) -> str | None:
    """Name of the tokenizer that a model uses; None if no package contains its data."""
    if route.provider not in _PROVIDERS:
        return None
    model = route.id.rpartition("/")[2]
    return next((name for pattern, name in _BY_NAME if pattern.match(model)), None)


def data_folder() -> Path | None:
    """Folder of the tokenizers' data in the LiteLLM package; None if that is not installed. LiteLLM itself is not imported."""
    found = find_spec("litellm")
    places = found.submodule_search_locations if found else None
    return Path(next(iter(places))) / "litellm_core_utils" / "tokenizers" if places else None


class TokenizerCache:
    """Tokenizers of OpenAI's models, loaded on first use from the data that LiteLLM ships, without a download.

    Loading one takes 0.3 to 0.7 s and 25 to 50 MB, so it happens in a thread; until then counts are estimates. For about half of
    that time the thread holds the interpreter lock, so a bot preloads the tokenizers of its teams when it starts.
    """

    def __init__(self) -> None:
        self._ready: dict[str, Encode] = {}
        self._loading: dict[str, threading.Thread] = {}

    def loaded(self, name: str) -> Encode | None:
        """Return a tokenizer if it is loaded; None if not. Nothing is started."""
        return self._ready.get(name)

    def get(self, name: str) -> Encode | None:
        """Return a tokenizer; None while it is being loaded, or if it cannot be loaded."""
        if name not in self._ready and name not in self._loading:
            self._loading[name] = threading.Thread(target=self._load, args=(name,), name=f"tokenizer {name}", daemon=True)
            self._loading[name].start()
        return self._ready.get(name)

    def wait_loaded(self) -> None:
        """Block until all started loads have ended."""
        for thread in list(self._loading.values()):
            thread.join()

    def _load(self, name: str) -> None:
        try:
            with import_quietly():
                encode = _load_tokenizer(name)
        except Exception:
            _LOG.exception("the tokenizer %s cannot be loaded; tokens are estimated", name)
        else:
            if encode is not None:
                self._ready[name] = encode


def _load_tokenizer(name: str) -> Encode | None:
    """Load a tokenizer; None if its data is missing, since tiktoken would download it."""
    import tiktoken

    folder = data_folder()
    # tiktoken names a cached file by the hash of its download address.
    address = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
    if folder is None or not (folder / hashlib.sha1(address.encode()).hexdigest()).is_file():
        _LOG.warning("the data of the tokenizer %s is not part of LiteLLM; tokens are estimated", name)
        return None
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    encoding = tiktoken.get_encoding(name)
    # A copy of what its encoder holds, used to decode only: 27 MB of 76.
    encoding._mergeable_ranks = {}
    # `ordinary`: a text of a user that looks like a special token is still text.
    return lambda text: len(encoding.encode_ordinary(text))


BYTES_PER_TOKEN = 4
"""UTF-8 bytes per token: the rule of thumb for English. Other scripts have more bytes per character, and also more tokens."""

MESSAGE_TOKENS, TOOL_TOKENS, IMAGE_TOKENS = 4, 8, 1500
"""Tokens besides the texts: the frame of a message (cookbook.openai.com, "How to count tokens"), the frame of a tool, and the
tokens that vendors bill for a large image."""

MAX_EXACT, SAMPLES, SAMPLE_LENGTH = 50_000, 5, 8_000
"""Characters up to which a text is counted exactly; number and length of the samples that are counted of a longer one."""

COUNT_CACHE_SIZE = 4096
"""Number of cached text counts."""

ESTIMATE = "estimate"
OTHER_SCRIPTS = ", other scripts"
"""Suffix of the method for prompts that are largely not in Latin script: they have a ratio of their own."""

_OTHER_SCRIPT = re.compile("[\u0370-\U0010ffff]")
_OTHER_SHARE = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCount:
    """Tokens of a prompt. `by` is the tokenizer that counted them, or `estimate`; `exact` is True if it is the model's own."""

    tokens: int
    by: str
    exact: bool = False


class TokenCounter:
    """Counts prompts with the tokenizers of this process, and caches the counts of their texts."""

    def __init__(self, tokenizers: TokenizerCache) -> None:
        self._tokenizers = tokenizers
        self._known: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._last: tuple[Request, str, bool, TokenCount] | None = None

    def count(self, request: Request, route: Route) -> TokenCount:
        """Tokens of a request's prompt at a route. The last result is cached: several callers ask about the same request."""
        own = tokenizer_of(route)
        # o200k is loaded at the start of a bot that needs it, and not in the middle of a run.
        encode = self._tokenizers.get(own) if own else self._tokenizers.loaded(O200K)
        method, exact = (own or O200K) if encode else ESTIMATE, own is not None and encode is not None
        if self._last is None or self._last[0] is not request or self._last[1:3] != (method, exact):
            tokens = sum(self._count_text(text, method, encode or estimate) for text in _texts(request))
            by = method if exact else f"{method}{_script_class(request)}"
            self._last = request, method, exact, TokenCount(tokens=tokens + _overhead(request), by=by, exact=exact)
        return self._last[3]

    def _count_text(self, text: str, by: str, encode: Encode) -> int:
        # The hash in place of the text: a cache of whole conversations would keep them all in memory.
        key = (by, hash(text), len(text))
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        tokens = self._known[key] = encode(text) if len(text) <= MAX_EXACT else estimate_by_samples(text, encode)
        if len(self._known) > COUNT_CACHE_SIZE:
            self._known.popitem(last=False)
        return tokens


def estimate(text: str) -> int:
    """Estimate the tokens of a text by its size in UTF-8, rounded up."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // BYTES_PER_TOKEN)


def estimate_prompt(request: Request) -> int:
    """Estimate the tokens of a request's prompt by its size."""
    return sum(map(estimate, _texts(request))) + _overhead(request)


def estimate_by_samples(text: str, encode: Encode) -> int:
    """Estimate the tokens of a long text by samples spread evenly over it."""
    step = (len(text) - SAMPLE_LENGTH) // (SAMPLES - 1)
    samples = [text[number * step : number * step + SAMPLE_LENGTH] for number in range(SAMPLES)]
    return -(-sum(map(encode, samples)) * len(text) // sum(map(len, samples)))


def _texts(request: Request) -> Iterator[str]:
    for message in request.messages:
        yield message.text
        yield from (text for call in message.tool_calls for text in (call.name, call.arguments))
        if message.kept:
            yield json.dumps([message.kept.message, *message.kept.calls])
    for tool in request.tools:
        yield f"{tool.name} {tool.description} {json.dumps(tool.parameters)}"


def _script_class(request: Request) -> str:
    """Suffix of the counting method by the script in which the messages are written."""
    texts = [message.text for message in request.messages]
    other = sum(len(_OTHER_SCRIPT.findall(text)) for text in texts if not text.isascii())
    return OTHER_SCRIPTS if other > _OTHER_SHARE * sum(map(len, texts)) else ""


def _overhead(request: Request) -> int:
    images = sum(len(message.pictures) for message in request.messages)
    return MESSAGE_TOKENS * len(request.messages) + TOOL_TOKENS * len(request.tools) + IMAGE_TOKENS * images
