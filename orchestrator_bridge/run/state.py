"""State of a run as one frozen value, the fold of its events, and the facts derived from it.

`seq`, `seen_seq` and the like are positions in the run's log, counted from 1. Times are in seconds since the epoch by our clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Literal

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Author, ExternalAgent, Place, ThreadPosition
from orchestrator_bridge.chat.thread_context import ThreadContext
from orchestrator_bridge.common.frozen import cached_on_value
from orchestrator_bridge.model.interface import ProviderState
from orchestrator_bridge.question.decisions import Decision
from orchestrator_bridge.question.model import Ask, Question
from orchestrator_bridge.run.conversation import Continuation
from orchestrator_bridge.run.events import Bound, Purpose
from orchestrator_bridge.team.budgets import BudgetName
from orchestrator_bridge.team.directory import Responder
from orchestrator_bridge.team.team import AgentSpec, Team
from orchestrator_bridge.tool.model import Tool


@dataclass(frozen=True, kw_only=True)
class Use:
    """One tool use of a turn. `result` is None while it is pending: the agent waits for a question or a tool."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    files: tuple[AttachmentContent, ...] = ()
    whole: int = 0
    """Characters of the whole result in the store, if the agent is shown only a part of it."""
    theirs: bool = False
    """The result is text of a tool server, which is quoted as such, and not of Townhall."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One completed call of an agent. Its prompt added the messages after `seen_from_seq` up to `seen_seq`.

    `correction` tells the agent what was wrong with its response; `provider_state` goes back to the provider with the turn.
    """

    seen_from_seq: int
    seen_seq: int
    text: str
    uses: tuple[Use, ...] = ()
    correction: str = ""
    provider_state: ProviderState | None = None

    @property
    def pending(self) -> bool:
        """True while a tool use has no result."""
        return any(use.result is None for use in self.uses)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer. The newest one of an agent stands under its label. `seen_seq`: the log position that its author had seen."""

    label: str
    agent: str
    text: str
    seq: int
    seen_seq: int


@dataclass(frozen=True, kw_only=True)
class Vote:
    """A vote for the answer that `label` had when the agent had seen the log up to `seen_seq`."""

    label: str
    reason: str
    seen_seq: int


@dataclass(frozen=True, kw_only=True)
class AgentMessage:
    """A message to one agent (`to`) or to all (None): guidance by its `author`, a late reply, the outcome of its question or of
    another agent's (`known`), or a `notice` of Townhall."""

    seq: int
    kind: Literal["guidance", "late", "outcome", "known", "notice"]
    text: str
    to: str | None = None
    author: str = ""
    files: tuple[AttachmentContent, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Call:
    """A model call without a result. `out`: under way; `resting`: to be tried again at `retry_at`; `due`: to be started again.

    `held`: not started yet, since it waits for `why`, for `seconds_left` seconds if known. `reserved` in US dollars.
    `timed_out_waiting`: it has been under way for so long that other agents no longer wait for it.
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
        """True for a call about a question, beside the agent's own work: a peer's advice or a judge's decision."""
        return self.purpose in ("peer", "judge")


@dataclass(frozen=True, kw_only=True)
class PendingAsk:
    """A tool use that asks a question which has not been asked or refused yet."""

    agent: str
    use: str
    ask: Ask


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """A use of one of the team's tools without a result. `arguments` is JSON.

    `new`: not looked at yet, or waits until people have answered other approvals; `asked`: people are asked for approval;
    `due`: to be called; `out`: under way.
    """

    agent: str
    use: str
    tool: Tool
    arguments: str
    phase: Literal["new", "asked", "due", "out"] = "new"
    approved_by: str = ""
    """The person who approved it, and the question in which; empty if no approval was needed."""


@dataclass(frozen=True, kw_only=True)
class ServerTools:
    """The tools that a server offers in this run; `trouble` is the reason if it offers none."""

    tools: tuple[Tool, ...] = ()
    trouble: str = ""
    downs: int = 0
    """Times that it was down so far."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The reason why a call is not tried again: what was found, and what a person can do about it."""

    found: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class AgentState:
    """One agent.

    `seen_seq`: position up to which its last completed call had seen the log. `last_private_seq`: position of the newest message
    for it alone. `idle`: its last turn ended with an answer or a vote, so it is only called again if its vote does not count.
    `malformed`: responses in a row without a valid tool use; `cuts`: those in a row that the output limit broke off.
    `retired`: the reason why it is out of the run.
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
    cuts: int = 0
    asked: int = 0
    tool_calls: int = 0
    used: Mapping[str, int] = field(default_factory=dict)
    """Number of calls of each of the team's tools, by `server.tool`."""
    failure: Failure | None = None
    backed_up: bool = False
    retired: str | None = None

    @property
    def model(self) -> str:
        """The model that it uses now."""
        return self.spec.backup if self.backed_up and self.spec.backup else self.spec.model

    @property
    def has_backup(self) -> bool:
        """True if a backup model is configured and not in use yet."""
        return self.spec.backup is not None and not self.backed_up

    @property
    def is_waiting(self) -> bool:
        """True while a tool use of its last turn is pending."""
        return bool(self.turns) and self.turns[-1].pending


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Usage of the run in US dollars, tokens and seconds.

    `unknown`: reserved for calls of which nobody knows if they were billed. `priced`: every cost so far is known.
    `wall`: seconds in which the run was busy.
    """

    calls: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)
    unknown: Decimal = Decimal(0)
    priced: bool = True
    wall: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Pause:
    """The pause of a run whose budget is used up, until people answer the question for more."""

    question: int
    budget: BudgetName


@dataclass(frozen=True, kw_only=True)
class Finish:
    """The wish of a person (`by`, a name) for the best answer so far, at log position `seq`."""

    by: str
    seq: int


@dataclass(frozen=True, kw_only=True)
class End:
    """The end of a run. `how`: one sentence on how the answer came about; `early`: the person who wanted the best one so far."""

    status: Literal["finished", "failed", "cancelled"]
    text: str
    how: str = ""
    by: str = ""
    early: str = ""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run after its event at position `seq` and time `at`.

    `askable`: names that agents can ask. `bound`: the bound that ends the run, with its `limit` if it is a budget. `raised`: US
    dollars that people granted beyond the run's own budget. `warned`: budgets of which people were warned; `refused`: budgets for
    which they granted nothing more.
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
    questions_asked: int = 0
    """Questions that people or agents were asked, without approvals and those that an earlier decision answered."""
    offered: Mapping[tuple[str, int], Decision] = field(default_factory=dict)
    """Decisions that each agent was shown instead of asking, by the agent's name and the decision's number."""
    offers: Mapping[str, ServerTools] = field(default_factory=dict)
    """Offers of the tool servers that have listed their tools."""
    first_seen: Mapping[str, str] = field(default_factory=dict)
    """Digest of each tool's description when this run first saw it, by the name that models use."""
    approved: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Tools approved for the run, by name and digest of their description, with the person who approved them."""
    uses: Mapping[str, ToolUse] = field(default_factory=dict)
    finals: int = 0
    draft: str = ""
    """Beginning of the final text, where the output limit broke it off."""
    final_text: str | None = None
    final_failure: str | None = None
    bound: Bound | None = None
    limit: Decimal | None = None
    pause: Pause | None = None
    raised: Decimal = Decimal(0)
    warned: frozenset[tuple[BudgetName, Decimal]] = frozenset()
    refused: frozenset[BudgetName] = frozenset()
    reported: frozenset[str] = frozenset()
    """Failures of calls so far, in words: the run's thread reports each once, for all agents together."""
    spent: Spent = Spent()
    finish: Finish | None = None
    end: End | None = None
    notices: tuple[str, ...] = ()
    """Notices about models that people have been shown."""
    outside: ExternalAgent | None = None
    """The external agent (MCP client) that started the run or asks in it."""
    thread: ThreadPosition | None = None
    """The thread in which the task was given, if agents may read it."""
    context: ThreadContext | None = None
    """That thread as it was read, once it was."""

    model: str = ""
    """The model that was named for this run alone."""
    continues: Continuation | None = None
    """The conversation of which this run is the next turn."""

    @property
    def external_agent(self) -> str | None:
        """The name of the external agent if the run consists of its questions alone. It runs elsewhere, so it is never called."""
        return self.outside.agent if self.outside is not None and self.outside.asks else None

    @cached_property
    def live(self) -> tuple[AgentState, ...]:
        """The agents that are not retired, in the team's order."""
        return tuple(agent for agent in self.agents.values() if agent.retired is None)

    @property
    def busy(self) -> bool:
        """True while the run waits for something other than people: only then wall time passes and a restart drives the run on.

        A tool use that is still `new` after a step waits for people: only some approvals are asked for at a time.
        """
        # In a pause nothing new is started, so only what is under way is awaited.
        if self.pause is not None:
            return bool(self.asks) or any(call.phase == "out" for call in self.calls.values())
        return bool(self.calls or self.asks or self.unlisted or self.awaits_context) or any(
            use.phase in ("due", "out") for use in self.uses.values()
        )

    @property
    def awaits_context(self) -> bool:
        """True until the thread in which the task was given was read, or could not be: agents start after that."""
        return self.thread is not None and self.context is None and self.end is None

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Tool servers whose tools are not known yet."""
        return tuple(server for server in self.team.tool_servers if server not in self.offers) if self.end is None else ()


def agent_responder(name: str) -> Responder:
    """An agent as a responder of questions."""
    return Responder(kind="agent", id=f"agent:{name}", name=name)


def standing_answers(state: RunState, seen: int | None = None) -> dict[str, Answer]:
    """The newest answer of each agent by label, earliest first, as of log position `seen`."""
    newest: dict[str, Answer] = {}
    for answer in state.answers:
        if seen is None or answer.seq <= seen:
            newest.pop(answer.label, None)  # so that the new answer goes to the end: the order is that of the answers' age
            newest[answer.label] = answer
    return newest


def last_guidance(state: RunState) -> int:
    """The position of the newest guidance."""
    return max((message.seq for message in state.messages if message.kind == "guidance"), default=0)


def last_change(state: RunState) -> int:
    """The position of the newest answer or guidance: the last change that concerns every agent."""
    return max(last_guidance(state), state.answers[-1].seq if state.answers else 0)


def vote_counts(state: RunState, agent: AgentState) -> bool:
    """True if an agent's vote counts."""
    if agent.vote is None or agent.retired is not None:
        return False
    # Calls run side by side, so a vote may arrive after an answer, guidance or private message that its prompt did not show. Such
    # a vote is for an older choice and must not decide: it counts only if nothing that concerns the agent lies after its `seen`.
    # The agent is then called again and votes with everything in view.
    return agent.vote.seen_seq >= max(last_change(state), agent.last_private_seq)


@cached_on_value
def tally(state: RunState) -> dict[str, tuple[str, ...]]:
    """The votes that count: the names of the voters by the label of the answer."""
    votes: dict[str, tuple[str, ...]] = {}
    for agent in state.agents.values():
        if agent.vote is not None and vote_counts(state, agent):
            votes[agent.vote.label] = (*votes.get(agent.vote.label, ()), agent.spec.name)
    return votes


@cached_on_value
def leader(state: RunState) -> Answer | None:
    """The answer with the most votes, the earlier one on a tie; the newest one without votes; None without answers."""
    answers = standing_answers(state)
    votes = tally(state)
    if not votes:
        return state.answers[-1] if state.answers else None
    return max(answers.values(), key=lambda answer: (len(votes.get(answer.label, ())), -answer.seq))


def is_settled_by_memory(question: Question) -> bool:
    """True if an earlier decision answered a question, which nobody was asked."""
    return question.outcome is not None and question.outcome.decided_by == "memory"


def has_waiters(state: RunState) -> bool:
    """True if an agent waits for an open question or a tool."""
    return bool(state.uses) or any(question.open and question.ask.wait for question in state.questions.values())


@cached_on_value
def converged(state: RunState) -> bool:
    """True if the vote of every live agent counts and no agent waits for a question or a tool."""
    return bool(state.live) and all(vote_counts(state, agent) for agent in state.live) and not has_waiters(state)
