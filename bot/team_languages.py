"""The files of more languages that a team file names: what people's replies say in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.team_shape import TomlValidator
from bot.trouble import format_value
from orchestrator_bridge.question.words import Language, read_language


def load_languages(names: Any, folder: Path, shaper: TomlValidator) -> tuple[Language, ...]:
    """The languages whose files are named, looked for beside the team file; what is wrong is written down with the shaper."""
    if not isinstance(names, list):
        shaper.report(("languages",), format_value(names), "a list of files, such as ['fr.toml']")
        return ()
    return tuple(_load_files(names, folder, shaper))


def _load_files(names: list[Any], folder: Path, shaper: TomlValidator) -> Iterator[Language]:
    for index, name in enumerate(names):
        try:
            yield read_language((folder / str(name)).read_text("utf-8"))
        except OSError as error:
            shaper.report(("languages", index), f"{name!r}: {error.strerror}", "a readable file of words, beside this file")
        except ValueError as error:
            shaper.report(("languages", index), f"{name!r}: {_error_text(error)}", "lists of words as in question/words/en.toml")


def _error_text(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
