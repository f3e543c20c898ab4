"""Access tokens of external agents, and the runs and questions that came through them: statements, and rows as values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import ExternalAgent, Place
from orchestrator_bridge.store.interface import ExternalQuestionSummary, ExternalRun, StoredToken
from orchestrator_bridge.store.sql.statement import Row, Statement

if TYPE_CHECKING:
    from orchestrator_bridge.run.records import OutcomeDelivered, TokenCreated, TokenRevoked


def to_token(row: Row) -> StoredToken:
    """An access token."""
    return StoredToken(
        name=row["name"], hash=row["hash"], terms=row["terms"], made_at=row["made_at"], withdrawn_at=row["withdrawn_at"]
    )


def to_external_question(row: Row) -> ExternalQuestionSummary:
    """A question of an external agent."""
    return ExternalQuestionSummary(
        question=row["question"], run=row["run"], text=row["text"], status=row["status"], told=row["told_at"] is not None
    )


def to_external_run(row: Row) -> ExternalRun:
    """A run that was started through an access token."""
    return ExternalRun(
        run=row["run"],
        outside=ExternalAgent(token=row["token"], agent=row["outsider"], asks=bool(row["guest"]), wish=row["wish"]),
        place=Place(platform=row["platform"], channel=row["channel"], thread=row["thread"]),
        team=row["team"],
        task=row["task"],
        status=row["status"],
        started_at=row["started_at"],
    )


# The name of a token can be used again once the token is revoked.
_INSERT_TOKEN = """
INSERT INTO tokens (name, hash, terms, made_at) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, terms = excluded.terms, made_at = excluded.made_at, withdrawn_at = NULL
WHERE tokens.withdrawn_at IS NOT NULL
"""
_REVOKE_TOKEN = "UPDATE tokens SET withdrawn_at = ? WHERE name = ? AND withdrawn_at IS NULL"
_MARK_DELIVERED = "UPDATE questions SET told_at = ? WHERE question = ? AND told_at IS NULL"


def insert_token(row: TokenCreated) -> Statement:
    """Create a token under a name that no valid token has."""
    return Statement(
        sql=_INSERT_TOKEN,
        values=(row.name, row.hash, row.terms, row.at),
        missing_message=f"there is a token {row.name!r} already",
    )


def revoke_token(row: TokenRevoked) -> Statement:
    """Revoke a valid token."""
    return Statement(sql=_REVOKE_TOKEN, values=(row.at, row.name), missing_message=f"there is no token {row.name!r}")


def mark_outcome_delivered(row: OutcomeDelivered) -> Statement:
    """Mark the outcome of a question as delivered to its agent; a second mark changes nothing."""
    return Statement(sql=_MARK_DELIVERED, values=(row.at, row.question))
