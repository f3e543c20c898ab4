"""Values as the tables hold them: chat values as JSON, money as the exact text of its decimal."""

from __future__ import annotations

import json
import re
from decimal import Context, Decimal
from typing import Annotated, Any

from pydantic import Discriminator, TypeAdapter
from pydantic_core import PydanticSerializationError

from orchestrator_bridge.chat.inbound import (
    CommandReceived,
    ControlUsed,
    InboundEvent,
    InputClosed,
    MessageDeleted,
    MessageReceived,
)
from orchestrator_bridge.chat.outbound import Post

_INBOUND: dict[str, type[InboundEvent]] = {
    "said": MessageReceived,
    "unsaid": MessageDeleted,
    "clicked": ControlUsed,
    "commanded": CommandReceived,
    "gone": InputClosed,
}
_SURROGATES = re.compile("[\ud800-\udfff]")
_KINDS = {heard: kind for kind, heard in _INBOUND.items()}
# One adapter for a kind, not one for all: these values do not say in their JSON what they are.
_INBOUND_ADAPTERS: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(heard) for kind, heard in _INBOUND.items()}
_POST: TypeAdapter[Post] = TypeAdapter(Annotated[Post, Discriminator("kind")])


def dump_inbound(inbound: InboundEvent) -> tuple[str, str]:
    """The kind of what was heard, and its JSON. Halves of surrogate pairs, which no database takes, become U+FFFD."""
    kind = _KINDS[type(inbound)]
    try:
        return kind, _INBOUND_ADAPTERS[kind].dump_json(inbound).decode()
    except PydanticSerializationError:
        raw = json.dumps(_INBOUND_ADAPTERS[kind].dump_python(inbound), ensure_ascii=False)
        return kind, _SURROGATES.sub("\ufffd", raw)


def as_stored(inbound: InboundEvent) -> InboundEvent:
    """What was heard as it will be read back: platforms may send halves of surrogate pairs, even in names and ids."""
    try:
        _INBOUND_ADAPTERS[_KINDS[type(inbound)]].dump_json(inbound)
    except PydanticSerializationError:
        return load_inbound(*dump_inbound(inbound))
    return inbound


def load_inbound(kind: str, body: str) -> InboundEvent:
    """What was heard, from its kind and JSON.

    Raises:
        ValueError: this release knows no such kind, or the JSON is not of that kind.
    """
    if kind not in _INBOUND_ADAPTERS:
        raise ValueError(
            f"kind {kind!r} of something heard is unknown to this release, expected one of {', '.join(_INBOUND_ADAPTERS)}"
        )
    heard: InboundEvent = _INBOUND_ADAPTERS[kind].validate_json(body)
    return heard


def dump_post(post: Post) -> str:
    """A post as JSON."""
    return _POST.dump_json(post).decode()


def load_post(body: str) -> Post:
    """A post from its JSON.

    Raises:
        ValueError: it is not the JSON of a post.
    """
    return _POST.validate_json(body)


def dump_dollars(amount: Decimal | None) -> str | None:
    """An amount as text that loses nothing.

    Raises:
        ValueError: the amount is not a finite number.
    """
    if amount is None:
        return None
    if not amount.is_finite():
        raise ValueError(f"an amount of {amount} dollars cannot be booked; expected a finite number")
    return format(amount, "f")


def load_dollars(text: str | None) -> Decimal | None:
    """An amount from its text."""
    return None if text is None else Decimal(text)


class DollarsSum:
    """SQLite's `sum` for amounts as text, `dollars_sum(amount)`: exact where binary fractions would round. Nothing sums to 0."""

    _EXACT = Context(prec=100)

    def __init__(self) -> None:
        self._sum = Decimal(0)

    def step(self, amount: str | None) -> None:
        """Take one row in."""
        if amount is not None:
            self._sum = self._EXACT.add(self._sum, Decimal(amount))

    def finalize(self) -> str:
        """The sum, as text."""
        return format(self._sum, "f")
