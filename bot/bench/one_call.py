"""One call of a model beside one bare call of the client to the same server."""

from __future__ import annotations

import time

from bot.bench.bare import raw_call, raw_client
from bot.bench.figures import Figure, median_of, to_ms
from bot.bench.house import http_models
from orchestrator_bridge.model.openai_body import body_of
from orchestrator_bridge.model.port import Message, Request

REQUEST = Request(
    agent="one", model="quick", messages=(Message(role="user", text="Say which of two servers should take the evening's load."),)
)


async def call_figures(address: str, samples: int) -> list[Figure]:
    """A call by turns with a bare one; the first pair is a warm-up."""
    ours, bare = [], []
    async with http_models(address) as models, raw_client(address) as client:
        body = body_of(REQUEST, models.check(REQUEST.model))
        for _ in range(samples + 1):
            begun = time.perf_counter()
            await models.respond(REQUEST)
            turned = time.perf_counter()
            await raw_call(client, body)
            ours.append(turned - begun)
            bare.append(time.perf_counter() - turned)
    name = "one call of a model"
    took, floor = to_ms(median_of(ours[1:])), to_ms(median_of(bare[1:]))
    return [Figure(row="call", name=name, ours=took, bare=floor, target=1.15, of_bare=True, unit="ms", samples=samples)]
