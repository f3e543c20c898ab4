"""`ask_team`, `check_question`, `cancel_question`: questions of agents outside."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from bot.mcp_server.scopes import McpClient, RequestScope, ToolCallDenied
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.text import clean
from orchestrator_bridge.engine.external_agents import ExternalAgents, QuestionRequest
from orchestrator_bridge.question import messages
from orchestrator_bridge.question.messages import name_of
from orchestrator_bridge.question.model import Ask, Question
from orchestrator_bridge.question.screening import similar_questions
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Lookups

ToolPayload = dict[str, Any]


class QuestionTools:
    """Asks, looks and closes, for one agent outside at a time."""

    def __init__(
        self,
        external_agents: ExternalAgents,
        store: Lookups,
        clock: Clock,
        new_id: Callable[[], str] = lambda: secrets.token_hex(6),
    ) -> None:
        self._external_agents = external_agents
        self._store = store
        self._clock = clock
        self._new_id = new_id

    async def ask(
        self, caller: McpClient, ask: Ask, ground: RequestScope, allowed: Callable[[], Awaitable[None]], seconds: float
    ) -> ToolPayload:
        """Ask, or find the same question; how it stands once it has ended, or so many seconds from now.

        Raises:
            ToolCallDenied: it was not asked.
            StoreError: it could not be stored, and is not asked.
        """
        outside = caller.to_external_agent(ground.team)
        action = f"guest:{outside.agent}:{self._new_id()}"
        until = self._clock.now() + seconds
        taken = await self._external_agents.ask(
            QuestionRequest(external_agent=outside, team=ground.team, place=ground.place, by=ground.by, ask=ask, action=action),
            allowed,
        )
        if taken.question is None:
            raise ToolCallDenied(taken.refusal)
        return await self._wait_answer(taken.run, taken.question, until)

    async def _wait_answer(self, run: int, number: int, until: float) -> ToolPayload:
        state = await self._external_agents.wait_until(run, lambda state: not state.questions[number].open, until)
        return await self._question_payload(state, number)

    async def check(self, caller: McpClient, number: int, seconds: float) -> ToolPayload:
        """How a question stands once it has ended, or so many seconds from now.

        Raises:
            ToolCallDenied: there is none, or it came through another token.
        """
        state = await self._owned_state(caller, number)
        return await self._wait_answer(state.run, number, self._clock.now() + seconds)

    async def cancel(self, caller: McpClient, number: int) -> ToolPayload:
        """Close a question; one that has ended is left as it is.

        Raises:
            ToolCallDenied: there is none, or it came through another token.
        """
        state = await self._owned_state(caller, number)
        if state.questions[number].open:
            self._external_agents.cancel(state.run, number)
            state = await self._external_agents.wait_until(state.run, lambda state: not state.questions[number].open)
        return await self._question_payload(state, number)

    async def _owned_state(self, caller: McpClient, number: int) -> RunState:
        known = await self._store.question(number)
        state = await self._external_agents.wait_until(known.run, lambda _: True) if known else None
        asked_it = state is not None and state.outside is not None and state.outside.token == caller.token
        if state is None or not asked_it or state.external_agent is None or number not in state.questions:
            raise ToolCallDenied(f"There is no question {number} of your token {caller.token}.")
        return state

    async def _question_payload(self, state: RunState, number: int) -> ToolPayload:
        question = state.questions[number]
        if question.open:
            return await self._still_open(question)
        await self._external_agents.mark_outcome_delivered(number)
        others = (one for one in state.questions.values() if one.id != number)
        told: ToolPayload = json.loads(messages.tool_result(question, similar_questions(question, others)))
        late = await self._late_replies(state.run, number) if state.end is not None else []
        return {**told, "asked": question.ask.question, **({"late_replies": late} if late else {})}

    async def _still_open(self, question: Question) -> ToolPayload:
        known = await self._store.question(question.id)
        return {
            "question": question.id,
            "status": "open",
            "asked": question.ask.question,
            "of": known.asked if known else "",
            "expires_at": _utc(known.expires_at) if known and known.expires_at else None,
            "silence": known.silence if known else "",
            "next": (
                f"Nobody has answered yet. The question stays open: go on with what does not depend on it, and call "
                f"check_question with question {question.id} later, with wait_seconds to wait there."
            ),
        }

    async def _late_replies(self, run: int, number: int) -> list[ToolPayload]:
        """What was said after the question's end, when its run had ended too: the newest words of each message."""
        ended, late = False, dict[str, ToolPayload]()
        for event in await self._store.log(run):
            if isinstance(event, e.QuestionSettled) and event.question == number:
                ended = True
            elif ended and isinstance(event, e.Replied) and event.question == number:
                late[event.message] = {"by": name_of(event.author.name), "text": clean(event.text), "at": _utc(event.sent_at)}
        return list(late.values())


def _utc(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, ValueError, OSError):
        return str(seconds)
