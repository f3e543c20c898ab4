"""Property: a recall shows nothing that its scope does not see, over fuzzed scopes; through the store, and by the pure rule.

`make test` judges 100,000 pairs of a scope and a decision by the pure rule, and makes 2,000 recalls through the store.
"""

from __future__ import annotations

import random
from pathlib import Path

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.question.decisions import Decision, DecisionScope, search_words
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run.records import DecisionStored, DecisionSuperseded
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store_decisions import decision

PLATFORMS = ("discord", "slack")
CHANNELS = ("C1", "C2", "C3", "@U1", "@U2", "c1", "C1 C2", 'C"', "")
SERVERS = ("", "T1", "T2", "C1", "t1")
QUESTIONS = ("Which database does billing use?", "Which queue does billing use?", "Who pays the invoices of billing?")


def fuzzed_place(chance: random.Random) -> Place:
    return Place(
        platform=chance.choice(PLATFORMS), channel=chance.choice(CHANNELS), thread=chance.choice((None, "t1", "C1", "T1"))
    )


def fuzzed(number: int, chance: random.Random) -> Decision:
    place = fuzzed_place(chance)
    # A direct message is never public, so no adapter gives it a server that it would share with.
    server = "" if place.channel.startswith("@") else chance.choice(SERVERS)
    return decision(number, chance.choice(QUESTIONS), chance.choice(("PostgreSQL", "T1", "C1")), place=place, server=server)


def may_see(scope: DecisionScope, found: Decision) -> bool:
    """The rule, in the words of the documentation."""
    same_channel = (scope.place.platform, scope.place.channel) == (found.place.platform, found.place.channel)
    shared = found.server != "" and scope.place.platform == found.place.platform and scope.server == found.server
    return same_channel or shared


def fuzzed_scope(chance: random.Random) -> DecisionScope:
    return DecisionScope(place=fuzzed_place(chance), server=chance.choice(SERVERS))


def test_no_scope_of_100_000_sees_a_decision_that_it_may_not() -> None:
    chance = random.Random(15)
    for number in range(100_000):
        scope, found = fuzzed_scope(chance), fuzzed(number, chance)
        assert scope.sees(found) == may_see(scope, found), (scope, found)


async def test_no_recall_through_the_store_leaks_a_decision(tmp_path: Path) -> None:
    chance = random.Random(16)
    store = await SqliteStore.open(tmp_path / "townhall.db")
    every = [fuzzed(number, chance) for number in range(1, 401)]
    await store.append(rows=[DecisionStored(decision=made) for made in every])
    superseded = set(range(1, 401, 7))
    await store.append(rows=[DecisionSuperseded(decision=number, by=400) for number in sorted(superseded)])
    words = search_words(Ask(question=QUESTIONS[0], assumption="None."))
    for _ in range(1_000):
        scope = fuzzed_scope(chance)
        visible = {made.decision for made in every if may_see(scope, made)}
        assert {found.decision for found in await store.decisions("billing", 400, scope)} == visible
        similar = {found.decision for found in await store.similar_decisions(words, scope, 0.0, 400)}
        assert similar <= visible - superseded
    await store.close()
