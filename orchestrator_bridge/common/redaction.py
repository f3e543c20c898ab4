"""Taking secrets out of texts: what is logged, what tools say, what people and models are shown of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

SHORTEST = 4
"""Characters. What is shorter stands in for a key at an endpoint that takes any (`x`), and would be found in every word."""

SECRETIVE = ("KEY", "TOKEN", "SECRET", "PASSWORD")
"""How the names of variables end that hold secrets."""


class Redactor:
    """Takes secrets out of texts: `[XAI_API_KEY]` stands where the key stood. `secrets` are the values by those names."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        named = {text: name for name, secret in secrets.items() for text in _spellings(secret)}
        self._names = dict(sorted(named.items(), key=lambda one: len(one[0]), reverse=True))

    def clean(self, text: str) -> str:
        """The text without the secrets. The longest goes first, for one secret may be part of another."""
        for secret, name in self._names.items():
            text = text.replace(secret, f"[{name}]")
        return text


def _spellings(secret: str) -> set[str]:
    """The secret as it stands, as Python and JSON quote it, and as a part of an address."""
    if len(secret) < SHORTEST:
        return set()
    in_json = (json.dumps(secret, ensure_ascii=plain)[1:-1] for plain in (True, False))
    return {secret, repr(secret)[1:-1], *in_json, quote(secret, safe="")}
