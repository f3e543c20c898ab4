"""Who is who: people over all their platform ids, groups of them, and what they may do."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from orchestrator_bridge.chat.inbound import LOCAL_USER, Author, Group, Place
from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.common.quiet_hours import format_time_of_day, quiet_until
from orchestrator_bridge.team.team import Permissions, PersonSpec, RoleSpec


class Responder(Value):
    """Somebody who is asked or who replies. `id` is unique over platforms: `@alice`, `platform:42`, `agent:skeptic`.

    `roles` are those that matter to the question (`role:backend`), and `*` where the team file lets them answer every question.
    """

    kind: Literal["human", "agent"]
    id: str
    name: str
    roles: tuple[str, ...] = ()


class Mentioned(Value):
    """A person with the author by whom their platform knows them, to be notified."""

    who: Responder
    author: Author


Permission = Literal["start", "cancel", "pick", "answer", "extend"]

Members = Callable[[str, str], Sequence[Author] | None]
"""Who belongs to a platform's group (platform, id of the group), None if nobody knows."""

_NAMED = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9_-]{0,31})", re.IGNORECASE)


class UnknownName(TownhallError, ValueError):
    """A name that nobody has. The text says which, and which there are."""


def nobody_knows(platform: str, group: str) -> None:
    """The members of a group where no platform can be asked."""
    return


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """Who is asked: people, each with the author to mention, agents, and groups whose members nobody knows."""

    people: tuple[Mentioned, ...] = ()
    agents: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    unreachable: tuple[str, ...] = ()
    """Names of people who have no id on the platform."""


@dataclass(slots=True)
class _AudienceBuilder:
    """Who has been found so far, each once."""

    people: dict[str, Mentioned] = field(default_factory=dict)
    agents: dict[str, None] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    unreachable: dict[str, None] = field(default_factory=dict)


class Directory:
    """The people and roles of the team file. `members` looks up the members of a platform's group.

    `local_platforms` have one user and no accounts: `LOCAL_USER` stands in for everybody, so that a team file can be tried out.
    """

    def __init__(
        self,
        people: Mapping[str, PersonSpec] | None = None,
        roles: Mapping[str, RoleSpec] | None = None,
        permissions: Permissions | None = None,
        members: Members = nobody_knows,
        *,
        local_platforms: Collection[str] = (),
    ) -> None:
        self._people = dict(people or {})
        self._roles = dict(roles or {})
        self._permissions = permissions or Permissions()
        self._members = members
        self._local_platforms = frozenset(local_platforms)

    def with_member_lookup(self, members: Members) -> Directory:
        """The same directory with another way to look up who is in a platform's group."""
        return Directory(self._people, self._roles, self._permissions, members, local_platforms=self._local_platforms)

    def members(self, platform: str, group: str) -> Sequence[Author] | None:
        """Who belongs to a platform's group or channel, None if nobody knows."""
        return self._members(platform, group)

    # Who somebody is ------------------------------------------------------------------------------------------------------

    def responder(self, author: Author) -> Responder:
        """Somebody on a platform as one voice: a known person has one id over all platforms."""
        for name, spec in self._people.items():
            if spec.ids.get(author.platform) == author.id and author.platform not in self._local_platforms:
                return Responder(kind="human", id=f"@{name}", name=name)
        return Responder(kind="human", id=f"{author.platform}:{author.id}", name=author.name)

    def with_roles(self, author: Author, place: Place, roles: Iterable[str]) -> Responder:
        """Somebody with those of these roles (`role:backend`) that they hold, and `*` if they may answer every question."""
        held = [role for role in roles if role.startswith("role:") and self._is(author, role)]
        every = ["*"] if self.may(author, "answer", place) else []
        return self.responder(author).model_copy(update={"roles": (*held, *every)})

    def mentioned(self, said: Sequence[Author], text: str, platform: str) -> tuple[Mentioned, ...]:
        """The people whom a message names: by the platform's mentions, else by the names of the team file (`@alice`)."""
        authors = {author.id: author for author in said}
        for name in _NAMED.findall(text):
            spec = self._people.get(name.lower())
            id_ = spec.ids.get(platform) if spec and platform not in self._local_platforms else None
            if id_ is not None:
                authors.setdefault(id_, Author(platform=platform, id=id_, name=name.lower()))
        return tuple(Mentioned(who=self.responder(author), author=author) for author in authors.values())

    def quiet_until(self, responder: str, now: float) -> float | None:
        """When the quiet hours of somebody end (seconds since the epoch), None if they may be disturbed at `now`."""
        spec = self._people.get(responder.removeprefix("@")) if responder.startswith("@") else None
        if spec is None or spec.quiet is None or spec.time_zone is None:
            return None
        return quiet_until(spec.quiet, spec.time_zone, now)

    def local_time(self, responder: str, at: float) -> str:
        """A time of day as it is where somebody lives."""
        spec = self._people.get(responder.removeprefix("@")) if responder.startswith("@") else None
        return format_time_of_day(at, spec.time_zone if spec else None)

    # Whom a name means ----------------------------------------------------------------------------------------------------

    def audience(self, to: Iterable[str], *, place: Place, by: Author, agents: tuple[str, ...]) -> Audience:
        """Whom these names mean in a run that `by` started and that has these other agents.

        People who have no id on the run's platform cannot be reached there and are left out.

        Raises:
            UnknownName: a name is nobody's.
        """
        found = _AudienceBuilder()
        for name in to:
            if name == "agents":
                found.agents.update(dict.fromkeys(agents))
            elif name.startswith("agent:"):
                found.agents[self._agent(name.removeprefix("agent:"), agents)] = None
            else:
                self._resolve(found, name, place, by)
        return Audience(
            people=tuple(found.people.values()),
            agents=tuple(found.agents),
            groups=tuple(found.groups.values()),
            unreachable=tuple(found.unreachable),
        )

    def _agent(self, name: str, agents: tuple[str, ...]) -> str:
        if name not in agents:
            raise UnknownName(f"There is no other agent {name!r} to ask. The others are: {', '.join(agents) or 'none'}.")
        return name

    def _resolve(self, found: _AudienceBuilder, name: str, place: Place, by: Author) -> None:
        if name == "humans":
            self._add_person(found, by)
        elif name.startswith("role:"):
            self._resolve_role(found, name.removeprefix("role:"), place, by)
        else:
            self._resolve_person(found, name, place)

    def _resolve_person(self, found: _AudienceBuilder, name: str, place: Place) -> None:
        spec = self._people.get(name.removeprefix("@"))
        if spec is None or not name.startswith("@"):
            raise UnknownName(f"There is nobody called {name!r} to ask. {self.askable_text()}")
        id_ = self._id_on(spec, place.platform)
        if id_:
            self._add_person(found, Author(platform=place.platform, id=id_, name=name.removeprefix("@")))
        else:
            found.unreachable[name.removeprefix("@")] = None

    def _resolve_role(self, found: _AudienceBuilder, name: str, place: Place, by: Author) -> None:
        role = self._role(name)
        for person in role.people:
            self._resolve(found, f"@{person.removeprefix('@')}", place, by)
        group = role.ids.get(place.platform)
        members = self._members(place.platform, group) if group else ()
        for author in members or ():
            self._add_person(found, author)
        if group and members is None:
            found.groups[name] = Group(platform=place.platform, id=group, name=name)

    def _add_person(self, found: _AudienceBuilder, author: Author) -> None:
        who = self.responder(author)
        found.people.setdefault(author.id, Mentioned(who=who, author=replace(author, roles=())))

    def _role(self, name: str) -> RoleSpec:
        if name not in self._roles:
            raise UnknownName(f"There is no role {name!r} to ask. {self.askable_text()}")
        return self._roles[name]

    @property
    def askable(self) -> tuple[str, ...]:
        """Whom agents can ask, by name; other agents of the run aside."""
        return ("humans", "agents", *(f"@{name}" for name in self._people), *(f"role:{name}" for name in self._roles))

    def askable_text(self) -> str:
        """Whom one can ask, in words."""
        return f"You can ask: {', '.join(self.askable)}."

    # Who may do what ------------------------------------------------------------------------------------------------------

    def may(self, author: Author, permission: Permission, place: Place | None = None) -> bool:
        """Whether the team file lets somebody do something, in this place: start runs, cancel those and the questions of others,
        pick models for a channel, answer every question, extend questions that others were asked."""
        allowed: tuple[str, ...] = getattr(self._permissions, permission)
        return "anyone" in allowed or any(_is_place(place, name) or self._is(author, name) for name in allowed)

    def _is(self, author: Author, name: str) -> bool:
        if name.startswith("role:"):
            role = self._roles.get(name.removeprefix("role:"), RoleSpec())
            return self._is_in_group(author, role) or any(self._is(author, f"@{one.removeprefix('@')}") for one in role.people)
        spec = self._people.get(name.removeprefix("@")) if name.startswith("@") else None
        return spec is not None and self._id_on(spec, author.platform) == author.id

    def _id_on(self, spec: PersonSpec, platform: str) -> str | None:
        return LOCAL_USER if platform in self._local_platforms else spec.ids.get(platform)

    def _is_in_group(self, author: Author, role: RoleSpec) -> bool:
        group = role.ids.get(author.platform)
        if group is None:
            return False
        members = self._members(author.platform, group) or ()
        return group in author.roles or any(member.id == author.id for member in members)


def _is_place(place: Place | None, name: str) -> bool:
    """True for the channel of `channel:C0123` or `channel:platform/C0123`."""
    if place is None or not name.startswith("channel:"):
        return False
    return name.removeprefix("channel:") in (place.channel, f"{place.platform}/{place.channel}")
