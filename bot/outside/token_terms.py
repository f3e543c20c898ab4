"""The terms of a new token, as its maker gives them, checked against the settings and the team file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bot.outside.ground import parse_channel
from bot.outside.token import TokenScope
from bot.platforms import platform_names
from bot.start import LoadedConfig
from bot.trouble import ConfigError, Problem, format_value, suggest_name


def parse_token_scope(start: LoadedConfig, given: Mapping[str, Any]) -> TokenScope:
    """The terms; what is None was not given.

    Raises:
        Trouble: they do not fit the settings or the team file.
    """
    wanted = {key: value for key, value in given.items() if value is not None and value != ()}
    wanted["channels"] = _resolve_channels(start, tuple(wanted.get("channels", ())))
    try:
        terms = TokenScope.model_validate(wanted)
    except ValidationError as error:
        raise ConfigError("this token cannot be made", [_problem(detail) for detail in error.errors(include_url=False)]) from None
    start.team_file.team(terms.team)
    return terms.model_copy(update={"person": _resolve_person(start, terms)})


def _problem(detail: Any) -> Problem:
    option = "-".join(str(one) for one in detail["loc"]).replace("_", "-")
    return Problem(
        where=f"--{option}", found=format_value(detail["input"]), expected=detail["msg"].removeprefix("Input should be ")
    )


def _resolve_channels(start: LoadedConfig, given: tuple[str, ...]) -> tuple[str, ...]:
    """Each with its platform, which may be left out where there is one."""
    platforms = [name.lower() for name in platform_names(start)] or ["terminal"]
    if not given and platforms == ["terminal"]:
        return ("terminal",)
    whole = tuple(one if "/" in one or len(platforms) > 1 or one == "terminal" else f"{platforms[0]}/{one}" for one in given)
    wrong = [one for one in whole if parse_channel(one).platform not in platforms or not parse_channel(one).channel]
    if wrong or not whole:
        expected = f"the id of a channel on {' or '.join(platforms)}, such as {platforms[0]}/C0123ABCD"
        raise _config_error("--channel", format_value(wrong[0]) if wrong else "no channel", expected)
    return whole


def _resolve_person(start: LoadedConfig, terms: TokenScope) -> str | None:
    """On whose behalf, by the name of the team file; on the terminal alone it may be whoever sits there."""
    platforms = {parse_channel(one).platform for one in terms.channels} - {"terminal"}
    if terms.person is None and not platforms:
        return None
    people, name = start.team_file.people, (terms.person or "").removeprefix("@")
    if name not in people:
        expected = f"one of {', '.join(f'@{one}' for one in people)}" if people else "a person under [people] of the team file"
        found = format_value(terms.person) if terms.person else "nobody on whose behalf agents ask"
        raise _config_error("--for", found, expected, suggest_name(name, list(people)))
    for platform in sorted(platforms):
        if not getattr(people[name], platform, None):
            raise _config_error(
                f"--for @{name}", f"no id on {platform}", "one, for she is asked there", f"set it under [people.{name}]"
            )
    return name


def _config_error(where: str, found: str, expected: str, mend: str = "") -> ConfigError:
    return ConfigError("this token cannot be made", [Problem(where=where, found=found, expected=expected, fix=mend)])
