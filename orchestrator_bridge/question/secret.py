"""Whether a question asks people for a credential, which no agent may: what stands in a thread can be read by many, for long.

A question about passwords ("how long shall passwords be?") is none; one is refused where words that ask to hand something out
come before the thing, and nothing makes a talk about such things of it.
"""

from __future__ import annotations

import re

from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.question.words import EDGES, fold, words

NEAR = 60
"""Characters between the asking and the thing: farther apart they belong to different thoughts."""

REFUSAL = (
    "this asks for {thing!r}. Nobody may write a secret into a chat: ask for it to be put where the work is done "
    "(a secret store, an environment variable), or who can do that step."
)


def asks_for_secret(ask: Ask) -> str:
    """Why a question may not be asked, or nothing if it asks for no secret."""
    for text in (ask.question, *re.split(r"(?<=[.!?])\s+|\n", ask.context)):
        thing = secret_wanted(text)
        if thing:
            return REFUSAL.format(thing=thing)
    return ""


def secret_wanted(sentence: str) -> str | None:
    """The secret that a sentence asks for, in its own words, or None."""
    known, line = words(), fold(sentence)
    if known.secrets.fullmatch(line.strip(EDGES + "?")):
        return line.strip(EDGES + "?")
    for thing in known.secrets.finditer(line):
        asking = [match.end() for match in known.hand_out.finditer(line, 0, thing.start())]
        near = asking and thing.start() - asking[-1] <= NEAR
        if near and not _talked_about(line[asking[-1] : thing.start()], line[thing.end() :]):
            return thing[0]
    return None


_ASKING_HOW = re.compile(r"(?<!\w)(?:how|where|whether|if|who|when|which|wie|wo|ob|wer|wann|welche[rsmn]?)(?!\w)")


def _talked_about(before: str, after: str) -> bool:
    """Whether the words around make it a question about such things, by a word that asks how or one of `secrets_about`."""
    about, earlier = words().secrets_about, before.strip().rpartition(" ")[0]  # the last word belongs to the thing
    close = re.match(r"[\s\-–'\"]*((?:[\w-]+[\s\-]*){0,2})", after)
    follows = close is not None and about.search(close[1]) is not None
    return follows or about.search(earlier) is not None or _ASKING_HOW.search(before) is not None
