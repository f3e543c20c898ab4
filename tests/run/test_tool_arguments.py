"""Reading what models write into the arguments of a tool: odd JSON, and what is meant by it."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from orchestrator_bridge.model.interface import ToolCall
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run.agent_tools import CastVote, NewAnswer
from tests.support.run_simulator import RunSimulator, team, use

OPTIONS = [{"id": "pg", "label": "PostgreSQL", "recommended": True}, {"id": "my", "label": "MySQL"}]

ODD_JSON = {
    "an integer of 5,000 digits": '{"content": "x", "n": ' + "1" * 5_000 + "}",
    "100,000 nested brackets": "[" * 100_000,
    "100,000 nested objects": '{"a":' * 100_000,
    "no object but a number": "7",
    "not a number at all": '{"content": NaN}',
    "half of a character": '{"content": "\\ud83d"}',
}


@pytest.mark.parametrize("raw", ODD_JSON.values(), ids=ODD_JSON)
def test_odd_json_counts_as_one_malformed_use_of_its_agent(raw: str) -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", ToolCall(id="1", name="new_answer", arguments=raw))
    assert simulator.state.agents["one"].malformed == 1
    assert set(simulator.calls_under_way) == {"one", "two"}


AS_MEANT: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "nulls are left out": (
        {"options": None, "to": None, "urgency": None, "kind": None, "context": None, "wait": None},
        {"options": (), "to": (), "urgency": "normal", "kind": "text", "context": "", "wait": True},
    ),
    "one name is a list of one": ({"to": "humans"}, {"to": ("humans",)}),
    "names with commas are several": ({"to": "humans, agents"}, {"to": ("humans", "agents")}),
    "options make a choice": ({"options": OPTIONS}, {"kind": "choice"}),
    "a null beside options, too": ({"options": OPTIONS, "kind": None}, {"kind": "choice"}),
    "no options are no choice": ({"options": []}, {"kind": "text"}),
    "what else is written is left out": ({"priority": 7}, {"question": "q?"}),
}


@pytest.mark.parametrize(("written", "meant"), AS_MEANT.values(), ids=AS_MEANT)
def test_common_spellings_of_arguments_are_accepted(written: dict[str, object], meant: dict[str, object]) -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", use("ask_others", question="q?", assumption="I take the first.", **written))
    taken = simulator.state.questions[1].ask
    assert {name: getattr(taken, name) for name in meant} == meant


@pytest.mark.parametrize(("name", "model"), [("new_answer", NewAnswer), ("vote", CastVote), ("ask_others", Ask)])
def test_the_schema_of_a_tool_names_the_fields_of_its_model(name: str, model: type[BaseModel]) -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", use("new_answer", content="A"))
    simulator.says("two", use("new_answer", content="B"))
    (tool,) = [tool for tool in simulator.tools("one") if tool.name == name]
    required = {field for field, info in model.model_fields.items() if info.is_required()}
    assert set(tool.parameters["properties"]) == set(model.model_fields)
    assert required <= set(tool.parameters["required"])
