"""The pictures that a request shows: named in the run's state, fetched from the store when the request leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator_bridge.model.port import Message, Picture, Request
    from orchestrator_bridge.store.port import Store


async def with_pictures(request: Request, store: Store) -> Request:
    """The request with what its pictures hold; one that the store has lost is left out.

    Raises:
        StoreError: the store cannot be read.
    """
    if not any(message.pictures for message in request.messages):
        return request
    return replace(request, messages=tuple([await _filled(message, store) for message in request.messages]))


async def _filled(message: Message, store: Store) -> Message:
    filled = [await _fetched(picture, store) for picture in message.pictures]
    return replace(message, pictures=tuple(picture for picture in filled if picture.data))


async def _fetched(picture: Picture, store: Store) -> Picture:
    return replace(picture, data=await store.picture(picture.id) or b"")
