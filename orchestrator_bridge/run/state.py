"""Everything known about a run, as one frozen value: the fold of its events. Positions (`seq`, `seen_seq`) are places in its
log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Literal

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Author, ExternalAgent, Place
from orchestrator_bridge.common.frozen import cached_on_value
from orchestrator_bridge.model.interface import ProviderState
from orchestrator_bridge.question.model import Ask, Question
from orchestrator_bridge.run.events import Bound, Purpose
from orchestrator_bridge.team.budgets import BudgetName
from orchestrator_bridge.team.directory import Responder
from orchestrator_bridge.team.team import AgentSpec, Team
from orchestrator_bridge.tool.model import Tool


@dataclass(frozen=True, kw_only=True)
class Use:
    """One tool use of a turn. `result` is None while it is pending: a question that the agent waits for."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    files: tuple[AttachmentContent, ...] = ()
    whole: int = 0
    """Characters of the result that the store keeps, where the agent is shown less."""
    theirs: bool = False
    """The result is the words of a tool, not ours."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One landed call of an agent: its prompt showed the news behind `seen_from_seq` up to `seen_seq`. `correction`: what went
    wrong.

    `provider_state`: what its provider wants back with it.
    """

    seen_from_seq: int
    seen_seq: int
    text: str
    uses: tuple[Use, ...] = ()
    correction: str = ""
    provider_state: ProviderState | None = None

    @property
    def pending(self) -> bool:
        """A tool use still has no result."""
        return any(use.result is None for use in self.uses)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An agent's answer; its newest one stands under the agent's label. `seen_seq`: what its author had in view."""

    label: str
    agent: str
    text: str
    seq: int
    seen_seq: int


@dataclass(frozen=True, kw_only=True)
class Vote:
    """An agent's vote, for what it had in view."""

    label: str
    reason: str
    seen_seq: int


@dataclass(frozen=True, kw_only=True)
class AgentMessage:
    """Something said to one agent (`to`) or to all: guidance by its `author`, a late reply, the outcome of its question, or that
    of another's (`known`), or a `notice` of ours."""

    seq: int
    kind: Literal["guidance", "late", "outcome", "known", "notice"]
    text: str
    to: str | None = None
    author: str = ""
    files: tuple[AttachmentContent, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Call:
    """A model call without a result. `out`: under way; `resting`: to be tried again at `retry_at`; `due`: to be started again.

    `held`: not started yet, for it waits for `why`, as far as anybody can tell for `seconds_left` seconds.
    """

    action: str
    agent: str
    purpose: Purpose
    attempt: int
    model: str
    seen_seq: int
    started_at: float
    reserved: Decimal | None = None
    question: int | None = None
    phase: Literal["out", "resting", "due", "held"] = "out"
    retry_at: float = 0.0
    why: str = ""
    seconds_left: float | None = None
    failures: int = 0
    timed_out_waiting: bool = False

    @property
    def is_side_call(self) -> bool:
        """It is about a question, beside the agent's own work: a peer's advice or a judge's decision."""
        return self.purpose in ("peer", "judge")


@dataclass(frozen=True, kw_only=True)
class PendingAsk:
    """A tool use that is to become a question."""

    agent: str
    use: str
    ask: Ask


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """A use of one of the team's own tools without a result. `arguments` is JSON.

    `new`: to be looked at, or to be asked about once people have answered others; `asked`: people are asked whether it may be;
    `due`: to be called; `out`: under way.
    """

    agent: str
    use: str
    tool: Tool
    arguments: str
    phase: Literal["new", "asked", "due", "out"] = "new"
    approved_by: str = ""
    """Who of the people approved it, and in which question."""


@dataclass(frozen=True, kw_only=True)
class ServerTools:
    """What a tool server offers in this run; `trouble` says why it offers nothing."""

    tools: tuple[Tool, ...] = ()
    trouble: str = ""
    downs: int = 0
    """How often it was down so far."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a call will not be tried again."""

    found: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class AgentState:
    """One agent. `seen_seq`: what its last landed call had in view; `last_private_seq`: position of the newest thing meant for it
    alone.

    `idle`: its last turn ended with an answer or a vote, so it is only called to look again. `malformed` counts responses in
    a row without a usable tool use.
    """

    spec: AgentSpec
    label: str
    turns: tuple[Turn, ...] = ()
    seen_seq: int = 0
    last_private_seq: int = 0
    answers: int = 0
    vote: Vote | None = None
    idle: bool = False
    malformed: int = 0
    asked: int = 0
    tool_calls: int = 0
    used: Mapping[str, int] = field(default_factory=dict)
    """How often it has called each of the team's tools, by `server.tool`."""
    failure: Failure | None = None
    backed_up: bool = False
    retired: str | None = None

    @property
    def model(self) -> str:
        """The model that it works with now."""
        return self.spec.backup if self.backed_up and self.spec.backup else self.spec.model

    @property
    def has_backup(self) -> bool:
        """There is a backup, and it has not taken over yet."""
        return self.spec.backup is not None and not self.backed_up

    @property
    def is_waiting(self) -> bool:
        """A question of its last turn is pending."""
        return bool(self.turns) and self.turns[-1].pending


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What the run has used, in US dollars, tokens and seconds. `unknown`: reserved for calls whose bill nobody knows.

    `priced`: every cost so far is known.
    """

    calls: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)
    unknown: Decimal = Decimal(0)
    priced: bool = True
    wall: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A budget is used up, and this question asks for more."""

    question: int
    budget: BudgetName


@dataclass(frozen=True, kw_only=True)
class End:
    """How the run ended."""

    status: Literal["finished", "failed", "cancelled"]
    text: str
    how: str = ""
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run. `at` is the time of its last event, `seq` its position; `askable` whom agents can ask, by name.

    `bound` is what ended it, a budget of `limit`; `raised` US dollars were granted beyond its own budget. People were `warned` of
    these budgets, and granted nothing more for those that they `refused`.
    """

    run: int
    task: str
    team: Team
    place: Place
    by: Author
    askable: tuple[str, ...]
    started_at: float
    at: float
    seq: int
    agents: Mapping[str, AgentState]
    files: tuple[AttachmentContent, ...] = ()
    answers: tuple[Answer, ...] = ()
    messages: tuple[AgentMessage, ...] = ()
    calls: Mapping[str, Call] = field(default_factory=dict)
    asks: Mapping[str, PendingAsk] = field(default_factory=dict)
    questions: Mapping[int, Question] = field(default_factory=dict)
    offers: Mapping[str, ServerTools] = field(default_factory=dict)
    """By tool server, once it is known."""
    first_seen: Mapping[str, str] = field(default_factory=dict)
    """How each tool was described when this run first saw it, as a digest, by what models call it."""
    approved: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Tools that people have approved for the run, as they were described then, and who did."""
    uses: Mapping[str, ToolUse] = field(default_factory=dict)
    finals: int = 0
    final_text: str | None = None
    final_failure: str | None = None
    bound: Bound | None = None
    limit: Decimal | None = None
    pause: Pause | None = None
    raised: Decimal = Decimal(0)
    warned: frozenset[tuple[BudgetName, Decimal]] = frozenset()
    refused: frozenset[BudgetName] = frozenset()
    reported: frozenset[str] = frozenset()
    """The failures of calls so far, in words: the run's thread tells each once, whoever of the agents ran into it."""
    spent: Spent = Spent()
    end: End | None = None
    notices: tuple[str, ...] = ()
    """What people were told of the models."""
    outside: ExternalAgent | None = None
    """The agent outside through whom it came."""

    @property
    def external_agent(self) -> str | None:
        """The name of the agent outside of whose questions alone this run is made: it works elsewhere, and is never called."""
        return self.outside.agent if self.outside is not None and self.outside.asks else None

    @cached_property
    def live(self) -> tuple[AgentState, ...]:
        """The agents that are not retired, in the team's order."""
        return tuple(agent for agent in self.agents.values() if agent.retired is None)

    @property
    def busy(self) -> bool:
        """Something but people is awaited: only then does wall time pass, and only then does the run need a task.

        A use that is `new` between two passes waits for people: more of them are not asked about at a time.
        """
        if self.pause is not None:
            return bool(self.asks) or any(call.phase == "out" for call in self.calls.values())
        return bool(self.calls or self.asks or self.unlisted) or any(use.phase in ("due", "out") for use in self.uses.values())

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Tool servers of which it is not known yet what they offer."""
        return tuple(server for server in self.team.tool_servers if server not in self.offers) if self.end is None else ()


def agent_responder(name: str) -> Responder:
    """An agent as a responder of questions."""
    return Responder(kind="agent", id=f"agent:{name}", name=name)


def standing_answers(state: RunState, seen: int | None = None) -> dict[str, Answer]:
    """The newest answer of every agent by label, earliest first, as of a position of the log."""
    newest: dict[str, Answer] = {}
    for answer in state.answers:
        if seen is None or answer.seq <= seen:
            newest.pop(answer.label, None)
            newest[answer.label] = answer
    return newest


def last_guidance(state: RunState) -> int:
    """The position of the newest guidance."""
    return max((news.seq for news in state.messages if news.kind == "guidance"), default=0)


def last_change(state: RunState) -> int:
    """The position behind which nothing has changed for everybody: the newest answer or guidance."""
    return max(last_guidance(state), state.answers[-1].seq if state.answers else 0)


def vote_counts(state: RunState, agent: AgentState) -> bool:
    """Whether an agent's vote counts: nothing that it should have known lies behind what it saw."""
    if agent.vote is None or agent.retired is not None:
        return False
    return agent.vote.seen_seq >= max(last_change(state), agent.last_private_seq)


@cached_on_value
def tally(state: RunState) -> dict[str, tuple[str, ...]]:
    """The counting votes: label to the names of those who voted for it."""
    votes: dict[str, tuple[str, ...]] = {}
    for agent in state.agents.values():
        if agent.vote is not None and vote_counts(state, agent):
            votes[agent.vote.label] = (*votes.get(agent.vote.label, ()), agent.spec.name)
    return votes


@cached_on_value
def leader(state: RunState) -> Answer | None:
    """The answer with the most counting votes, a tie going to the earlier one; without votes the newest; None without answers."""
    answers = standing_answers(state)
    votes = tally(state)
    if not votes:
        return state.answers[-1] if state.answers else None
    return max(answers.values(), key=lambda answer: (len(votes.get(answer.label, ())), -answer.seq))


def questions_asked(state: RunState) -> int:
    """How many questions the agents have asked; approvals are not theirs to ask."""
    return sum(question.ask.kind != "approval" for question in state.questions.values())


def has_waiters(state: RunState) -> bool:
    """Somebody waits for an open question, or for a tool."""
    return bool(state.uses) or any(question.open and question.ask.wait for question in state.questions.values())


@cached_on_value
def converged(state: RunState) -> bool:
    """Every live agent's vote counts, and no question that somebody waits for is open."""
    return bool(state.live) and all(vote_counts(state, agent) for agent in state.live) and not has_waiters(state)
