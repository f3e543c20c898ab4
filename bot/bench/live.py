"""`townhall bench --live MODEL…`: real models, which cost money: time to the first token, and tokens a second."""

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
"""Calls of each model: enough for a median, and a fraction of a cent for most models."""

REQUEST_TEXT = "Write the numbers from one to eighty as English words, separated by commas, and nothing else."
TIMEOUT = 120.0
"""Seconds for one call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallSample:
    """One call: seconds to the first text that is not reasoning, seconds in total, and the response."""

    first: float
    whole: float
    response: Response

    @property
    def tokens_a_second(self) -> float | None:
        """Speed of the visible answer after its first token; None if the answer arrived in one piece."""
        said = self.response.usage.output - self.response.usage.reasoning
        return said / (self.whole - self.first) if self.whole - self.first > 0.001 else None


@dataclass(slots=True)
class ModelMeasurement:
    """Samples of one model; `failure` if a call ended in an error."""

    model: str
    samples: list[CallSample] = field(default_factory=list)
    failure: str = ""

    def to_object(self) -> dict[str, object]:
        """JSON object with medians in seconds and tokens a second, and US dollars of all calls; null for unknown values."""
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
    """Measure models with the settings and the team file of a configuration; returns the exit code."""
    models = create_model_client(start, SystemClock())
    try:
        return await bench_live(models, names, as_json=as_json)
    finally:
        await models.close()


async def bench_live(models: ModelClient, names: Sequence[str], *, samples: int = SAMPLES, as_json: bool = False) -> int:
    """Measure these models and print the results; returns the exit code: 1 if one of them failed."""
    measurements = [await _measure(models, name, samples) for name in names]
    objects = [measurement.to_object() for measurement in measurements]
    if as_json:
        print_json({"live": objects})
    else:
        heads = ["MODEL", "SERVED", "FIRST TOKEN", "TOKENS/S", "WHOLE", "OUT", "COST"]
        print_table(heads, [_row(measured) for measured in objects])
    failed = [measurement for measurement in measurements if measurement.failure]
    for measurement in failed:
        click.echo(f"townhall: {measurement.model}: {measurement.failure}", err=True)
    return 1 if failed else 0


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
    deltas: list[float] = []
    request = Request(agent="bench", model=name, messages=(Message(role="user", text=REQUEST_TEXT),), timeout=TIMEOUT)
    begun = time.perf_counter()
    response = await models.respond(request, lambda _: deltas.append(time.perf_counter()))
    ended = time.perf_counter()
    return CallSample(first=(deltas[0] if deltas else ended) - begun, whole=ended - begun, response=response)


def _row(measured: dict[str, object]) -> list[str]:
    times = [_format(measured["first_token_s"], "s"), _format(measured["tokens_a_second"]), _format(measured["whole_s"], "s")]
    cost = "unknown" if measured["cost_usd"] is None else f"${measured['cost_usd']:.6f}"
    return [str(measured["model"]), str(measured["served"] or "-"), *times, str(measured["output_tokens"] or "-"), cost]


def _format(value: object, unit: str = "") -> str:
    return f"{value:.2f} {unit}".strip() if isinstance(value, float) else "-"
