"""Another language is a file: what it says is understood beside English and German."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator_bridge.question.parsing.intent import declines, requested_seconds
from orchestrator_bridge.question.parsing.lexicon import read_language, register_languages
from orchestrator_bridge.question.parsing.reply import parse_yes_no
from tests.support.question_builders import ask

FRENCH = """
yes = ["oui", "d'accord"]
no = ["non"]
not_me = ["pas moi"]
more_time = ["encore {}"]
[numbers]
deux = 2
[units.time]
heures = 3_600
"""


@pytest.fixture
def with_french() -> Iterator[None]:
    register_languages([read_language(FRENCH)])
    yield
    register_languages([])


@pytest.mark.usefixtures("with_french")
def test_a_registered_language_is_understood_beside_the_others() -> None:
    assert [parse_yes_no(text) for text in ("oui", "non", "ja", "no")] == ["yes", "no", "yes", "no"]
    assert declines(ask("text"), "pas moi")
    assert requested_seconds(ask("text"), "encore deux heures", 1.0) == 7200


def test_without_its_file_a_language_is_not_understood() -> None:
    assert not declines(ask("text"), "pas moi")
    assert requested_seconds(ask("text"), "encore deux heures", 1.0) is None


@pytest.mark.parametrize("text", ["yes = 1", "yes = []\nno = []\nmaybe = []", "yes = ["])
def test_an_invalid_language_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_language(text)
