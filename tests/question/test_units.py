"""Numbers with units and ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.question.parsing.reply import ParsedReply, UnparsedReply, parse_reply
from tests.support.question_builders import ask


def of(unit: str = "", low: float | None = None, high: float | None = None) -> Ask:
    return ask("number", unit=unit, min=low, max=high)


@pytest.mark.parametrize(
    ("unit", "text", "number"),
    [
        ("h", "2", 2),
        ("h", "2 h", 2),
        ("h", "90 min", 1.5),
        ("h", "90min", 1.5),
        ("h", "1h30m", 1.5),
        ("h", "1 h and 30 min", 1.5),
        ("h", "one day", 24),
        ("h", "half an hour", 0.5),
        ("hours", "about 3 hours, I think", 3),
        ("min", "zwei Stunden", 120),
        ("GB", "500 MB", 0.5),
        ("MB", "1.5 GB", 1500),
        ("GB", "2", 2),
        ("%", "12 %", 12),
        ("%", "12 percent", 12),
        ("EUR", "€500", 500),
        ("EUR", "1.500,50 €", 1500.5),
        ("USD", "$2k", 2000),
        ("USD", "2 million dollars", 2_000_000),
        ("servers", "12 servers", 12),
        ("servers", "12 or so", 12),
        ("servers", "twelve servers", 12),
        ("servers", "a hundred servers", 100),
        ("EUR", "50 cents", 0.5),
        ("EUR", "20 €, 50 Cent", 20.5),
        ("h", "2,5 Stunden", 2.5),
        ("h", "2 days", 48),
        ("m", "5 m", 5),
        ("", "3 h", 3),
    ],
)
def test_a_number_is_converted_to_the_unit_of_the_question(unit: str, text: str, number: float) -> None:
    reading = parse_reply(of(unit), text)
    assert isinstance(reading, ParsedReply), reading
    assert reading.number == number


@pytest.mark.parametrize(
    ("unit", "text"), [("h", "20 GB"), ("GB", "3 hours"), ("EUR", "$500"), ("servers", "3 days"), ("h", "5 to 6 h")]
)
def test_a_number_of_another_unit_or_a_second_number_is_asked_again(unit: str, text: str) -> None:
    reading = parse_reply(of(unit), text)
    assert isinstance(reading, UnparsedReply)
    assert unit in reading.hint


@pytest.mark.parametrize(
    ("question", "text", "hint"),
    [
        (of("GB", 1, 10), "12 GB", "12 GB is too large; please reply with a number of GB from 1 to 10."),
        (of("GB", 1), "500 MB", "0.5 GB is too small; please reply with a number of GB, at least 1."),
        (of(high=3), "4", "4 is too large; please reply with a number, at most 3."),
        (of("h"), "soon", "I found no number in that; please reply with one number of h."),
        (of(), "soon", "I found no number in that; please reply with one number, such as 12 or 3.5."),
        (of("h"), "3 GB", "I need a number in h, and found one in GB.".replace("GB", "gb")),
    ],
)
def test_a_number_out_of_range_gets_a_hint(question: Ask, text: str, hint: str) -> None:
    assert parse_reply(question, text) == UnparsedReply(text=text, hint=hint)


@given(st.integers(0, 10_000), st.sampled_from(["s", "min", "h", "d"]), st.sampled_from(["s", "min", "h", "d"]))
def test_there_and_back_is_the_same(number: int, unit: str, other: str) -> None:
    there = parse_reply(of(other), f"{number} {unit}")
    assert isinstance(there, ParsedReply)
    back = parse_reply(of(unit), f"{there.number:.12f} {other}")
    assert isinstance(back, ParsedReply)
    assert back.number == pytest.approx(number, abs=1e-6)


@given(st.text(max_size=40), st.sampled_from(["", "h", "GB", "EUR", "servers"]))
def test_no_text_breaks_the_parser(text: str, unit: str) -> None:
    parse_reply(of(unit, -5, 5), text)


@pytest.mark.parametrize("text", ["9", "#9", "option 9", "9 please", "0", "12."])
def test_a_number_without_an_option_is_asked_again(text: str) -> None:
    reading = parse_reply(ask(), text)
    assert isinstance(reading, UnparsedReply)
    assert "please reply with a number from 1 to 2, or in your own words." in reading.hint


def test_an_option_after_a_wrong_number_counts() -> None:
    from orchestrator_bridge.question.parsing.reply import parse_messages

    reading = parse_messages(ask(), ("9", "sorry, 2"))
    assert isinstance(reading, ParsedReply)
    assert reading.choice == "lite"
