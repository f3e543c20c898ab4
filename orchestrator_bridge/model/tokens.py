"""Counting the tokens of a prompt before its call: by the model's own tokenizer where there is one, else by the texts' size.

A conversation grows at its end, so the counts of its texts are kept: only what is new is counted. A very long text is counted in
parts and the rest judged by these, for this happens while a run stores its next step.
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
from orchestrator_bridge.model.interface import Message, Request

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


# OpenAI's tokenizers, from the data that LiteLLM ships: nothing is downloaded, and LiteLLM itself is not imported.
#
# Loading one takes 0.3 to 0.7 s and 50 to 85 MB, so it is done in a thread; until it is there, counts are estimates. About half
# of
# that time no other thread runs either, so the bot begins with it when it starts, for the models of its teams.


_LOG = logging.getLogger(__name__)

Encode = Callable[[str], int]
"""The tokens of a text."""

O200K, CL100K = "o200k_base", "cl100k_base"

_BY_NAME = (
    (re.compile(r"(gpt-4o|gpt-4\.|gpt-[5-9]|gpt-oss|chatgpt-4o|o\d)"), O200K),
    (re.compile(r"(gpt-4|gpt-3\.5)"), CL100K),
)
"""Which models use which (tiktoken's model.py, 0.14): the first that matches the beginning of the name."""

_PROVIDERS = ("openai", "azure", "azure_ai", "openrouter")
"""Where such names are OpenAI's models. A name at an endpoint of one's own may be anything."""


def tokenizer_of(route: Route) -> str | None:
    """The name of the tokenizer that a model uses; None where its data comes with no package."""
    if route.provider not in _PROVIDERS:
        return None
    model = route.id.rpartition("/")[2]
    return next((name for pattern, name in _BY_NAME if pattern.match(model)), None)


def data_folder() -> Path | None:
    """Where LiteLLM keeps the tokenizers' data; None where it is not installed."""
    found = find_spec("litellm")
    places = found.submodule_search_locations if found else None
    return Path(next(iter(places))) / "litellm_core_utils" / "tokenizers" if places else None


class TokenizerCache:
    """The tokenizers of this process, each loaded when it is first asked for."""

    def __init__(self) -> None:
        self._ready: dict[str, Encode] = {}
        self._loading: dict[str, threading.Thread] = {}

    def get(self, name: str) -> Encode | None:
        """A tokenizer that is loaded; None while it is not, or cannot be."""
        if name not in self._ready and name not in self._loading:
            self._loading[name] = threading.Thread(target=self._load, args=(name,), name=f"tokenizer {name}", daemon=True)
            self._loading[name].start()
        return self._ready.get(name)

    def wait_loaded(self) -> None:
        """Until what is being loaded is there."""
        for thread in list(self._loading.values()):
            thread.join()

    def _load(self, name: str) -> None:
        try:
            with import_quietly():
                encode = _load(name)
        except Exception:
            _LOG.exception("the tokenizer %s cannot be loaded: tokens are estimated", name)
        else:
            if encode is not None:
                self._ready[name] = encode


def _load(name: str) -> Encode | None:
    """None where the data is not there: tiktoken would fetch it."""
    import tiktoken

    folder = data_folder()
    # tiktoken names a file by the address that it would be fetched from.
    address = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
    if folder is None or not (folder / hashlib.sha1(address.encode()).hexdigest()).is_file():
        _LOG.warning("the data of the tokenizer %s did not come with LiteLLM: tokens are estimated", name)
        return None
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    encoding = tiktoken.get_encoding(name)
    return lambda text: len(encoding.encode_ordinary(text))


BYTES_A_TOKEN = 4
"""The usual rule of thumb for English; scripts of other alphabets have more bytes a character, and so more tokens."""

A_MESSAGE, A_TOOL, A_PICTURE = 4, 8, 1500
"""Tokens besides the texts: a message's frame (cookbook.openai.com, "How to count tokens"), a tool's, and what vendors bill for a
large picture."""

WHOLE, PARTS, PART = 50_000, 5, 8_000
"""Characters up to which a text is counted as a whole; how many parts of a longer one are counted, and their characters."""

COUNT_CACHE_SIZE = 4096
"""Counts of texts that are kept."""

ESTIMATE = "estimate"


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCount:
    """The tokens of a prompt, and by which tokenizer; `estimate` where it is none."""

    tokens: int
    by: str


class TokenCounter:
    """Counts prompts, with the tokenizers of this process."""

    def __init__(self, tokenizers: TokenizerCache) -> None:
        self._tokenizers = tokenizers
        self._known: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._last: tuple[Request, TokenCount] | None = None

    def count(self, request: Request, route: Route) -> TokenCount:
        """The tokens of a request's prompt at this route. The same request again costs nothing: each is asked about often."""
        name = tokenizer_of(route)
        encode = self._tokenizers.get(name) if name else None
        by = name if name and encode else ESTIMATE
        if self._last is None or self._last[0] is not request or self._last[1].by != by:
            tokens = sum(self._text(text, by, encode or estimate) for text in _texts(request))
            self._last = request, TokenCount(tokens=tokens + _overhead(request), by=by)
        return self._last[1]

    def _text(self, text: str, by: str, encode: Encode) -> int:
        key = (by, hash(text), len(text))
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        tokens = self._known[key] = encode(text) if len(text) <= WHOLE else estimate_by_samples(text, encode)
        if len(self._known) > COUNT_CACHE_SIZE:
            self._known.popitem(last=False)
        return tokens


def estimate(text: str) -> int:
    """About how many tokens a text has, by its size in UTF-8."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // BYTES_A_TOKEN)


def estimate_prompt(request: Request) -> int:
    """About how many tokens a request's prompt has."""
    return sum(map(estimate, _texts(request))) + _overhead(request)


def estimate_by_samples(text: str, encode: Encode) -> int:
    """About how many tokens a long text has, by parts from its beginning to its end."""
    step = (len(text) - PART) // (PARTS - 1)
    parts = [text[place * step : place * step + PART] for place in range(PARTS)]
    return -(-sum(map(encode, parts)) * len(text) // sum(map(len, parts)))


def _texts(request: Request) -> Iterator[str]:
    for message in request.messages:
        yield message.text
        yield from (text for call in message.tool_calls for text in (call.name, call.arguments))
        yield _state_texts(message)
    for tool in request.tools:
        yield f"{tool.name} {tool.description} {json.dumps(tool.parameters)}"


def _state_texts(message: Message) -> str:
    """What goes back with a message takes room too."""
    return json.dumps([message.kept.message, *message.kept.calls]) if message.kept else ""


def _overhead(request: Request) -> int:
    pictures = sum(len(message.pictures) for message in request.messages)
    return A_MESSAGE * len(request.messages) + A_TOOL * len(request.tools) + A_PICTURE * pictures
