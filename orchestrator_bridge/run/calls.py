"""Which model calls a run needs: agents' own turns, peers' side calls, the final text. And who waits for whom."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator_bridge.run.actions import CallModel
from orchestrator_bridge.run.state import AgentState, Call, RunState, converged, last_change, leader, vote_counts


def calls(state: RunState) -> Iterator[CallModel]:
    """Calls under way, and as many new ones as the bound on calls leaves."""
    for call in state.calls.values():
        if call.phase == "out":
            yield _again(call)
    if state.bound is None and state.pause is None:
        left = state.team.bounds.calls - state.spent.calls
        yield from list(startable(state))[: max(0, left)]


def startable(state: RunState) -> Iterator[CallModel]:
    """Calls to be started now, bounds aside."""
    for call in state.calls.values():
        if call.phase in ("due", "held"):
            yield _again(call)
    yield from _peer_calls(state)
    yield from _judge_calls(state)
    if state.external_agent is not None:
        return
    final = _final_call(state)
    if final is not None:
        yield final
        return
    for agent in state.live if not state.unlisted else ():
        if _needs_call(state, agent):
            yield CallModel(
                action=f"work:{agent.spec.name}:{len(agent.turns) + 1}", agent=agent.spec.name, purpose="work", attempt=1
            )


def held_by(state: RunState, agent: AgentState) -> Iterator[Call]:
    """The calls that keep an agent, which would look again, from being called."""
    idle = agent.idle and not agent.is_waiting and _working(state, agent) is None and not vote_counts(state, agent)
    return _holds_up(state, agent) if idle else iter(())


def _again(call: Call) -> CallModel:
    return CallModel(
        action=call.action,
        agent=call.agent,
        purpose=call.purpose,
        attempt=call.attempt + 1 if call.phase == "due" else call.attempt,
        question=call.question,
        is_under_way=call.phase == "out",
    )


def _peer_calls(state: RunState) -> Iterator[CallModel]:
    """One side call for every agent that an open question asks and that has not replied."""
    for question in state.questions.values():
        heard = {reply.author.id for reply in question.replies} | question.passed
        for name in question.peers if question.open else ():
            action = f"peer:{question.id}:{name}"
            if f"agent:{name}" not in heard and action not in state.calls:
                yield CallModel(action=action, agent=name, purpose="peer", attempt=1, question=question.id)


def _judge_calls(state: RunState) -> Iterator[CallModel]:
    """The call of the judge whom a question has fallen to."""
    for question in state.questions.values():
        stage = question.stage if question.open else None
        action = f"judge:{question.id}"
        if stage and not stage.verdict and question.policy.fallback[stage.step].use == "judge" and action not in state.calls:
            yield CallModel(action=action, agent=question.agent, purpose="judge", attempt=1, question=question.id)


def _final_call(state: RunState) -> CallModel | None:
    """The winner writes the final text."""
    winner = leader(state) if converged(state) else None
    action = f"final:{state.finals + 1}"
    if winner is None or action in state.calls or state.agents[winner.agent].retired is not None:
        return None
    return CallModel(action=action, agent=winner.agent, purpose="final", attempt=1)


def _needs_call(state: RunState, agent: AgentState) -> bool:
    if agent.is_waiting or _working(state, agent) is not None:
        return False
    if not agent.idle:
        return True
    return not vote_counts(state, agent) and not any(_holds_up(state, agent))


def _working(state: RunState, agent: AgentState) -> Call | None:
    return next((call for call in state.calls.values() if call.agent == agent.spec.name and not call.is_side_call), None)


def _holds_up(state: RunState, agent: AgentState) -> Iterator[Call]:
    """The others' calls with an older view that an agent which has answered waits for."""
    newest = last_change(state)
    for call in state.calls.values():
        if not call.is_side_call and call.agent != agent.spec.name and call.seen_seq < newest and not call.timed_out_waiting:
            yield call
