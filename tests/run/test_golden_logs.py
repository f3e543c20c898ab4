"""The logs of every release fold: one file a release, written once by the release itself and never changed.

`python -m tests.run.test_golden_logs` writes the file of this release, where there is none.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.chat.thread_context import QuotedMessage, Speaker, ThreadContext
from orchestrator_bridge.model.errors import InvalidApiKey, Overloaded
from orchestrator_bridge.question.decisions import Decision
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.follow_up import continuation
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Escalation, FallbackStep, PersonSpec, Policy
from orchestrator_bridge.tool.model import Tool
from tests.support.run_simulator import PLACE, RunSimulator, answer, ask, team, use, vote

GOLDEN = Path(__file__).parent / "golden"
THIS_RELEASE = "0.1.0"


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.jsonl")), ids=lambda file: file.stem)
def test_the_log_of_a_release_folds_to_the_same_result(file: Path) -> None:
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
        "outcomes": {str(question.id): question.outcome.decided_by for question in state.questions.values() if question.outcome},
        "retired": [agent.spec.name for agent in state.agents.values() if agent.retired],
    }


CHAIN = (FallbackStep(use="agents", within=10), FallbackStep(use="judge", within=10), FallbackStep(use="assume"))
NIGHT = 1_800_000_000.0 - 1_800_000_000.0 % 86400 + 6 * 3600
"""Six in the morning, UTC, of some day."""


def eventful() -> RunSimulator:
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
    simulator = RunSimulator(
        grown,
        directory=Directory(people),
        by=Author(platform="slack", id="U2", name="Ana"),
        now=NIGHT,
    )
    simulator.lists(Tool(server="files", name="write", description="Write.", schema={"type": "object"}))
    simulator.says(
        "one", ask("Which?", kind="choice", options=[{"id": "a", "label": "A", "recommended": True}, {"id": "b", "label": "B"}])
    )
    simulator.fails("two", Overloaded("busy"))
    simulator.passes(1)
    simulator.says(
        "two", answer("by two"), ask("Anything else?", to=("humans", "agents"), wait=False), ask("And?", to=("@nobody",))
    )
    simulator.post_question(1)
    simulator.post_question(2)
    simulator.says("peer:2:one", text="No.")
    simulator.passes(41)
    simulator.presses(2, "more", "1m")
    simulator.presses(2, "pass", "@lead")
    simulator.types(1, "b please")
    simulator.person_deletes(1, "m3")
    simulator.replies(1, "b, I am sure")
    simulator.restart()
    simulator.guides("Keep it cheap.")
    simulator.says("one", answer("by one"))
    simulator.hold_calls()
    simulator.fails("three", InvalidApiKey("The key is wrong."))
    simulator.release_calls()
    simulator.fails("three", InvalidApiKey("This key is wrong too."))
    simulator.says("two", ask("What now?"), ask("What  now?"))
    simulator.post_question(3)
    simulator.passes(120)
    simulator.says("peer:3:one", text="")
    judged = use("decide", decision="Wait.", reason="It can be taken back.")
    simulator.says("judge:3", judged)
    simulator.replies(1, "too late, but a")
    simulator.types(3, "ask again")
    simulator.post_question(4)
    simulator.person_deletes(4, "card4")
    simulator.replies(4, "Now we do.")
    simulator.reserved = Decimal("1.90")
    simulator.guides("And quickly.")
    simulator.says("one", answer("by one, quickly"))
    simulator.says("two", answer("by two, quickly"))
    simulator.reserved = Decimal(0)
    simulator.post_question(5)
    simulator.replies(5, "20")
    simulator.says("two", use("files__write", path="a"))
    simulator.post_question(6)
    simulator.presses(6, "option", "approve")
    simulator.returns("written")
    while simulator.state.end is None:
        for name in list(simulator.calls_under_way):
            offered = [tool.name for tool in simulator.tools(name)]
            simulator.says(name, *([vote("A")] if "vote" in offered else [use("nonsense")]), text="The final text.")
    return simulator


def of_an_external_agent() -> RunSimulator:
    """A run that is made of what an agent outside asks."""

    def asks(action: str, question: str, **more: Any) -> inputs.ExternalQuestion:
        return inputs.ExternalQuestion(action=action, ask=Ask(question=question, assumption="I wait.", **more))

    simulator = RunSimulator(team(2), external=asks("guest:coder:1", "Which branch?"))
    simulator.post_question(1)
    simulator.deliver(
        asks("guest:coder:2", "Is it sound?", to=("agents",)), asks("guest:coder:3", "And the key?", to=("@nobody",))
    )
    simulator.deliver(asks("guest:coder:4", "Never mind."))
    simulator.post_question(2)
    simulator.says("peer:2:one", text="Yes.")
    simulator.says("peer:2:two", text="Hardly.")
    simulator.deliver(inputs.ExternalCancel(question=3))
    simulator.restart()
    simulator.replies(1, "main")
    return simulator


def of_people_who_leave() -> RunSimulator:
    """A run whose question loses the people whom it asks, and escalates at once."""
    people = {name: PersonSpec(ids={"slack": id_}) for name, id_ in (("ana", "U1"), ("ben", "U2"), ("lead", "U3"))}
    policy = Policy(quorum="all", escalate=(Escalation(after=30, to=("@lead",)),))
    ana, lead = (Author(platform="slack", id=id_, name=name) for id_, name in (("U1", "Ana"), ("U3", "Lead")))
    simulator = RunSimulator(team(1, policy=policy), directory=Directory(people), by=ana)
    simulator.says("one", ask("Which?", to=("@ana", "@ben")))
    simulator.post_question(1)
    for person in ("@ben", "@ana"):
        simulator.deliver(inputs.PeopleAbsent(question=1, people=((person, "is not in this workspace"),)))
    simulator.replies(1, "the second", by=lead)
    simulator.says("one", answer("the answer"))
    while simulator.state.end is None:
        for name in list(simulator.calls_under_way):
            simulator.says(name, text="The final text.")
    return simulator


def finished_early() -> RunSimulator:
    """A run that a person ended while it waited for people."""
    simulator = RunSimulator(team(2))
    simulator.says("one", ask("Which?"))
    simulator.post_question(1)
    simulator.deliver(inputs.FinishRun(by=Author(platform="test", id="ana", name="Ana"), key="wish"))
    simulator.says("two", answer("by two"))
    return simulator


def in_a_thread() -> RunSimulator:
    """A run whose task was given in a thread, of which an agent reads more."""

    def message(number: int, text: str, author: str = "Ben", speaker: Speaker = "person") -> QuotedMessage:
        return QuotedMessage(id=f"m{number}", author=author, speaker=speaker, at=1000.0 + number, text=text)

    notes = AttachmentContent(name="notes.md", media_type="text/plain", text="Use the old schema.")
    context = ThreadContext(
        messages=(replace(message(8, "See the notes."), files=(notes,)), message(9, "Disk full.", "Monitor", "bot")),
        left_out=6,
        first=replace(message(1, "The outage of …"), length=1200),
    )
    simulator = RunSimulator(team(1), in_thread=True)
    simulator.reads(context)
    simulator.says("one", use("read_thread", before="m8", count=2))
    simulator.returns("[m7 · person · 1970-01-01 00:16 UTC] Ben\n> It began at noon.")
    simulator.restart()
    simulator.says("one", answer("Free the disk."))
    return simulator


def with_memory() -> RunSimulator:
    """A run in which an agent is shown an earlier decision, goes by it, and asks another question that replaces it."""
    simulator = RunSimulator(team(1))
    simulator.remembered = (
        Decision(
            decision=90,
            run=7,
            team="default",
            place=replace(PLACE, thread="t"),
            message="m",
            link="https://chat.example/m",
            question="Which database does billing use?",
            options=("PostgreSQL", "MySQL"),
            outcome="PostgreSQL",
            kind="choice",
            decided_by="human",
            quorum="majority",
            people=("Alice", "Bob"),
            people_ids=("@alice", "@bob"),
            at=500.0,
            offered=True,
        ),
    )
    simulator.says("one", ask("Which database does billing use?"))
    simulator.says("one", ask("Which database does billing use?", settled_by=90))
    simulator.types(1, "ask again")
    simulator.says("one", ask("Which database does billing use now?", refers_to=90))
    simulator.post_question(2)
    simulator.post_question(3)
    simulator.replies(2, "MySQL")
    simulator.passes(10)
    simulator.replies(3, "MariaDB")
    simulator.passes(10)
    simulator.says("one", answer("We go by it."))
    return simulator


def of_a_next_turn() -> RunSimulator:
    """The second turn of a conversation, in which something was decided."""
    first = RunSimulator(team(1))
    first.says("one", ask("Which?"))
    first.post_question(1)
    first.guides("Keep it cheap.")
    first.replies(1, "the second")
    first.says("one", answer("the first answer"))
    simulator = RunSimulator(team(1), run=2, task="And then?", continues=continuation(first.state, "thread1", ()))
    simulator.says("one", answer("the second answer"))
    return simulator


def with_similar_questions() -> RunSimulator:
    """A run that asks much the same several times, and is shown the earlier outcomes."""
    simulator = RunSimulator(team(2))
    for number, room in enumerate(("hall", "kitchen", "attic"), start=1):
        simulator.says("one", ask(f"Which colour shall the {room} have?"))
        simulator.post_question(number)
        simulator.replies(number, "blue")
        simulator.passes(10)
    simulator.says("one", answer("All are blue."))
    simulator.says("two", answer("None is blue."))
    while simulator.state.end is None:
        for name in list(simulator.calls_under_way):
            simulator.says(name, vote("A"), text="The final text.")
    return simulator


def write(file: Path, simulator: RunSimulator) -> None:
    """Write a golden log of this release."""
    lines = [json.dumps({"version": e.VERSION, "event": json.loads(e.dump(event))}) for event in simulator.events]
    file.write_text("\n".join([*lines, json.dumps({"means": meaning(simulator.state)})]) + "\n", encoding="utf-8")


PLAYS = {
    THIS_RELEASE: eventful,
    f"{THIS_RELEASE}-guest": of_an_external_agent,
    f"{THIS_RELEASE}-departure": of_people_who_leave,
    f"{THIS_RELEASE}-finish": finished_early,
    f"{THIS_RELEASE}-thread": in_a_thread,
    f"{THIS_RELEASE}-memory": with_memory,
    f"{THIS_RELEASE}-turn": of_a_next_turn,
    f"{THIS_RELEASE}-similar": with_similar_questions,
}

if __name__ == "__main__":
    for name, play in PLAYS.items():
        if not (golden := GOLDEN / f"{name}.jsonl").exists():
            write(golden, play())
