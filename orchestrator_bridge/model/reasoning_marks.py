"""Reasoning between marks in the text of an answer, which people never see: of whole answers, and of streams. Pure functions.

Ollama, vLLM and others send `<think>…</think>` in the text if no reasoning parser is set. Some chat templates contain the opening
mark, so that only the closing one arrives, and some models reason again in the middle of their answer. An answer may also be
about such marks: those that it quotes, shows in a block of code or introduces with a colon are part of it.
"""

from __future__ import annotations

import re

_TAG_NAMES = (
    *("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad", "inner_monologue"),
    *("antthinking", "antml:thinking", "seed:think", "mm:think"),
)
_TAGS = f"(?:{'|'.join(_TAG_NAMES)})"

_FAMILIES = (
    (rf"<\s*{_TAGS}(?:\s[^<>]*)?>", rf"<\s*/\s*{_TAGS}\s*>"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"◁think▷", r"◁/think▷"),
    (r"<\|channel>thought", r"<channel\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|open\|>think<\|sep\|>", r"<\|close\|>think<\|sep\|>"),
    (r"<\|think(?:ing)?\|>", r"<\|/think(?:ing)?\|>"),
)
"""Marks around reasoning: of most open models, Seed, MiniMax and fine-tuned models among them, of Mistral's (docs.mistral.ai,
"Reasoning"), of Kimi's, of Gemma's, of fine-tuned models again, of Cohere's, of Kimi K3's. Sources: the reasoning parsers of vLLM
(`vllm/reasoning`) and SGLang (`sglang/srt/parser/reasoning_parser.py`)."""

_HARMONY = ("<|channel|>", "<|start|>")
"""Marks at the beginning of an answer in OpenAI's harmony format, which gpt-oss writes (github.com/openai/harmony)."""

_OPENING = re.compile("|".join(f"({opening})" for opening, _ in _FAMILIES), re.IGNORECASE)
_CLOSINGS = tuple(re.compile(closing, re.IGNORECASE) for _, closing in _FAMILIES)
CLOSING = re.compile("|".join(f"({closing})" for _, closing in _FAMILIES), re.IGNORECASE)
_BEGUN_TAG = re.compile(r"<\s*(?P<name>[\w:]*)(?P<more>\s[^<>]*)?\Z")
_LITERALS = (
    "[think]",
    "◁think▷",
    "<|channel>thought",
    "<|begin_of_thought|>",
    "<|start_thinking|>",
    "<|open|>think<|sep|>",
    "<|thinking|>",
)
_LONGEST_MARK = 200
_ENDS_OF_MARKS = frozenset(">]▷")

_SPOKEN_HARMONY = re.compile(r"\A\s*analysis(?=[A-Z\"'(]).*?assistantfinal(?:<\|message\|>)?", re.DOTALL)
"""Reasoning of gpt-oss at a server that leaves out the special tokens and keeps their names."""
_FINAL = re.compile(r"<\|channel\|>final[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
HARMONY_CHANNEL = re.compile(r"<\|channel\|>\s*(?:analysis|commentary)|\A\s*<\|(?:channel|start)\|>")
_HARMONY_END = re.compile(r"<\|(?:return|end|call|start)\|>.*", re.DOTALL)

_AROUND = re.compile(r"<\|(?:START|END)_(?:RESPONSE|TEXT)\|>|<\|(?:open|close)\|>(?:response|message)<\|sep\|>")
_LAST = re.compile(
    r"(?:\s*(?:<\|(?:im_end|eot_id|eom_id|end_of_text|endoftext|end_of_turn|END_OF_TURN_TOKEN)\|>|<end_of_turn>|</s>"
    r"|<｜end▁of▁sentence｜>))+\s*\Z"
)
"""Marks of an answer's parts and of its end, which a server should not send."""


def strip_reasoning(text: str) -> str:
    """Remove the reasoning between marks from an answer. One that was cut off between the marks is all reasoning."""
    text = _SPOKEN_HARMONY.sub("", text)
    if not _ENDS_OF_MARKS.intersection(text):
        return text
    final = next((found for found in reversed([*_FINAL.finditer(text)]) if not _begins_quoted(text, found)), None)
    if final is not None:
        return _HARMONY_END.sub("", text[final.end() :])
    if any(not _begins_quoted(text, found) for found in HARMONY_CHANNEL.finditer(text)):
        return ""
    rest = _without_first(text)
    return _LAST.sub("", _AROUND.sub("", _without_later(rest, reasons=rest != text)))


def _without_first(text: str) -> str:
    """The text without the reasoning at its beginning, with or without an opening mark."""
    while (opening := _OPENING.match(text, len(text) - len(text.lstrip()))) is not None:
        closing = _closing_of(opening, text, opening.end())
        text = text[closing.end() :].lstrip() if closing else ""
    while (closing := CLOSING.search(text)) and not _mentioned(text, closing):
        text = text[closing.end() :].lstrip()
    return text


def _without_later(text: str, *, reasons: bool) -> str:
    """The text without the reasoning in its middle. `reasons`: the answer began with reasoning."""
    kept, position = "", 0
    while opening := _OPENING.search(text, position):
        kept += text[position : opening.start()]
        if _is_in_code(kept):
            kept, position = kept + opening[0], opening.end()
            continue
        closing = _closing_of(opening, text, opening.end())
        if closing is None and not reasons:
            return kept + text[opening.start() :]
        if closing is None:
            return kept
        if not reasons and _is_shown(kept, text[opening.end() : closing.start()]):
            kept, position = kept + opening[0], opening.end()
            continue
        position = closing.end()
        if not kept or kept[-1].isspace():
            position += len(text[position:]) - len(text[position:].lstrip())
    return kept + text[position:]


def _is_in_code(before: str) -> bool:
    """True if a mark behind this text is quoted or in a block of code."""
    return before.endswith(("`", '"', "'")) or before.count("```") % 2 == 1


def _is_shown(before: str, inside: str) -> bool:
    """True if an answer that does not begin with reasoning shows marks: with nothing inside, or as an example behind a colon."""
    return not inside.strip() or before.rstrip().endswith(":")


def _closing_of(opening: re.Match[str], text: str, start: int) -> re.Match[str] | None:
    """The mark that closes the reasoning: the first one that is not quoted in it, else the first one."""
    mark = _CLOSINGS[(opening.lastindex or 1) - 1]
    return next((closing for closing in mark.finditer(text, start) if not _is_quoted(text, closing)), mark.search(text, start))


def begins_in_reasoning(text: str) -> bool:
    """True if the opening mark of the reasoning at the beginning of an answer is missing."""
    opening = _OPENING.match(text, len(text) - len(text.lstrip()))
    first = _closing_of(opening, text, opening.end()) if opening else None
    rest = text[first.end() :] if first else "" if opening else text
    closing = CLOSING.search(rest)
    return closing is not None and not _mentioned(rest, closing)


def _mentioned(text: str, closing: re.Match[str]) -> bool:
    """True if an answer shows this closing mark: its opening mark is before it, or it is quoted or in a block of code."""
    before = text[: closing.start()]
    family = closing.lastindex
    opened = any(opening.lastindex == family for opening in _OPENING.finditer(before))
    return opened or before.count("```") % 2 == 1 or _is_quoted(text, closing)


def _begins_quoted(text: str, found: re.Match[str]) -> bool:
    return text[: found.start()].endswith(("`", '"', "'"))


def _is_quoted(text: str, found: re.Match[str]) -> bool:
    """True if the mark stands between quotation marks. One before it alone may be the last character of the reasoning."""
    before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
    return before == after and before in ("`", '"', "'")


def _begun_mark(text: str) -> int:
    """Position from which the text may be the beginning of an opening mark; its length if it ends in none."""
    tag = _BEGUN_TAG.search(text, max(0, len(text) - _LONGEST_MARK))
    if tag is not None:
        name = tag["name"].casefold()
        if name in _TAG_NAMES if tag["more"] else any(known.startswith(name) for known in _TAG_NAMES):
            return tag.start()
    last = text[-max(map(len, _LITERALS)) :].casefold()
    begun = (start for start in range(len(last)) if any(mark.startswith(last[start:]) for mark in _LITERALS))
    return len(text) - len(last) + next(begun, len(last))


class ReasoningFilter:
    """Removes reasoning between marks from a streamed text, as `strip_reasoning` does from a whole one.

    Reasoning without an opening mark is not recognised before its end, so it is left to `preview`.
    """

    def __init__(self) -> None:
        self._held = ""
        self._closing: re.Pattern[str] | None = None
        """Mark that ends the reasoning in which the stream is."""
        self._in_harmony = False
        self._reasons = False
        self._trims = False
        """True behind reasoning after a space: further space is left out."""
        self._shown = ""
        """Text that was shown, from the beginning of its last line or block of code on."""

    def visible(self, piece: str) -> str:
        """Return what people may see after this piece of the text."""
        self._held += piece
        shown = ""
        while (more := self._next()) is not None:
            shown += more
            self._remember(more)
        return shown

    def _remember(self, shown: str) -> None:
        """Keep as much of the shown text as decides on later marks: its end, and the beginning of an open block of code."""
        self._shown += shown
        end = self._shown[-_LONGEST_MARK:]
        self._shown = f"```{end}" if self._shown.count("```") % 2 != end.count("```") % 2 else end

    def _next(self) -> str | None:
        """Take the next part of the held text and return what of it is shown; None if more must arrive first."""
        if self._in_harmony:
            return self._skip_to(_FINAL)
        if self._closing is not None:
            return self._skip_to(self._closing)
        if not self._shown:
            self._held = self._held.lstrip()
            if self._held.startswith(_HARMONY):
                self._in_harmony = True
                return ""
            if any(mark.startswith(self._held) for mark in _HARMONY):
                return None
        if self._trims:
            self._held = self._held.lstrip()
            self._trims = not self._held
        opening = _OPENING.search(self._held)
        return self._take_plain() if opening is None else self._take_opening(opening)

    def _skip_to(self, mark: re.Pattern[str]) -> str | None:
        """Drop the held text up to the first mark that is not quoted."""
        for end in mark.finditer(self._held):
            if end.end() == len(self._held) and self._held[: end.start()].endswith(("`", '"', "'")):
                return None
            if not _is_quoted(self._held, end):
                self._held = self._held[end.end() :]
                self._trims = self._shown[-1:].isspace()
                self._closing, self._in_harmony = None, False
                return ""
        self._held = self._held[-_LONGEST_MARK:]
        return None

    def _take_plain(self) -> str | None:
        """Show the held text up to what may be the beginning of a mark."""
        end = _begun_mark(self._held)
        shown, self._held = self._held[:end], self._held[end:]
        return shown or None

    def _take_opening(self, opening: re.Match[str]) -> str | None:
        """Show the held text up to an opening mark, and begin to skip unless the answer shows that mark, too."""
        before, after = self._held[: opening.start()], self._held[opening.end() :]
        context = self._shown + before
        closing = _CLOSINGS[(opening.lastindex or 1) - 1]
        self._reasons = self._reasons or not context.strip()
        inside = after.lstrip()
        if not self._reasons and (not inside or (inside[0] in "<[◁" and not _ENDS_OF_MARKS.intersection(inside))):
            # Marks with nothing between them are only shown, so what follows must arrive first.
            self._held = self._held[opening.start() :]
            return before or None
        if _is_in_code(context) or (not self._reasons and _is_shown(context, "" if closing.match(inside) else inside)):
            self._held = after
            return before + opening[0]
        self._held, self._closing = after, closing
        return before
