"""Takes out of a value what a person cannot see or what a terminal would obey, in all its texts at once."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from orchestrator_bridge.text import clean

_Value = TypeVar("_Value")


def strip_control_characters(value: _Value) -> _Value:
    """`value` with every text in it cleaned; dataclasses and tuples are gone through."""
    made: Any = value
    if isinstance(value, str):
        made = clean(value)
    elif isinstance(value, tuple):
        made = tuple(strip_control_characters(item) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{field.name: strip_control_characters(getattr(value, field.name)) for field in fields(value)})
    return made  # type: ignore[no-any-return]  # each branch keeps the type; mypy cannot follow that
