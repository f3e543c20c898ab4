"""The outbox: what is to be posted, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Statement
from orchestrator_bridge.store.codec import dump_post

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import OutboxEntry, PostDropped, PostFailed, PostSent

# While a post is unsent, newer content keeps its time, which says from when on an earlier attempt is looked for.
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
# The receipt is kept whatever the version: there is a message now.
_SENT = """
UPDATE outbox SET sent_message = ?, sent_thread = ?, sent_at = ?, state = CASE version WHEN ? THEN 'sent' ELSE state END
WHERE key = ?
"""
_FAILED = "UPDATE outbox SET state = 'failed', why = ? WHERE key = ? AND state = 'unsent'"
_DROPPED = "UPDATE outbox SET state = 'dropped' WHERE key = ? AND state = 'unsent'"


def upsert_post(row: OutboxEntry) -> Statement:
    """A new post, or newer content of one."""
    place = row.place
    where = (place.platform, place.channel, place.thread, row.anchor, row.replaces, row.priority)
    return Statement(sql=_UPSERT_POST, values=(row.key, row.run, row.question, *where, dump_post(row.post), row.at, row.version))


def mark_post_sent(row: PostSent) -> Statement:
    """A post arrived; it stays unsent if there is newer content."""
    posted = row.posted
    return Statement(sql=_SENT, values=(posted.message, posted.thread, posted.at, row.version, row.key))


def mark_post_failed(row: PostFailed) -> Statement:
    """A post will never arrive."""
    return Statement(sql=_FAILED, values=(row.why, row.key))


def mark_post_dropped(row: PostDropped) -> Statement:
    """A post that waits is not sent."""
    return Statement(sql=_DROPPED, values=(row.key,))
