"""Brings what people attach from their platform into the store, before the run hears of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from orchestrator_bridge.chat.adapter import Adapter, NotSent, SendRejected
from orchestrator_bridge.chat.attachments import MAX_FILE_SIZE, AttachmentContent, parse_attachment, too_large
from orchestrator_bridge.chat.inbound import Attachment
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.model.interface import Model
from orchestrator_bridge.run.records import BlobStored
from orchestrator_bridge.store.interface import Store, StoreError
from orchestrator_bridge.team.team import Team

_LOG = logging.getLogger(__name__)

MAX_ATTACHMENTS = 10
"""Files of one message that are taken, as many as Discord and Slack let people attach at once."""

TRIES, PAUSE = 3, 2.0
"""How often a file is asked for, and seconds in between."""


class AttachmentLoader:
    """Fetches attachments; the same file is kept once, however often it is sent."""

    def __init__(self, store: Store, clock: Clock, adapters: Mapping[str, Adapter], models: Model) -> None:
        self._store = store
        self._clock = clock
        self._adapters = adapters
        self._models = models

    async def load(self, platform: str, attachments: Sequence[Attachment], team: Team) -> tuple[AttachmentContent, ...]:
        """The files, in order; one that cannot be had or kept says why, a picture also which of the agents cannot see it."""
        unseen_by = tuple(agent.name for agent in team.agents if not self._models.supports_images(agent.model))
        taken = await asyncio.gather(
            *(self._load(self._adapters[platform], one, unseen_by) for one in attachments[:MAX_ATTACHMENTS])
        )
        rest = (
            AttachmentContent(name=one_line(one.name, 120), why=f"only {MAX_ATTACHMENTS} files are taken at once")
            for one in attachments[MAX_ATTACHMENTS:]
        )
        return (*taken, *rest)

    async def _load(self, adapter: Adapter, attachment: Attachment, hidden_from: tuple[str, ...]) -> AttachmentContent:
        if attachment.size > MAX_FILE_SIZE:
            return too_large(attachment.name, attachment.size)
        body = await self._download(adapter, attachment)
        if body is None:
            return AttachmentContent(name=one_line(attachment.name, 120), why="it could not be fetched")
        return await self._store_image(parse_attachment(attachment.name, body, hidden_from), body)

    async def _store_image(self, file: AttachmentContent, body: bytes) -> AttachmentContent:
        try:
            if file.picture:
                await self._store.append(rows=[BlobStored(picture=file.picture, body=body)])
        except StoreError as error:
            _LOG.error("%s could not be kept: %s", file.name, error)
            return AttachmentContent(name=file.name, why="the disk could not take it")
        return file

    async def _download(self, adapter: Adapter, attachment: Attachment) -> bytes | None:
        for _ in range(TRIES):
            try:
                return await adapter.fetch(attachment)
            except SendRejected as error:
                _LOG.warning("%s cannot be fetched: %s", attachment.name, error)
                return None
            except NotSent as error:
                _LOG.warning("%s cannot be fetched just now: %s", attachment.name, error)
                await sleep_until(self._clock, self._clock.now() + (error.retry_after or PAUSE))
        return None
