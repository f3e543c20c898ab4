"""A stage for scripts: a run's real state and prompts, with calls made by hand in the order that a test wants."""

from __future__ import annotations

from orchestrator_bridge.chat import Author, Place
from orchestrator_bridge.model.port import Message, Request, Response
from orchestrator_bridge.model.script import Script
from orchestrator_bridge.model.scripted import play
from orchestrator_bridge.question.values import Outcome, Question, Reply, Responder
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.apply import apply, begin
from orchestrator_bridge.run.decide import CallModel, Record, decide
from orchestrator_bridge.run.prompts import final_messages, peer_messages, work_messages
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.run.tools import offered
from orchestrator_bridge.team import AgentSpec, Team

YOU = Author(platform="terminal", id="you", name="you")
PERSON = Responder(kind="human", id="terminal:you", name="you")
PLACE = Place(platform="terminal", channel="main")


class Stage:
    """One run whose agents all play the same script."""

    def __init__(self, script: Script, task: str, agents: tuple[str, ...] = ("planner", "skeptic", "operator")) -> None:
        self.script = script
        team = Team(agents=tuple(AgentSpec(name=name, model="scripted/demo") for name in agents))
        self.state: RunState = begin(e.RunStarted(at=0.0, run=1, task=task, team=team, place=PLACE, by=YOU))

    def act(self, agent: str) -> Response:
        """The agent's own next call, taken into the run."""
        call = next(call for call in self.outstanding() if call.agent == agent and call.purpose != "peer")
        request = self.request(call)
        self._add(
            e.CallStarted(
                at=0.0, action=call.action, attempt=1, agent=agent, purpose=call.purpose, model="m", seen=self.state.seq
            )
        )
        response = play(self.script, request, "scripted/demo")[1]
        self._add(
            e.Responded(
                at=0.0,
                action=call.action,
                agent=agent,
                text=response.text,
                tool_calls=response.tool_calls,
                consumed=(),
                usage=response.usage,
                served=response.served,
                cost=response.cost,
            )
        )
        return response

    def request(self, call: CallModel) -> Request:
        """What goes to the model for a call."""
        tools = offered(self.state, self.state.agents[call.agent]) if call.purpose == "work" else ()
        return Request(agent=call.agent, model="scripted/demo", messages=self._messages(call), tools=tools)

    def outstanding(self) -> list[CallModel]:
        """The calls that the run wants made; what follows at once from its state is recorded on the way."""
        while records := [action for action in decide(self.state) if isinstance(action, Record)]:
            self._add(records[0].event)
        return [action for action in decide(self.state) if isinstance(action, CallModel)]

    def ask(self) -> Question:
        """Make a question of the one `ask_others` that waits."""
        action, pending = next(iter(self.state.asks.items()))
        question = Question(
            id=1,
            run=1,
            agent=pending.agent,
            action=action,
            ask=pending.ask,
            policy=self.state.team.policy,
            asked=(PERSON, *(Responder(kind="agent", id=f"agent:{name}", name=name) for name in ("planner", "skeptic"))),
            asked_at=0.0,
        )
        self._add(e.QuestionAsked(at=0.0, action=action, question=question))
        return question

    def peer(self, agent: str, question: Question) -> Response:
        """An agent's reply to another agent's question."""
        call = CallModel(action=f"peer:1:{agent}", agent=agent, purpose="peer", attempt=1, question=question.id)
        return play(self.script, self.request(call), "scripted/demo")[1]

    def settle(self, decision: str, *, by: str = "human", choice: str | None = None, reply: str = "") -> None:
        """End the question."""
        replies = (Reply(key="m", author=PERSON, text=reply, choice=choice, at=1.0),) if reply else ()
        status = "fallen_back" if by.startswith("fallback") else "answered"
        outcome = Outcome(status=status, decision=decision, choice=choice, decided_by=by, replies=replies, at=1.0)
        self._add(e.QuestionSettled(at=1.0, question=1, outcome=outcome))

    def guide(self, text: str) -> None:
        """A person says something to all agents."""
        self._add(e.Guided(at=1.0, message="g", author=YOU, text=text))

    def reply_late(self, text: str) -> None:
        """A person replies to the question after its end."""
        self._add(e.Replied(at=9.0, question=1, author=PERSON, message="late", text=text, sent_at=9.0))

    def vote(self, agent: str) -> str:
        """Whom an agent's standing vote is for, by name; empty if it has none."""
        vote = self.state.agents[agent].vote
        names = {one.label: one.spec.name for one in self.state.agents.values()}
        return names[vote.label] if vote else ""

    def answer(self, agent: str) -> str:
        """An agent's standing answer."""
        return next((answer.text for answer in reversed(self.state.answers) if answer.agent == agent), "")

    def _messages(self, call: CallModel) -> tuple[Message, ...]:
        agent = self.state.agents[call.agent]
        if call.purpose == "final":
            return final_messages(self.state, agent, self.state.seq)
        if call.purpose == "peer":
            return peer_messages(self.state, agent, self.state.questions[call.question or 0])
        return work_messages(self.state, agent, self.state.seq)

    def _add(self, event: e.Event) -> None:
        self.state = apply(self.state, event)
