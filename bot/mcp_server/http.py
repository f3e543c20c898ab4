"""HTTP application of the MCP server: authenticates requests, passes MCP on, manages tokens for the owner, reports readiness.

Only this machine can connect, but a web page could reach the server through a host name that its owner points to this machine
(DNS rebinding). So requests for another host, and requests that a browser sends for a page, are refused. All others need a token.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from bot.mcp_server.protocol import client_name, create_mcp_server
from bot.mcp_server.scopes import McpClient
from bot.mcp_server.service import ToolResponse, ToolService
from bot.mcp_server.tokens import AccessToken, TokenRegistry, administer_tokens

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 1_000_000
"""Bytes of a request."""
MAX_SESSIONS = 200
_ACCESS_TOKEN = "townhall.access_token"
"""Key in the ASGI scope under which a request carries its token to the tool call."""


class McpHttpApp:
    """ASGI application of one bot. `secret` authorises requests of the owner."""

    def __init__(self, service: ToolService, tokens: TokenRegistry, port: int, secret: str) -> None:
        self._service = service
        self._tokens = tokens
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]")}
        self._secret = secret
        self._sessions = StreamableHTTPSessionManager(
            create_mcp_server(self._call), max_request_body_size=MAX_BODY, max_sessions=MAX_SESSIONS
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Accept MCP sessions until the block ends."""
        async with self._sessions.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        assert scope["type"] == "http"
        headers = dict(scope["headers"])
        if headers.get(b"host") not in self._hosts or b"origin" in headers:
            await _respond(send, 403, {"error": "only programs on this machine may connect, and no web page"})
        elif scope["path"] == "/tokens":
            await self._administer_tokens(headers, receive, send)
        elif scope["path"] == "/readyz":
            await self._report_readiness(headers, send)
        elif scope["path"].rstrip("/") == "/mcp":
            await self._serve_mcp(scope, headers, receive, send)
        else:
            await _respond(send, 404, {"error": "no such path; the MCP server is at /mcp"})

    async def _serve_mcp(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        token = self._tokens.find(_bearer(headers))
        if token is None:
            expected = "expected: Authorization: Bearer and a token from `townhall token make`"
            await _respond(send, 401, {"error": f"the access token is missing, wrong or revoked; {expected}"})
            return
        scope[_ACCESS_TOKEN] = token
        await self._sessions.handle_request(scope, receive, send)

    async def _call(self, context: ServerRequestContext[Any, Any], tool: str, arguments: Mapping[str, Any]) -> ToolResponse:
        assert context.request is not None
        token: AccessToken = context.request.scope[_ACCESS_TOKEN]
        return await self._service.call(McpClient(access_token=token, client=client_name(context)), tool, arguments)

    async def _report_readiness(self, headers: Mapping[bytes, bytes], send: Send) -> None:
        """Status 200 if the bot can store events now, else 503, with the reason for the owner."""
        problem = await self._service.storage_problem()
        told = {"found": problem.found, "fix": problem.fix} if problem is not None and self._is_owner(headers) else None
        await _respond(send, 200 if problem is None else 503, {"ready": problem is None, "problem": told})

    def _is_owner(self, headers: Mapping[bytes, bytes]) -> bool:
        return hmac.compare_digest(_bearer(headers).encode(), self._secret.encode())

    async def _administer_tokens(self, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        if self._is_owner(headers):
            await _respond(send, 200, await administer_tokens(self._tokens, json.loads(await _read_body(receive))))
        else:
            await _respond(send, 401, {"error": "only the owner of the data folder may manage tokens"})


class _EmbeddedServer(uvicorn.Server):
    """A server inside a process that handles signals itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def create_http_server(app: McpHttpApp) -> uvicorn.Server:
    """Create the HTTP server. It serves the sockets given to it until `should_exit` is set, and then waits for no client."""
    logging.getLogger("uvicorn.error").addFilter(_is_unexpected)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=0, server_header=False, ws="none"
    )
    return _EmbeddedServer(config)


def _is_unexpected(record: logging.LogRecord) -> bool:
    """Filter out uvicorn's errors about clients that still wait at shutdown: their questions stay open, so nothing is lost."""
    cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cancelled and "timeout graceful shutdown" not in record.getMessage()


def _bearer(headers: Mapping[bytes, bytes]) -> str:
    kind, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return secret.strip() if kind.casefold() == "bearer" else ""


async def _read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) < MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _respond(send: Send, status: int, content: Mapping[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content, ensure_ascii=False).encode()})
