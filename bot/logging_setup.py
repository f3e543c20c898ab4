"""Logging: a file in the data folder, and warnings in one line each on standard error.

As JSON, both get every record, one object a line: for services whose standard error somebody collects.

The standard library's logging does all that is needed; structlog would take longer to import than the bot takes to start. All
records, of Townhall and of libraries, pass a formatter that removes secrets, from tracebacks too.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal, TextIO

from bot.config.errors import ConfigError, Problem
from orchestrator_bridge.common.log_fields import current_log_fields
from orchestrator_bridge.common.private_files import create_private_file, create_private_folder, restrict
from orchestrator_bridge.common.redaction import Redactor

LOG_FILE = "townhall.log"
"""File name in the data folder."""

_LOG = logging.getLogger(__name__)
_OURS = ("bot", "adapters", "orchestrator_bridge")
_MAX_BYTES = 5_000_000
_BACKUP_COUNT = 3


def configure_logging(folder: Path, level: str, secrets: Mapping[str, str], form: Literal["text", "json"] = "text") -> Path:
    """Start logging into `folder`: Townhall's own records from `level` up, other libraries' from warnings up.

    Returns the file. `secrets` are the values to remove, by the names that replace them. With `json` as the form, standard error
    gets the same records as the file.

    Raises:
        ConfigError: the folder cannot be written.
    """
    file = folder / LOG_FILE
    try:
        create_private_folder(folder)
        changed = restrict([folder, *sorted(folder.glob(f"{LOG_FILE}*"))])
        to_file = LogFile(file, maxBytes=_MAX_BYTES, backupCount=_BACKUP_COUNT, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        problem = Problem(
            where=f"TOWNHALL_DATA={folder}",
            found=error.strerror or str(error),
            expected="a folder that can be written",
            fix="make it writable, or set TOWNHALL_DATA to another folder",
        )
        raise ConfigError("the data folder cannot be written", [problem]) from error
    to_screen = ScreenHandler()
    if form == "json":
        to_file.setFormatter(JsonFormatter(secrets))
        to_screen.setFormatter(JsonFormatter(secrets))
    else:
        to_file.setFormatter(FileFormatter(secrets))
        to_screen.setLevel(logging.WARNING)
        to_screen.setFormatter(ScreenFormatter(secrets, file))
    logging.basicConfig(level=logging.WARNING, handlers=[to_file, to_screen], force=True)
    for package in _OURS:
        logging.getLogger(package).setLevel(level.upper())
    # Its warnings are about errors that the store reports itself.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.captureWarnings(True)
    if changed:
        _LOG.warning("other users could read %s; now only the owner can", ", ".join(map(str, changed)))
    return file


class FileFormatter(logging.Formatter):
    """`2026-11-22T07:20:00.123Z WARNING orchestrator_bridge.run.driver: …`; further lines of a record are indented."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime
        self._redactor = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text. Its further lines are indented, so that none can be mistaken for another record."""
        lines = self._redactor.clean(super().format(record)).split("\n")
        return "\n    ".join(map(_printable, lines))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, and where known `run`, `question`, `delivery` and
    `exception`, which is the traceback."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime
        self._redactor = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The record as an object. Secrets are removed before they are encoded, which could change their spelling."""
        fields: dict[str, int | str] = {
            "time": f"{self.formatTime(record, self.datefmt)}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **current_log_fields(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        cleaned = {name: self._redactor.clean(value) if isinstance(value, str) else value for name, value in fields.items()}
        return json.dumps(cleaned)


class ScreenFormatter(logging.Formatter):
    """`townhall: warning: …` in one line; a traceback is in the log file only, which the line then names."""

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
    """Writes to the current standard error, which the terminal's frontend replaces while a prompt is open."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Ignore it: standard error is closed, and the log file has the record."""


class LogFile(RotatingFileHandler):
    """The log file. If it can no longer be written (disk full), one warning is printed and the bot continues."""

    _reported = False

    def _open(self) -> TextIOWrapper:
        """Open the file, at the start and after each rotation, so that only its owner can read it."""
        create_private_file(Path(self.baseFilename))
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Print once, on standard error, why the log ends here."""
        if not self._reported:
            self._reported = True
            print(f"townhall: warning: the log {self.baseFilename} cannot be written: {sys.exc_info()[1]}", file=sys.stderr)  # noqa: T201


def _printable(line: str) -> str:
    """The line with control characters, escapes and bidirectional overrides escaped."""
    return "".join(char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode() for char in line)
