"""Kill points: when a request has reached a server, when it has had its effect, when it was answered."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.resilience.harness.kill_loop import KillNow, KillPoint
from tests.support.fake_models.replies import ModelCall as ModelRequest
from tests.support.fake_models.server import ModelServer

LATEST = 8
"""The highest number of the request, counted from the bot's start, at which it is killed."""

Countdown = Callable[[bool, str], None]
"""Told of each request: whether it counts, and its name."""


def countdown(chance: random.Random, kill_now: KillNow, latest: int = LATEST) -> Countdown:
    """Kill at the n-th request that counts, n at most `latest`."""
    left = chance.randint(1, latest)

    def count(counts: bool, name: str) -> None:
        nonlocal left
        left -= counts
        if left == 0:
            kill_now(name)

    return count


def model_points(server: ModelServer, chance: random.Random) -> list[KillPoint]:
    """The arrival of a model request, and the moment after its answer."""

    def arm_arrival(kill_now: KillNow) -> None:
        count = countdown(chance, kill_now, LATEST // 2)
        server.on_arrival = lambda request: count(True, _name(request, "arrived"))

    def arm_answer(kill_now: KillNow) -> None:
        count = countdown(chance, kill_now, LATEST // 2)
        server.on_answer = lambda request: count(True, _name(request, "answered"))

    def disarm() -> None:
        server.on_arrival = server.on_answer = lambda request: None

    arrival = KillPoint("a model request arrived", arm_arrival, disarm)
    return [arrival, KillPoint("a model request answered", arm_answer, disarm)]


def _name(request: ModelRequest, what: str) -> str:
    return f"model request {request.number} {what}"
