"""Directory of people and roles: platform ids to people, names to an audience, and permissions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from orchestrator_bridge.chat.adapter import Membership
from orchestrator_bridge.chat.inbound import LOCAL_USER, Author, Group, Place
from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.common.quiet_hours import format_moment, quiet_until, turn
from orchestrator_bridge.team.team import Permissions, PersonSpec, RoleSpec, RotationSpec


class Responder(Value):
    """A person or agent that is asked or replies. `id` is unique over platforms: `@alice`, `platform:42`, `agent:skeptic`.

    `roles` are the roles held that matter to the question (`role:backend`), and `*` if the person may answer every question.
    """

    kind: Literal["human", "agent"]
    id: str
    name: str
    roles: tuple[str, ...] = ()


class Mentioned(Value):
    """A person with their platform author, for notification."""

    who: Responder
    author: Author


Permission = Literal["start", "cancel", "pick", "answer", "extend", "costs"]

Members = Callable[[str, str], Sequence[Author] | None]
"""Look-up of the members of a platform's group (platform, id of the group); None if they are unknown."""

_NAMED = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9_-]{0,31})", re.IGNORECASE)


class UnknownName(TownhallError, ValueError):
    """No person, role or agent of this name. The text lists the names that exist."""


def nobody_knows(platform: str, group: str) -> None:
    """Member look-up without a platform: the members of every group are unknown."""
    return


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """Those that a question asks: people with the author to mention, names of agents, and groups with unknown members."""

    people: tuple[Mentioned, ...] = ()
    agents: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    unreachable: tuple[str, ...] = ()
    """Names of people who have no id on the platform."""


@dataclass(slots=True)
class _AudienceBuilder:
    """Audience under construction; each member once."""

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
        rotations: Mapping[str, RotationSpec] | None = None,
        local_platforms: Collection[str] = (),
    ) -> None:
        self._people = dict(people or {})
        self._roles = dict(roles or {})
        self._rotations = dict(rotations or {})
        self._permissions = permissions or Permissions()
        self._members = members
        self._local_platforms = frozenset(local_platforms)

    def with_member_lookup(self, members: Members) -> Directory:
        """Copy with another look-up of group members."""
        rotations, local = self._rotations, self._local_platforms
        return Directory(self._people, self._roles, self._permissions, members, rotations=rotations, local_platforms=local)

    def members(self, platform: str, group: str) -> Sequence[Author] | None:
        """Members of a platform's group or channel, None if unknown."""
        return self._members(platform, group)

    def responder(self, author: Author) -> Responder:
        """Responder of a platform author. A person of the team file has the same id on all platforms."""
        # On a local platform everybody has the same id, which must not turn its user into the first person of the file.
        for name, spec in self._people.items():
            if spec.ids.get(author.platform) == author.id and author.platform not in self._local_platforms:
                return Responder(kind="human", id=f"@{name}", name=name)
        return Responder(kind="human", id=f"{author.platform}:{author.id}", name=author.name)

    def accounts(self, author: Author) -> tuple[tuple[str, str], ...]:
        """All accounts of a person, as pairs of platform and id: those that the team file lists, or the one given."""
        person = self.responder(author).id
        spec = self._people.get(person.removeprefix("@")) if person.startswith("@") else None
        return tuple(spec.ids.items()) if spec is not None else ((author.platform, author.id),)

    def with_roles(self, author: Author, place: Place, roles: Iterable[str], membership: Membership = "member") -> Responder:
        """Responder with those of these roles (`role:backend`) that they hold, and `*` if they may answer every question."""
        held = [role for role in roles if role.startswith("role:") and self._is(author, role)]
        every = ["*"] if self.may(author, "answer", place, membership) else []
        return self.responder(author).model_copy(update={"roles": (*held, *every)})

    def mentioned(self, said: Sequence[Author], text: str, platform: str) -> tuple[Mentioned, ...]:
        """People named in a message: by the platform's mentions, else by names of the team file (`@alice`)."""
        # A mention that the platform has resolved wins over the same name in the team file.
        authors = {author.id: author for author in said}
        for name in _NAMED.findall(text):
            spec = self._people.get(name.lower())
            id_ = spec.ids.get(platform) if spec and platform not in self._local_platforms else None
            if id_ is not None:
                authors.setdefault(id_, Author(platform=platform, id=id_, name=name.lower()))
        return tuple(Mentioned(who=self.responder(author), author=author) for author in authors.values())

    def quiet_until(self, responder: str, now: float) -> float | None:
        """End of a person's quiet hours and days (seconds since the epoch), None if `now` is outside of them."""
        spec = self._people.get(responder.removeprefix("@")) if responder.startswith("@") else None
        if spec is None or spec.time_zone is None:
            return None
        return quiet_until(spec.quiet, spec.time_zone, now, spec.quiet_days)

    def local_time(self, responder: str, at: float, now: float) -> str:
        """Format a moment in a person's time zone: the time of day, with the day if it is not soon after `now`."""
        spec = self._people.get(responder.removeprefix("@")) if responder.startswith("@") else None
        return format_moment(at, spec.time_zone if spec else None, now)

    def audience(self, to: Iterable[str], *, place: Place, by: Author, agents: tuple[str, ...], now: float) -> Audience:
        """Resolve names in a run of the requester `by`, with these other agents. `now` decides who of a rotation is on duty.

        People without an id on the run's platform are returned as `unreachable`.

        Raises:
            UnknownName: there is no person, role or agent of a name.
        """
        found = _AudienceBuilder()
        for name in to:
            if name == "agents":
                found.agents.update(dict.fromkeys(agents))
            elif name.startswith("agent:"):
                agent = name.removeprefix("agent:")
                if agent not in agents:
                    others = ", ".join(agents) or "none"
                    raise UnknownName(f"There is no other agent {agent!r} to ask. The others are: {others}.")
                found.agents[agent] = None
            elif name.startswith("rotation:"):
                self._resolve_person(found, self._on_duty(name.removeprefix("rotation:"), now), place)
            else:
                self._resolve(found, name, place, by)
        return Audience(
            people=tuple(found.people.values()),
            agents=tuple(found.agents),
            groups=tuple(found.groups.values()),
            unreachable=tuple(found.unreachable),
        )

    def _resolve(self, found: _AudienceBuilder, name: str, place: Place, by: Author) -> None:
        if name == "humans":
            self._add_person(found, by)
        elif name.startswith("role:"):
            self._resolve_role(found, name.removeprefix("role:"), place, by)
        else:
            self._resolve_person(found, name, place)

    def _on_duty(self, name: str, now: float) -> str:
        rotation = self._rotations.get(name)
        if rotation is None:
            raise UnknownName(f"There is no rotation {name!r} to ask. {self.askable_text()}")
        weeks = turn(rotation.handover, rotation.time_zone, rotation.first, now)
        return f"@{rotation.people[weeks % len(rotation.people)].removeprefix('@')}"

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
        role = self._roles.get(name)
        if role is None:
            raise UnknownName(f"There is no role {name!r} to ask. {self.askable_text()}")
        for person in role.people:
            self._resolve(found, f"@{person.removeprefix('@')}", place, by)
        group = role.ids.get(place.platform)
        members = self._members(place.platform, group) if group else ()
        for author in members or ():
            self._add_person(found, author)
        # Without a member list the platform notifies the group, and any member of the role may answer.
        if group and members is None:
            found.groups[name] = Group(platform=place.platform, id=group, name=name)

    def _add_person(self, found: _AudienceBuilder, author: Author) -> None:
        who = self.responder(author)
        found.people.setdefault(author.id, Mentioned(who=who, author=replace(author, roles=())))

    @property
    def askable(self) -> tuple[str, ...]:
        """Names that agents can ask, except single agents of the run."""
        people, roles = (f"@{name}" for name in self._people), (f"role:{name}" for name in self._roles)
        return ("humans", "agents", *people, *roles, *(f"rotation:{name}" for name in self._rotations))

    def askable_text(self) -> str:
        """Sentence that lists the names that can be asked."""
        return f"You can ask: {', '.join(self.askable)}."

    def may(self, author: Author, permission: Permission, place: Place | None = None, membership: Membership = "member") -> bool:
        """Return whether the team file grants a person a permission in a place.

        `start` runs, `cancel` runs and questions of others, `pick` (select) models for a channel, `answer` every question,
        `extend` questions that others were asked, see the `costs` of all channels. `anyone` and a channel are for members;
        guests need `guests`, or their own name or role.
        """
        allowed: tuple[str, ...] = getattr(self._permissions, permission)
        if any(self._is(author, name) for name in allowed):
            return True
        match membership:
            case "member":
                return "anyone" in allowed or any(_is_place(place, name) for name in allowed)
            case "guest":
                return "guests" in allowed
            case "external" | "unknown":
                return False
            case _:
                assert_never(membership)

    def is_named(self, author: Author) -> bool:
        """Return whether the team file lists a person."""
        return self.responder(author).id.startswith("@")

    def is_local(self, platform: str) -> bool:
        """Return whether a platform has one user and no accounts: the operator, in front of the bot's own machine."""
        return platform in self._local_platforms

    def _is(self, author: Author, name: str) -> bool:
        if name.startswith("role:"):
            role = self._roles.get(name.removeprefix("role:"), RoleSpec())
            return self._is_in_group(author, role) or any(self._is(author, f"@{name.removeprefix('@')}") for name in role.people)
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
