"""Files that people attach: what is known of them when they come, and their content when somebody wants it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from adapters.slack.api import SlackApi
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import Attachment

MAX_FILE = 50_000_000
"""Bytes. What is larger is not fetched."""

_FILE_SERVERS = ("slack.com", "slack-edge.com", "slack-files.com")


def to_attachments(files: Iterable[Mapping[str, Any]] | None) -> tuple[Attachment, ...]:
    """Files of a message; those that were deleted or hidden meanwhile are left out."""
    there = (one for one in files or () if one.get("mode") not in ("tombstone", "hidden_by_limit"))
    return tuple(
        Attachment(
            name=str(one.get("name") or one.get("title") or one.get("id")),
            media_type=str(one.get("mimetype") or "application/octet-stream"),
            size=int(one.get("size") or 0),
            ref=str(one.get("id")),
        )
        for one in there
        if one.get("id")
    )


async def fetch_file(api: SlackApi, attachment: Attachment) -> bytes:
    """A file's content.

    Raises:
        NotSent: Slack cannot be asked just now.
        SendRejected: the file is gone, too large, or lies where our token must not be shown.
    """
    told = await api.read("files.info", lambda client: client.files_info(file=attachment.ref))
    file = told["file"] or {}
    address = str(file.get("url_private_download") or file.get("url_private") or "")
    if not _is_slack_host(address, api.url):
        raise SendRejected(
            f"{attachment.name} does not lie on Slack's file server; attach the file itself instead of a link to it"
        )
    return await _download(api, attachment.name, address)


def _is_slack_host(address: str, api_url: str) -> bool:
    """Whether our token may be shown there: at Slack's own file servers, or at the host that stands in for Slack."""
    found, ours = urlsplit(address), urlsplit(api_url)
    host = found.hostname or ""
    at_home = found.scheme == "https" and any(host == one or host.endswith(f".{one}") for one in _FILE_SERVERS)
    return at_home or (found.scheme, found.netloc) == (ours.scheme, ours.netloc)


async def _download(api: SlackApi, name: str, address: str) -> bytes:
    try:
        async with api.download(address) as answer:
            return await _content(name, answer)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise NotSent(f"{name} could not be fetched: {type(error).__name__}") from error


async def _content(name: str, answer: aiohttp.ClientResponse) -> bytes:
    if answer.status >= 500 or answer.status == 429:
        raise NotSent(f"{name} could not be fetched (status {answer.status})")
    if answer.status != 200 or answer.content_type == "text/html":  # Slack shows a page for people to log in
        raise SendRejected(
            f"{name} may not be fetched (status {answer.status}): the app needs the scope files:read; reinstall it"
        )
    content = bytearray()
    async for part in answer.content.iter_chunked(65_536):
        content += part
        if len(content) > MAX_FILE:
            raise SendRejected(f"{name} is larger than {MAX_FILE // 1_000_000} MB; attach a smaller one")
    return bytes(content)
