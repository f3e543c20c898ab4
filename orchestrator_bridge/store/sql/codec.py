"""Encoding of values in tables: chat values as JSON, money as the exact text of a decimal."""

from __future__ import annotations

import json
import re
from decimal import Decimal
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
    PersonLeft,
)
from orchestrator_bridge.chat.outbound import Post

_INBOUND: dict[str, type[InboundEvent]] = {
    "said": MessageReceived,
    "unsaid": MessageDeleted,
    "clicked": ControlUsed,
    "commanded": CommandReceived,
    "gone": InputClosed,
    "left": PersonLeft,
}
_SURROGATES = re.compile("[\ud800-\udfff]")
_KINDS = {event_type: kind for kind, event_type in _INBOUND.items()}
# One adapter for each kind, not one for the union: the JSON of these values does not contain their kind.
_INBOUND_ADAPTERS: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(event_type) for kind, event_type in _INBOUND.items()}
_POST: TypeAdapter[Post] = TypeAdapter(Annotated[Post, Discriminator("kind")])


def dump_inbound(inbound: InboundEvent) -> tuple[str, str]:
    """Encode an inbound event as its kind and JSON. Lone surrogates, which no database accepts, become U+FFFD."""
    kind = _KINDS[type(inbound)]
    try:
        return kind, _INBOUND_ADAPTERS[kind].dump_json(inbound).decode()
    except PydanticSerializationError:
        raw = json.dumps(_INBOUND_ADAPTERS[kind].dump_python(inbound), ensure_ascii=False)
        return kind, _SURROGATES.sub("\ufffd", raw)


def as_stored(inbound: InboundEvent) -> InboundEvent:
    """The event as it will be read back: platforms may send lone surrogates, even in names and ids."""
    try:
        _INBOUND_ADAPTERS[_KINDS[type(inbound)]].dump_json(inbound)
    except PydanticSerializationError:
        return load_inbound(*dump_inbound(inbound))
    return inbound


def load_inbound(kind: str, body: str | bytes) -> InboundEvent:
    """Decode an inbound event.

    Raises:
        ValueError: the kind is unknown to this release, or the JSON does not match it.
    """
    if kind not in _INBOUND_ADAPTERS:
        raise ValueError(
            f"kind {kind!r} of an inbound event is unknown to this release; expected one of {', '.join(_INBOUND_ADAPTERS)}"
        )
    event: InboundEvent = _INBOUND_ADAPTERS[kind].validate_json(body)
    return event


def dump_post(post: Post) -> str:
    """Encode a post as JSON."""
    return _POST.dump_json(post).decode()


def load_post(body: str | bytes) -> Post:
    """Decode a post.

    Raises:
        ValueError: the JSON is not that of a post.
    """
    return _POST.validate_json(body)


def dump_dollars(amount: Decimal | None) -> str | None:
    """Encode US dollars as exact text.

    Raises:
        ValueError: the amount is not a finite number.
    """
    if amount is None:
        return None
    if not amount.is_finite():
        raise ValueError(f"an amount of {amount} dollars cannot be booked; expected a finite number")
    return format(amount, "f")


def load_dollars(text: str | None) -> Decimal | None:
    """Decode US dollars."""
    return None if text is None else Decimal(text)


def read_sources(joined: str | None) -> tuple[str, ...]:
    """Distinct sources of costs, sorted, from text with commas between them."""
    return tuple(sorted((joined or "").split(","))) if joined else ()
