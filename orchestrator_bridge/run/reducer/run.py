"""Reducers of events of the run itself: guidance, bounds, budgets, retirement, external agents, the end."""

from __future__ import annotations

from orchestrator_bridge.chat.inbound import ExternalAgent
from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Outcome
from orchestrator_bridge.question.system_questions import parse_grant
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.reducer.updates import abandon_calls, charge_unknown, update_agent, update_question
from orchestrator_bridge.run.state import AgentMessage, End, Finish, Pause, PendingAsk, RunState, Turn, Use, agent_responder
from orchestrator_bridge.team.team import AgentSpec, Team

ANSWER_NOW = (
    "wants the answer now. Give it with new_answer, from what you know, and say what is open. "
    "Nothing else is carried out any more."
)


def on_guided(state: RunState, event: e.Guided) -> RunState:
    """Add the guidance to what all agents read next; it withdraws every vote, since votes count from `last_change` on."""
    author = one_line(event.author.name, 80).replace('"', "'")
    guidance = AgentMessage(seq=state.seq, kind="guidance", text=event.text, author=author, files=event.files)
    return replace(state, messages=(*state.messages, guidance))


def on_bound_reached(state: RunState, event: e.BoundReached) -> RunState:
    """Remember the first bound that is reached: no new call starts after it."""
    return state if state.bound else replace(state, bound=event.bound, limit=event.limit)


def on_budget_neared(state: RunState, event: e.BudgetNeared) -> RunState:
    """Remember that people were warned of this budget at this limit."""
    return replace(state, warned=state.warned | {(event.budget, event.limit)})


def on_more_asked(state: RunState, event: e.MoreAsked) -> RunState:
    """Pause the run until the question for more budget has its outcome."""
    return replace(update_question(state, event.question), pause=Pause(question=event.question.id, budget=event.budget))


def resume_after_grant(state: RunState, question: int, outcome: Outcome) -> RunState:
    """End the pause for which this question was asked; a budget that was refused is not asked for again."""
    pause = state.pause
    if pause is None or pause.question != question:
        return state
    grant = parse_grant(outcome)
    return replace(
        state,
        pause=None,
        raised=state.raised + grant if pause.budget == "money" else state.raised,
        refused=state.refused if grant else state.refused | {pause.budget},
    )


def on_backup_taken(state: RunState, event: e.BackupTaken) -> RunState:
    """Switch an agent to its backup model."""
    return update_agent(state, event.agent, backed_up=True, failure=None)


def on_agent_retired(state: RunState, event: e.AgentRetired) -> RunState:
    """Withdraw a retired agent's vote, keep its answers, and take it off every question that asks it."""
    state = update_agent(state, event.agent, retired=event.reason, vote=None)
    state = abandon_calls(state, (call for call in state.calls.values() if call.agent == event.agent))
    # A peer that cannot answer any more must not keep a question waiting.
    for question in state.questions.values():
        state = update_question(state, transitions.passed(question, agent_responder(event.agent)))
    return state


def on_finish_asked(state: RunState, event: e.FinishAsked) -> RunState:
    """Remember the first wish for the best answer so far. Agents read it in their last call; it withdraws no vote."""
    if state.finish is not None:
        return state
    name = one_line(event.by.name, 80)
    notice = AgentMessage(seq=state.seq, kind="notice", text=f"{name} {ANSWER_NOW}")
    return replace(state, finish=Finish(by=name, seq=state.seq), messages=(*state.messages, notice))


def on_run_finished(state: RunState, event: e.RunFinished) -> RunState:
    """End the run with its answer."""
    return _end(state, End(status="finished", text=event.text, how=event.how, by=event.by, early=event.early))


def on_run_failed(state: RunState, event: e.RunFailed) -> RunState:
    """End the run without an answer."""
    return _end(state, End(status="failed", text=event.reason))


def on_run_cancelled(state: RunState, event: e.RunCancelled) -> RunState:
    """End the run because a person cancelled it."""
    return _end(state, End(status="cancelled", text=f"Cancelled by {event.by.name}.", by=event.by.name))


def _end(state: RunState, end: End) -> RunState:
    return replace(charge_unknown(state, state.calls.values()), end=end, calls={}, asks={}, uses={})


def external_agent_spec(outside: ExternalAgent, team: Team) -> AgentSpec:
    """The external agent as a member of the team. Its model only serves as judge where the policy names none."""
    return AgentSpec(name=outside.agent, model=team.agents[0].model)


def on_guest_asked(state: RunState, event: e.GuestAsked) -> RunState:
    """Record a question of the external agent as a turn with one tool use.

    So all else works as for any agent: the use gets one result, the outcome, which stays there until the MCP client fetches it.
    """
    name = state.external_agent
    if name is None:
        return state
    use = Use(id=event.action, name="ask_others", arguments=event.ask.model_dump_json())
    turn = Turn(seen_from_seq=state.seq, seen_seq=state.seq, text="", uses=(use,))
    state = update_agent(state, name, turns=(*state.agents[name].turns, turn))
    return replace(state, asks={**state.asks, event.action: PendingAsk(agent=name, use=event.action, ask=event.ask)})
