"""Files that people attach: their description, and their content when it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from adapters.slack.api import SlackApi
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import Attachment

MAX_FILE = 50_000_000
"""Bytes; a larger file is not downloaded."""

_SERVERS = ("slack.com", "slack-edge.com", "slack-files.com")


def to_attachments(files: Iterable[Mapping[str, Any]] | None) -> tuple[Attachment, ...]:
    """The files of a message, except deleted and hidden ones."""
    return tuple(
        Attachment(
            name=str(file.get("name") or file.get("title") or file.get("id")),
            media_type=str(file.get("mimetype") or "application/octet-stream"),
            size=int(file.get("size") or 0),
            ref=str(file.get("id")),
        )
        for file in files or ()
        if file.get("id") and file.get("mode") not in ("tombstone", "hidden_by_limit")
    )


async def fetch_file(api: SlackApi, attachment: Attachment) -> bytes:
    """The content of a file.

    Raises:
        NotSent: Slack cannot be reached now.
        SendRejected: the file was deleted, is too large, or is stored where our token must not be sent.
    """
    response = await api.read("files.info", lambda client: client.files_info(file=attachment.ref))
    file = response["file"] or {}
    address = str(file.get("url_private_download") or file.get("url_private") or "")
    # Files of other services are only links in Slack, and the request below would give them our token.
    if not is_slack_address(address, api.url):
        raise SendRejected(f"{attachment.name} is not stored on Slack; fix: attach the file itself instead of a link to it")
    return await _download(api, attachment.name, address)


def is_slack_address(address: str, api_url: str) -> bool:
    """True if requests may be sent there: to Slack's own servers, or to the configured host in Slack's place."""
    file, api = urlsplit(address), urlsplit(api_url)
    host = file.hostname or ""
    is_slack = file.scheme == "https" and any(host == server or host.endswith(f".{server}") for server in _SERVERS)
    return is_slack or (file.scheme, file.netloc) == (api.scheme, api.netloc)


async def _download(api: SlackApi, name: str, address: str) -> bytes:
    try:
        async with api.download(address) as response:
            return await _content(name, response)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise NotSent(f"{name} could not be downloaded: {type(error).__name__}") from error


async def _content(name: str, response: aiohttp.ClientResponse) -> bytes:
    if response.status >= 500 or response.status == 429:
        raise NotSent(f"{name} could not be downloaded (status {response.status})")
    if response.status != 200 or response.content_type == "text/html":  # Slack answers with its login page
        raise SendRejected(
            f"{name} may not be downloaded (status {response.status}); fix: reinstall the app with the scope files:read"
        )
    content = bytearray()
    async for part in response.content.iter_chunked(65_536):
        content += part
        if len(content) > MAX_FILE:
            raise SendRejected(f"{name} is larger than {MAX_FILE // 1_000_000} MB; attach a smaller one")
    return bytes(content)
