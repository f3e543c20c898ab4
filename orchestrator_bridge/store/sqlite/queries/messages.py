"""Queries and statements: the outbox and the inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import InboundEvent, MessageDeleted, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Post, PostedMessage
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.store.interface import PendingPost
from orchestrator_bridge.store.sqlite.codec import dump_inbound, dump_post, load_inbound, load_post
from orchestrator_bridge.store.sqlite.errors import corrupt_row
from orchestrator_bridge.store.sqlite.writer import Statement

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.run.records import InboxEntryHandled, PostDropped, PostFailed, PostSent


PENDING = """
SELECT post.*,
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
MESSAGES_IN = "SELECT turn, kind, body FROM inbox WHERE key >= ? AND key < ?"
UNHANDLED = "SELECT turn, kind, body FROM inbox WHERE handled_at IS NULL ORDER BY turn"


def list_pending_posts(connection: sqlite3.Connection) -> list[PendingPost]:
    """Posts that are not known to have arrived, in the order in which they were first stored.

    Raises:
        Corrupted: a post cannot be decoded.
    """
    return [
        PendingPost(
            outgoing=_outbox_entry(connection, row),
            anchored=_posted(row["above_message"], row["above_thread"], row["above_at"]),
            replaced=_posted(row["old_message"], row["old_thread"], row["old_at"]),
        )
        for row in connection.execute(PENDING).fetchall()
    ]


def get_sent_post(connection: sqlite3.Connection, key: str) -> PostedMessage | None:
    """Receipt of a post."""
    rows = connection.execute(SENT_POST, (key,)).fetchall()
    return _posted(*rows[0]) if rows else None


def get_clock_offset(connection: sqlite3.Connection, platform: str) -> float | None:
    """Lower bound of the seconds by which a platform's clock is behind ours. See `Store.clock_offset`."""
    (row,) = connection.execute(CLOCK_OFFSET, (platform,)).fetchall()
    return None if row[0] is None else float(row[0])


def list_unhandled_events(connection: sqlite3.Connection) -> list[InboundEvent]:
    """Inbound events that are not handled, in the order in which they arrived.

    Raises:
        Corrupted: an event cannot be decoded.
    """
    return [_inbound(connection, row) for row in connection.execute(UNHANDLED).fetchall()]


def list_messages_in(connection: sqlite3.Connection, place: Place) -> list[MessageReceived]:
    """Messages of a thread: every version of each, without those that are known to be deleted."""
    # A range over the primary key: keys begin with the place, whose last character is a slash.
    end = place.prefix[:-1] + chr(ord("/") + 1)
    rows = connection.execute(MESSAGES_IN, (place.prefix, end)).fetchall()
    events = [event for row in rows if (event := _inbound(connection, row)).place == place]
    deleted = {event.message for event in events if isinstance(event, MessageDeleted)}
    return [event for event in events if isinstance(event, MessageReceived) and event.message not in deleted]


def _inbound(connection: sqlite3.Connection, row: sqlite3.Row) -> InboundEvent:
    try:
        return load_inbound(row["kind"], row["body"])
    except ValueError as error:
        raise corrupt_row(connection, f"row {row['turn']} of the inbox", row["body"], error) from error


def _outbox_entry(connection: sqlite3.Connection, row: sqlite3.Row) -> OutboxEntry:
    return OutboxEntry(
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
        raise corrupt_row(connection, f"post {row['key']!r} of the outbox", row["post"], error) from error


def _posted(message: str | None, thread: str | None, at: float | None) -> PostedMessage | None:
    if message is None or at is None:
        return None
    return PostedMessage(message=message, thread=thread, at=at)


# While a post is unsent, newer content keeps its time: the history is searched from then on for an earlier attempt.
_UPSERT_POST = """
INSERT INTO outbox (key, run, question, platform, channel, thread, anchor, replaces, priority, post, at, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    run = excluded.run, question = excluded.question,
    platform = excluded.platform, channel = excluded.channel, thread = excluded.thread,
    anchor = excluded.anchor, replaces = excluded.replaces, priority = excluded.priority, post = excluded.post,
    at = CASE state WHEN 'unsent' THEN at ELSE excluded.at END,
    version = excluded.version, state = 'unsent', why = ''
WHERE excluded.version > version
"""
# The receipt is stored whatever the version: the message exists now.
_SENT = """
UPDATE outbox SET sent_message = ?, sent_thread = ?, sent_at = ?, state = CASE version WHEN ? THEN 'sent' ELSE state END
WHERE key = ?
"""
_FAILED = "UPDATE outbox SET state = 'failed', why = ? WHERE key = ? AND state = 'unsent'"
_DROPPED = "UPDATE outbox SET state = 'dropped' WHERE key = ? AND state = 'unsent'"


def upsert_post(row: OutboxEntry) -> Statement:
    """Store a new post, or newer content of a known one."""
    place = row.place
    where = (place.platform, place.channel, place.thread, row.anchor, row.replaces, row.priority)
    return Statement(sql=_UPSERT_POST, values=(row.key, row.run, row.question, *where, dump_post(row.post), row.at, row.version))


def mark_post_sent(row: PostSent) -> Statement:
    """Mark a post as sent; it stays unsent if newer content was stored meanwhile."""
    posted = row.posted
    return Statement(sql=_SENT, values=(posted.message, posted.thread, posted.at, row.version, row.key))


def mark_post_failed(row: PostFailed) -> Statement:
    """Mark a post as failed."""
    return Statement(sql=_FAILED, values=(row.why, row.key))


def mark_post_dropped(row: PostDropped) -> Statement:
    """Mark an unsent post as dropped."""
    return Statement(sql=_DROPPED, values=(row.key,))


_INSERT_INBOUND = "INSERT INTO inbox (key, kind, body, heard_at) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
_MARK_HANDLED = "UPDATE inbox SET handled_at = ?, why = ? WHERE key = ? AND handled_at IS NULL"


def insert_inbound(inbound: InboundEvent, at: float) -> Statement:
    """Store an inbound event; changes no row if its key is known."""
    kind, body = dump_inbound(inbound)
    return Statement(sql=_INSERT_INBOUND, values=(inbound.key, kind, body, at))


def mark_inbound_handled(row: InboxEntryHandled, at: float) -> Statement:
    """Mark an inbound event as handled, at a time of our clock; a second mark changes nothing."""
    return Statement(sql=_MARK_HANDLED, values=(at, row.why, row.key))
