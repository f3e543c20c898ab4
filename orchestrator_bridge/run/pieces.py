"""What of a conversation can be left out where it is too long for a model, in which order, and what then stands in its place.

The order, each kind from its oldest piece on:

1. the reasoning that goes back with the agent's turns, except with the last one;
2. answers that their authors have replaced;
3. what the agent itself wrote in its earlier turns, and what its tools gave back: not the last turn, nor its own standing answer,
   nor any outcome of a question;
4. where the winner writes the final text: the answers in the conversation before it, which stand there once more;
5. the standing answers of others, except the newest;
6. the text of attached files.

Never left out: the rules, the task, guidance, outcomes and replies, the newest answer, the last turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from orchestrator_bridge.run.events import Purpose
from orchestrator_bridge.run.state import AgentState, RunState, standing_answers

Kind = Literal["thoughts", "answer", "turn", "final", "files"]
Segment = tuple[Kind, int]
"""A piece by its kind and its number: of a turn from 0 on, or a position of the log (0 for the files of the task)."""

Omitted = frozenset[Segment]
NOTHING_OMITTED: Omitted = frozenset()

_OUTCOME_OF = "ask_others"


def segments(state: RunState, agent: AgentState, purpose: Purpose, seen: int) -> tuple[Segment, ...]:
    """All that can be left out of an agent's conversation, in the order in which it goes."""
    stands = list(standing_answers(state, seen).values())
    replaced = [answer for answer in state.answers if answer.seq <= seen and answer not in stands]
    others = [answer for answer in stands[:-1] if answer.agent != agent.spec.name]
    return (
        *(("thoughts", number) for number, turn in enumerate(agent.turns[:-1]) if turn.provider_state is not None),
        *(("answer", answer.seq) for answer in replaced),
        *(("turn", number) for number in _earlier(agent)),
        *(("answer", answer.seq) for answer in (stands if purpose == "final" else others)),
        *(("final", answer.seq) for answer in (others if purpose == "final" else ())),
        *_files(state, seen),
    )


def _earlier(agent: AgentState) -> Iterator[int]:
    """The agent's turns but its last, and but that of its own standing answer."""
    answered = [number for number, turn in enumerate(agent.turns) if any(use.name == "new_answer" for use in turn.uses)]
    kept = {len(agent.turns) - 1, *answered[-1:]}
    return (number for number in range(len(agent.turns)) if number not in kept)


def _files(state: RunState, seen: int) -> Iterator[Segment]:
    if any(file.text for file in state.files):
        yield "files", 0
    for news in state.messages:
        if news.seq <= seen and any(file.text for file in news.files):
            yield "files", news.seq


def omission_marker(text: str) -> str:
    """What stands in place of a text that is left out; a text that is no longer than that stays."""
    mark = f"(left out: {len(text):,} characters)"
    return mark if len(mark) < len(text) else text


def omission_marker_for_arguments(tool: str, arguments: str) -> str:
    """The same for the arguments of a tool use, which stay a JSON object; questions stay, as their outcomes do."""
    mark = json.dumps({"left_out": f"{len(arguments):,} characters"})
    return mark if len(mark) < len(arguments) and tool != _OUTCOME_OF else arguments


def omission_marker_for_result(tool: str, result: str) -> str:
    """The same for what a tool gave back."""
    return result if tool == _OUTCOME_OF else omission_marker(result)
