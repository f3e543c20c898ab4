"""Probes of the models that the team file uses: in which mode each makes tool calls. One that costs money is made if asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from decimal import Decimal

from bot.app import LoadedConfig, create_model_client
from bot.doctor.models import UsedModel, used_models
from orchestrator_bridge.chat.platform import Finding
from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.common.text import counted
from orchestrator_bridge.model.catalogue import SCRIPTED
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import ModelError, Transient
from orchestrator_bridge.model.interface import ToolMode
from orchestrator_bridge.model.probe import costs_nothing, probe_request, probed_modes
from orchestrator_bridge.model.route_memory import RouteMemory
from orchestrator_bridge.model.tool_mode import UNUSABLE_ADVICE, unusable_text

_MODES: Mapping[ToolMode, str] = {
    "native": "makes tool calls",
    "schema": "makes tool calls as JSON, whose form its server enforces",
    "prompted": "makes tool calls as JSON, which it is asked for in words",
}


async def check_tool_modes(start: LoadedConfig, *, paid: bool) -> AsyncIterator[Finding]:
    """Probe models of which it is not known how they make tool calls; with `paid`, all of them, also those that cost money.

    What a probe may cost is reported before it is made.
    """
    memory = RouteMemory(start.settings.data, SystemClock())
    models = create_model_client(start, SystemClock())
    try:
        candidates = [model for model in used_models(start) if _is_callable(model)]
        open_ones = [model for model in candidates if model.route.tools is not True and memory.get(model.route).mode is None]
        probed = candidates if paid else [model for model in open_ones if costs_nothing(model.route)]
        if paid and (costly := [model for model in probed if not costs_nothing(model.route)]):
            yield _price_finding(costly, models)
        for model in probed:
            yield await _probe(model, models)
        for model in (model for model in open_ones if model not in probed):
            price = _price(model, models)
            found = f"not probed, since a probe may cost {price}; it is asked for tool calls, and for JSON if it refuses them"
            fix = "`townhall doctor --online --probe` makes the probe"
            yield Finding(about=f"tool calls of {model.route.name}", state="ok", found=found, fix=fix)
    finally:
        await models.close()


def _is_callable(model: UsedModel) -> bool:
    return model.route.provider != SCRIPTED and model.key != "missing"


def _price_finding(costly: list[UsedModel], models: ModelClient) -> Finding:
    """The highest price of all probes together, reported before the first one."""
    found = f"{counted(len(costly), 'model')} with a price: {', '.join(_priced(costly, models))}"
    return Finding(about="probes", state="ok", found=found)


def _priced(costly: list[UsedModel], models: ModelClient) -> Iterator[str]:
    for model in costly:
        yield f"{model.route.name} {_price(model, models)}"


def _price(model: UsedModel, models: ModelClient) -> str:
    cost = models.max_cost(probe_request(model.route.name))
    return "an unknown price" if cost is None else f"at most ${_rounded_up(cost * len(probed_modes(model.route)))}"


def _rounded_up(cost: Decimal) -> Decimal:
    return cost.quantize(Decimal("0.0001"), rounding="ROUND_UP")


async def _probe(model: UsedModel, models: ModelClient) -> Finding:
    about = f"tool calls of {model.route.name}"
    try:
        mode = await models.probe(model.route.name)
    except ModelError as error:
        # A server that is not running has a finding of its own.
        return Finding(
            about=about, state="warn" if isinstance(error, Transient) else "wrong", found=error.found, fix=error.advice
        )
    if mode is None:
        return Finding(about=about, state="wrong", found=unusable_text(model.route), fix=UNUSABLE_ADVICE)
    return Finding(about=about, state="ok", found=f"{model.route.id} {_MODES[mode]}")
