"""Fixtures that run the command line in a folder of its own with a clean environment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.config.settings import ModelSettings

SETTINGS = ("TOWNHALL_", "DISCORD_", "SLACK_", *(name.upper() for name in ModelSettings.model_fields))


@dataclass(frozen=True, kw_only=True)
class Said:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Townhall = Callable[..., Said]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, without Townhall's settings in the environment."""
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def townhall(folder: Path, capfd: pytest.CaptureFixture[str]) -> Townhall:
    """Runs `townhall …` in the folder."""

    def carry_out(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(code=ended.value.code, out=out, err=err)

    return carry_out


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let subprocesses receive SIGINT: a shell that runs the tests in its background makes them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
