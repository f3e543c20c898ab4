"""Fields that a structured log adds to each record: the run, question and delivery that the current task works on.

They belong to the task, not to the call that logs, so that records of libraries have them too. A task that is started inherits
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_FIELDS: ContextVar[Mapping[str, int | str]] = ContextVar("fields of log records")


@contextmanager
def log_fields(*, run: int | None = None, question: int | None = None, delivery: str | None = None) -> Iterator[None]:
    """Use these fields for the records of this block, in place of those around it; None leaves one out.

    `run` and `question` are numbers; `delivery` is the key of a post in the outbox, or of an event in the inbox.
    """
    fields: dict[str, int | str | None] = {"run": run, "question": question, "delivery": delivery}
    token = _FIELDS.set({name: value for name, value in fields.items() if value is not None})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def current_log_fields() -> Mapping[str, int | str]:
    """The fields of the current task."""
    return _FIELDS.get({})
