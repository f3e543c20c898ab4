"""Parsing of replies: tables of examples by kind of question."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator_bridge.question.model import Ask, Kind, Option
from orchestrator_bridge.question.parsing.reply import ParsedReply, UnparsedReply, is_complete, parse_messages, parse_reply
from tests.support.question_builders import ask

PLACES = (Option(id="prod", label="Production"), Option(id="stage", label="staging"), Option(id="eu", label="staging-eu"))
STORES = (Option(id="a", label="Use Postgres 16"), Option(id="b", label="SQLite, one file"), Option(id="c", label="No database"))
SIZES = (Option(id="s", label="4"), Option(id="m", label="2"), Option(id="l", label="8"))
TOOLS = (Option(id="node", label="Node"), Option(id="go", label="Go"), Option(id="py", label="Python"))

YES = """
yes | Yes! | y | ok | yep, but after lunch | yes please | sure | sure, go ahead | go ahead | do it | 👍 | 👍🏽 | +1 | :+1:
no problem | why not | well, I would say yes | fine by me | yes, no problem | right | 1 | 1) | I think so | of course
yess | kk | approve | all good | not a problem | hell yes | yes if the tests pass | fine, but on Friday
ja | Ja, gerne | na klar | mach das | von mir aus | kein Problem | okay, mach es | jawoll | jepp | logo | ich stimme zu | weiter
los geht's | das geht | machen wir | bin dafür | ja, wenn die Tests laufen
"""
NO = """
no | No. | n | nope | no, not today | no thanks | not yet | please don't | don’t | dont do it now | absolutely not | 👎
-1 | 2 | 2. | never | I don't think so | better not | well... no | no because it breaks | I'd rather not
don't do it | please don't do it | bad idea | I'm against it | not necessary | leave it | reject | I am not ok with it
nein | Nein danke | lieber nicht | auf keinen Fall | noch nicht | nö | bitte nicht | bloß nicht | lass das | das geht nicht
nicht einverstanden | ich stimme nicht zu | bin dagegen | nicht nötig | abbrechen
"""
NEITHER = """
maybe | I guess so | not sure | I don't know | yes and no | yes... no | no, wait, yes | y/n | what does it cost? | ok? | yes?
no backups exist | hm | 3 | good question | right now we cannot | ok, let me check | There is no reason to wait | it depends
sure about that? | works only on Linux | nobody told me
weiß nicht | jein | keine Ahnung | klar ist das nicht
"""


def phrases(text: str) -> list[str]:
    return [phrase.strip() for line in text.strip().splitlines() for phrase in line.split(" | ")]


def choose(options: tuple[Option, ...], text: str) -> str | None:
    reading = parse_reply(ask(options=options), text)
    assert isinstance(reading, ParsedReply)
    return reading.choice


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("2", "stage"),
        ("2.", "stage"),
        ("(2)", "stage"),
        ("#2", "stage"),
        ("2️⃣", "stage"),
        ("2!", "stage"),
        ("2 please", "stage"),
        ("2 👍", "stage"),
        ("2) because it is safe", "stage"),
        ("2) because it's 1 step", "stage"),
        ("2: safe", "stage"),
        ("2 - the safe one", "stage"),
        ("2 because it is safe", "stage"),
        ("2 weil sicher", "stage"),
        ("2\nit is safe", "stage"),
        ("2 staging", "stage"),
        ("stage", "stage"),
        ("EU", "eu"),
        ("Staging", "stage"),
        ("STAGING!", "stage"),
        ("“staging”", "stage"),
        ("*staging*", "stage"),
        ("staging-eu", "eu"),
        ("prod", "prod"),
        ("pro", "prod"),
        ("produ", "prod"),
        ("option 2", "stage"),
        ("I'd say option 2, it is safe", "stage"),
        ("Variante 3 bitte", "eu"),
        ("#3 looks right", "eu"),
        ("option eu", "eu"),
        ("the second one", "stage"),
        ("die zweite", "stage"),
        ("I would go with the third option", "eu"),
        ("let's go with staging please", "stage"),
        ("let’s go with staging-eu please", "eu"),
        ("staging, but only after 6 pm", "stage"),
        ("no wait, 2", "stage"),
        ("no, staging", "stage"),
        ("oh sorry, I meant production", "prod"),
        ("nein, lieber staging", "stage"),
    ],
)
def test_an_option_is_named_in_many_ways(text: str, choice: str) -> None:
    assert choose(PLACES, text) == choice


@pytest.mark.parametrize(
    "text",
    [
        "2 concerns: cost and speed",
        "2-3 of them",
        "2, maybe 1",
        "1 or 2",
        "1\n2",
        "2.5 million rows",
        "2:30 pm",
        "first, tell me what it costs",
        "the fourth one",
        "either staging or production",
        "production, then staging",
        "not staging",
        "no staging",
        "don't use staging",
        "anything but production",
        "staging is the worst of them",
        "auf keinen Fall staging, nicht jetzt",
        "is staging up?",
        "why not staging?",
        "not option 2",
        "option 1 or option 2",
        "neither",
        "s",
        "sta",
        "whatever you like",
        "thanks!",
        "the",
    ],
)
def test_a_reply_that_names_no_option_or_several_counts_as_own_words(text: str) -> None:
    assert parse_reply(ask(options=PLACES), text) == ParsedReply(text=text, choice=None)


@pytest.mark.parametrize(
    ("options", "text", "choice"),
    [
        (STORES, "postgres", "a"),
        (STORES, "I'd take postgres", "a"),
        (STORES, "use", "a"),
        (STORES, "sqlite", "b"),
        (STORES, "no database please", "c"),
        (STORES, "database", "c"),
        (STORES, "no", "c"),
        (STORES, "a", "a"),
        (STORES, "a file would do", None),
        (SIZES, "8", "l"),
        (SIZES, "2", "m"),
        (SIZES, "4", "s"),
        (SIZES, "1", "s"),
        (SIZES, "we have 8 of them", None),
        (TOOLS, "no", None),
        (TOOLS, "nod", "node"),
        (TOOLS, "go", "go"),
        (TOOLS, "let's go with python", "py"),
        (TOOLS, "let's go with that", None),
        (TOOLS, "p", "py"),
    ],
)
def test_labels_that_are_numbers_or_common_words_are_told_apart(
    options: tuple[Option, ...], text: str, choice: str | None
) -> None:
    assert choose(options, text) == choice


NODES = (Option(id="two", label="2 nodes"), Option(id="three", label="3 nodes"), Option(id="none", label="None at all"))


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("2 nodes", "two"),
        ("2 nodes please", "two"),
        ("the 2 nodes", "two"),
        ("let's take 2 nodes, it is cheaper", "two"),
        ("2. 3 nodes", "three"),
        ("option 2", "three"),
        ("#2", "three"),
        ("number two", "three"),
        ("the second one", "three"),
        ("1", "two"),
        ("1 please", "two"),
        ("two\n2 nodes", "two"),
        ("2-3 nodes", None),
        ("2 to 3 nodes", None),
        ("2, 3 nodes", None),
        ("2 concerns: cost and speed", None),
    ],
)
def test_a_label_that_begins_with_a_number_is_chosen_by_what_is_clear(text: str, choice: str | None) -> None:
    assert choose(NODES, text) == choice


@pytest.mark.parametrize(
    "text", ["2", "2.", "(2)", "2!", "2 please", "two", "I'd take 2", "2️⃣", ":two:", "2 because it is enough", "2\nit is cheap"]
)
def test_a_number_that_means_two_options_is_asked_about(text: str) -> None:
    reading = parse_reply(ask(options=NODES), text)
    assert isinstance(reading, UnparsedReply)
    assert reading.hint == (
        "2 can mean option 2, “3 nodes”, or “2 nodes”; please reply “option 2” for the first, or “option 1” for the second."
    )


def test_a_number_that_is_one_options_place_and_anothers_label_is_asked_about() -> None:
    options = (Option(id="s", label="2"), Option(id="m", label="4"))
    assert isinstance(parse_reply(ask(options=options), "2"), UnparsedReply)
    assert choose(options, "4") == "m"
    assert choose(options, "option 1") == "s"


def test_a_number_that_means_two_options_revokes_an_earlier_choice() -> None:
    assert isinstance(parse_messages(ask(options=NODES), ("3 nodes", "2")), UnparsedReply)
    assert parse_messages(ask(options=NODES), ("2", "option 1")) == ParsedReply(text="2\noption 1", choice="two")


def test_two_options_with_the_same_label_are_refused_for_people_could_not_tell_them_apart() -> None:
    with pytest.raises(ValidationError, match="two options have the same label"):
        ask(options=(Option(id="x", label="Same"), Option(id="y", label="same ")))


def test_the_words_are_kept_beside_the_choice() -> None:
    reading = parse_reply(ask(options=PLACES), "  2) because…\u202e it is\x07 safe ")
    assert reading == ParsedReply(text="2) because… it is safe", choice="stage")


@pytest.mark.parametrize("text", phrases(YES))
def test_yes_is_recognised_in_many_forms(text: str) -> None:
    assert parse_reply(ask("confirm"), text) == ParsedReply(text=text, choice="yes")


@pytest.mark.parametrize("text", phrases(NO))
def test_no_is_recognised_in_many_forms(text: str) -> None:
    assert parse_reply(ask("confirm"), text) == ParsedReply(text=text, choice="no")


@pytest.mark.parametrize("kind", ["choice", "confirm", "number", "text"])
@pytest.mark.parametrize(
    "text", ["wait", "Hold on!", "one sec please", "let me check", "Moment bitte", "einen Moment", "warte kurz", "ich schau nach"]
)
def test_a_request_to_wait_is_not_an_answer(kind: Kind, text: str) -> None:
    reading = parse_reply(ask(kind), text)
    assert isinstance(reading, UnparsedReply)
    assert reading.hint.startswith("No hurry: the question stays open.")


def test_the_answer_that_follows_counts_and_a_later_wait_revokes_it() -> None:
    assert parse_messages(ask(), ("hold on", "the second")) == ParsedReply(text="hold on\nthe second", choice="lite")
    assert isinstance(parse_messages(ask(), ("the second", "hold on")), UnparsedReply)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("two", "lite"),
        ("zwei bitte", "lite"),
        ("option two", "lite"),
        ("Nummer zwei", "lite"),
        ("go for number two", "lite"),
        ("zweitens", "lite"),
        ("the recommended one", "pg"),
        ("go with your recommendation please", "pg"),
        ("die empfohlene", "pg"),
        ("not the recommended one", None),
        ("sqlite, or maybe postgres", None),
        ("two of them", None),
    ],
)
def test_numbers_in_words_and_the_recommended_one_name_an_option(text: str, choice: str | None) -> None:
    assert parse_reply(ask(), text) == ParsedReply(text=text, choice=choice)


def test_the_word_recommended_names_nothing_without_a_recommended_option() -> None:
    options = (Option(id="a", label="Alpha"), Option(id="b", label="Beta"))
    assert parse_reply(ask(options=options), "the recommended one") == ParsedReply(text="the recommended one")


@pytest.mark.parametrize(
    ("text", "side"),
    [
        (":white_check_mark:", "yes"),
        (":heavy_check_mark: ship it", "yes"),
        (":ok_hand::skin-tone-3:", "yes"),
        (":+1:", "yes"),
        (":thumbsup::skin-tone-5:", "yes"),
        (":rocket:", "yes"),
        ("done :white_check_mark:", None),
        (":x:", "no"),
        (":thumbsdown:", "no"),
        (":-1::skin-tone-2: not today", "no"),
        (":no_entry_sign:", "no"),
        (":one:", "yes"),
        (":two:", "no"),
        ("1️⃣", "yes"),
        (":+1: :x:", None),
        (":thinking_face:", None),
        ("> May it go out?\nyes", "yes"),
        ("> May it go out?\n> Yes or no?\n\n:x:", "no"),
        (">no way\nyes", "yes"),
        ("yes\n> no way", "yes"),
        ("no\n>>> May it go out?\nyes", "no"),
        ("> yes", None),
        ("_yes_", "yes"),
        ("**Yes!**", "yes"),
        ("||no||", "no"),
        ("~no~ yes", "yes"),
        ("~~yes~~ no", "no"),
        ("~yes~", None),
    ],
)
def test_emoji_codes_are_read_as_emoji_and_quotations_not_at_all(text: str, side: str | None) -> None:
    reading = parse_reply(ask("confirm"), text)
    assert (reading.choice if isinstance(reading, ParsedReply) else None) == side
    assert reading.text == text, "the words stay as they were written"


APPROVAL = (
    Option(id="approve", label="Approve"),
    Option(id="approve_tool", label="Approve this tool for the run"),
    Option(id="deny", label="Deny"),
)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        (":white_check_mark:", "approve"),
        ("👌", "approve"),
        ("👍🏽", "approve"),
        (":one:", "approve"),
        (":three:", "deny"),
        ("> May it delete the table?\nyes", "approve"),
        ("> May it delete the table?\nno", "deny"),
        (":x:", "deny"),
        (":thumbsdown::skin-tone-4:", "deny"),
        (":+1: but only tomorrow", "deny"),
        (":negative_squared_cross_mark:", "deny"),
        (":woman-gesturing-no::skin-tone-3:", "deny"),
        ("🙅", "deny"),
        ("🙅‍♀️", "deny"),
        ("🙅🏽‍♂️", "deny"),
        ("👎🏽", "deny"),
        ("⛔", "deny"),
        ("🚫", "deny"),
        ("🙆🏿", "approve"),
        ("> yes\nonly after the backup", "deny"),
        ("> Approve", None),
        (":thinking_face:", None),
        ("👀", None),
        (":+1: :x:", None),
        (":white_check_mark:?", None),
        ("_yes_", "approve"),
        ("~no~ yes", "approve"),
    ],
)
def test_only_a_clear_emoji_decides_an_approval(text: str, choice: str | None) -> None:
    reading = parse_reply(Ask.model_validate({**ask().model_dump(), "kind": "approval", "options": APPROVAL}), text)
    assert (reading.choice if isinstance(reading, ParsedReply) else None) == choice


@pytest.mark.parametrize(
    "text",
    [
        *("sí", "oui", "Sim!", "да", "I have no objection, go ahead", "no problem, go ahead", "not a problem", "no objections"),
        *("I see no problem with that", "no concerns from my side", "I don't mind", "Ich habe nichts dagegen", "keine Bedenken"),
    ],
)
def test_consent_that_contains_a_no_is_a_yes(text: str) -> None:
    approval = Ask.model_validate({**ask().model_dump(), "kind": "approval", "options": APPROVAL})
    assert parse_reply(approval, text) == ParsedReply(text=text, choice="approve")
    assert parse_reply(ask("confirm"), text) == ParsedReply(text=text, choice="yes")


@pytest.mark.parametrize("text", ["non", "нет", "não", "🙅‍♀️", ":negative_squared_cross_mark:"])
def test_a_no_in_another_language_or_as_a_gesture_is_a_no(text: str) -> None:
    approval = Ask.model_validate({**ask().model_dump(), "kind": "approval", "options": APPROVAL})
    assert parse_reply(approval, text) == ParsedReply(text=text, choice="deny")
    assert parse_reply(ask("confirm"), text) == ParsedReply(text=text, choice="no")


@pytest.mark.parametrize(
    "text", ["the table is still in use", "maybe", "I have no idea", "hm", "yes and no", "SIM card is broken", "vale"]
)
def test_words_that_neither_consent_nor_object_are_asked_about(text: str) -> None:
    approval = Ask.model_validate({**ask().model_dump(), "kind": "approval", "options": APPROVAL})
    for kind in (approval, ask("confirm")):
        assert isinstance(parse_reply(kind, text), UnparsedReply)


@pytest.mark.parametrize(
    "text", ["no objections, but not on Friday", "go ahead if the tests pass", "I object", "no", "not on a Friday"]
)
def test_an_objection_or_a_condition_denies_an_approval(text: str) -> None:
    approval = Ask.model_validate({**ask().model_dump(), "kind": "approval", "options": APPROVAL})
    assert parse_reply(approval, text) == ParsedReply(text=text, choice="deny")


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("choice", ":two:", "lite"),
        ("choice", ":two::skin-tone-2: because it is one file", "lite"),
        ("choice", "> 1 Postgres\n> 2 SQLite\n2", "lite"),
        ("choice", "> sqlite", None),
        ("number", ":five:", 5),
        ("number", "> more than 3?\n12", 12),
        ("number", ">= 12", 12),
    ],
)
def test_emoji_codes_and_quotations_are_read_alike_for_every_kind(kind: Kind, text: str, expected: str | float | None) -> None:
    reading = parse_reply(ask(kind), text)
    assert (reading.choice or reading.number if isinstance(reading, ParsedReply) else None) == expected


@given(st.sampled_from(["text", "choice", "confirm", "number"]), st.sampled_from(["yes", "no", "2", "hm?", "12", "wait", "x:y"]))
@settings(max_examples=60, deadline=None)
def test_a_quotation_above_a_reply_changes_nothing_but_the_words(kind: Kind, text: str) -> None:
    plain, quoting = parse_reply(ask(kind), text), parse_reply(ask(kind), f"> Which database?\n{text}")
    assert quoting == replace(plain, text=f"> Which database?\n{text}")


def test_a_label_that_looks_like_a_quotation_can_be_typed() -> None:
    options = (Option(id="more", label="> 5"), Option(id="less", label="< 5"))
    assert choose(options, "> 5") == "more"


@pytest.mark.parametrize("text", phrases(NEITHER))
def test_a_reply_that_is_neither_yes_nor_no_gets_a_hint(text: str) -> None:
    reading = parse_reply(ask("confirm"), text)
    assert isinstance(reading, UnparsedReply)
    assert reading.text == text
    assert "yes or a no" in reading.hint


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("about 12", 12),
        ("ungefähr 12", 12),
        ("1,500", 1500),
        ("1,500,000.5", 1500000.5),
        ("1.500.000", 1500000),
        ("1.500,25", 1500.25),
        ("1'500", 1500),
        ("1\u202f500 km", 1500),
        ("1,5", 1.5),
        ("0.125", 0.125),
        ("0,125", 0.125),
        (".5", 0.5),
        ("3.5 h", 3.5),
        ("3.5h", 3.5),
        ("-3", -3),
        ("−3 °C", -3),
        ("$12.50", 12.5),
        ("50%", 50),
        ("10k", 10_000),
        ("1.5k please", 1500),
        ("2 million", 2_000_000),
        ("3 Mio", 3_000_000),
        ("I'd say 12.", 12),
        ("12, and 12 is final", 12),
        ("no wait, 13", 13),
        ("twelve", 12),
        ("about twelve", 12),
        ("zwölf", 12),
        ("none", 0),
        ("keine", 0),
        ("twenty", 20),
        ("fünfzig", 50),
        ("a hundred", 100),
        ("minus 5", -5),
        ("minus 0,5", -0.5),
    ],
)
def test_a_number_is_found_in_words(text: str, number: float) -> None:
    assert parse_reply(ask("number"), text) == ParsedReply(text=text, number=number)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("many", "no number"),
        ("I want one thing to be clear", "no number"),
        ("10-20", "2 numbers"),
        ("between 10 and 20", "2 numbers"),
        ("10:30", "2 numbers"),
        ("2026-11-22", "3 numbers"),
        ("1.500", "write 1500 or 1.5."),
        ("1e6", "no number"),
        ("not 5", "rules a number out"),
        ("nicht 5", "rules a number out"),
        ("v2", "no number"),
        ("1,50,00", "cannot read 1,50,00"),
        ("9" * 400, "too large"),
    ],
)
def test_a_reply_without_one_clear_number_gets_a_hint(text: str, hint: str) -> None:
    reading = parse_reply(ask("number"), text)
    assert isinstance(reading, UnparsedReply)
    assert hint in reading.hint


@pytest.mark.parametrize("kind", ["text", "choice", "confirm", "number"])
def test_an_empty_reply_is_not_an_answer(kind: Kind) -> None:
    assert isinstance(parse_reply(ask(kind), " \n\u200b\x1b[31m "), UnparsedReply)


@pytest.mark.parametrize(
    ("asked", "parts", "expected"),
    [
        (ask(options=PLACES), ["2", "because it is safe"], ParsedReply(text="2\nbecause it is safe", choice="stage")),
        (ask(options=PLACES), ["1", "no wait, 2"], ParsedReply(text="1\nno wait, 2", choice="stage")),
        (
            ask(options=PLACES),
            ["1", "hm, let's take staging after all"],
            ParsedReply(text="1\nhm, let's take staging after all", choice="stage"),
        ),
        (ask(options=PLACES), ["1", "but never touch staging"], ParsedReply(text="1\nbut never touch staging", choice="prod")),
        (ask("confirm"), ["well", "yes"], ParsedReply(text="well\nyes", choice="yes")),
        (ask("confirm"), ["yes", "no, stop"], ParsedReply(text="yes\nno, stop", choice="no")),
        (ask("confirm"), ["yes", "it's late anyway"], ParsedReply(text="yes\nit's late anyway", choice="yes")),
        (ask("number"), ["about", "12"], ParsedReply(text="about\n12", number=12)),
        (ask("number"), ["12", "we had 11 last year"], ParsedReply(text="12\nwe had 11 last year", number=12)),
        (ask("number"), ["12", "no sorry, 13"], ParsedReply(text="12\nno sorry, 13", number=13)),
        (ask("text"), ["one", "", "two"], ParsedReply(text="one\ntwo")),
    ],
)
def test_several_messages_are_read_as_one_reply(asked: Ask, parts: list[str], expected: ParsedReply) -> None:
    assert parse_messages(asked, parts) == expected


def test_a_very_long_reply_is_cut_and_parsed_fast() -> None:
    for kind in ("text", "choice", "confirm", "number"):
        reading = parse_reply(ask(kind), "no 1, " * 50_000)
        assert len(reading.text) <= 10_000


@given(st.sampled_from(["text", "choice", "confirm", "number"]), st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_text_is_either_parsed_or_answered_with_a_hint(kind: Kind, text: str) -> None:
    reading = parse_reply(ask(kind), text)
    assert isinstance(reading, UnparsedReply) or kind in ("confirm", "number") or reading.text
    assert parse_reply(ask(kind), reading.text) == reading


@given(st.integers(-(10**9), 10**9), st.sampled_from(["{}", "about {}", "{} please", "I'd say {} h"]))
@settings(max_examples=60, deadline=None)
def test_whole_numbers_are_read_as_they_are(number: int, form: str) -> None:
    reading = parse_reply(ask("number"), form.format(number))
    assert isinstance(reading, ParsedReply)
    assert reading.number == number


@pytest.mark.parametrize("text", ["👍", ":white_check_mark:", ":tada: :tada:", "👀"])
def test_an_emoji_alone_is_no_answer_to_a_choice(text: str) -> None:
    options = (Option(id="a", label="Red"), Option(id="b", label="Blue"))
    reading = parse_reply(Ask(kind="choice", question="Which?", assumption="Red", options=options), text)
    assert isinstance(reading, UnparsedReply)
    assert "a number from 1 to 2" in reading.hint


CHOICE, CONFIRM, TEXT = ask(), ask("confirm"), ask("text")
TWO_NODES = ask(options=(Option(id="small", label="2 nodes"), Option(id="big", label="3 nodes")))
NUMBER = ask("number", unit="GB", min=1, max=100)


@pytest.mark.parametrize(
    ("ask", "text", "complete"),
    [
        (CHOICE, "2", True),
        (CHOICE, " 2. ", True),
        (CHOICE, "2\ufe0f\u20e3", True),
        (CHOICE, "SQLite!", True),
        (CHOICE, "lite", True),
        (CHOICE, "2, and tell the customers", False),
        (CHOICE, "the second", False),
        (CHOICE, "neither", False),
        (CHOICE, "7", False),
        (TWO_NODES, "2", False),
        (CONFIRM, "yes", True),
        (CONFIRM, "Nein.", True),
        (CONFIRM, "yes, but not before Friday", False),
        (CONFIRM, "hm", False),
        (NUMBER, "4", True),
        (NUMBER, "4 GB", True),
        (NUMBER, "about 4", False),
        (NUMBER, "4 or 5", False),
        (NUMBER, "4000", False),
        (TEXT, "4", False),
    ],
)
def test_a_complete_reply_is_one_clear_answer_and_nothing_else(ask: Ask, text: str, complete: bool) -> None:
    assert is_complete(ask, text) is complete
