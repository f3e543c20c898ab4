"""What the owner does to tokens: make, list, withdraw; the same in the running bot and in the store of one that does not run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bot.outside.book import TokenRegistry
from bot.outside.token import TokenScope
from bot.trouble import ConfigError
from orchestrator_bridge.store.port import StoredToken, StoreError


async def token_admin(book: TokenRegistry, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Carry one out; `trouble` says why it was not."""
    try:
        match wish["do"]:
            case "make":
                return {"secret": await book.create(str(wish["name"]), TokenScope.model_validate(wish["terms"]))}
            case "withdraw":
                await book.revoke(str(wish["name"]))
                return {}
            case _:
                return {"tokens": [_token_object(token) for token in book.tokens]}
    except (ConfigError, StoreError) as error:
        return {"trouble": str(error)}


def _token_object(token: StoredToken) -> dict[str, Any]:
    """A token without its hash. Times are seconds since the epoch."""
    shown = asdict(token)
    del shown["hash"]
    return {**shown, "terms": json.loads(token.terms)}
