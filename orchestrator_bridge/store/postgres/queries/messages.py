"""Queries: the outbox and the inbox."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator_bridge.store.postgres.connection import corrupted_content
from orchestrator_bridge.store.sql.messages import key_range, messages_of, readable, to_inbound, to_pending_post, to_receipt

if TYPE_CHECKING:
    from orchestrator_bridge.chat.inbound import InboundEvent, MessageReceived, Place
    from orchestrator_bridge.chat.outbound import PostedMessage
    from orchestrator_bridge.store.interface import PendingPost
    from orchestrator_bridge.store.postgres.connection import Connection


_PENDING = """
SELECT post.*,
    above.sent_message AS above_message, above.sent_thread AS above_thread, above.sent_at AS above_at,
    old.sent_message AS old_message, old.sent_thread AS old_thread, old.sent_at AS old_at
FROM outbox AS post
LEFT JOIN outbox AS above ON above.key = post.anchor
LEFT JOIN outbox AS old ON old.key = post.replaces
WHERE post.state = 'unsent' ORDER BY post.turn
"""
_SENT_POST = "SELECT sent_message, sent_thread, sent_at FROM outbox WHERE key = %s"
_CLOCK_OFFSET = """
SELECT max(at - sent_at) AS seconds FROM (
    SELECT at, sent_at FROM outbox WHERE platform = %s AND sent_at IS NOT NULL AND replaces IS NULL
    ORDER BY turn DESC LIMIT 100
) AS shown
"""
_MESSAGES_IN = "SELECT turn, kind, body FROM inbox WHERE key >= %s AND key < %s"
_UNHANDLED = "SELECT turn, kind, body FROM inbox WHERE handled_at IS NULL ORDER BY turn"


async def list_pending_posts(connection: Connection) -> list[PendingPost]:
    """Posts that are not known to have arrived, in the order in which they were first stored; see `readable`."""
    damaged = partial(corrupted_content, connection)
    return readable(await (await connection.execute(_PENDING)).fetchall(), partial(to_pending_post, damaged=damaged))


async def get_sent_post(connection: Connection, key: str) -> PostedMessage | None:
    """Receipt of a post."""
    row = await (await connection.execute(_SENT_POST, (key,))).fetchone()
    return None if row is None else to_receipt(row)


async def get_clock_offset(connection: Connection, platform: str) -> float | None:
    """Lower bound of the seconds by which a platform's clock is behind ours. See `Store.clock_offset`."""
    row = await (await connection.execute(_CLOCK_OFFSET, (platform,))).fetchone()
    assert row is not None
    return None if row["seconds"] is None else float(row["seconds"])


async def list_unhandled_events(connection: Connection) -> list[InboundEvent]:
    """Inbound events that are not handled, in the order in which they arrived; see `readable`."""
    damaged = partial(corrupted_content, connection)
    return readable(await (await connection.execute(_UNHANDLED)).fetchall(), partial(to_inbound, damaged=damaged))


async def list_messages_in(connection: Connection, place: Place) -> list[MessageReceived]:
    """Messages of a thread: every version of each, without those that are known to be deleted; see `readable`."""
    damaged = partial(corrupted_content, connection)
    rows = await (await connection.execute(_MESSAGES_IN, key_range(place))).fetchall()
    return messages_of(place, readable(rows, partial(to_inbound, damaged=damaged)))


async def check_messages(connection: Connection) -> None:
    """Decode every event that is not handled, and every post that is not known to have arrived.

    Raises:
        Corrupted: one of them cannot be decoded.
    """
    damaged = partial(corrupted_content, connection)
    async for row in await connection.execute(_UNHANDLED):
        to_inbound(row, damaged)
    async for row in await connection.execute(_PENDING):
        to_pending_post(row, damaged)
