"""Validation errors of pydantic as one line of text: for a model that sent wrong arguments, a log, or a script's author."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Strict

from orchestrator_bridge.common.text import shorten

if TYPE_CHECKING:
    from pydantic import ValidationError

Integer = Annotated[int, Strict()]
Real = Annotated[float, Strict()]
"""Numbers for which `true` is an error: pydantic reads it as 1 unless it is strict."""

_JSON_WORDS = {"a valid tuple": "an array", "a valid dictionary": "an object", "a valid boolean": "true or false"}
"""Names of Python types in pydantic's messages, and the names that a reader of JSON or TOML knows."""


def explain_validation(
    error: ValidationError, *, whole: str = "object", limit: int = 5, first_index: int = 0, show_input: bool = False
) -> str:
    """The first `limit` problems, such as `calls.0.tool: Field required; text: Input should be a valid string`.

    `whole` names the value itself, for a problem that belongs to no field. `first_index` is the number of a list's first entry.
    `show_input` appends the value that was found; leave it out where that may be a secret.
    """
    lines = []
    for detail in error.errors(include_url=False, include_context=False)[:limit]:
        place = ".".join(str(part + first_index if isinstance(part, int) else part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        for python_word, json_word in _JSON_WORDS.items():
            message = message.replace(python_word, json_word)
        found = f" (found {shorten(repr(detail['input']), 80)})" if show_input else ""
        where = f"{place or whole}: " if place or whole else ""
        lines.append(f"{where}{message}{found}")
    return "; ".join(lines)
