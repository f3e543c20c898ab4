"""Removal of secrets from texts: log lines, tool results, and what people and models are shown of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

MIN_SECRET_LENGTH = 4
"""Characters. A shorter value is a placeholder for an endpoint that accepts any key (`x`); it would match inside many words."""

SECRET_SUFFIXES = ("KEY", "TOKEN", "SECRET", "PASSWORD")
"""Endings of the names of environment variables that hold secrets."""


class Redactor:
    """Replaces secrets by their names: `[XAI_API_KEY]` stands for the key. `secrets` maps names to values."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        named = {text: name for name, secret in secrets.items() for text in _spellings(secret)}
        # The longest first: one secret may be part of another, whose remainder would stay in the text.
        self._names = dict(sorted(named.items(), key=lambda entry: len(entry[0]), reverse=True))

    def clean(self, text: str) -> str:
        """Return the text without the secrets."""
        for secret, name in self._names.items():
            text = text.replace(secret, f"[{name}]")
        return text


def _spellings(secret: str) -> set[str]:
    """The secret itself, and as Python literals, JSON strings and URLs spell it."""
    if len(secret) < MIN_SECRET_LENGTH:
        return set()
    in_json = (json.dumps(secret, ensure_ascii=plain)[1:-1] for plain in (True, False))
    return {secret, repr(secret)[1:-1], *in_json, quote(secret, safe="")}
