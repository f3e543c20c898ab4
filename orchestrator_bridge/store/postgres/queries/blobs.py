"""Queries: pictures, tool results, selected models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.sql.blobs import to_model_selection

if TYPE_CHECKING:
    from orchestrator_bridge.store.interface import ModelSelection
    from orchestrator_bridge.store.postgres.connection import Connection


_SELECTIONS = "SELECT platform, channel, scope, model FROM picks WHERE model <> '' ORDER BY platform, channel, scope"
_PICTURE = "SELECT body FROM pictures WHERE picture = %s"
_TOOL_RESULT = "SELECT text FROM results WHERE run = %s AND use = %s"


async def list_model_selections(connection: Connection) -> list[ModelSelection]:
    """Selected models of all channels."""
    return [to_model_selection(row) async for row in await connection.execute(_SELECTIONS)]


async def get_picture(connection: Connection, picture: str) -> bytes | None:
    """Content of a picture; None if it is not stored."""
    row = await (await connection.execute(_PICTURE, (picture,))).fetchone()
    return None if row is None else bytes(row["body"])


async def get_tool_result(connection: Connection, run: int, use: str) -> str | None:
    """Whole result of a tool call; None if it is not stored."""
    row = await (await connection.execute(_TOOL_RESULT, (run, use))).fetchone()
    return None if row is None else str(row["text"])
