"""What somebody's words come to who is asked whether an agent may use a tool. Only plain consent is one."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_bridge.question.confirm import parse_yes_no
from orchestrator_bridge.question.option import find_option, parse_option_number
from orchestrator_bridge.question.values import Option
from orchestrator_bridge.question.words import fold_text, lexicon

APPROVE, APPROVE_TOOL, DENY = "approve", "approve_tool", "deny"
"""The ids of an approval's options."""


def parse_consent(options: Sequence[Option], texts: Sequence[str]) -> str | None:
    """The option that somebody's messages, oldest first, come to; None for what is no answer: a question, a number too high.

    The newest message counts. It approves only in plain words: a condition, a doubt, a remark are a no, which the agent reads.
    """
    newest = texts[-1]
    option = find_option(options, newest)
    if option is None and (newest.rstrip().endswith("?") or parse_option_number(newest) is not None):
        return None
    agreed = option.id if option else APPROVE if parse_yes_no(newest) == "yes" else DENY
    return DENY if _is_qualified(newest) else agreed


def _is_qualified(text: str) -> bool:
    """Whether something stands beside the consent that limits it or takes it back: "but", "if", "not"; "no problem" does not."""
    known = lexicon()
    line = known.yes.sub(" ", fold_text(text))
    return any(words.search(line) is not None for words in (known.condition, known.no, known.against, known.unsure))
