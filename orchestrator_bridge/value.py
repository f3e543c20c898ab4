"""What checked values have in common."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from orchestrator_bridge.frozen import FOLLOWS


class Value(BaseModel):
    """A frozen value that takes no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __copy__(self) -> Self:
        """A copy, by which `model_copy` makes a changed one: what followed from the original need not follow from it."""
        copied = super().__copy__()
        copied.__dict__.pop(FOLLOWS, None)
        return copied
