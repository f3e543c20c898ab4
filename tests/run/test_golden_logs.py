"""The logs of every release fold: one file a release, written once by the release itself and never changed.

`python -m tests.run.test_golden_logs` writes the file of this release, where there is none.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.model.errors import InvalidApiKey, Overloaded
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Escalation, FallbackStep, PersonSpec, Policy
from orchestrator_bridge.tool.model import Tool
from tests.support.run_simulator import Table, answer, ask, team, use, vote

GOLDEN = Path(__file__).parent / "golden"
THIS_RELEASE = "0.1.0"


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.jsonl")), ids=lambda file: file.stem)
def test_the_log_of_a_release_folds_to_what_it_meant_then(file: Path) -> None:
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    meant = lines.pop()
    state = fold(e.load(line["version"], json.dumps(line["event"])) for line in lines)
    assert meaning(state) == meant["means"]


def test_this_release_has_a_golden_log_with_every_kind_of_event_that_a_run_has() -> None:
    logs = [file.read_text(encoding="utf-8").splitlines()[:-1] for file in GOLDEN.glob(f"{THIS_RELEASE}*.jsonl")]
    kinds = {json.loads(line)["event"]["event"] for log in logs for line in log}
    every = {kind.__dataclass_fields__["event"].default for kind in e.Event.__args__}
    assert every - kinds == {"run_failed", "run_cancelled", "bound_reached"}


def meaning(state: RunState) -> dict[str, object]:
    """What a log comes down to."""
    assert state.end is not None
    return {
        "seq": state.seq,
        "status": state.end.status,
        "text": state.end.text,
        "calls": state.spent.calls,
        "tokens": state.spent.tokens,
        "outcomes": {str(one.id): one.outcome.decided_by for one in state.questions.values() if one.outcome},
        "retired": [agent.spec.name for agent in state.agents.values() if agent.retired],
    }


CHAIN = (FallbackStep(use="agents", within=10), FallbackStep(use="judge", within=10), FallbackStep(use="assume"))
NIGHT = 1_800_000_000.0 - 1_800_000_000.0 % 86400 + 6 * 3600
"""Six in the morning, UTC, of some day."""


def eventful() -> Table:
    """A run in which nearly everything happens."""
    people = {
        "lead": PersonSpec(ids={"slack": "U1"}, time_zone="UTC", quiet="22:00-06:01"),
        "ana": PersonSpec(ids={"slack": "U2"}),
    }
    policy = Policy(
        expire_after=100, remind_after=40, escalate=(Escalation(after=30, to=("@lead",)),), fallback=CHAIN, judge="test/judge"
    )
    grown = team(3, policy=policy, backup="test/backup", on_budget="ask", straggler_after=20).model_copy(
        update={"tools": ("files",)}
    )
    table = Table(
        grown,
        directory=Directory(people),
        by=Author(platform="slack", id="U2", name="Ana"),
        now=NIGHT,
    )
    table.lists(Tool(server="files", name="write", description="Write.", schema={"type": "object"}))
    table.says(
        "one", ask("Which?", kind="choice", options=[{"id": "a", "label": "A", "recommended": True}, {"id": "b", "label": "B"}])
    )
    table.fails("two", Overloaded("busy"))
    table.passes(1)
    table.says("two", answer("by two"), ask("Anything else?", to=("humans", "agents"), wait=False), ask("And?", to=("@nobody",)))
    table.posts_question(1)
    table.posts_question(2)
    table.says("peer:2:one", text="No.")
    table.passes(41)
    table.presses(2, "more", "1m")
    table.presses(2, "pass", "@lead")
    table.types(1, "b please")
    table.takes_back(1, "m3")
    table.replies(1, "b, I am sure")
    table.restarts()
    table.guides("Keep it cheap.")
    table.says("one", answer("by one"))
    table.holds_all()
    table.fails("three", InvalidApiKey("The key is wrong."))
    table.lets_in()
    table.fails("three", InvalidApiKey("This key is wrong too."))
    table.says("two", ask("What now?"), ask("What  now?"))
    table.posts_question(3)
    table.passes(120)
    table.says("peer:3:one", text="")
    judged = use("decide", decision="Wait.", reason="It can be taken back.")
    table.says("judge:3", judged)
    table.replies(1, "too late, but a")
    table.types(3, "ask again")
    table.posts_question(4)
    table.takes_back(4, "card4")
    table.replies(4, "Now we do.")
    table.reserved = Decimal("1.90")
    table.guides("And quickly.")
    table.says("one", answer("by one, quickly"))
    table.says("two", answer("by two, quickly"))
    table.reserved = Decimal(0)
    table.posts_question(5)
    table.replies(5, "20")
    table.says("two", use("files__write", path="a"))
    table.posts_question(6)
    table.presses(6, "option", "approve")
    table.returns("written")
    while table.state.end is None:
        for name in list(table.out):
            offered = [tool.name for tool in table.tools(name)]
            table.says(name, *([vote("A")] if "vote" in offered else [use("nonsense")]), text="The final text.")
    return table


def of_a_guest() -> Table:
    """A run that is made of what an agent outside asks."""

    def asks(action: str, question: str, **more: Any) -> inputs.ExternalQuestion:
        return inputs.ExternalQuestion(action=action, ask=Ask(question=question, assumption="I wait.", **more))

    table = Table(team(2), guest=asks("guest:coder:1", "Which branch?"))
    table.posts_question(1)
    table.go_on(asks("guest:coder:2", "Is it sound?", to=("agents",)), asks("guest:coder:3", "And the key?", to=("@nobody",)))
    table.go_on(asks("guest:coder:4", "Never mind."))
    table.posts_question(2)
    table.says("peer:2:one", text="Yes.")
    table.says("peer:2:two", text="Hardly.")
    table.go_on(inputs.ExternalCancel(question=3))
    table.restarts()
    table.replies(1, "main")
    return table


def write(file: Path, table: Table) -> None:
    """Write a golden log of this release."""
    lines = [json.dumps({"version": e.VERSION, "event": json.loads(e.dump(event))}) for event in table.events]
    file.write_text("\n".join([*lines, json.dumps({"means": meaning(table.state)})]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name, play in {THIS_RELEASE: eventful, f"{THIS_RELEASE}-guest": of_a_guest}.items():
        if not (golden := GOLDEN / f"{name}.jsonl").exists():
            write(golden, play())
