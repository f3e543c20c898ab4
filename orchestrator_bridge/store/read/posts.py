"""What is still to be posted and what was; what was heard and still waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.chat import InboundEvent, MessageDeleted, MessageReceived, Place, Post, PostedMessage
from orchestrator_bridge.store.codec import load_inbound, load_post
from orchestrator_bridge.store.port import Pending
from orchestrator_bridge.store.read.broken import broken
from orchestrator_bridge.store.rows import Outgoing

if TYPE_CHECKING:
    import sqlite3

PENDING = """
SELECT post.*,
    above.sent_message AS above_message, above.sent_thread AS above_thread, above.sent_at AS above_at,
    old.sent_message AS old_message, old.sent_thread AS old_thread, old.sent_at AS old_at
FROM outbox AS post
LEFT JOIN outbox AS above ON above.key = post.anchor
LEFT JOIN outbox AS old ON old.key = post.replaces
WHERE post.state = 'unsent' ORDER BY post.turn
"""
RECEIPT = "SELECT sent_message, sent_thread, sent_at FROM outbox WHERE key = ?"
BEHIND = """
SELECT max(at - sent_at) FROM (
    SELECT at, sent_at FROM outbox AS shown WHERE platform = ? AND sent_at IS NOT NULL AND replaces IS NULL
    ORDER BY turn DESC LIMIT 100
)
"""
HEARD_IN = "SELECT turn, kind, body FROM inbox WHERE key >= ? AND key < ?"
UNHANDLED = "SELECT turn, kind, body FROM inbox WHERE handled_at IS NULL ORDER BY turn"


def pending(connection: sqlite3.Connection) -> list[Pending]:
    """Posts not known to have arrived, in the order in which they were first written.

    Raises:
        Damaged: one of them cannot be read. The same holds for what was heard.
    """
    return [_pending(connection, row) for row in connection.execute(PENDING).fetchall()]


def sent(connection: sqlite3.Connection, key: str) -> PostedMessage | None:
    """The receipt of a post."""
    rows = connection.execute(RECEIPT, (key,)).fetchall()
    return _posted(*rows[0]) if rows else None


def behind(connection: sqlite3.Connection, platform: str) -> float | None:
    """How far a platform's clock is behind ours at least, in seconds."""
    (row,) = connection.execute(BEHIND, (platform,)).fetchall()
    return None if row[0] is None else float(row[0])


def unhandled(connection: sqlite3.Connection) -> list[InboundEvent]:
    """What was heard and not dealt with, in the order in which it came."""
    return [_inbound(connection, row) for row in connection.execute(UNHANDLED).fetchall()]


def heard_in(connection: sqlite3.Connection, place: Place) -> list[MessageReceived]:
    """What was said in a thread, every version of it, without the messages that are known to be deleted."""
    behind = place.prefix[:-1] + chr(ord("/") + 1)
    rows = connection.execute(HEARD_IN, (place.prefix, behind)).fetchall()
    heard = [one for row in rows if (one := _inbound(connection, row)).place == place]
    deleted = {one.message for one in heard if isinstance(one, MessageDeleted)}
    return [one for one in heard if isinstance(one, MessageReceived) and one.message not in deleted]


def _inbound(connection: sqlite3.Connection, row: sqlite3.Row) -> InboundEvent:
    try:
        return load_inbound(row["kind"], row["body"])
    except ValueError as error:
        raise broken(connection, f"row {row['turn']} of the inbox", row["body"], error) from error


def _pending(connection: sqlite3.Connection, row: sqlite3.Row) -> Pending:
    return Pending(
        outgoing=_outgoing(connection, row),
        anchored=_posted(row["above_message"], row["above_thread"], row["above_at"]),
        replaced=_posted(row["old_message"], row["old_thread"], row["old_at"]),
    )


def _outgoing(connection: sqlite3.Connection, row: sqlite3.Row) -> Outgoing:
    return Outgoing(
        key=row["key"],
        run=row["run"],
        place=Place(platform=row["platform"], channel=row["channel"], thread=row["thread"]),
        post=_post(connection, row),
        at=row["at"],
        question=row["question"],
        anchor=row["anchor"],
        replaces=row["replaces"],
        priority=row["priority"],
        version=row["version"],
    )


def _post(connection: sqlite3.Connection, row: sqlite3.Row) -> Post:
    try:
        return load_post(row["post"])
    except ValueError as error:
        raise broken(connection, f"post {row['key']!r} of the outbox", row["post"], error) from error


def _posted(message: str | None, thread: str | None, at: float | None) -> PostedMessage | None:
    if message is None or at is None:
        return None
    return PostedMessage(message=message, thread=thread, at=at)
