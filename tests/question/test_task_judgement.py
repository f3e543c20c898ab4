"""Words that are addressed to the bot: a clear task, small talk, or neither. Only a task may cost money."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.question.parsing.lexicon import Language, read_language
from orchestrator_bridge.question.parsing.task import judge_task
from tests.support.lexicon_files import LEXICON_FILES

LANGUAGES = [read_language(file.read_text("utf-8")) for file in LEXICON_FILES]

SMALL_TALK = (
    *("thanks!", "Thank you so much for your help", "hello", "Hi there!", "How are you doing today?", "what can you do?", "👍"),
    *(
        "never mind, I found it",
        "sorry wrong channel, ignore this",
        "lol that was funny",
        "Forget it, thanks",
        "vergiss es, danke",
    ),
    *("lol", "ok, great", "Sounds good, see you tomorrow", "danke schön", "are you there?", "Cheers, that was quick.", "...", ""),
    *(
        "ok thanks",
        "give me five minutes",
        "show me the money",
        "that worked, great",
        "nice one",
        "passt so, danke dir",
        "done, thanks",
        "what a nice day",
        "we have to go now",
    ),
)
REQUESTS = (
    *("plan the move", "plan migration to Postgres", "Plan the release of version 2", "Review the PR from yesterday"),
    *(
        "Hi! Please compare SQLite and Postgres",
        "Thanks! Now plan the rollout.",
        "Compare X and Y",
        "Decide: Postgres or SQLite?",
    ),
    *("Fix tests that are flaky on Windows", "Estimate costs if traffic will double", "Find me three suppliers for labels"),
    *("plan tomorrow's release", "Prüfe was kaputt ist", "Are you able to compare Redis and Kafka?", "Plan a meeting at 3"),
    *("Draft emails to customers whose plan is ending", "Give me five reasons to move to Kafka"),
    *("Decide whether we move to Postgres", "Fix the login bug", "please check whether the backup is complete"),
    *("The build is red, can you find out why?", "The build is red since noon. Find the cause.", "List pros and cons of Kafka"),
    *(
        "Könntest du den Umzug planen?",
        "Vergleiche SQLite und Postgres",
        "Erstelle einen Plan für das Release",
        "Plane den Umzug",
    ),
)
QUESTIONS = (
    *("Which database should we use?", "Which database should we use", "How do we migrate the data?", "May the release go out?"),
    *("What do you think about SQLite vs Postgres?", "was denkt ihr über SQLite?", "Welche Datenbank sollen wir nehmen?"),
    *("Is SQLite fast enough for 50 users?", "Wer soll das Release leiten?", "@ben: which region should we use?"),
)
DOUBTFUL = (
    *("plan B it is then", "plan B works for us", "plan B, let's go", "plan B for me please", "answer 2 it is", "Plan B dann"),
    *("fix is already in, thanks", "fix deployed to production", "review done, thanks", "check passed", "list looks good"),
    *("design review went well", "search works now", "Liste ist fertig, danke", "plan accepted by everyone"),
    *(
        "the build is red since noon",
        "that was a good discussion with them",
        "we'll check with legal first",
        "which is great news",
    ),
    *(
        "can you believe it?",
        "are you serious?",
        "did that work?",
        "is it over now?",
        "what happened here?",
        "what do you think?",
    ),
    *("discuss tomorrow at standup", "decide for yourself", "create account button is broken", "estimate was too low"),
    *("research shows that coffee is good", "debug session at 3", "how old are you?", "warum dauert das so lange?"),
    *("select all that apply lol", "explain that to my boss, haha", "discuss it with Ben later, jk"),
    *("thoughts?", "the weather", "why though", "give me a break", "what now?", "what we need is a break", "ich bin morgen weg"),
)


@pytest.mark.parametrize("addressed", [True, False])
@pytest.mark.parametrize("text", SMALL_TALK)
def test_small_talk_is_no_task(text: str, addressed: bool) -> None:
    assert judge_task(text, addressed=addressed) == "small_talk"


@pytest.mark.parametrize("addressed", [True, False])
@pytest.mark.parametrize("text", REQUESTS)
def test_a_request_is_a_task_even_if_nobody_addressed_it(text: str, addressed: bool) -> None:
    assert judge_task(text, addressed=addressed) == "task"


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_with_a_topic_is_a_task_if_it_is_addressed(text: str) -> None:
    assert judge_task(text, addressed=True) == "task"
    assert judge_task(text, addressed=False) == "doubtful"


@pytest.mark.parametrize("text", DOUBTFUL)
def test_statements_and_questions_without_a_topic_are_doubtful(text: str) -> None:
    assert judge_task(text, addressed=True) == "doubtful"


@pytest.mark.parametrize("text", ["why?", "thoughts?", "summarise", "summarise this please", "review this", "is that so?"])
def test_a_message_gives_a_request_or_question_about_it_its_topic(text: str) -> None:
    assert judge_task(text, addressed=True, about=True) == "task"


@pytest.mark.parametrize("text", ["plan B it is then", "thanks!", "fix is in", "that worked"])
def test_other_words_about_a_message_are_no_task(text: str) -> None:
    assert judge_task(text, addressed=True, about=True) != "task"


def chat_phrases(language: Language) -> list[str]:
    """The phrases of thanks, greetings, assent and dissent of a language, and words without a topic."""
    lists = (language.small_talk, language.thanks, language.yes, language.no, language.yes_alone, language.no_alone)
    return [
        phrase for phrases in (*lists, language.unsure, language.courtesy, language.idle, language.holding) for phrase in phrases
    ]


CHAT = st.sampled_from([phrase for language in LANGUAGES for phrase in chat_phrases(language)])
NOUNS = st.sampled_from([noun for language in LANGUAGES for noun in language.task_noun])
STATEMENTS = st.sampled_from([word for language in LANGUAGES for word in language.statement])


@given(st.lists(CHAT, min_size=1, max_size=6), st.sampled_from([" ", ", ", "! ", ". ", "? "]), st.booleans())
def test_no_sequence_of_chat_starts_a_run(phrases: list[str], joint: str, addressed: bool) -> None:
    assert judge_task(joint.join(phrases), addressed=addressed) != "task"


@given(NOUNS, STATEMENTS, st.lists(CHAT, min_size=1, max_size=3), st.booleans())
def test_a_noun_with_its_statement_starts_no_run(noun: str, statement: str, chat: list[str], addressed: bool) -> None:
    assert judge_task(f"{noun} {statement}, {' '.join(chat)}", addressed=addressed) != "task"
