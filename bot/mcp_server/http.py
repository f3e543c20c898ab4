"""The door over HTTP: who may come in, what goes to the MCP server, and what only the owner of the data folder may do.

Only this machine reaches it, but a page in a browser could be led here by a name that its owner points to this machine (DNS
rebinding): requests for another host, or from any page, are refused. All others need a token.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from bot.config.errors import ConfigError
from bot.mcp_server.protocol import client_name, create_mcp_server
from bot.mcp_server.scopes import McpClient
from bot.mcp_server.service import ToolResponse, ToolService
from bot.mcp_server.tokens import AccessToken, TokenRegistry, TokenScope
from orchestrator_bridge.store.interface import StoredToken, StoreError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Admin = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]

MAX_BODY = 1_000_000
"""Bytes of a request."""
_CALLER = "townhall.pass"


class McpHttpApp:
    """The application behind the door. `secret` is the owner's; `admin` does what the owner wants."""

    def __init__(self, service: ToolService, tokens: TokenRegistry, port: int, secret: str, admin: Admin) -> None:
        self._service = service
        self._tokens = tokens
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]")}
        self._secret = secret
        self._admin = admin
        self._sessions = StreamableHTTPSessionManager(
            create_mcp_server(self._call), max_request_body_size=MAX_BODY, max_sessions=200
        )

    async def _call(self, context: ServerRequestContext[Any, Any], tool: str, arguments: Mapping[str, Any]) -> ToolResponse:
        assert context.request is not None
        through: AccessToken = context.request.scope[_CALLER]
        return await self._service.call(McpClient(access_token=through, client=client_name(context)), tool, arguments)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        assert scope["type"] == "http"
        headers = dict(scope["headers"])
        if headers.get(b"host") not in self._hosts or b"origin" in headers:
            await _respond(send, 403, {"error": "only programs on this machine may come in here, and no page of a browser"})
        elif scope["path"] == "/tokens":
            await self._admin_request(headers, receive, send)
        elif scope["path"].rstrip("/") == "/mcp":
            await self._mcp(scope, headers, receive, send)
        else:
            await _respond(send, 404, {"error": "there is nothing here; agents come in at /mcp"})

    async def _mcp(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        through = self._tokens.find(_bearer(headers))
        if through is None:
            text = "the token is missing, wrong or withdrawn; expected Authorization: Bearer and one from `townhall token make`"
            await _respond(send, 401, {"error": text})
            return
        scope[_CALLER] = through
        await self._sessions.handle_request(scope, receive, send)

    async def _admin_request(self, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        if not hmac.compare_digest(_bearer(headers).encode(), self._secret.encode()):
            await _respond(send, 401, {"error": "only the owner of the data folder may do this"})
            return
        await _respond(send, 200, await self._admin(json.loads(await _body(receive))))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while this holds."""
        async with self._sessions.run():
            yield


class _EmbeddedServer(uvicorn.Server):
    """A server among other things in a process: signals are not for it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def create_http_server(app: McpHttpApp) -> uvicorn.Server:
    """A server of the house; it serves sockets that are given to it, until `should_exit` is set, and then waits for nobody."""
    logging.getLogger("uvicorn.error").addFilter(_keep_record)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=0, server_header=False, ws="none"
    )
    return _EmbeddedServer(config)


def _keep_record(record: logging.LogRecord) -> bool:
    """That whoever still waits is sent away at the end is no error here: what was asked lives on."""
    sent_away = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not sent_away and "timeout graceful shutdown" not in record.getMessage()


def _bearer(headers: Mapping[bytes, bytes]) -> str:
    kind, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return secret.strip() if kind.casefold() == "bearer" else ""


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) < MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _respond(send: Send, status: int, what: Mapping[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(what, ensure_ascii=False).encode()})


async def token_admin(book: TokenRegistry, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Carry one out; `trouble` says why it was not."""
    try:
        match wish["do"]:
            case "make":
                return {"secret": await book.create(str(wish["name"]), TokenScope.model_validate(wish["terms"]))}
            case "withdraw":
                await book.revoke(str(wish["name"]))
                return {}
            case _:
                return {"tokens": [_token_object(token) for token in book.tokens]}
    except (ConfigError, StoreError) as error:
        return {"trouble": str(error)}


def _token_object(token: StoredToken) -> dict[str, Any]:
    """A token without its hash. Times are seconds since the epoch."""
    shown = asdict(token)
    del shown["hash"]
    return {**shown, "terms": json.loads(token.terms)}
