"""Tokens for agents outside, and what those agents were told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Statement

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import OutcomeDelivered, TokenCreated, TokenRevoked

# Only the name of a token that was withdrawn can be taken again.
_INSERT_TOKEN = """
INSERT INTO tokens (name, hash, terms, made_at) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, terms = excluded.terms, made_at = excluded.made_at, withdrawn_at = NULL
WHERE withdrawn_at IS NOT NULL
"""
_REVOKE_TOKEN = "UPDATE tokens SET withdrawn_at = ? WHERE name = ? AND withdrawn_at IS NULL"
_MARK_DELIVERED = "UPDATE questions SET told_at = ? WHERE question = ? AND told_at IS NULL"


def insert_token(row: TokenCreated) -> Statement:
    """A new token; its name is taken from then on."""
    return Statement(
        sql=_INSERT_TOKEN,
        values=(row.name, row.hash, row.terms, row.at),
        missing_message=f"there is a token {row.name!r} already",
    )


def revoke_token(row: TokenRevoked) -> Statement:
    """The first withdrawal counts."""
    return Statement(sql=_REVOKE_TOKEN, values=(row.at, row.name), missing_message=f"there is no token {row.name!r}")


def mark_outcome_delivered(row: OutcomeDelivered) -> Statement:
    """The first telling counts."""
    return Statement(sql=_MARK_DELIVERED, values=(row.at, row.question))
