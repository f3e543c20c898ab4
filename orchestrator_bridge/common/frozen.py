"""Frozen values whose derived facts are computed once, and that are copied with changes fast.

Handling one reply reads some four hundred derived facts of a question and its run, most of them several times, and changes the
two about twenty times.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import BaseModel, ConfigDict

V = TypeVar("V")
T = TypeVar("T")


def cached_on_value(derive: Callable[[V], T]) -> Callable[[V], T]:
    """`functools.cached_property` for a function of a frozen value that is not defined in the value's class.

    `functools.cache` does not do: it would hash all fields of the value on every call, and keep old values alive. Classes with
    `__slots__` have no place for the result. A changed copy computes anew: `Value.model_copy` and `replace` copy fields only.
    """
    name = f"{derive.__module__}.{derive.__qualname__}"

    @wraps(derive)
    def cached(value: V) -> T:
        known = value.__dict__
        if name not in known:
            known[name] = derive(value)
        result: T = known[name]
        return result

    return cached


if TYPE_CHECKING:
    from dataclasses import replace  # under this name, mypy checks the fields
else:

    def replace(value, /, **changes):
        """`dataclasses.replace` at a fraction of its time, for dataclasses without `__slots__` and without `__post_init__`."""
        changed = object.__new__(type(value))
        known = value.__dict__
        changed.__dict__.update({name: known[name] for name in value.__dataclass_fields__}, **changes)
        return changed


__all__ = ["Value", "cached_on_value", "replace"]


class Value(BaseModel):
    """Base class of frozen pydantic models that reject unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __copy__(self) -> Self:
        """Copy the fields but not the cached facts; `model_copy(update=...)` makes its changed copy from this."""
        copied = super().__copy__()
        fields = type(self).__pydantic_fields__
        for name in copied.__dict__.keys() - fields.keys():
            del copied.__dict__[name]
        return copied
