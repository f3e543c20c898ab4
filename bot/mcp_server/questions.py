"""MCP tools `ask_team`, `check_question` and `cancel_question`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bot.mcp_server.scopes import McpClient, RequestScope, ToolCallDenied
from bot.mcp_server.tools import ToolPayload
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


class QuestionTools:
    """Asks, checks and cancels questions of external agents."""

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
        self, caller: McpClient, ask: Ask, scope: RequestScope, check_quota: Callable[[], Awaitable[None]], seconds: float
    ) -> ToolPayload:
        """Ask a question, or find the same one; its outcome, or its state after `seconds`.

        `check_quota` is called only for a new question.

        Raises:
            ToolCallDenied: it was not asked.
            StoreError: it could not be stored, and was not asked.
        """
        agent = caller.to_external_agent(scope.team)
        action = f"guest:{agent.agent}:{self._new_id()}"
        until = self._clock.now() + seconds
        asked = await self._external_agents.ask(
            QuestionRequest(
                external_agent=agent,
                team=scope.team,
                place=scope.place,
                by=scope.by,
                ask=ask,
                action=action,
                since=caller.access_token.made_at,
            ),
            check_quota,
        )
        if asked.question is None:
            raise ToolCallDenied(asked.refusal)
        return await self._wait_answer(asked.run, asked.question, until)

    async def check(self, caller: McpClient, number: int, seconds: float) -> ToolPayload:
        """Outcome of a question, or its state after `seconds`.

        Raises:
            ToolCallDenied: it does not exist, or belongs to another token.
        """
        state = await self._owned_state(caller, number)
        return await self._wait_answer(state.run, number, self._clock.now() + seconds)

    async def cancel(self, caller: McpClient, number: int) -> ToolPayload:
        """Close an open question and return its state.

        Raises:
            ToolCallDenied: it does not exist, or belongs to another token.
        """
        state = await self._owned_state(caller, number)
        if state.questions[number].open:
            self._external_agents.cancel(state.run, number)
            state = await self._external_agents.wait_until(state.run, lambda state: not state.questions[number].open)
        return await self._question_payload(state, number)

    async def _owned_state(self, caller: McpClient, number: int) -> RunState:
        stored = await self._store.question(number)
        state = await self._external_agents.wait_until(stored.run, lambda _: True) if stored else None
        if state is None or not caller.owns(state) or state.external_agent is None or number not in state.questions:
            raise ToolCallDenied(f"There is no question {number} of your token {caller.token}.")
        return state

    async def _wait_answer(self, run: int, number: int, until: float) -> ToolPayload:
        state = await self._external_agents.wait_until(run, lambda state: not state.questions[number].open, until)
        return await self._question_payload(state, number)

    async def _question_payload(self, state: RunState, number: int) -> ToolPayload:
        question = state.questions[number]
        if question.open:
            return await self._open_payload(question)
        await self._external_agents.mark_outcome_delivered(number)
        others = (other for other in state.questions.values() if other.id != number)
        outcome: ToolPayload = json.loads(messages.tool_result(question, similar_questions(question, others)))
        late = await self._late_replies(state.run, number) if state.end is not None else []
        return {**outcome, "asked": question.ask.question, **({"late_replies": late} if late else {})}

    async def _open_payload(self, question: Question) -> ToolPayload:
        stored = await self._store.question(question.id)
        return {
            "question": question.id,
            "status": "open",
            "asked": question.ask.question,
            "of": stored.asked if stored else "",
            "expires_at": _utc(stored.expires_at) if stored and stored.expires_at else None,
            "silence": stored.silence if stored else "",
            "next": (
                "Nobody has answered yet. The question stays open: continue with work that does not depend on it, and call "
                f"check_question with question {question.id} later, with wait_seconds to wait for the answer."
            ),
        }

    async def _late_replies(self, run: int, number: int) -> list[ToolPayload]:
        """Replies that came after the question had ended; of an edited reply, its newest text."""
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
