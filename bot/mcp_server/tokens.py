"""The tokens of a store: made, found again, withdrawn."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from bot.config.errors import ConfigError, Problem, format_value, suggest_name
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.run.records import TokenCreated, TokenRevoked
from orchestrator_bridge.store.interface import Store, StoredToken

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


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessToken:
    """A token that holds: its name and what it allows."""

    token: str
    scope: TokenScope


class TokenRegistry:
    """The tokens of one store, in memory: nobody else writes them while this process has the store."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._tokens: dict[str, StoredToken] = {}

    async def load(self) -> None:
        """Read them.

        Raises:
            StoreError: the store cannot be read.
        """
        self._tokens = {token.name: token for token in await self._store.tokens()}

    @property
    def tokens(self) -> tuple[StoredToken, ...]:
        """Every token by name, withdrawn ones too."""
        return tuple(self._tokens[name] for name in sorted(self._tokens))

    def find(self, secret: str) -> AccessToken | None:
        """The token with this secret, if it holds. Every one is compared, and in constant time."""
        given = hash_secret(secret)
        alike = [token for token in self._tokens.values() if hmac.compare_digest(token.hash, given)]
        found = next((token for token in alike if token.withdrawn_at is None), None)
        return AccessToken(token=found.name, scope=TokenScope.model_validate_json(found.terms)) if found else None

    async def create(self, name: str, terms: TokenScope) -> str:
        """Make a token and return its secret, which nobody will see again.

        Raises:
            Trouble: the name is none, or taken.
            StoreError: it could not be stored.
        """
        known = self._tokens.get(name)
        if not re.match(NAME, name):
            raise _config_error(name, "a name of up to 32 small letters, digits, - and _, such as laptop")
        if known is not None and known.withdrawn_at is None:
            raise _config_error(
                f"{name}, which is taken", "another name", f"withdraw that one first: townhall token withdraw {name}"
            )
        secret = create_secret()
        token = StoredToken(name=name, hash=hash_secret(secret), terms=terms.model_dump_json(), made_at=self._now())
        await self._store.append(rows=[TokenCreated(name=name, hash=token.hash, terms=token.terms, at=token.made_at)])
        self._tokens[name] = token
        return secret

    async def revoke(self, name: str) -> None:
        """Make a token good for nothing, at once.

        Raises:
            Trouble: there is no such token.
            StoreError: it could not be stored.
        """
        known = self._tokens.get(name)
        if known is None or known.withdrawn_at is not None:
            good = [token.name for token in self.tokens if token.withdrawn_at is None]
            raise _config_error(
                format_value(name), f"one of {', '.join(good)}" if good else "a token; there is none", suggest_name(name, good)
            )
        row = TokenRevoked(name=name, at=self._now())
        await self._store.append(rows=[row])
        self._tokens[name] = StoredToken(
            name=name, hash=known.hash, terms=known.terms, made_at=known.made_at, withdrawn_at=row.at
        )


def _config_error(found: str, expected: str, mend: str = "") -> ConfigError:
    return ConfigError("this cannot be done with tokens", [Problem(where="token", found=found, expected=expected, fix=mend)])
