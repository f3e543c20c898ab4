"""TOWNHALL_DATABASE: the URL is checked at the start, and its password is shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config.errors import ConfigError
from bot.config.settings import read_settings
from orchestrator_bridge.common.redaction import Redactor
from orchestrator_bridge.store.postgres.address import DatabaseAddress
from tests.bot.conftest import Townhall

SECRET = "p4ss%20w0rd"
URL = f"postgresql://me:{SECRET}@db.example:5432/townhall"


def test_without_it_the_store_is_the_file_in_the_data_folder(tmp_path: Path) -> None:
    settings = read_settings(tmp_path / ".env", {"TOWNHALL_DATA": "/somewhere", "TOWNHALL_DATABASE": " "})
    assert settings.location == Path("/somewhere/townhall.db")


def test_a_url_is_the_store_and_a_secret(tmp_path: Path) -> None:
    settings = read_settings(tmp_path / ".env", {"TOWNHALL_DATABASE": URL})
    assert settings.location == DatabaseAddress(URL)
    assert "p4ss" not in repr(settings)
    clean = Redactor(settings.secrets()).clean
    assert "p4ss" not in clean(f"{URL} or p4ss w0rd or {SECRET}")


@pytest.mark.parametrize(
    "url", ["townhall", f"postgresql://me:{SECRET}@db.example", f"postgresql://me:a@{SECRET}@db.example/townhall"]
)
def test_a_half_configured_url_is_refused_without_the_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_settings(tmp_path / ".env", {"TOWNHALL_DATABASE": url})
    said = str(refusal.value)
    assert "TOWNHALL_DATABASE (the environment)" in said
    assert "expected: postgresql://USER:PASSWORD@HOST:5432/DATABASE" in said
    assert "p4ss" not in said


@pytest.mark.parametrize("command", [["runs"], ["ask", "a task", "--no-input"], ["run"], ["workers"], ["token", "list"]])
def test_a_server_that_is_away_is_an_error_without_the_password(
    townhall: Townhall, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("TOWNHALL_DATABASE", f"postgresql://me:{SECRET}@127.0.0.1:1/townhall")
    said = townhall(*command)
    assert said.code == 1
    assert "postgresql://me@127.0.0.1:1/townhall cannot be reached" in said.err
    assert "correct TOWNHALL_DATABASE" in said.err
    assert "p4ss" not in said.err + said.out


def test_workers_of_a_file_are_an_error_that_names_the_setting(townhall: Townhall) -> None:
    said = townhall("workers")
    assert said.code == 1
    assert "TOWNHALL_DATABASE" in said.err
    assert "postgresql://USER:PASSWORD@HOST:5432/DATABASE" in said.err
