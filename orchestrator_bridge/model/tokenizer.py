"""OpenAI's tokenizers, from the data that LiteLLM ships: nothing is downloaded, and LiteLLM itself is not imported.

Loading one takes 0.3 to 0.7 s and 50 to 85 MB, so it is done in a thread; until it is there, counts are estimates. About half of
that time no other thread runs either, so the bot begins with it when it starts, for the models of its teams.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_bridge.model.quiet import import_quietly

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route

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
