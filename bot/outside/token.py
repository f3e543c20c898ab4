"""A token for agents outside: what it allows, the secret that is shown once, and the hash by which it is known again."""

from __future__ import annotations

import hashlib
import secrets
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from orchestrator_bridge.value import Value

NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"
PREFIX = "townhall_"
"""What every token begins with, so that scanners for secrets can find one that got somewhere."""


class TokenScope(Value):
    """What a token allows. Money is in US dollars; a day is one of the time zone of the budgets."""

    person: str | None = None
    """On whose behalf its agents ask, by the name in the team file: whom `humans` means."""
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    """Where they may ask, as `slack/C0123ABCD`; the first where they name none."""
    team: str | None = None
    """Whose rules and agents they get where they name none; None: the default team."""
    open_questions: Annotated[int, Field(ge=0, le=1_000)] = 5
    questions_a_day: Annotated[int, Field(ge=0, le=100_000)] = 50
    runs_a_day: Annotated[int, Field(ge=0, le=100_000)] = 20
    money_a_day: Annotated[Decimal, Field(ge=0, le=1_000_000)] | None = Decimal("5.00")
    """What its runs and its questions to agents may cost; None: as the budgets say."""


def create_secret() -> str:
    """A token as its owner gets it, once: 256 bits of chance."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What is stored of a token. With 256 bits of chance there is nothing that a slow hash would protect."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
