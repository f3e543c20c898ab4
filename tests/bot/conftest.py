"""The command line as a person has it: a folder of one's own, a clean environment, and what a command said."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.config.settings import ModelSettings

SETTINGS = ("TOWNHALL_", "DISCORD_", "SLACK_", *(name.upper() for name in ModelSettings.model_fields))


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Townhall = Callable[..., Said]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with none of our settings in the environment."""
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def townhall(folder: Path, capfd: pytest.CaptureFixture[str]) -> Townhall:
    """Carries out `townhall …` in the folder."""

    def carry_out(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(code=ended.value.code, out=out, err=err)

    return carry_out
