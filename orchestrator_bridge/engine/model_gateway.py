"""The gateway for all model calls: checks budgets, waits for the rate limiter, performs the call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.engine.usage_ledger import UsageLedger
from orchestrator_bridge.model.errors import ModelError, TimedOut
from orchestrator_bridge.model.interface import Model, OnDelta, OnProgress, Request, Response, Throttled
from orchestrator_bridge.model.limits.limiter import RateLimiter
from orchestrator_bridge.run.records import Record
from orchestrator_bridge.store.interface import RateSample, Store
from orchestrator_bridge.team.budgets import BudgetStatus

_LOG = logging.getLogger(__name__)

LONGEST_CALL = 3600.0
"""Seconds after which a call is abandoned at the latest, beyond the timeout of its request.

That timeout is for a model that sends nothing. A slow one that writes may take longer; an answer without end, or a client that
hangs, may not.
"""


class ModelGateway:
    """Admits and performs model calls. It implements `run.step.CallAdmission`.

    A call is admitted by `try_acquire`, stored, then made by `call`. One that is throttled awaits `wait_for_slot` and asks again.
    """

    def __init__(self, models: Model, limiter: RateLimiter, ledger: UsageLedger, store: Store) -> None:
        self._models = models
        self._limiter = limiter
        self._ledger = ledger
        self._store = store

    def supports_images(self, model: str) -> bool:
        """True if a model is known to accept pictures."""
        return self._models.supports_images(model)

    def recover(self, samples: Iterable[RateSample]) -> None:
        """Count the calls that earlier processes sent within the last minute, oldest first."""
        for sample in samples:
            estimate = self._models.estimate_call(Request(agent="", model=sample.model, messages=()))
            self._limiter.restore_sample(estimate, sample.tokens, sample.at)

    def tokens(self, request: Request) -> int:
        """Estimate the input and output tokens of a call."""
        return self._models.estimate_call(request).tokens

    def price(self, request: Request) -> Decimal | None:
        """Estimate the highest cost of a call in US dollars; None if the price is unknown."""
        return self._models.max_cost(request)

    def excess_tokens(self, request: Request) -> int:
        """Estimate by how many tokens a prompt exceeds its model's window; 0 if it fits or the window is unknown."""
        return self._models.excess_tokens(request)

    def budget_statuses(self, place: Place, now: float, unstored: Sequence[Record]) -> Sequence[BudgetStatus]:
        """The budgets that all runs of a place share. `unstored`: rows of the transaction that asks."""
        return self._ledger.statuses(place, now, unstored)

    def try_acquire(self, run: int, action: str, request: Request) -> Throttled | None:
        """Admit a call (None), or give the reason why it must wait. An admitted call is made, or given back with `cancel`."""
        return self._limiter.try_acquire(run, action, self._models.estimate_call(request))

    def reserve(self, run: int, action: str, attempt: int, place: Place, amount: Decimal) -> None:
        """Reserve the cost of an admitted call, in US dollars: from now on all runs see it as used."""
        self._ledger.reserve((run, action, attempt), place, amount)

    async def wait_for_slot(self, run: int, action: str) -> None:
        """Wait until a throttled call may ask again.

        Raises:
            CircuitOpen: its provider is down; the call has failed.
        """
        await self._limiter.wait(run, action)

    def release(self, run: int, action: str) -> None:
        """Stop waiting for a call; nothing happens if it does not wait."""
        self._limiter.release(run, action)

    def cancel(self, run: int, action: str, attempt: int) -> None:
        """Give back the admission and the reservation of a call that will not be made."""
        self._limiter.release(run, action)
        self._ledger.release((run, action, attempt))

    async def call(
        self,
        run: int,
        action: str,
        request: Request,
        on_delta: OnDelta | None = None,
        on_progress: OnProgress | None = None,
    ) -> Response | ModelError:
        """Make an admitted call. Never raises a fault of the client: one that hangs or fails harms its own agent only."""
        result: Response | ModelError | None = None
        try:
            result = await self._respond(request, on_delta, on_progress)
        finally:
            self._limiter.completed(run, action, result)
        return result

    async def _respond(self, request: Request, on_delta: OnDelta | None, on_progress: OnProgress | None) -> Response | ModelError:
        try:
            async with asyncio.timeout(request.timeout + LONGEST_CALL):
                return await self._models.respond(await self._with_pictures(request), on_delta, on_progress)
        except ModelError as error:
            return error
        except TimeoutError:
            return TimedOut(f"{request.model} gave no answer within {format_duration(request.timeout + LONGEST_CALL)}.")
        except Exception as error:
            _LOG.exception("the client of %s failed", request.model)
            return ModelError(f"The client of {request.model} failed ({type(error).__name__}).", "The log file has the details.")

    async def _with_pictures(self, request: Request) -> Request:
        """Load the pictures of a request; one that the store does not have is left out.

        Raises:
            StoreError: the store cannot be read.
        """
        if not any(message.pictures for message in request.messages):
            return request
        messages = []
        for message in request.messages:
            loaded = [replace(picture, data=await self._store.picture(picture.id) or b"") for picture in message.pictures]
            messages.append(replace(message, pictures=tuple(picture for picture in loaded if picture.data)))
        return replace(request, messages=tuple(messages))
