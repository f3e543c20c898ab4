"""Client of scripted models, for the demo without keys, for tests and for benchmarks.

It stores nothing between calls. The next turn follows from the conversation in the request alone, so a run that was stopped and
restarted continues unaffected.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.interface import OnDelta, Request, Response, ToolCall
from orchestrator_bridge.model.openai.usage import estimate_usage
from orchestrator_bridge.model.scripted.conversation import ScriptConversation, read_conversation
from orchestrator_bridge.model.scripted.script import (
    Script,
    ScriptToolUse,
    ScriptTurn,
    fill_template,
    fill_text,
    find_script,
    placeholder_values,
    read_script,
)

DEFAULT_TEXT = "The script has no turn for this."
"""Answer, or reason of a vote, if no turn of the script fits."""


class ScriptedClient:
    """Plays the scripts in `folders` and the built-in ones. `sleep` takes seconds."""

    def __init__(self, folders: tuple[Path, ...], sleep: Callable[[float], Awaitable[object]]) -> None:
        self._folders = folders
        self._sleep = sleep
        self._scripts: dict[str, Script] = {}

    def load(self, name: str) -> Script:
        """Script of this name; read once.

        Raises:
            ScriptError: it is missing or invalid.
        """
        if name not in self._scripts:
            self._scripts[name] = read_script(find_script(name, self._folders))
        return self._scripts[name]

    async def respond(self, request: Request, route: Route, on_delta: OnDelta | None = None) -> Response:
        """Play the turn that fits. `on_delta` receives its text line by line, spread over the time that the turn takes.

        Raises:
            ScriptError: the script is missing or invalid.
        """
        turn, response = play_turn(self.load(route.id), request, f"scripted/{route.id}")
        # Without a listener the whole time passes at once.
        lines = response.text.splitlines(keepends=True) if on_delta else [""]
        for line in lines or [""]:
            if turn.takes:
                await self._sleep(turn.takes / max(1, len(lines)))
            if on_delta:
                on_delta(line)
        return response


def play_turn(script: Script, request: Request, served: str) -> tuple[ScriptTurn, Response]:
    """Select the turn that fits a request, and make its response."""
    conversation = read_conversation(request)
    tools = tuple(tool.name for tool in request.callable_tools if tool.name not in conversation.denied)
    fitting = (turn for turn in script.turns(request.agent) if matches(turn, conversation, tools))
    turn = next(fitting, None) or _default_turn(tools)
    values, answers = placeholder_values(conversation), conversation.answers
    calls = tuple(
        ToolCall(
            id=f"call_{conversation.turn}_{place}",
            name=use.tool,
            arguments=json.dumps(fill_template(use.arguments, values, answers)) if use.raw is None else use.raw,
        )
        for place, use in enumerate(turn.calls)
    )
    text = fill_text(turn.text, values, answers)
    usage = estimate_usage(request, text, calls)
    return turn, Response(text=text, tool_calls=calls, usage=usage, served=served, cost=Decimal(0))


def matches(turn: ScriptTurn, conversation: ScriptConversation, tools: tuple[str, ...]) -> bool:
    """True if all conditions of a turn hold."""
    return (
        set(turn.needs) <= set(tools)
        and not set(turn.lacks) & set(tools)
        and set(turn.used) <= set(conversation.used)
        and not set(turn.unused) & set(conversation.used)
        and turn.turn in (None, conversation.turn)
        and turn.last in (None, conversation.last.role)
        and _words_match(turn, conversation)
        and _outcome_matches(turn, conversation)
    )


def _words_match(turn: ScriptTurn, conversation: ScriptConversation) -> bool:
    received, last = conversation.received.casefold(), conversation.last.text.casefold()
    return (
        all(words.casefold() in received for words in turn.seen)
        and not any(words.casefold() in received for words in turn.unseen)
        and all(words.casefold() in last for words in turn.says)
        and not any(words.casefold() in last for words in turn.unsaid)
    )


def _outcome_matches(turn: ScriptTurn, conversation: ScriptConversation) -> bool:
    ended = conversation.ended
    by = turn.decided_by is None or ended.decided_by.split(":")[0] == turn.decided_by
    return by and turn.chosen in (None, ended.choice, bool(ended.choice))


def _default_turn(tools: tuple[str, ...]) -> ScriptTurn:
    """Vote for the first answer, or else give an answer, or else reply; each states that no turn fits."""
    if "vote" in tools:
        return ScriptTurn(calls=(ScriptToolUse(tool="vote", arguments={"agent_id": "{first}", "reason": DEFAULT_TEXT}),))
    if "new_answer" in tools:
        return ScriptTurn(calls=(ScriptToolUse(tool="new_answer", arguments={"content": DEFAULT_TEXT}),))
    return ScriptTurn(text=DEFAULT_TEXT)
