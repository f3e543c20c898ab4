"""The terms of a new token, as its maker gives them, checked against the settings and the team file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bot.outside.ground import place_of
from bot.outside.token import Terms
from bot.platforms import platform_names
from bot.start import Start
from bot.trouble import Problem, Trouble, show_value, suggest


def terms_of(start: Start, given: Mapping[str, Any]) -> Terms:
    """The terms; what is None was not given.

    Raises:
        Trouble: they do not fit the settings or the team file.
    """
    wanted = {key: value for key, value in given.items() if value is not None and value != ()}
    wanted["channels"] = _channels(start, tuple(wanted.get("channels", ())))
    try:
        terms = Terms.model_validate(wanted)
    except ValidationError as error:
        raise Trouble("this token cannot be made", [_problem(detail) for detail in error.errors(include_url=False)]) from None
    start.team_file.team(terms.team)
    return terms.model_copy(update={"person": _person(start, terms)})


def _problem(detail: Any) -> Problem:
    option = "-".join(str(one) for one in detail["loc"]).replace("_", "-")
    return Problem(
        where=f"--{option}", found=show_value(detail["input"]), expected=detail["msg"].removeprefix("Input should be ")
    )


def _channels(start: Start, given: tuple[str, ...]) -> tuple[str, ...]:
    """Each with its platform, which may be left out where there is one."""
    platforms = [name.lower() for name in platform_names(start)] or ["terminal"]
    if not given and platforms == ["terminal"]:
        return ("terminal",)
    whole = tuple(one if "/" in one or len(platforms) > 1 or one == "terminal" else f"{platforms[0]}/{one}" for one in given)
    wrong = [one for one in whole if place_of(one).platform not in platforms or not place_of(one).channel]
    if wrong or not whole:
        expected = f"the id of a channel on {' or '.join(platforms)}, such as {platforms[0]}/C0123ABCD"
        raise _wrong("--channel", show_value(wrong[0]) if wrong else "no channel", expected)
    return whole


def _person(start: Start, terms: Terms) -> str | None:
    """On whose behalf, by the name of the team file; on the terminal alone it may be whoever sits there."""
    platforms = {place_of(one).platform for one in terms.channels} - {"terminal"}
    if terms.person is None and not platforms:
        return None
    people, name = start.team_file.people, (terms.person or "").removeprefix("@")
    if name not in people:
        expected = f"one of {', '.join(f'@{one}' for one in people)}" if people else "a person under [people] of the team file"
        found = show_value(terms.person) if terms.person else "nobody on whose behalf agents ask"
        raise _wrong("--for", found, expected, suggest(name, list(people)))
    for platform in sorted(platforms):
        if not getattr(people[name], platform, None):
            raise _wrong(f"--for @{name}", f"no id on {platform}", "one, for she is asked there", f"set it under [people.{name}]")
    return name


def _wrong(where: str, found: str, expected: str, mend: str = "") -> Trouble:
    return Trouble("this token cannot be made", [Problem(where=where, found=found, expected=expected, mend=mend)])
