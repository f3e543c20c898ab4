"""Access tokens of external agents: created, looked up, revoked."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from bot.config.errors import ConfigError, Problem, format_value, suggest_name
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.run.records import TokenCreated, TokenRevoked
from orchestrator_bridge.store.interface import Store, StoredToken, StoreError

NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"
PREFIX = "townhall_"
"""Beginning of every token, so that secret scanners recognise a leaked one."""


class TokenScope(Value):
    """Permissions and quotas of a token. Money is in US dollars; days are those of the budgets' time zone."""

    person: str | None = None
    """Name in the team file of the person for whom its agents ask: the meaning of `humans`."""
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    """Allowed channels, as `slack/C0123ABCD`; the first one is the default."""
    team: str | None = None
    """Default team of its requests; None: the default team of the team file."""
    open_questions: Annotated[int, Field(ge=0, le=1_000)] = 5
    questions_a_day: Annotated[int, Field(ge=0, le=100_000)] = 50
    runs_a_day: Annotated[int, Field(ge=0, le=100_000)] = 20
    money_a_day: Annotated[Decimal, Field(ge=0, le=1_000_000)] | None = Decimal("5.00")
    """Limit for its runs and its questions to agents; None: no limit but the budgets."""


def create_secret() -> str:
    """A new token: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Hash of a token, as it is stored. A token has 256 random bits, so a slow hash would add no protection."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessToken:
    """A valid token: its name, its scope, and the time of its creation in seconds since the epoch.

    The name of a revoked token can be given again; what that token did does not belong to the new one.
    """

    token: str
    scope: TokenScope
    made_at: float


class TokenRegistry:
    """Tokens of one store, kept in memory: no other process writes them while this one holds the store."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._tokens: dict[str, StoredToken] = {}

    async def load(self) -> None:
        """Read the tokens.

        Raises:
            StoreError: the store cannot be read.
        """
        self._tokens = {token.name: token for token in await self._store.tokens()}

    @property
    def tokens(self) -> tuple[StoredToken, ...]:
        """All tokens by name, revoked ones included."""
        return tuple(self._tokens[name] for name in sorted(self._tokens))

    def find(self, secret: str) -> AccessToken | None:
        """The valid token with this secret, or None. All tokens are compared, each in constant time."""
        given = hash_secret(secret)
        matches = [token for token in self._tokens.values() if hmac.compare_digest(token.hash, given)]
        found = next((token for token in matches if token.withdrawn_at is None), None)
        if found is None:
            return None
        return AccessToken(token=found.name, scope=TokenScope.model_validate_json(found.terms), made_at=found.made_at)

    async def create(self, name: str, scope: TokenScope) -> str:
        """Create a token and return its secret, which is shown once and not stored.

        Raises:
            ConfigError: the name is not valid, or an active token has it.
            StoreError: it could not be stored.
        """
        existing = self._tokens.get(name)
        if not re.match(NAME, name):
            expected = "up to 32 lower-case letters, digits, - and _, such as laptop"
            raise _config_error("the token was not created", format_value(name), expected)
        if existing is not None and existing.withdrawn_at is None:
            fix = f"use another name, or revoke that token first: townhall token withdraw {name}"
            raise _config_error(f'token "{name}" already exists', format_value(name), "a name that no active token has", fix)
        secret = create_secret()
        token = StoredToken(name=name, hash=hash_secret(secret), terms=scope.model_dump_json(), made_at=self._now())
        await self._store.append(rows=[TokenCreated(name=name, hash=token.hash, terms=token.terms, at=token.made_at)])
        self._tokens[name] = token
        return secret

    async def revoke(self, name: str) -> None:
        """Revoke a token immediately.

        Raises:
            ConfigError: no active token has this name.
            StoreError: it could not be stored.
        """
        existing = self._tokens.get(name)
        if existing is None or existing.withdrawn_at is not None:
            active = [token.name for token in self.tokens if token.withdrawn_at is None]
            expected = f"one of: {', '.join(active)}" if active else "the name of an active token; none exists"
            raise _config_error("no active token has this name", format_value(name), expected, suggest_name(name, active))
        row = TokenRevoked(name=name, at=self._now())
        await self._store.append(rows=[row])
        self._tokens[name] = replace(existing, withdrawn_at=row.at)


def _config_error(title: str, found: str, expected: str, fix: str = "") -> ConfigError:
    return ConfigError(title, [Problem(where="token name", found=found, expected=expected, fix=fix)])


async def administer_tokens(tokens: TokenRegistry, request: Mapping[str, Any]) -> dict[str, Any]:
    """Execute a request of `townhall token`; `trouble` in the result is the error message.

    The command sends it to the running bot over HTTP, and executes it itself if no bot holds the store.
    """
    try:
        match request["do"]:
            case "make":
                return {"secret": await tokens.create(str(request["name"]), TokenScope.model_validate(request["terms"]))}
            case "withdraw":
                await tokens.revoke(str(request["name"]))
                return {}
            case "list":
                return {"tokens": [_token_object(token) for token in tokens.tokens]}
            case unknown:
                return {"trouble": f"unknown request {unknown!r}; expected make, withdraw or list"}
    except (ConfigError, StoreError) as error:
        return {"trouble": str(error)}


def _token_object(token: StoredToken) -> dict[str, Any]:
    """A token without its hash. Times are seconds since the epoch."""
    shown = asdict(token)
    del shown["hash"]
    return {**shown, "terms": json.loads(token.terms)}
