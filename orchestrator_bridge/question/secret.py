"""Whether a question asks people for a credential, which no agent may: what stands in a thread can be read by many, for long.

A question about passwords ("how long shall passwords be?") is none; one is refused where words that ask to hand something out
come before the thing, and nothing makes a talk about such things of it.
"""

from __future__ import annotations

import re

from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.question.words import EDGES, fold_text, lexicon, strip_courtesy

NEAR = 60
"""Characters between the asking and the thing: farther apart they belong to different thoughts."""

REFUSAL = (
    "this asks for {thing!r}. Nobody may write a secret into a chat: ask for it to be put where the work is done "
    "(a secret store, an environment variable), or who can do that step."
)


def secret_refusal(ask: Ask) -> str:
    """Why a question may not be asked, or nothing if it asks for no secret."""
    for text in (ask.question, *re.split(r"(?<=[.!?])\s+|\n", ask.context)):
        thing = find_secret_request(text)
        if thing:
            return REFUSAL.format(thing=thing)
    return ""


def find_secret_request(sentence: str) -> str | None:
    """The secret that a sentence asks for, in its own words, or None."""
    known, line = lexicon(), fold_text(sentence)
    alone = _ARTICLE.sub("", strip_courtesy(line.rstrip("?")))
    if known.secrets.fullmatch(alone):
        return alone
    if known.hand_out_idle.match(line.strip(EDGES)):
        return None
    return next((thing[0] for thing in known.secrets.finditer(line) if _is_requested(line, thing)), None)


_ARTICLE = re.compile(r"^(?:the|your|my|our|das|die|den|dein|deine|deinen|ihr) ")
_ASKING_HOW = re.compile(r"(?<!\w)(?:how|where|whether|if|who|when|which|wie|wo|ob|wer|wann|welche[rsmn]?)(?!\w)")
_WHICH = re.compile(r"(?<!\w)(?:what|which|welche[rsmn]?)(?!\w)")


def _is_requested(line: str, thing: re.Match[str]) -> bool:
    """Whether words that ask to hand something out stand near a thing, before it or behind it."""
    known = lexicon()
    before, after = line[: thing.start()], line[thing.end() :]
    asking = [match.end() for match in known.hand_out.finditer(before) if not _is_for_others(before[: match.start()])]
    if asking and thing.start() - asking[-1] <= NEAR and not _is_about_secrets(line[asking[-1] : thing.start()], after):
        return True
    back = known.hand_back.search(after[:NEAR])
    return back is not None and not _is_about_secrets(_WHICH.sub(" ", before), after)


def _is_for_others(before: str) -> bool:
    """Whether somebody else is meant to do it: `what users enter`."""
    return any(match.end() == len(before.rstrip()) for match in lexicon().hand_out_others.finditer(before.rstrip()))


def _is_about_secrets(before: str, after: str) -> bool:
    """Whether the words around make it a question about such things, by a word that asks how or one of `secrets_about`."""
    about, earlier = lexicon().secrets_about, before.strip().rpartition(" ")[0]  # the last word belongs to the thing
    close = re.match(r"[\s\-–'\"]*((?:[\w-]+[\s\-]*){0,2})", after)
    follows = close is not None and about.search(close[1]) is not None
    return follows or about.search(earlier) is not None or _ASKING_HOW.search(before) is not None
