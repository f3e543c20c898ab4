"""Who is who: people over all their platform ids, groups of them, and what they may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.chat import Author, Place
from orchestrator_bridge.question.values import Responder
from orchestrator_bridge.team import Permissions, PersonSpec, RoleSpec

Deed = Literal["start", "cancel", "pick"]


class UnknownName(ValueError):
    """A name that nobody has. The text says which, and which there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """Who is asked: people, each with the author to mention, and agents."""

    people: tuple[tuple[Responder, Author], ...] = ()
    agents: tuple[str, ...] = ()


class Directory:
    """The people and roles of the team file."""

    def __init__(
        self,
        people: Mapping[str, PersonSpec] | None = None,
        roles: Mapping[str, RoleSpec] | None = None,
        permissions: Permissions | None = None,
    ) -> None:
        self._people = dict(people or {})
        self._roles = dict(roles or {})
        self._permissions = permissions or Permissions()

    def responder(self, author: Author) -> Responder:
        """Somebody on a platform as one voice: a known person has one id over all platforms."""
        for name, spec in self._people.items():
            if _id_on(spec, author.platform) == author.id and author.platform != "terminal":
                return Responder(kind="human", id=f"@{name}", name=name)
        return Responder(kind="human", id=f"{author.platform}:{author.id}", name=author.name)

    def audience(self, to: Iterable[str], *, place: Place, by: Author, agents: tuple[str, ...]) -> Audience:
        """Whom these names mean in a run that `by` started and that has these other agents.

        People who have no id on the run's platform cannot be reached there and are left out.

        Raises:
            UnknownName: a name is nobody's.
        """
        people: dict[str, tuple[Responder, Author]] = {}
        peers: dict[str, None] = {}
        for name in to:
            if name == "agents":
                peers.update(dict.fromkeys(agents))
            elif name.startswith("agent:"):
                peers[self._agent(name.removeprefix("agent:"), agents)] = None
            else:
                people.update((author.id, (self.responder(author), author)) for author in self._authors(name, place, by))
        return Audience(people=tuple(people.values()), agents=tuple(peers))

    def _agent(self, name: str, agents: tuple[str, ...]) -> str:
        if name not in agents:
            raise UnknownName(f"There is no other agent {name!r} to ask. The others are: {', '.join(agents) or 'none'}.")
        return name

    def _authors(self, name: str, place: Place, by: Author) -> list[Author]:
        if name == "humans":
            return [by]
        if name.startswith("role:"):
            role = self._role(name.removeprefix("role:"))
            return [author for person in role.people for author in self._authors(f"@{person.removeprefix('@')}", place, by)]
        spec = self._people.get(name.removeprefix("@"))
        if spec is None or not name.startswith("@"):
            raise UnknownName(f"There is nobody called {name!r} to ask. {self.known()}")
        id_ = _id_on(spec, place.platform)
        return [Author(platform=place.platform, id=id_, name=name.removeprefix("@"))] if id_ else []

    def _role(self, name: str) -> RoleSpec:
        if name not in self._roles:
            raise UnknownName(f"There is no role {name!r} to ask. {self.known()}")
        return self._roles[name]

    @property
    def askable(self) -> tuple[str, ...]:
        """Whom agents can ask, by name; other agents of the run aside."""
        return ("humans", "agents", *(f"@{name}" for name in self._people), *(f"role:{name}" for name in self._roles))

    def known(self) -> str:
        """Whom one can ask, in words."""
        return f"You can ask: {', '.join(self.askable)}."

    def may(self, author: Author, deed: Deed) -> bool:
        """Whether somebody may start runs, cancel runs that others started, or pick models for a channel."""
        allowed: tuple[str, ...] = getattr(self._permissions, deed)
        return "anyone" in allowed or any(self._is(author, name) for name in allowed)

    def _is(self, author: Author, name: str) -> bool:
        if name.startswith("role:"):
            role = self._roles.get(name.removeprefix("role:"), RoleSpec())
            on_platform = {"discord": role.discord, "slack": role.slack}.get(author.platform)
            return on_platform in author.roles or any(self._is(author, f"@{person.removeprefix('@')}") for person in role.people)
        spec = self._people.get(name.removeprefix("@"))
        return spec is not None and _id_on(spec, author.platform) == author.id


def _id_on(spec: PersonSpec, platform: str) -> str | None:
    """A person's id on a platform. Whoever sits at the terminal stands in for everybody, so that a team file can be tried out."""
    ids: dict[str, str | None] = {"discord": spec.discord, "slack": spec.slack, "terminal": "you"}
    return ids.get(platform)
