"""Frozen values: what follows from one is found out once, and a changed copy is made quickly.

One reply asks some four hundred things of its question and its run, most of them several times, and changes them twenty times.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import BaseModel, ConfigDict

FOLLOWS = "_follows"
"""Where a value keeps what `once` has found out of it. It is no field, so that nothing stores or compares it."""

V = TypeVar("V")
T = TypeVar("T")


def once(find: Callable[[V], T]) -> Callable[[V], T]:
    """For a plain function of a frozen value without slots: the value remembers the result. A changed copy begins anew."""

    @wraps(find)
    def remembered(value: V) -> T:
        known = value.__dict__.setdefault(FOLLOWS, {})
        if find not in known:
            known[find] = find(value)
        found: T = known[find]
        return found

    return remembered


if TYPE_CHECKING:
    from dataclasses import replace  # by that name mypy knows which fields there are
else:

    def replace(value, /, **changes):
        """`dataclasses.replace` at a tenth of its time, for dataclasses without slots that check nothing when they are made."""
        changed = object.__new__(type(value))
        changed.__dict__.update(value.__dict__, **changes)
        changed.__dict__.pop(FOLLOWS, None)
        return changed


__all__ = ["FOLLOWS", "once", "replace"]


class Value(BaseModel):
    """A frozen value that takes no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __copy__(self) -> Self:
        """A copy, by which `model_copy` makes a changed one: what followed from the original need not follow from it."""
        copied = super().__copy__()
        copied.__dict__.pop(FOLLOWS, None)
        return copied
