"""The log: a file in the data folder for whoever looks into a fault, and warnings in one line each on standard error.

The standard library's logging does all that is needed; structlog would take longer to import than the bot takes to start.
Whatever is logged, by us or by a library, passes one formatter that takes out every secret, in tracebacks too.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from bot.config.errors import ConfigError, Problem
from orchestrator_bridge.common.redaction import Redactor

LOG_FILE = "townhall.log"
"""The log's name in the data folder."""

_OURS = ("bot", "adapters", "orchestrator_bridge")
_MAX_BYTES = 5_000_000
_BACKUP_COUNT = 3


def configure_logging(folder: Path, level: str, secrets: Mapping[str, str]) -> Path:
    """Log into `folder` from now on, our own records from `level` up, other libraries' from warnings up; returns the file.

    `secrets` are the values to take out, by the names that are shown in their places.

    Raises:
        Trouble: the folder cannot be written.
    """
    file = folder / LOG_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        to_file = LogFile(file, maxBytes=_MAX_BYTES, backupCount=_BACKUP_COUNT, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigError("the data folder cannot be written", [_unwritable(folder, error)]) from error
    to_file.setFormatter(FileFormatter(secrets))
    to_screen = ScreenHandler()
    to_screen.setLevel(logging.WARNING)
    to_screen.setFormatter(ScreenFormatter(secrets, file))
    logging.basicConfig(level=logging.WARNING, handlers=[to_file, to_screen], force=True)
    for package in _OURS:
        logging.getLogger(package).setLevel(level.upper())
    logging.captureWarnings(True)
    return file


class FileFormatter(logging.Formatter):
    """`2026-11-22T07:20:00.123Z WARNING orchestrator_bridge.run.driver: …`; further lines of a record are indented."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime
        self._redactor = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, with nothing in it that looks like the beginning of another one."""
        lines = self._redactor.clean(super().format(record)).split("\n")
        return "\n    ".join(map(_printable, lines))


class ScreenFormatter(logging.Formatter):
    """`townhall: warning: …`, and where the rest is if there is more: a traceback is nothing for a chat."""

    def __init__(self, secrets: Mapping[str, str], file: Path) -> None:
        super().__init__()
        self._redactor = Redactor(secrets)
        self._file = file

    def format(self, record: logging.LogRecord) -> str:
        """The record in one line."""
        more = f" (more in {self._file})" if record.exc_info else ""
        text = _printable(self._redactor.clean(" ".join(record.getMessage().split())))
        return f"townhall: {record.levelname.lower()}: {text}{more}"


class ScreenHandler(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at the moment: the terminal's front end takes its place while a person types."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Where standard error is gone there is nobody to tell; the file has the record."""


class LogFile(RotatingFileHandler):
    """The file. When it cannot be written any more (no space left), that is said once, and the bot goes on."""

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Say once, on standard error, why the log ends here."""
        if not self._told:
            self._told = True
            print(f"townhall: warning: the log {self.baseFilename} cannot be written: {sys.exc_info()[1]}", file=sys.stderr)  # noqa: T201


def _printable(line: str) -> str:
    """The line with control characters, escapes and bidirectional overrides written out."""
    return "".join(one if one.isprintable() or one == "\t" else one.encode("unicode_escape").decode() for one in line)


def _unwritable(folder: Path, error: OSError) -> Problem:
    return Problem(
        where=f"TOWNHALL_DATA={folder}",
        found=error.strerror or str(error),
        expected="a folder that can be written",
        fix="make it writable, or name another folder in TOWNHALL_DATA",
    )
