"""The outbox and the inbox: statements, and rows as values."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from orchestrator_bridge.chat.inbound import InboundEvent, MessageDeleted, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Post, PostedMessage
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.store.interface import Corrupted, PendingPost
from orchestrator_bridge.store.sql.codec import dump_inbound, dump_post, load_inbound, load_post
from orchestrator_bridge.store.sql.statement import Damaged, Row, Statement, corrupt_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator_bridge.run.records import InboxEntryHandled, PostDropped, PostFailed, PostSent


_LOG = logging.getLogger(__name__)

T = TypeVar("T")


def to_pending_post(row: Row, damaged: Damaged) -> PendingPost:
    """A post, with the receipts of the posts that it hangs on (`above_*`) and replaces (`old_*`).

    Raises:
        Corrupted: it cannot be decoded.
    """
    return PendingPost(
        outgoing=_outbox_entry(row, damaged),
        anchored=to_receipt(row, "above"),
        replaced=to_receipt(row, "old"),
    )


def to_receipt(row: Row, columns: str = "sent") -> PostedMessage | None:
    """The receipt of a post from the columns of this prefix; None if it did not arrive."""
    message, at = row[f"{columns}_message"], row[f"{columns}_at"]
    if message is None or at is None:
        return None
    return PostedMessage(message=message, thread=row[f"{columns}_thread"], at=at)


def to_inbound(row: Row, damaged: Damaged) -> InboundEvent:
    """An inbound event.

    Raises:
        Corrupted: it cannot be decoded.
    """
    try:
        return load_inbound(row["kind"], row["body"])
    except ValueError as error:
        raise corrupt_row(damaged, f"row {row['turn']} of the inbox", row["body"], error) from error


def readable(rows: Iterable[Row], convert: Callable[[Row], T]) -> list[T]:
    """The rows that can be decoded. Each other one is logged; it stays in the store, where `townhall doctor` names it too.

    One damaged row must not keep the bot from starting, nor a thread from being read.
    """
    found = []
    for row in rows:
        try:
            found.append(convert(row))
        except Corrupted as error:
            _LOG.error("a stored message is left out: %s", error)
    return found


def key_range(place: Place) -> tuple[str, str]:
    """The range of the inbox keys of a place: they begin with the place, whose last character is a slash."""
    return place.prefix, place.prefix[:-1] + chr(ord("/") + 1)


def messages_of(place: Place, events: Sequence[InboundEvent]) -> list[MessageReceived]:
    """Messages of a thread among events: every version of each, without those that are known to be deleted."""
    here = [event for event in events if event.place == place]
    deleted = {event.message for event in here if isinstance(event, MessageDeleted)}
    return [event for event in here if isinstance(event, MessageReceived) and event.message not in deleted]


def _outbox_entry(row: Row, damaged: Damaged) -> OutboxEntry:
    return OutboxEntry(
        key=row["key"],
        run=row["run"],
        place=Place(platform=row["platform"], channel=row["channel"], thread=row["thread"]),
        post=_post(row, damaged),
        at=row["at"],
        question=row["question"],
        anchor=row["anchor"],
        replaces=row["replaces"],
        priority=row["priority"],
        version=row["version"],
    )


def _post(row: Row, damaged: Damaged) -> Post:
    try:
        return load_post(row["post"])
    except ValueError as error:
        raise corrupt_row(damaged, f"post {row['key']!r} of the outbox", row["post"], error) from error


# While a post is unsent, newer content keeps its time: the history is searched from then on for an earlier attempt.
_UPSERT_POST = """
INSERT INTO outbox (key, run, question, platform, channel, thread, anchor, replaces, priority, post, at, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    run = excluded.run, question = excluded.question,
    platform = excluded.platform, channel = excluded.channel, thread = excluded.thread,
    anchor = excluded.anchor, replaces = excluded.replaces, priority = excluded.priority, post = excluded.post,
    at = CASE outbox.state WHEN 'unsent' THEN outbox.at ELSE excluded.at END,
    version = excluded.version, state = 'unsent', why = ''
WHERE excluded.version > outbox.version
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
