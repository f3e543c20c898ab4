"""Queries: the outbox and the inbox."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator_bridge.store.sql.messages import key_range, messages_of, readable, to_inbound, to_pending_post, to_receipt
from orchestrator_bridge.store.sqlite.errors import corrupted_content

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.chat.inbound import InboundEvent, MessageReceived, Place
    from orchestrator_bridge.chat.outbound import PostedMessage
    from orchestrator_bridge.store.interface import PendingPost


# Bodies are read as bytes: SQLite stores what is no UTF-8 in a TEXT column, and reading it as text would end the whole query.
PENDING = """
SELECT post.key, post.run, post.question, post.platform, post.channel, post.thread, post.anchor, post.replaces, post.priority,
    CAST(post.post AS BLOB) AS post, post.at, post.version,
    above.sent_message AS above_message, above.sent_thread AS above_thread, above.sent_at AS above_at,
    old.sent_message AS old_message, old.sent_thread AS old_thread, old.sent_at AS old_at
FROM outbox AS post
LEFT JOIN outbox AS above ON above.key = post.anchor
LEFT JOIN outbox AS old ON old.key = post.replaces
WHERE post.state = 'unsent' ORDER BY post.turn
"""
SENT_POST = "SELECT sent_message, sent_thread, sent_at FROM outbox WHERE key = ?"
CLOCK_OFFSET = """
SELECT max(at - sent_at) FROM (
    SELECT at, sent_at FROM outbox AS shown WHERE platform = ? AND sent_at IS NOT NULL AND replaces IS NULL
    ORDER BY turn DESC LIMIT 100
)
"""
MESSAGES_IN = "SELECT turn, kind, CAST(body AS BLOB) AS body FROM inbox WHERE key >= ? AND key < ?"
UNHANDLED = "SELECT turn, kind, CAST(body AS BLOB) AS body FROM inbox WHERE handled_at IS NULL ORDER BY turn"


def list_pending_posts(connection: sqlite3.Connection) -> list[PendingPost]:
    """Posts that are not known to have arrived, in the order in which they were first stored; see `readable`."""
    damaged = partial(corrupted_content, connection)
    return readable(connection.execute(PENDING).fetchall(), partial(to_pending_post, damaged=damaged))


def get_sent_post(connection: sqlite3.Connection, key: str) -> PostedMessage | None:
    """Receipt of a post."""
    rows = connection.execute(SENT_POST, (key,)).fetchall()
    return to_receipt(rows[0]) if rows else None


def get_clock_offset(connection: sqlite3.Connection, platform: str) -> float | None:
    """Lower bound of the seconds by which a platform's clock is behind ours. See `Store.clock_offset`."""
    (row,) = connection.execute(CLOCK_OFFSET, (platform,)).fetchall()
    return None if row[0] is None else float(row[0])


def list_unhandled_events(connection: sqlite3.Connection) -> list[InboundEvent]:
    """Inbound events that are not handled, in the order in which they arrived; see `readable`."""
    damaged = partial(corrupted_content, connection)
    return readable(connection.execute(UNHANDLED).fetchall(), partial(to_inbound, damaged=damaged))


def list_messages_in(connection: sqlite3.Connection, place: Place) -> list[MessageReceived]:
    """Messages of a thread: every version of each, without those that are known to be deleted; see `readable`."""
    damaged = partial(corrupted_content, connection)
    rows = connection.execute(MESSAGES_IN, key_range(place)).fetchall()
    return messages_of(place, readable(rows, partial(to_inbound, damaged=damaged)))


def check_messages(connection: sqlite3.Connection) -> None:
    """Decode every event that is not handled, and every post that is not known to have arrived.

    Raises:
        Corrupted: one of them cannot be decoded.
    """
    damaged = partial(corrupted_content, connection)
    for row in connection.execute(UNHANDLED).fetchall():
        to_inbound(row, damaged)
    for row in connection.execute(PENDING).fetchall():
        to_pending_post(row, damaged)
