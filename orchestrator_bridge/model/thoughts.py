"""Thoughts that stand in an answer's text, as servers send them that do not know their model's marks.

Ollama, vLLM and others give `<think>…</think>` and then the answer, where no parser of theirs is set; some templates open the
mark themselves, so that only its end arrives. An answer that was cut off while the model still thought is all thoughts.
"""

from __future__ import annotations

import re

_WHOLE = re.compile(r"\A\s*<(think|thinking|thought)>.*?(?:</\1>|\Z)\s*", re.DOTALL)
_END = re.compile(r"\A(?:(?!<think>).)*?^</think>\s*", re.DOTALL | re.MULTILINE)


def strip_think_tags(text: str) -> str:
    """The answer alone."""
    if "think" not in text and "<thought>" not in text:
        return text
    found = _WHOLE.match(text) or _END.match(text)
    return text[found.end() :] if found else text
