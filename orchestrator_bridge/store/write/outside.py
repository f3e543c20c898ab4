"""Tokens for agents outside, and what those agents were told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Change

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import OutcomeTold, TokenMade, TokenWithdrawn

# Only the name of a token that was withdrawn can be taken again.
_MAKE = """
INSERT INTO tokens (name, hash, terms, made_at) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, terms = excluded.terms, made_at = excluded.made_at, withdrawn_at = NULL
WHERE withdrawn_at IS NOT NULL
"""
_WITHDRAW = "UPDATE tokens SET withdrawn_at = ? WHERE name = ? AND withdrawn_at IS NULL"
_TELL = "UPDATE questions SET told_at = ? WHERE question = ? AND told_at IS NULL"


def made(row: TokenMade) -> Change:
    """A new token; its name is taken from then on."""
    return Change(sql=_MAKE, values=(row.name, row.hash, row.terms, row.at), missed=f"there is a token {row.name!r} already")


def withdrawn(row: TokenWithdrawn) -> Change:
    """The first withdrawal counts."""
    return Change(sql=_WITHDRAW, values=(row.at, row.name), missed=f"there is no token {row.name!r}")


def told(row: OutcomeTold) -> Change:
    """The first telling counts."""
    return Change(sql=_TELL, values=(row.at, row.question))
