"""Texts that UTF-8 can carry."""

from __future__ import annotations

from typing import Any


def replace_surrogates(text: str) -> str:
    """The text with its surrogate pairs joined and U+FFFD for lone halves, which no UTF-8 can carry.

    They come from odd terminals, from models that are cut off, and from streams that are cut between the halves.
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def replace_surrogates_in(value: Any) -> Any:
    """A JSON value whose texts can all be written."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, dict):
        return {replace_surrogates_in(key): replace_surrogates_in(inner) for key, inner in value.items()}
    return [replace_surrogates_in(inner) for inner in value] if isinstance(value, list) else value
