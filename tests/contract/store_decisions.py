"""Contract of decisions: what is found, for whom, and in which order."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.question.decisions import Decision, DecisionScope, search_words
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run.records import DecisionStored, DecisionSuperseded
from orchestrator_bridge.store.interface import Store
from tests.contract.store_values import CHANNEL

OTHER = Place(platform="fake", channel="other")
HERE = DecisionScope(place=CHANNEL)


def decision(number: int, question: str = "Which database?", outcome: str = "PostgreSQL", **more: object) -> Decision:
    made = Decision(
        decision=number,
        run=1,
        team="demo",
        place=CHANNEL,
        question=question,
        outcome=outcome,
        kind="text",
        decided_by="human",
        quorum="majority",
        people=("Alice", "Bob"),
        people_ids=("@alice", "fake:u2"),
        at=float(number),
        offered=True,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def stored(*decisions: Decision) -> list[DecisionStored]:
    return [DecisionStored(decision=decision) for decision in decisions]


async def numbers(store: Store, words: str = "", scope: DecisionScope | None = None, limit: int = 20) -> list[int]:
    return [found.decision for found in await store.decisions(words, limit, scope)]


async def similar(store: Store, question: str, scope: DecisionScope = HERE, since: float = 0.0) -> list[int]:
    words = search_words(Ask(question=question, assumption="a"))
    return [found.decision for found in await store.similar_decisions(words, scope, since)]


class DecisionContract:
    async def test_a_decision_is_read_back_as_it_was_stored(self, store: Store) -> None:
        whole = decision(
            7,
            place=replace(CHANNEL, thread="t"),
            message="m",
            link="https://chat.example/7",
            server="T1",
            options=("PostgreSQL", "SQLite"),
            kind="choice",
            superseded_by=9,
        )
        await store.append(rows=stored(whole, decision(8, people=(), people_ids=())))
        assert await store.decision(7) == whole
        assert (await store.decisions("sqlite"))[0] == whole
        assert await store.decision(9) is None

    async def test_a_decision_is_stored_once_and_the_first_counts(self, store: Store) -> None:
        await store.append(rows=stored(decision(1, outcome="MySQL")))
        await store.append(rows=stored(decision(1, outcome="Oracle")))
        assert await numbers(store, "mysql") == [1]
        assert await numbers(store, "oracle") == []

    async def test_decisions_are_found_by_all_of_their_words_and_by_the_beginnings_of_words(self, store: Store) -> None:
        await store.append(
            rows=stored(
                decision(1, "Which database for billing?", "PostgreSQL"),
                decision(2, "Which queue for billing?", "RabbitMQ", people=("Zoë",)),
                decision(3, "Welche Gebühr für Überweisungen?", "keine", options=("fünf Euro", "keine")),
            )
        )
        assert await numbers(store, "billing") == [2, 1]
        assert await numbers(store, "billing postgres") == [1]
        assert await numbers(store, "DATA") == [1]
        assert await numbers(store, "gebuhr überw") == [3]
        assert await numbers(store, "fünf") == [3]
        assert await numbers(store, "zoe") == [2]
        assert await numbers(store, "base") == []
        assert await numbers(store, "billing kafka") == []

    async def test_any_characters_can_be_searched_for(self, store: Store) -> None:
        await store.append(rows=stored(decision(1, 'May we "quote" C++ (now)?')))
        for words in (
            '"',
            "NOT",
            "a AND",
            "question:*",
            "(",
            "c++",
            "^x",
            "marks : valid",
            "'; --",
            "-",
            "*",
            "{a}",
            "\x00",
            "NEAR(a b)",
        ):
            await store.decisions(words)
        assert await numbers(store, 'QUOTE"') == [1]
        assert await numbers(store, "???") == []

    async def test_the_newest_come_first_and_what_is_superseded_last(self, store: Store) -> None:
        await store.append(rows=stored(decision(1), decision(2), decision(3)))
        assert await numbers(store) == [3, 2, 1]
        await store.append(rows=[DecisionSuperseded(decision=3, by=2)])
        assert await numbers(store) == [2, 1, 3]
        assert await numbers(store, "database", limit=2) == [2, 1]
        assert [found.superseded_by for found in await store.decisions()] == [None, None, 2]

    async def test_a_scope_is_a_channel_and_what_its_server_shares(self, store: Store) -> None:
        elsewhere = replace(decision(4), place=Place(platform="another", channel=CHANNEL.channel), server="T1")
        await store.append(rows=stored(decision(1), decision(2, place=OTHER), decision(3, place=OTHER, server="T1"), elsewhere))
        assert await numbers(store, "database", HERE) == [1]
        assert await numbers(store, "database", DecisionScope(place=CHANNEL, server="T1")) == [3, 1]
        assert await numbers(store, "database", DecisionScope(place=CHANNEL, server="T2")) == [1]
        assert await numbers(store, "", DecisionScope(place=OTHER)) == [3, 2]
        assert await numbers(store, "", DecisionScope(place=replace(CHANNEL, thread="any"))) == [1]

    async def test_candidates_for_a_question_have_two_of_its_words(self, store: Store) -> None:
        await store.append(
            rows=stored(
                decision(1, "Which database does the billing service use?"),
                decision(2, "Which queue does the billing service use?"),
                decision(3, "Which database for logs?"),
                decision(4, "Who pays?"),
            )
        )
        assert await similar(store, "Should the billing services have databases?") == [1, 2]
        assert await similar(store, "Which databases hold logs?") == [3]
        assert await similar(store, "Which database?") == []
        assert await similar(store, "Who?") == []

    async def test_candidates_are_valid_young_enough_and_may_be_offered(self, store: Store) -> None:
        question = "Which database does billing use?"
        await store.append(
            rows=stored(*(decision(number, question) for number in (1, 2, 3)), decision(4, question, offered=False))
        )
        await store.append(rows=stored(decision(5, question, place=OTHER)))
        assert await similar(store, question) == [1, 2, 3]
        assert await similar(store, question, since=2.0) == [2, 3]
        await store.append(rows=[DecisionSuperseded(decision=2, by=3)])
        assert await similar(store, question) == [1, 3]

    async def test_superseding_a_decision_that_does_not_exist_changes_nothing(self, store: Store) -> None:
        await store.append(rows=[DecisionSuperseded(decision=3, by=2)])
        assert await store.decisions() == []
