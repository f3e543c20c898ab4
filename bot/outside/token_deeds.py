"""What the owner does to tokens: make, list, withdraw; the same in the running bot and in the store of one that does not run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bot.outside.book import TokenBook
from bot.outside.token import Terms
from bot.trouble import Trouble
from orchestrator_bridge.store.port import StoredToken, StoreError


async def deed(book: TokenBook, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Carry one out; `trouble` says why it was not."""
    try:
        match wish["do"]:
            case "make":
                return {"secret": await book.make(str(wish["name"]), Terms.model_validate(wish["terms"]))}
            case "withdraw":
                await book.withdraw(str(wish["name"]))
                return {}
            case _:
                return {"tokens": [_shown(token) for token in book.tokens]}
    except (Trouble, StoreError) as error:
        return {"trouble": str(error)}


def _shown(token: StoredToken) -> dict[str, Any]:
    """A token without its hash. Times are seconds since the epoch."""
    shown = asdict(token)
    del shown["hash"]
    return {**shown, "terms": json.loads(token.terms)}
