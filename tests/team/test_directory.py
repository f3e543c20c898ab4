"""Identity of people over all platforms, resolution of names, and permissions."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.team.directory import Directory, Permission, UnknownName
from orchestrator_bridge.team.team import Permissions, PersonSpec, RoleSpec, RotationSpec

DIRECTORY = Directory(
    people={
        "alice": PersonSpec(ids={"discord": "42", "slack": "U42"}),
        "bob": PersonSpec(ids={"slack": "U7"}),
        "carol": PersonSpec(ids={"discord": "99"}),
    },
    roles={
        "backend": RoleSpec(people=("alice", "@bob"), ids={"discord": "r1", "slack": "S1"}),
        "nobody": RoleSpec(),
    },
    local_platforms=("terminal",),
)
DISCORD = Place(platform="discord", channel="c")
SLACK = Place(platform="slack", channel="c")
TERMINAL = Place(platform="terminal", channel="c")
ALICE = Author(platform="discord", id="42", name="Alice in Chains")
STRANGER = Author(platform="discord", id="1", name="Stranger")
AGENTS = ("skeptic", "operator")


def asked(*to: str, place: Place = DISCORD, by: Author = STRANGER) -> tuple[str, ...]:
    """The ids of the people and the names of the agents whom these names mean."""
    audience = DIRECTORY.audience(to, place=place, by=by, agents=AGENTS, now=0)
    return (*(person.author.id for person in audience.people), *audience.agents)


def test_a_person_is_one_responder_over_all_platforms_whatever_their_name_there() -> None:
    on_slack = Author(platform="slack", id="U42", name="alice.b")
    assert DIRECTORY.responder(ALICE) == DIRECTORY.responder(on_slack)
    assert (DIRECTORY.responder(ALICE).id, DIRECTORY.responder(ALICE).name) == ("@alice", "alice")


def test_a_person_outside_of_the_team_file_is_identified_by_platform_and_id() -> None:
    impostor = Author(platform="discord", id="1", name="alice")
    assert (DIRECTORY.responder(impostor).id, DIRECTORY.responder(impostor).name) == ("discord:1", "alice")


def test_the_id_of_one_platform_is_nobodys_on_another() -> None:
    assert DIRECTORY.responder(Author(platform="slack", id="42", name="x")).id == "slack:42"


def test_the_terminal_user_is_a_person_of_their_own() -> None:
    assert DIRECTORY.responder(Author(platform="terminal", id="you", name="you")).id == "terminal:you"


def test_people_roles_and_agents_are_resolved_by_name() -> None:
    assert asked("humans") == ("1",)
    assert asked("@alice") == ("42",)
    assert asked("role:backend", place=SLACK) == ("U42", "U7")
    assert asked("agents") == AGENTS
    assert asked("agent:skeptic") == ("skeptic",)


def test_a_mixture_asks_everybody_once() -> None:
    assert asked("@alice", "role:backend", "humans", "agent:skeptic", "agents", by=ALICE) == ("42", *AGENTS)


def test_the_requester_is_asked_under_their_name_of_the_team_file() -> None:
    audience = DIRECTORY.audience(["humans"], place=DISCORD, by=ALICE, agents=(), now=0)
    assert [(person.who.id, person.author.id) for person in audience.people] == [("@alice", "42")]


def test_people_without_an_id_on_the_platform_are_left_out() -> None:
    assert asked("@bob") == ()
    assert asked("role:backend") == ("42",)
    assert asked("role:nobody") == ()


def test_the_terminal_user_stands_in_for_everybody() -> None:
    assert asked("@alice", "@bob", "role:backend", place=TERMINAL) == ("you",)


@pytest.mark.parametrize("name", ["@dave", "alice", "everyone", "@", "", "role:", "role:frontend", "@role:backend"])
def test_an_unknown_name_is_refused_with_the_names_that_exist(name: str) -> None:
    with pytest.raises(UnknownName, match="You can ask: humans, agents, @alice, @bob, @carol, role:backend, role:nobody"):
        asked(name)


@pytest.mark.parametrize("name", ["agent:planner", "agent:"])
def test_an_unknown_agent_is_refused_with_the_names_of_the_others(name: str) -> None:
    with pytest.raises(UnknownName, match="The others are: skeptic, operator"):
        asked(name)
    with pytest.raises(UnknownName, match="The others are: none"):
        DIRECTORY.audience([name], place=DISCORD, by=STRANGER, agents=(), now=0)


def may(author: Author, *allowed: str, deed: Permission = "start") -> bool:
    """True if a person may do what these names may."""
    people = {"alice": PersonSpec(ids={"discord": "42", "slack": "U42"}), "bob": PersonSpec(ids={"slack": "U7"})}
    roles = {"backend": RoleSpec(people=("alice", "@bob"), ids={"discord": "r1", "slack": "S1"}), "empty": RoleSpec()}
    permissions = Permissions(start=allowed) if deed == "start" else Permissions(cancel=allowed)
    return Directory(people, roles, permissions).may(author, deed)


@pytest.mark.parametrize("deed", ["start", "cancel"])
def test_anyone_may_by_default(deed: Permission) -> None:
    assert Directory().may(STRANGER, deed)
    assert may(STRANGER, "anyone", deed=deed)
    assert not may(STRANGER, deed=deed)
    assert not may(STRANGER, "@alice", deed=deed)
    assert may(ALICE, "@alice", deed=deed)


def test_each_action_has_its_own_permission() -> None:
    directory = Directory(permissions=Permissions(cancel=()))
    assert directory.may(STRANGER, "start")
    assert not directory.may(STRANGER, "cancel")


def test_a_role_is_its_people_and_its_holders_on_the_platform() -> None:
    assert may(ALICE, "role:backend")
    assert may(Author(platform="slack", id="U7", name="b"), "role:backend")
    assert may(Author(platform="discord", id="1", name="x", roles=("r0", "r1")), "role:backend")
    assert may(Author(platform="slack", id="U1", name="x", roles=("S1",)), "role:backend")


def test_only_holders_of_a_role_have_its_permissions() -> None:
    assert not may(Author(platform="discord", id="1", name="x", roles=("S1",)), "role:backend")
    assert not may(Author(platform="discord", id="1", name="alice", roles=()), "role:backend")
    assert not may(Author(platform="slack", id="42", name="x"), "@alice")
    assert not may(STRANGER, "role:empty")
    assert not may(STRANGER, "role:unknown")
    assert not may(STRANGER, "@unknown")


@pytest.mark.parametrize(("day", "person"), [(1, "42"), (7, "42"), (8, "99"), (15, "42")])
def test_of_a_rotation_the_person_on_duty_is_asked(day: int, person: str) -> None:
    rotation = RotationSpec(people=("alice", "@carol"), handover="tuesday 09:00", first=date(2026, 12, 1))
    people = {"alice": PersonSpec(ids={"discord": "42"}), "carol": PersonSpec(ids={"discord": "99"})}
    directory = Directory(people, rotations={"backend": rotation})
    now = datetime(2026, 12, day, 10, tzinfo=UTC).timestamp()
    found = directory.audience(("rotation:backend",), place=DISCORD, by=STRANGER, agents=(), now=now)
    assert [mentioned.author.id for mentioned in found.people] == [person]
    assert "rotation:backend" in directory.askable


def test_an_unknown_rotation_is_named() -> None:
    with pytest.raises(UnknownName, match="There is no rotation 'night' to ask"):
        DIRECTORY.audience(("rotation:night",), place=DISCORD, by=STRANGER, agents=(), now=0)
