"""Reducers of events of model calls, and of the turn that an agent takes with a response."""

from __future__ import annotations

from typing import assert_never

from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Ask, JudgeVerdict, to_platform_time
from orchestrator_bridge.question.system_questions import parse_verdict
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.agent_tools import (
    CUT_OFF_CORRECTION,
    CUT_OFF_MARK,
    CUT_TRIES,
    CastVote,
    InvalidToolCall,
    NewAnswer,
    ParsedToolCall,
    ToolRequest,
    available_tools,
    may_answer,
    parse_tool_call,
    refusal_of,
    spoken_text,
)
from orchestrator_bridge.run.reducer.tools import on_restart
from orchestrator_bridge.run.reducer.updates import (
    charge_unknown,
    remove_calls,
    update_agent,
    update_call,
    update_question,
)
from orchestrator_bridge.run.state import (
    AgentState,
    Answer,
    Call,
    Failure,
    PendingAsk,
    RunState,
    ToolUse,
    Turn,
    Use,
    Vote,
    agent_responder,
    converged,
    leader,
    standing_answers,
)
from orchestrator_bridge.run.tool_policy import READ, over_limit, own_tools, tools_of

FINAL_TRIES = 3
"""Empty final texts after which the winner's answer is used unchanged."""

LONGEST_WORD = 80
"""Characters at the end of a draft in which the beginning of its last word is looked for."""

RECOGNISED = 60
"""Characters of a draft by which a text that begins anew is recognised."""

Decision = NewAnswer | CastVote | None
"""The one answer or vote of a response."""


def on_call_held(state: RunState, event: e.CallHeld) -> RunState:
    """Record a call that waits to be started. Nothing is spent yet, and it will show what is new when it starts."""
    earlier = state.calls.get(event.action)
    # Held again for another reason, it keeps its first position and time, since other agents have been waiting for it from there:
    # it becomes a straggler by all of its waiting.
    held = earlier if earlier and earlier.phase == "held" else None
    call = Call(
        action=event.action,
        agent=event.agent,
        purpose=event.purpose,
        attempt=event.attempt,
        model=event.model,
        seen_seq=held.seen_seq if held else state.seq,
        started_at=held.started_at if held else event.at,
        question=event.question,
        phase="held",
        why=event.why,
        seconds_left=None if event.until is None else max(0.0, event.until - event.at),
        failures=earlier.failures if earlier else 0,
        timed_out_waiting=held.timed_out_waiting if held else False,
    )
    return update_call(state, call)


def on_call_started(state: RunState, event: e.CallStarted) -> RunState:
    """Record a call under way. Its age counts from the first attempt, without the time for which it was held."""
    earlier = state.calls.get(event.action)
    started = earlier if earlier and earlier.phase != "held" else None
    call = Call(
        action=event.action,
        agent=event.agent,
        purpose=event.purpose,
        attempt=event.attempt,
        model=event.model,
        seen_seq=event.seen,
        started_at=started.started_at if started else event.at,
        reserved=event.reserved,
        question=event.question,
        failures=earlier.failures if earlier else 0,
        timed_out_waiting=started.timed_out_waiting if started else False,
    )
    spent = replace(state.spent, calls=state.spent.calls + 1, priced=state.spent.priced and event.reserved is not None)
    return update_call(replace(state, spent=spent), call)


def on_responded(state: RunState, event: e.Responded) -> RunState:
    """Book a response and apply it; the response of a call that was abandoned is only booked."""
    call = state.calls.get(event.action)
    state = _book(state, event, call)
    if event.notice and event.notice not in state.notices:
        state = replace(state, notices=(*state.notices, event.notice))
    if call is None:
        return state
    state = remove_calls(state, (event.action,))
    match call.purpose:
        case "work":
            return _apply_turn(state, event, call)
        case "final":
            return _apply_final(state, event, call)
        case "peer":
            return _apply_peer_reply(state, event, call)
        case "judge":
            question = state.questions[call.question or 0]
            verdict = parse_verdict(question.ask, event.tool_calls, event.text)
            return update_question(state, transitions.judged(question, verdict))
        case _:
            assert_never(call.purpose)


def _book(state: RunState, event: e.Responded, call: Call | None) -> RunState:
    """Add the cost of a response, or what was reserved for it where the cost is unknown."""
    reserved = call.reserved if call and event.cost is None else None
    spent = replace(
        state.spent,
        tokens=state.spent.tokens + event.usage.total,
        cost=state.spent.cost + (event.cost or 0),
        unknown=state.spent.unknown + (reserved or 0),
        priced=state.spent.priced and event.cost is not None,
    )
    return replace(state, spent=spent)


def _apply_turn(state: RunState, event: e.Responded, call: Call) -> RunState:
    """Add a turn of an agent's own work: its tool uses, each with a result or pending, and its answer or vote."""
    agent = state.agents[call.agent]
    parsed_calls = _parse_tool_calls(state, agent, event, call)
    decision: Decision = next((parsed for parsed in parsed_calls if isinstance(parsed, NewAnswer | CastVote)), None)
    # An agent's first words without any tool are plainly its answer; later ones may be a mere remark.
    if agent.answers == 0 and may_answer(state, agent) and _is_prose(event, agent):
        decision = NewAnswer(content=_marked(event.text, event.cut))
    uses = _uses(event, agent, parsed_calls, decision)
    turn = Turn(
        seen_from_seq=agent.seen_seq,
        seen_seq=call.seen_seq,
        text=event.text,
        uses=uses,
        correction=_correction(event, decision),
        provider_state=event.kept,
    )
    called = [parsed.tool for parsed in parsed_calls if isinstance(parsed, ToolRequest)]
    state = update_agent(
        state,
        call.agent,
        turns=(*agent.turns, turn),
        seen_seq=call.seen_seq,
        idle=decision is not None,
        malformed=0 if called else _malformed_count(event, agent, decision, parsed_calls),
        cuts=agent.cuts + 1 if _is_lost(event, decision, parsed_calls) else 0,
        tool_calls=agent.tool_calls + sum(tool != READ for tool in called),  # reading on in a result is not counted
    )
    state = _add_pending_uses(state, call.agent, uses, parsed_calls)
    return _apply_decision(state, call, decision)


def _is_prose(event: e.Responded, agent: AgentState) -> bool:
    """True for words without a tool; those that were cut off only count once there is no hope for whole ones."""
    return bool(event.text.strip()) and not event.tool_calls and (not event.cut or agent.cuts + 1 >= CUT_TRIES)


def _uses(event: e.Responded, agent: AgentState, parsed_calls: list[ParsedToolCall], decision: Decision) -> tuple[Use, ...]:
    return tuple(
        Use(
            id=f"{event.action}/{index}",
            name=tool_call.name,
            arguments=tool_call.arguments,
            result=_immediate_result(parsed, agent, decision),
        )
        for index, (tool_call, parsed) in enumerate(zip(event.tool_calls, parsed_calls, strict=True))
    )


def _add_pending_uses(state: RunState, agent: str, uses: tuple[Use, ...], parsed_calls: list[ParsedToolCall]) -> RunState:
    """Queue the uses that have no result yet: questions to ask and tools to call."""
    asks, tool_uses = dict(state.asks), dict(state.uses)
    for use, parsed in zip(uses, parsed_calls, strict=True):
        if isinstance(parsed, Ask):
            asks[use.id] = PendingAsk(agent=agent, use=use.id, ask=parsed)
        elif isinstance(parsed, ToolRequest):
            tool_uses[use.id] = ToolUse(agent=agent, use=use.id, tool=parsed.tool, arguments=parsed.arguments)
    return replace(state, asks=asks, uses=tool_uses)


def _parse_tool_calls(state: RunState, agent: AgentState, event: e.Responded, call: Call) -> list[ParsedToolCall]:
    """Parse tool calls against what was on offer when the call started; those that are not allowed are invalid."""
    offered = available_tools(state, agent)
    labels = tuple(standing_answers(state, call.seen_seq))
    team_tools = {tool.model_name: tool for tool in tools_of(state, agent)} | {tool.name: tool for tool in own_tools(state)}
    parsed_calls: list[ParsedToolCall] = []
    requested = 0
    for tool_call in event.tool_calls:
        refused = refusal_of(state, agent, tool_call.name, call.seen_seq)
        parsed = InvalidToolCall(refused) if refused else parse_tool_call(tool_call, offered, labels, team_tools)
        # A tool whose server went down while the model was thinking is not the model's mistake.
        if isinstance(parsed, InvalidToolCall) and tool_call.name in state.first_seen and tool_call.name not in team_tools:
            parsed = InvalidToolCall(f"Not called: {tool_call.name} is not there for now. Go on without it.", excused=True)
        elif isinstance(parsed, InvalidToolCall) and event.cut:
            parsed = InvalidToolCall(CUT_OFF_CORRECTION, excused=True)
        if isinstance(parsed, ToolRequest) and parsed.tool != READ:
            if refusal := over_limit(state, agent, requested):
                parsed = InvalidToolCall(refusal)
            else:
                requested += 1
        parsed_calls.append(parsed)
    return parsed_calls


def _immediate_result(parsed: ParsedToolCall, agent: AgentState, decision: Decision) -> str | None:
    """The result of a tool use as far as it is known at once; None while people or a tool have to answer."""
    match parsed:
        case InvalidToolCall():
            return parsed.text
        case Ask() | ToolRequest():
            return None
        case NewAnswer() | CastVote() if parsed is not decision:
            return "Not taken: a response may hold one answer or vote, and the first one was taken."
        case NewAnswer():
            return f"Your answer stands as {agent.label}."
        case CastVote():
            return f"Your vote for {parsed.agent_id} is noted."
        case _:
            assert_never(parsed)


def _correction(event: e.Responded, decision: Decision) -> str:
    if event.tool_calls or decision is not None:
        return ""
    if event.cut:
        return CUT_OFF_CORRECTION
    if event.text.strip():
        return "Words without a tool reach nobody. Use one of your tools."
    return "Your response was empty. Use one of your tools."


def _malformed_count(event: e.Responded, agent: AgentState, decision: Decision, parsed_calls: list[ParsedToolCall]) -> int:
    """Responses in a row of which nothing was accepted. An ask is judged later, when it is asked or refused."""
    if decision is not None:
        return 0
    undecided = any(isinstance(parsed, Ask) for parsed in parsed_calls)
    excused = any(isinstance(parsed, InvalidToolCall) and parsed.excused for parsed in parsed_calls)
    return agent.malformed if undecided or excused or event.cut else agent.malformed + 1


def _is_lost(event: e.Responded, decision: Decision, parsed_calls: list[ParsedToolCall]) -> bool:
    """True if the output limit broke a response off before anything of it could be taken."""
    return event.cut and decision is None and all(isinstance(parsed, InvalidToolCall) for parsed in parsed_calls)


def _apply_decision(state: RunState, call: Call, decision: Decision) -> RunState:
    """Add an answer or a vote. Both remember what their author had in view, since a vote only counts for that."""
    match decision:
        case NewAnswer():
            agent = state.agents[call.agent]
            state = _add_answer(state, call, decision.content)
            return update_agent(state, call.agent, answers=agent.answers + 1, vote=None)
        case CastVote():
            vote = Vote(label=decision.agent_id, reason=decision.reason, seen_seq=call.seen_seq)
            return update_agent(state, call.agent, vote=vote)
        case None:
            return state
        case _:
            assert_never(decision)


def _add_answer(state: RunState, call: Call, text: str) -> RunState:
    label = state.agents[call.agent].label
    answer = Answer(label=label, agent=call.agent, text=text, seq=state.seq, seen_seq=call.seen_seq)
    return replace(state, answers=(*state.answers, answer))


def _apply_final(state: RunState, event: e.Responded, call: Call) -> RunState:
    """Take a final text that still has the votes; else it is a new answer of its author, for what its author had seen."""
    words = spoken_text(event.text, event.tool_calls)
    cut, text = event.cut or not words.strip(), _continued(state.draft, words)
    cuts = state.agents[call.agent].cuts
    state = update_agent(replace(state, finals=state.finals + 1, draft=""), call.agent, cuts=0)
    # Guidance or an outcome may have come while the text was written: then it is an answer like others, and people are heard.
    if not _still_wins(state, call):
        return _add_answer(state, call, _marked(text.strip(), cut)) if text.strip() else state
    if cut and state.finals < FINAL_TRIES:
        return update_agent(replace(state, draft=_until_last_word(text)), call.agent, cuts=cuts + event.cut)
    if text.strip():
        return replace(state, final_text=_marked(text.strip(), cut))
    return replace(state, final_failure=f"{call.agent} handed in an empty final text {FINAL_TRIES} times")


def _marked(text: str, cut: bool) -> str:
    return f"{text}{CUT_OFF_MARK}" if cut else text


def _until_last_word(text: str) -> str:
    """The text without the word in which it was cut off, so that its continuation begins with a whole one."""
    end = max(text.rfind(space) for space in (" ", "\n"))
    return text[: end + 1] if end >= len(text) - LONGEST_WORD else text


def _continued(draft: str, words: str) -> str:
    """The draft of a final text with its continuation, or the new text alone if the agent began it anew."""
    if len(draft) >= RECOGNISED and words.lstrip().startswith(draft.strip()[:RECOGNISED]):
        return words
    return f"{draft}{words.lstrip() if draft[-1:].isspace() else words}"


def _still_wins(state: RunState, call: Call) -> bool:
    winner = leader(state)
    return winner is not None and winner.agent == call.agent and converged(state)


def _apply_peer_reply(state: RunState, event: e.Responded, call: Call) -> RunState:
    """Add a peer's advice to the question; an empty text takes the peer off the question."""
    text = _marked(spoken_text(event.text, event.tool_calls), event.cut)
    if not text.strip() or text == CUT_OFF_MARK:
        return _remove_peer(state, call)
    question = state.questions[call.question or 0]
    author, at = agent_responder(call.agent), to_platform_time(question, event.at)
    return update_question(state, transitions.reply_received(question, author=author, message=event.action, text=text, at=at))


def _remove_peer(state: RunState, call: Call) -> RunState:
    question = state.questions[call.question or 0]
    return update_question(state, transitions.passed(question, agent_responder(call.agent)))


def on_call_failed(state: RunState, event: e.CallFailed) -> RunState:
    """Schedule the next try of a failed call, repeat it with the backup model, or give it up."""
    call = state.calls.get(event.action)
    if call is None:
        return state
    state = charge_unknown(state, [call] if event.billed is None else [])
    state = replace(state, reported=state.reported | {event.found})
    if event.retry_at is not None:
        resting = replace(call, phase="resting", retry_at=event.retry_at, failures=call.failures + 1, reserved=None)
        return update_call(state, resting)
    # A judge is a model of the policy, not the agent's own, so the agent's backup cannot take its place.
    if call.purpose != "judge":
        agent = state.agents[call.agent]
        if agent.has_backup:
            state = update_agent(state, call.agent, failure=Failure(found=event.found, advice=event.advice))
        # The models differ where another call of the agent has failed before and brought in the backup already.
        if agent.has_backup or call.model != agent.model:
            return update_call(state, replace(call, phase="due", failures=0, reserved=None))
    return _give_up(remove_calls(state, (event.action,)), call, event)


def _give_up(state: RunState, call: Call, event: e.CallFailed) -> RunState:
    match call.purpose:
        case "work":
            return update_agent(state, call.agent, failure=Failure(found=event.found, advice=event.advice))
        case "final":
            return replace(state, final_failure=event.found) if _still_wins(state, call) else state
        case "peer":
            return _remove_peer(state, call)
        case "judge":
            question = state.questions[call.question or 0]
            return update_question(state, transitions.judged(question, JudgeVerdict(reason=event.found)))
        case _:
            assert_never(call.purpose)


def on_retry_due(state: RunState, event: e.RetryDue) -> RunState:
    """Let a failed call be started again."""
    call = state.calls.get(event.action)
    return update_call(state, replace(call, phase="due")) if call and call.phase == "resting" else state


def on_straggler_due(state: RunState, event: e.StragglerDue) -> RunState:
    """Stop waiting for a slow call; its response still counts when it comes."""
    call = state.calls.get(event.action)
    return update_call(state, replace(call, timed_out_waiting=True)) if call else state


def on_resumed(state: RunState, _: e.Resumed) -> RunState:
    """Mark the calls that were under way when the process ended as lost: they are started again."""
    lost = [call for call in state.calls.values() if call.phase == "out"]
    state = charge_unknown(state, lost)
    due = {call.action: replace(call, phase="due", reserved=None) for call in lost}
    return on_restart(replace(state, calls={**state.calls, **due}))
