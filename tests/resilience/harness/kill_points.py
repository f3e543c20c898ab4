"""Moments at which the kill test kills: when a request has reached a server, when it has had its effect, when it was answered."""

from __future__ import annotations

import random

from tests.resilience.harness.kill_run import Kill, Moment
from tests.support.fake_chat.faults import Asked, Stage
from tests.support.fake_chat.server import ChatServer
from tests.support.fake_models.replies import Asked as ModelAsked
from tests.support.fake_models.server import Listener, ModelServer

LATEST = 8
"""The highest number of the request, counted from the start of a life, at which one dies."""


def chat_moments(server: ChatServer, chance: random.Random) -> list[Moment]:
    """One moment for each stage of a request to the chat platform."""
    stages: tuple[Stage, ...] = ("arrived", "done", "answered")
    return [_chat_moment(server, chance, stage) for stage in stages]


def _chat_moment(server: ChatServer, chance: random.Random, wanted: Stage) -> Moment:
    def arm(kill: Kill) -> None:
        left = chance.randint(1, LATEST)

        def watch(stage: Stage, asked: Asked) -> None:
            nonlocal left
            left -= stage == wanted
            if left == 0:
                kill(f"{asked.path} {asked.about} {stage}")

        server.watch = watch

    def disarm() -> None:
        server.watch = lambda stage, asked: None

    return Moment(f"a chat request {wanted}", arm, disarm)


def model_moments(server: ModelServer, chance: random.Random) -> list[Moment]:
    """The arrival of a model request, and the moment after its answer."""

    def arm_arrival(kill: Kill) -> None:
        server.on_arrival = _countdown(chance, lambda asked: kill(f"model request {asked.number} arrived"))

    def arm_answer(kill: Kill) -> None:
        server.on_answer = _countdown(chance, lambda asked: kill(f"model request {asked.number} answered"))

    def disarm() -> None:
        server.on_arrival = server.on_answer = lambda asked: None

    return [Moment("a model request arrived", arm_arrival, disarm), Moment("a model request answered", arm_answer, disarm)]


def _countdown(chance: random.Random, then: Listener) -> Listener:
    left = chance.randint(1, LATEST // 2)

    def count(asked: ModelAsked) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            then(asked)

    return count
