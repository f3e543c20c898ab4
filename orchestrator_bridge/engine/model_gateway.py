"""The gateway through which every model call of every run goes: what it may cost, whether it may go now, and the call itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.engine.usage_ledger import UsageLedger
from orchestrator_bridge.model.errors import ModelError, TimedOut
from orchestrator_bridge.model.interface import Model, OnDelta, Request, Response, Throttled
from orchestrator_bridge.model.limits.limiter import RateLimiter
from orchestrator_bridge.run.records import Record
from orchestrator_bridge.store.interface import RateSample, Store
from orchestrator_bridge.team.budgets import BudgetStatus

if TYPE_CHECKING:
    from orchestrator_bridge.model.interface import Message, Picture


async def with_pictures(request: Request, store: Store) -> Request:
    """The request with what its pictures hold; one that the store has lost is left out.

    Raises:
        StoreError: the store cannot be read.
    """
    if not any(message.pictures for message in request.messages):
        return request
    return replace(request, messages=tuple([await _filled(message, store) for message in request.messages]))


async def _filled(message: Message, store: Store) -> Message:
    filled = [await _fetched(picture, store) for picture in message.pictures]
    return replace(message, pictures=tuple(picture for picture in filled if picture.data))


async def _fetched(picture: Picture, store: Store) -> Picture:
    return replace(picture, data=await store.picture(picture.id) or b"")


_LOG = logging.getLogger(__name__)

CLIENT_GRACE = 5.0
"""Seconds that a client gets beyond its own time limit before it is given up."""


class ModelGateway:
    """The models behind their gate and the ledger; the store has the files that calls show.

    A call that may not go now does `wait_for_slot` and asks again.
    """

    def __init__(self, models: Model, gate: RateLimiter, ledger: UsageLedger, store: Store) -> None:
        self._models = models
        self._gate = gate
        self._ledger = ledger
        self._store = store

    def supports_images(self, model: str) -> bool:
        """Whether a model is known to take pictures."""
        return self._models.supports_images(model)

    def recover(self, sent: Iterable[RateSample]) -> None:
        """Count what earlier processes sent within the last minute, in its order."""
        for one in sent:
            self._gate.restore_sample(
                self._models.estimate_call(Request(agent="", model=one.model, messages=())), one.tokens, one.at
            )

    def tokens(self, request: Request) -> int:
        """The tokens that a call is expected to take, in and out. An estimate."""
        return self._models.estimate_call(request).tokens

    def price(self, request: Request) -> Decimal | None:
        """The most that a call is expected to cost, in US dollars; None if nobody knows."""
        return self._models.max_cost(request)

    def excess_tokens(self, request: Request) -> int:
        """By how many tokens a prompt is longer than its model takes; 0 if it fits, or nobody knows."""
        return self._models.excess_tokens(request)

    def budget_statuses(self, place: Place, now: float, unstored: Sequence[Record]) -> Sequence[BudgetStatus]:
        """How the budgets stand that all runs of a place share. `unstored`: the rows of the transaction that asks."""
        return self._ledger.statuses(place, now, unstored)

    def try_acquire(self, run: int, action: str, request: Request) -> Throttled | None:
        """Go now (None), or wait. Whoever may go makes the call or leaves."""
        return self._gate.try_acquire(run, action, self._models.estimate_call(request))

    def reserve(self, run: int, action: str, attempt: int, place: Place, amount: Decimal) -> None:
        """A call that goes may cost so much, from now on for all runs."""
        self._ledger.reserve((run, action, attempt), place, amount)

    async def wait_for_slot(self, run: int, action: str) -> None:
        """Wait until a call that is held may ask again.

        Raises:
            CircuitOpen: there is no point in waiting; the call has failed.
        """
        await self._gate.wait(run, action)

    def release(self, run: int, action: str) -> None:
        """A call waits no more; nothing happens if it never asked."""
        self._gate.release(run, action)

    def cancel(self, run: int, action: str, attempt: int) -> None:
        """A call that might go will not be made after all."""
        self._gate.release(run, action)
        self._ledger.release((run, action, attempt))

    async def call(self, run: int, action: str, request: Request, on_delta: OnDelta | None = None) -> Response | ModelError:
        """Make a call that may go; a client that hangs or breaks harms its own agent only. `on_delta` is told of its pieces."""
        result: Response | ModelError | None = None
        try:
            result = await self._respond(request, on_delta)
        finally:
            self._gate.completed(run, action, result)
        return result

    async def _respond(self, request: Request, on_delta: OnDelta | None) -> Response | ModelError:
        try:
            async with asyncio.timeout(request.timeout + CLIENT_GRACE):
                return await self._models.respond(await with_pictures(request, self._store), on_delta)
        except ModelError as error:
            return error
        except TimeoutError:
            return TimedOut(f"{request.model} gave no answer within {format_duration(request.timeout)}.")
        except Exception as error:
            _LOG.exception("the client of %s broke", request.model)
            return ModelError(f"The client of {request.model} broke ({type(error).__name__}).", "The log has the details.")
