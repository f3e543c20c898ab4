from __future__ import annotations

import errno
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.config.errors import ConfigError
from bot.logging_setup import LOG_FILE, LogFile, configure_logging
from orchestrator_bridge.common.log_fields import log_fields

KEY = "xai-0123456789/+abc="
SECRETS = {"XAI_API_KEY": KEY, "OPENAI_API_KEY": "x", "SLACK_BOT_TOKEN": f"xoxb-{KEY}"}
OURS = logging.getLogger("orchestrator_bridge.engine.driver")
THEIRS = logging.getLogger("openai._base_client")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(before[0]):
        handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    logging.captureWarnings(False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return configure_logging(tmp_path / "data", "info", SECRETS)


def test_the_folder_is_created_and_a_record_is_one_line_with_time_level_and_origin(log: Path) -> None:
    OURS.info("run %d began", 7)
    line = log.read_text()
    assert log.name == LOG_FILE
    assert line.endswith("Z INFO orchestrator_bridge.engine.driver: run 7 began\n")
    assert line.startswith("20")


@pytest.mark.parametrize(
    "written", [KEY, f"Bearer {KEY}", f"https://host/?key={KEY.replace('/', '%2F').replace('+', '%2B')[:-1]}%3D"]
)
def test_a_secret_is_replaced_by_its_name_everywhere(log: Path, capfd: pytest.CaptureFixture[str], written: str) -> None:
    OURS.warning("the request was %s", written)
    THEIRS.warning(f"headers: {{'authorization': '{written}'}}")
    for text in (log.read_text(), capfd.readouterr().err):
        assert text.count("[XAI_API_KEY]") == 2
        assert "0123456789" not in text


def test_a_secret_in_a_traceback_is_replaced(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError(f"401 for {KEY}") from OSError(f"sent {KEY!r}")
    except ValueError:
        OURS.exception("the call failed")
    text = log.read_text()
    assert "ValueError: 401 for [XAI_API_KEY]" in text
    assert "OSError: sent '[XAI_API_KEY]'" in text
    assert KEY not in text + capfd.readouterr().err


def test_the_longer_of_two_secrets_is_replaced_first(log: Path) -> None:
    OURS.info("token xoxb-%s", KEY)
    assert "token [SLACK_BOT_TOKEN]\n" in log.read_text()


def test_a_key_of_one_letter_is_not_replaced_inside_words(log: Path) -> None:
    OURS.info("an exact text")
    assert "an exact text" in log.read_text()


def test_a_warning_is_one_line_on_standard_error_and_its_traceback_is_in_the_file(
    log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    OURS.info("nothing for people")
    try:
        raise KeyError("gone")
    except KeyError:
        OURS.error("run 7\nfailed", exc_info=True)
    assert capfd.readouterr().err == f"townhall: error: run 7 failed (more in {log})\n"
    assert "KeyError: 'gone'" in log.read_text()


def test_warnings_go_to_the_current_standard_error(log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "screen").open("w") as screen:
        monkeypatch.setattr(sys, "stderr", screen)
        OURS.warning("hello")
    assert (tmp_path / "screen").read_text() == "townhall: warning: hello\n"


def test_typed_text_cannot_forge_a_record_or_control_the_screen(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    OURS.warning("said: %s", "\x1b[31mred\u202e\n2026-01-01T00:00:00.000Z ERROR bot: forged")
    first, second = log.read_text().splitlines()
    assert first.endswith("said: \\x1b[31mred\\u202e")
    assert second.startswith("    2026")
    assert "\x1b" not in capfd.readouterr().err


def test_other_libraries_are_logged_from_warnings_up_at_every_level(tmp_path: Path) -> None:
    log = configure_logging(tmp_path, "debug", {})
    OURS.debug("ours")
    THEIRS.info("theirs")
    assert "ours" in log.read_text()
    assert "theirs" not in log.read_text()


def test_warnings_of_python_go_to_the_log(log: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("this is old", DeprecationWarning, stacklevel=1)
    assert "this is old" in log.read_text()


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigError, match=r"(?s)the data folder cannot be written.*TOWNHALL_DATA="):
        configure_logging(tmp_path / "data", "info", {})


def test_a_full_disk_gives_one_warning_and_the_bot_continues(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Full:
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def flush(self) -> None: ...

        def close(self) -> None: ...

        def tell(self) -> int:
            return 0

        def seek(self, *_: int) -> int:
            return 0

    (handler,) = (handler for handler in logging.getLogger().handlers if isinstance(handler, LogFile))
    handler.close()
    handler.stream = Full()  # type: ignore[assignment]  # the disk is full
    OURS.info("one")
    OURS.info("two")
    assert capfd.readouterr().err.count("No space left on device") == 1


def test_as_json_a_record_is_an_object_with_the_ids_of_its_task(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = configure_logging(tmp_path / "data", "info", SECRETS, "json")
    with log_fields(run=12, question=3, delivery="question:3:card"):
        OURS.info("sent\nto %s", "general")
    OURS.info("idle")
    lines = log.read_text().splitlines()
    assert capfd.readouterr().err.splitlines() == lines
    first, second = map(json.loads, lines)
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info",
        "logger": OURS.name,
        "message": "sent\nto general",
        "run": 12,
        "question": 3,
        "delivery": "question:3:card",
    }
    assert second.keys() == {"time", "level", "logger", "message"}


def test_as_json_a_secret_is_replaced_in_messages_and_tracebacks(tmp_path: Path) -> None:
    secret = 'pass"word\\with both'
    log = configure_logging(tmp_path / "data", "info", {"XAI_API_KEY": secret}, "json")
    try:
        raise ValueError(f"401 for {secret}")
    except ValueError:
        OURS.exception("the request was %s", secret)
    record = json.loads(log.read_text())
    assert record["message"] == "the request was [XAI_API_KEY]"
    assert "ValueError: 401 for [XAI_API_KEY]" in record["exception"]
    assert "word" not in log.read_text()
