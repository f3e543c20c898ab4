"""Rendering of posts on the fake chat platform: plain text without hidden parts, and buttons."""

from __future__ import annotations

from typing import Any

from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note, Post, PrivateReply, QuestionCard, RunCard, Table
from orchestrator_bridge.common.text import clean, shorten

LONGEST = 4000
"""Characters of a card's one part; more is cut. Final texts and notes are shown whole."""


def shown(post: Post) -> dict[str, Any]:
    """The text, buttons and mentions of a post, and what a reader of the history may know of it."""
    return {"text": clean(_text(post)), "buttons": _buttons(post), "mentions": _mentions(post), "meta": _meta(post)}


def moment(at: float) -> str:
    """A time (seconds since the epoch) as this platform writes it: every reader sees it in her own time zone."""
    return f"<t:{at:.0f}>"


def private_text(reply: PrivateReply) -> str:
    """Text of a private reply, with its tables."""
    return clean("\n".join(line for line in (reply.text, *(row for table in reply.tables for row in _rows(table))) if line))


def _text(post: Post) -> str:
    match post:
        case RunCard():
            return _run(post)
        case QuestionCard():
            return _question(post)
        case FinalAnswer():
            return f"{post.text}\n\n{post.by}. {post.how}"
        case Note():
            said = f"{post.speaker}: {post.text}" if post.speaker else post.text
            return f"{said}\n{post.file.text}" if post.file else said
        case Acknowledgement():
            return f"({post.sign}) {post.text}".strip()


def _run(card: RunCard) -> str:
    agents = [f"{agent.name} ({agent.model}): {agent.state}" for agent in card.agents]
    scripted = ["These agents are scripted."] if card.scripted else []
    head = f"Run {card.run} of {card.team}: {shorten(card.task, LONGEST)}"
    return "\n".join([head, *agents, *scripted, f"{card.status}, {card.cost}, {card.tokens} tokens"])


def _question(card: QuestionCard) -> str:
    lines = [f"Question {card.question} by {card.agent}, for {card.asked}: {shorten(card.text, LONGEST)}"]
    lines += [shorten(card.context, LONGEST)] if card.context else []
    for number, option in enumerate(card.options, 1):
        mark = " (recommended)" if option.recommended else ""
        lines.append(f"{number}. {shorten(option.label, 80)}{mark} {shorten(option.description, 300)}")
    if card.closed is not None:
        return "\n".join([*lines, f"Closed. {card.closed}"])
    return "\n".join([*lines, f"Until {moment(card.expires_at)}. {shorten(card.silence, LONGEST)}"])


def _buttons(post: Post) -> list[dict[str, str]]:
    if isinstance(post, Note) and post.again is not None:
        return [{"press": "again", "value": str(post.again), "label": "Ask again"}]
    if not isinstance(post, QuestionCard) or post.closed is not None:
        return []
    options = [{"press": "option", "value": option.id, "label": clean(shorten(option.label, 25))} for option in post.options]
    more = {"press": "more", "value": "3600", "label": "More time"}
    return [*options, {"press": "pass", "value": "", "label": "Not me"}, more]


def _mentions(post: Post) -> list[str]:
    return [author.id for author in post.mentions] if isinstance(post, QuestionCard | Note) else []


def _meta(post: Post) -> dict[str, Any]:
    match post:
        case RunCard():
            return {"kind": post.kind, "run": post.run, "status": post.status}
        case QuestionCard():
            return {"kind": post.kind, "run": post.run, "question": post.question, "closed": post.closed}
        case Acknowledgement():
            return {"kind": post.kind, "of": post.message, "sign": post.sign}
        case _:
            return {"kind": post.kind}


def _rows(table: Table) -> list[str]:
    rows = (" | ".join(cell if isinstance(cell, str) else cell.text for cell in row) for row in table.rows)
    return [table.title, " | ".join(table.columns), *rows]
