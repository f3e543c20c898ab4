"""Settings: secrets and addresses from `.env` in the working directory and from the environment, which takes precedence.

The attribute `xai_api_key` is the variable `XAI_API_KEY`; only the variables `TOWNHALL_*` have shorter names here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from bot.config.errors import ConfigError, Problem, broken_link, count_problems, format_value
from bot.config.explain import KeyPath, Source, explain, field_keys
from bot.config.platforms import installed_platforms
from orchestrator_bridge.chat.platform import Platform
from orchestrator_bridge.common.network import NETWORK_VARIABLES, export_network_settings
from orchestrator_bridge.common.redaction import SECRET_SUFFIXES
from orchestrator_bridge.common.settings import EnvironmentSettings, Port, Secret, WebAddress
from orchestrator_bridge.store.postgres.address import DatabaseAddress

S = TypeVar("S", bound=EnvironmentSettings)


class ModelSettings(EnvironmentSettings):
    """Credentials and addresses of model providers."""

    xai_api_key: Secret | None = None
    openai_api_key: Secret | None = None
    openrouter_api_key: Secret | None = None
    anthropic_api_key: Secret | None = None
    gemini_api_key: Secret | None = None
    mistral_api_key: Secret | None = None
    deepseek_api_key: Secret | None = None
    azure_ai_api_key: Secret | None = None
    azure_ai_api_base: WebAddress | None = None
    azure_api_key: Secret | None = None
    azure_api_base: WebAddress | None = None
    azure_api_version: str | None = None
    vertexai_project: str | None = None
    vertexai_location: str | None = None
    google_application_credentials: str | None = None
    aws_access_key_id: Secret | None = None
    aws_secret_access_key: Secret | None = None
    aws_region_name: str | None = None

    xai_base_url: WebAddress | None = None
    openai_base_url: WebAddress | None = None
    openrouter_base_url: WebAddress | None = None
    anthropic_base_url: WebAddress | None = None
    gemini_base_url: WebAddress | None = None
    mistral_base_url: WebAddress | None = None
    deepseek_base_url: WebAddress | None = None
    ollama_base_url: WebAddress | None = None
    vllm_base_url: WebAddress | None = None

    @property
    def base_urls(self) -> dict[str, str]:
        """Addresses that replace the providers' own, by provider."""
        names = [name for name in ModelSettings.model_fields if name.endswith("_base_url")]
        return {name.removesuffix("_base_url"): url for name in names if (url := getattr(self, name)) is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A variable's value and its place, such as `.env, line 3`. The value may be a secret, so the repr leaves it out."""

    value: str
    place: str

    def __repr__(self) -> str:
        return f"Variable(place={self.place!r})"


def read_variables(file: Path, environ: Mapping[str, str]) -> dict[str, Variable]:
    """All variables that have a value; the environment takes precedence over the file. An empty value counts as unset.

    Raises:
        ConfigError: the file cannot be read, or a line of it is not an assignment.
    """
    variables = _read_file(file)
    variables.update({name: Variable(value=value, place="the environment") for name, value in environ.items()})
    return {name: found for name, found in variables.items() if found.value.strip()}


_ENV_FORMAT = "a text file of lines such as XAI_API_KEY=…"


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        problem = Problem(
            where="working folder", found="a folder that was deleted", expected="a folder that exists", fix="cd to it"
        )
        raise ConfigError("the working folder does not exist", [problem]) from error


def _read_file(file: Path) -> dict[str, Variable]:
    try:
        with file.open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except FileNotFoundError as error:
        _check_working_folder()
        if not file.is_symlink():
            return {}
        problem = Problem(where=str(file), found=broken_link(file), expected=_ENV_FORMAT, fix="remove the link or correct it")
        raise ConfigError(f"{file} cannot be read", [problem]) from error
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
        problem = Problem(where=str(file), found=str(found), expected=_ENV_FORMAT)
        raise ConfigError(f"{file} cannot be read", [problem]) from error
    broken = [binding.original.line for binding in bindings if binding.error or (binding.key and binding.value is None)]
    if broken:
        # The line itself is not shown: it may contain a secret.
        expected = "NAME=value, or a # comment"
        problems = [
            Problem(where=f"{file.name}, line {line}", found="a line that is not an assignment", expected=expected)
            for line in broken
        ]
        raise ConfigError(f"{file} cannot be read", problems)
    return {
        binding.key: Variable(value=binding.value or "", place=f"{file.name}, line {binding.original.line}")
        for binding in bindings
        if binding.key is not None
    }


def _expand_home(path: Path) -> Path:
    """Expand `~`, which a shell expands only outside `.env` and quotes."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{str(path)!r}, whose home folder is not known; expected a path, or ~/ for your home folder") from None


UserPath = Annotated[Path, AfterValidator(_expand_home)]


def _check_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{str(path)!r}, which is not a file; expected a readable file")
    return path


def _check_database_url(url: SecretStr) -> SecretStr:
    DatabaseAddress(url.get_secret_value())
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_database_url)]
UserFile = Annotated[UserPath, AfterValidator(_check_file)]
ProxyAddress = Annotated[str, Field(pattern=r"^(?:[a-z0-9]+://)?[^\s/]+/?$")]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


class Settings(ModelSettings):
    """The settings of one installation. Created by `read_settings`."""

    data: Annotated[UserPath, Field(alias="TOWNHALL_DATA")] = Path("data")
    database: Annotated[DatabaseUrl | None, Field(alias="TOWNHALL_DATABASE")] = None
    team_file: Annotated[UserPath, Field(alias="TOWNHALL_TEAM_FILE")] = Path("townhall.toml")
    mcp_port: Annotated[Port | None, Field(alias="TOWNHALL_MCP_PORT")] = None
    townhall_token: Secret | None = None
    log_level: Annotated[LogLevel, Field(alias="TOWNHALL_LOG_LEVEL")] = "info"
    log_format: Annotated[LogFormat, Field(alias="TOWNHALL_LOG_FORMAT")] = "text"
    https_proxy: ProxyAddress | None = None
    http_proxy: ProxyAddress | None = None
    no_proxy: str | None = None
    ssl_cert_file: UserFile | None = None

    _variables: dict[str, Variable] = PrivateAttr(default_factory=dict)
    _platforms: dict[str, EnvironmentSettings] = PrivateAttr(default_factory=dict)

    @property
    def names_team_file(self) -> bool:
        """True if TOWNHALL_TEAM_FILE is set, so that the file must exist."""
        return "team_file" in self.model_fields_set

    @property
    def store(self) -> Path:
        """Path of the SQLite file, in the data folder."""
        return self.data / "townhall.db"

    @property
    def location(self) -> Path | DatabaseAddress:
        """The store: the PostgreSQL database of TOWNHALL_DATABASE, else the file."""
        return self.store if self.database is None else DatabaseAddress(self.database.get_secret_value())

    @property
    def network(self) -> dict[str, str]:
        """The variables that are set of proxies and certificates."""
        return {name: self._variables[name].value.strip() for name in sorted(NETWORK_VARIABLES & self._variables.keys())}

    @property
    def provider_settings(self) -> dict[str, str]:
        """The settings of model providers that are set, by variable. They include keys."""
        return {
            name: variable.value.strip()
            for name, variable in self._variables.items()
            if name.lower() in ModelSettings.model_fields
        }

    def of_platform(self, platform: Platform[S]) -> S:
        """The settings of an installed platform."""
        settings = self._platforms.get(platform.name)
        return settings if isinstance(settings, platform.settings_model) else platform.settings_model()

    def key(self, variable: str) -> SecretStr | None:
        """The value of a variable that a team file names as the key of a model."""
        found = self._variables.get(variable)
        return SecretStr(found.value.strip()) if found else None

    def set_secrets(self) -> list[str]:
        """Names of the tokens and keys that are set."""
        return [
            str(field.alias)
            for settings in (self, *self._platforms.values())
            for name, field in type(settings).model_fields.items()
            if isinstance(getattr(settings, name), SecretStr)
        ]

    def secrets(self, also: frozenset[str] = frozenset()) -> dict[str, str]:
        """Values that must not appear in a log or message, by variable.

        These are the secret settings, those of `also`, and every variable that is named like a key, token, secret or password.
        """
        alike = {name for name in self._variables if name.upper().endswith(SECRET_SUFFIXES)}
        names = alike.union(self.set_secrets(), also)
        values = {name: self._variables[name].value.strip() for name in sorted(names) if name in self._variables}
        passwords = {name: urlsplit(value).password for name, value in self.network.items() if "@" in value}
        if isinstance(self.location, DatabaseAddress):
            passwords |= {f"TOWNHALL_DATABASE password {n}": password for n, password in enumerate(self.location.passwords, 1)}
        return {**values, **{name: password for name, password in passwords.items() if password}}

    def warnings(self, used: frozenset[str] = frozenset()) -> list[str]:
        """One sentence for each variable that is not a setting but is named like one, except those that the team file names.

        Other programs have variables too, so a name outside `TOWNHALL_*` counts only if the setting that it resembles is not set.
        """
        known = [name for model in (type(self), *map(type, self._platforms.values())) for name in field_keys(model)]
        ours = [name for name in known if name.startswith("TOWNHALL_")]
        found = []
        for name in sorted(self._variables.keys() - set(known) - used):
            meant = _meant_setting(name, known)
            if name.startswith("TOWNHALL_") or (meant and meant not in self._variables):
                hint = f"did you mean {meant!r}?" if meant else f"the settings are {', '.join(ours)}"
                found.append(f"{name} ({self._variables[name].place}) is not a setting and has no effect; {hint}")
        return found


_OPTIONAL_WORDS = frozenset({"API", "BOT"})
"""Words that other programs have in these names, or leave out: OPENAI_KEY, DISCORD_BOT_TOKEN, SLACK_TOKEN."""


def _meant_setting(name: str, settings: Sequence[str]) -> str:
    """The setting that a variable resembles: in other case, with or without an optional word, or misspelt; empty if none."""
    upper = name.upper()
    words = [set(other.split("_")) - _OPTIONAL_WORDS for other in (upper, *settings)]
    alike = [setting for setting, its_words in zip(settings, words[1:], strict=True) if its_words == words[0]]
    if upper in settings:
        return upper
    if alike:
        return alike[0]
    # An environment has a hundred variables of other programs: only what begins alike is compared letter by letter.
    near = [setting for setting in settings if setting[:3] == upper[:3]]
    return _nearest(upper, near, cutoff=0.6 if upper.startswith("TOWNHALL_") else 0.9) if near else ""


def _nearest(name: str, settings: Sequence[str], cutoff: float) -> str:
    from difflib import get_close_matches  # imported here: only misspelt names need it

    return next(iter(get_close_matches(name, settings, n=1, cutoff=cutoff)), "")


def read_settings(file: Path = Path(".env"), environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the settings of this start.

    Raises:
        ConfigError: a value is wrong; every wrong value is listed, and no secret is shown.
    """
    variables = read_variables(file, environ)
    source = _VariableSource(variables)
    settings = _validate(Settings, source)
    platforms = {name: _validate(platform.settings_model, source) for name, platform in installed_platforms().usable.items()}
    if settings is None or source.problems:
        raise ConfigError(f"settings: {count_problems(len(source.problems))}", source.problems)
    settings._variables.update(variables)
    settings._platforms.update({name: found for name, found in platforms.items() if found is not None})
    return settings


def load_settings() -> Settings:
    """Read the settings of this process. Proxies and certificates of `.env` go into its environment, where libraries find them.

    Raises:
        ConfigError: as `read_settings`.
    """
    settings = read_settings()
    export_network_settings(settings.network, os.environ)
    return settings


def _validate(model: type[S], source: _VariableSource) -> S | None:
    """The model's settings, or None if a value is wrong, which is reported to the source."""
    try:
        return model.model_validate(source.values(field_keys(model)))
    except ValidationError as error:
        explain(error, source)
        return None


class _VariableSource(Source):
    """Environment variables, from `.env` or from the environment itself."""

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        super().__init__()
        self._variables = variables

    def values(self, names: Sequence[str]) -> dict[str, str]:
        """The values of those of these variables that are set."""
        values = {name: self._variables[name].value.strip() for name in names if name in self._variables}
        for name in {"TOWNHALL_LOG_LEVEL", "TOWNHALL_LOG_FORMAT"} & values.keys():
            values[name] = values[name].lower()
        return values

    def locate(self, detail: ErrorDetails) -> KeyPath:
        """The variable's name; names of a union's branches follow it."""
        return detail["loc"][:1]

    def where(self, path: KeyPath) -> str:
        """`XAI_API_KEY (.env, line 3)`."""
        return f"{path[0]} ({self._variables[str(path[0])].place})"

    def report(self, path: KeyPath, found: str, expected: str, fix: str = "") -> None:
        """Add a problem with a variable."""
        super().report(path, found, expected, fix or "correct it, or leave it empty for the default")

    def format(self, value: object) -> str:
        """The value, unless it is so long that it could be a key under the wrong name; no password of an address."""
        text = str(value)
        if len(text) <= 16 or "://" in text:
            return format_value(re.sub(r"//[^/@]*@", "//…@", text))
        return f"a value of {len(text)} characters, not shown here"
