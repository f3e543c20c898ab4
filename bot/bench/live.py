"""`townhall bench --live MODEL…`: real models, and real money: how soon the first word comes, and how quickly the rest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import click

from bot.app import LoadedConfig, create_model_client
from bot.bench.report import median_of
from bot.formatting import print_json, print_table
from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.model.catalogue import UnknownModelName
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.interface import Message, Request, Response
from orchestrator_bridge.model.scripted.script import ScriptError

SAMPLES = 3
"""Calls of each model: enough to see the middle, and a fraction of a cent for most."""

REQUEST_TEXT = "Write the numbers from one to eighty as English words, separated by commas, and nothing else."
TIMEOUT = 120.0
"""Seconds for one call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallSample:
    """One call: seconds to the first word that is no reasoning, seconds in all, and what came."""

    first: float
    whole: float
    response: Response

    @property
    def tokens_a_second(self) -> float | None:
        """Of the visible answer, from its first word on; None where it came in one piece."""
        said = self.response.usage.output - self.response.usage.reasoning
        return said / (self.whole - self.first) if self.whole - self.first > 0.001 else None


@dataclass(slots=True)
class ModelMeasurement:
    """What was found about one model; `failure` where a call ended in an error."""

    model: str
    samples: list[CallSample] = field(default_factory=list)
    failure: str = ""

    def to_object(self) -> dict[str, object]:
        """The middle of all, in seconds, tokens a second and US dollars of all calls; null where nothing is known."""
        speeds = [speed for sample in self.samples if (speed := sample.tokens_a_second) is not None]
        costs = [sample.response.cost for sample in self.samples]
        return {
            "model": self.model,
            "served": self.samples[-1].response.served if self.samples else None,
            "samples": len(self.samples),
            "first_token_s": median_of([sample.first for sample in self.samples]) if self.samples else None,
            "tokens_a_second": median_of(speeds) if speeds else None,
            "whole_s": median_of([sample.whole for sample in self.samples]) if self.samples else None,
            "output_tokens": self.samples[-1].response.usage.output if self.samples else None,
            "cost_usd": None if None in costs or not costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
            "failure": self.failure or None,
        }


async def live_figures(start: LoadedConfig, names: Sequence[str], as_json: bool) -> int:
    """The same with the settings and the team file of this start."""
    models = create_model_client(start, SystemClock())
    try:
        return await bench_live(models, names, as_json=as_json)
    finally:
        await models.close()


async def bench_live(models: ModelClient, names: Sequence[str], *, samples: int = SAMPLES, as_json: bool = False) -> int:
    """Measure these models and print what was found; returns the exit code: 1 if one of them failed."""
    found = [await _measure(models, name, samples) for name in names]
    told = [one.to_object() for one in found]
    if as_json:
        print_json({"live": told})
    else:
        print_table(["MODEL", "SERVED", "FIRST TOKEN", "TOKENS/S", "WHOLE", "OUT", "COST"], [_row(one) for one in told])
    for one in found:
        if one.failure:
            click.echo(f"townhall: {one.model}: {one.failure}", err=True)
    return 1 if any(one.failure for one in found) else 0


async def _measure(models: ModelClient, name: str, samples: int) -> ModelMeasurement:
    measured = ModelMeasurement(model=name)
    try:
        models.check(name)
        click.echo(f"{name}: {samples} calls …", err=True)
        for _ in range(samples):
            measured.samples.append(await _sample(models, name))
    except (UnknownModelName, ScriptError) as error:
        measured.failure = str(error)
    except ModelError as error:
        measured.failure = f"{error.found} {error.advice}".strip()
    return measured


async def _sample(models: ModelClient, name: str) -> CallSample:
    heard: list[float] = []
    request = Request(agent="bench", model=name, messages=(Message(role="user", text=REQUEST_TEXT),), timeout=TIMEOUT)
    begun = time.perf_counter()
    response = await models.respond(request, lambda _: heard.append(time.perf_counter()))
    ended = time.perf_counter()
    return CallSample(first=(heard[0] if heard else ended) - begun, whole=ended - begun, response=response)


def _row(told: dict[str, object]) -> list[str]:
    seconds = [_shown(told["first_token_s"], "s"), _shown(told["tokens_a_second"]), _shown(told["whole_s"], "s")]
    cost = "unknown" if told["cost_usd"] is None else f"${told['cost_usd']:.6f}"
    return [str(told["model"]), str(told["served"] or "-"), *seconds, str(told["output_tokens"] or "-"), cost]


def _shown(value: object, unit: str = "") -> str:
    return f"{value:.2f} {unit}".strip() if isinstance(value, float) else "-"
