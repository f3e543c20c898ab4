"""The files of words that come with Townhall."""

from __future__ import annotations

from importlib import resources

LEXICON_FILES = sorted(
    (
        file
        for file in (resources.files("orchestrator_bridge.question.parsing") / "lexicon").iterdir()
        if file.name.endswith(".toml")
    ),
    key=lambda file: file.name,
)
"""One file a language."""
