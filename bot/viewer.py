"""Who gives a command, as the store's look-ups know viewers: what other channels hold is shown only to those whom it concerns."""

from __future__ import annotations

from orchestrator_bridge.chat import Author, CommandReceived
from orchestrator_bridge.people import Directory
from orchestrator_bridge.store.port import Viewer


def viewer_of(command: CommandReceived, directory: Directory) -> Viewer:
    """Whoever gave a command, from where it was given."""
    return Viewer(place=command.place, person=_author_id(command.author), asked_as=asked_as(command.author, directory))


def asked_as(author: Author, directory: Directory) -> tuple[str, ...]:
    """The ids by which questions ask somebody: the person's own, and those of the platform roles that she holds."""
    return (directory.responder(author).id, *(f"{author.platform}:{role}" for role in author.roles))


def _author_id(author: Author) -> str:
    return f"{author.platform}:{author.id}"
