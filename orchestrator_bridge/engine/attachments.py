"""Attachments: fetched from the platform and stored before the run gets the message that they belong to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from orchestrator_bridge.chat.adapter import Adapter, NotSent, SendRejected
from orchestrator_bridge.chat.attachments import MAX_FILE_SIZE, UNREADABLE, AttachmentContent, parse_attachment, too_large
from orchestrator_bridge.chat.inbound import Attachment
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.model.interface import Model
from orchestrator_bridge.run.records import BlobStored
from orchestrator_bridge.store.interface import Store, StoreError
from orchestrator_bridge.team.team import Team

_LOG = logging.getLogger(__name__)

MAX_ATTACHMENTS = 10
"""Files of one message that are loaded: as many as chat platforms usually accept."""

TRIES, RETRY_DELAY = 3, 2.0
"""Attempts to fetch a file, and seconds between them unless the platform names a time."""


class AttachmentLoader:
    """Fetches attachments. A picture is stored under the hash of its content, so that the same one is stored once."""

    def __init__(self, store: Store, clock: Clock, adapters: Mapping[str, Adapter], models: Model) -> None:
        self._store = store
        self._clock = clock
        self._adapters = adapters
        self._models = models

    async def load(self, platform: str, attachments: Sequence[Attachment], team: Team) -> tuple[AttachmentContent, ...]:
        """Load files, in order. One that cannot be fetched or stored gives the reason instead; a picture names the agents that
        cannot see it."""
        unseen_by = tuple(agent.name for agent in team.agents if not self._models.supports_images(agent.model))
        adapter = self._adapters[platform]
        loaded = await asyncio.gather(
            *(self._load(adapter, attachment, unseen_by) for attachment in attachments[:MAX_ATTACHMENTS])
        )
        rest = (
            _unavailable(attachment, f"only {MAX_ATTACHMENTS} files are read at once")
            for attachment in attachments[MAX_ATTACHMENTS:]
        )
        return (*loaded, *rest)

    async def _load(self, adapter: Adapter, attachment: Attachment, hidden_from: tuple[str, ...]) -> AttachmentContent:
        if not attachment.ref:
            return _unavailable(attachment, UNREADABLE)
        if attachment.size > MAX_FILE_SIZE:
            return too_large(attachment.name, attachment.size)
        body = await self._download(adapter, attachment)
        if body is None:
            return _unavailable(attachment, "it could not be fetched")
        return await self._store_image(parse_attachment(attachment.name, body, hidden_from), body)

    async def _store_image(self, file: AttachmentContent, body: bytes) -> AttachmentContent:
        try:
            if file.picture:
                await self._store.append(rows=[BlobStored(picture=file.picture, body=body)])
        except StoreError as error:
            _LOG.error("%s could not be stored: %s", file.name, error)
            return AttachmentContent(name=file.name, why="it could not be stored")
        return file

    async def _download(self, adapter: Adapter, attachment: Attachment) -> bytes | None:
        for _ in range(TRIES):
            try:
                return await adapter.fetch(attachment)
            except SendRejected as error:
                _LOG.warning("%s cannot be fetched: %s", one_line(attachment.name, 120), error)
                return None
            except NotSent as error:
                _LOG.warning("%s cannot be fetched now: %s", one_line(attachment.name, 120), error)
                await sleep_until(self._clock, self._clock.now() + (error.retry_after or RETRY_DELAY))
            except Exception as error:  # a fault of the adapter, or odd data: the message counts without its file
                _LOG.warning("%s cannot be fetched: %s: %s", one_line(attachment.name, 120), type(error).__name__, error)
                return None
        return None


def _unavailable(attachment: Attachment, why: str) -> AttachmentContent:
    return AttachmentContent(name=one_line(attachment.name, 120), why=why)
