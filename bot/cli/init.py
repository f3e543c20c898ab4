"""`townhall init`: from nothing to a team that works. Asks for platforms, keys and models, checks each, and writes the files.

It changes nothing that is set: `.env` gets variables that it lacks, `townhall.toml` a team if it has none with real models.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from bot.cli.setup import print_setup
from bot.config.errors import ConfigError, Problem
from bot.config.platforms import installed_platforms
from bot.config.settings import Settings, load_settings, read_settings
from bot.config.starter import with_team, with_variables
from bot.config.team_file import parse_team_file, read_team_file
from bot.doctor.report import print_report
from orchestrator_bridge.chat.adapter import DeliveryError
from orchestrator_bridge.chat.platform import Platform, PlatformContext, SetupOption
from orchestrator_bridge.common.private_files import FILE_MODE
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.model.catalogue import PROVIDERS, SCRIPTED, Provider, Route, UnknownModelName, resolve, similar_names
from orchestrator_bridge.model.catalogue.pricing import format_rates
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.errors import ModelError, Transient
from orchestrator_bridge.model.listing import ModelList, has_list, list_models

ENV_FILE = Path(".env")


@dataclass(frozen=True, kw_only=True, slots=True)
class InitOptions:
    """Command line options. `ask` is False with `--yes`: nothing is asked, and every default is taken."""

    platforms: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    server: str | None = None
    ask: bool = True


@dataclass(kw_only=True, slots=True)
class _Plan:
    """Choices so far. `values` are the new variables; `settings` those that are set, the new ones included."""

    settings: Settings
    values: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    """Tokens and keys that were asked for and do not work yet, in words that complete "Not finished: ..."."""

    def add(self, name: str, value: str) -> None:
        """Add a variable.

        Raises:
            ConfigError: the value is not valid.
        """
        values = {**self.values, name: value}
        self.settings = read_settings(environ={**os.environ, **values})
        self.values = values


def initialise(options: InitOptions) -> int:
    """Ask, check, write, and end with the report of `townhall doctor`, whose exit code is returned.

    Raises:
        ConfigError: the settings that are there are wrong, an option is wrong, or a file cannot be written.
    """
    if options.ask and not sys.stdin.isatty():
        problem = Problem(where="standard input", found="no terminal", expected="a terminal, or the option --yes")
        raise ConfigError("townhall init asks questions", [problem])
    plan = _Plan(settings=load_settings())
    _set_up_platforms(plan, options)
    server = _checked_server(options.server)
    lists = _check_keys(plan, ask=options.ask)
    if options.ask and not (lists or server or options.models):
        server = _ask_for_provider(plan, lists)
    _write_env(plan)
    _write_team(plan, _choose_models(plan, options, lists, server), server)
    click.echo("\nChecks (townhall doctor --online):")
    code = asyncio.run(print_report(online=True, as_json=False))
    for left in plan.open:
        click.echo(f"Not finished: {left}. Fix this, then repeat `townhall init`.")
    if code == 0 and not plan.open:
        click.echo("\nReady. Start the bot: townhall run")
    return code or int(bool(plan.open))


def _set_up_platforms(plan: _Plan, options: InitOptions) -> None:
    installed = installed_platforms().usable
    configured = [name for name, platform in installed.items() if platform.configured(plan.settings.of_platform(platform))]
    chosen = options.platforms or tuple(name for name in configured if not installed[name].local)
    if options.ask and not options.platforms:
        click.echo(f"Where will people talk to the agents? {listed(list(installed))}; several with commas.")
        chosen = _ask_names("Platforms", installed, default=",".join(chosen or installed_platforms().local))
    for name in chosen:
        _set_up_platform(plan, _known(name, installed, "--platform"), ask=options.ask)


def _ask_names(prompt: str, known: Mapping[str, Any], default: str) -> tuple[str, ...]:
    while True:
        names = _split(click.prompt(prompt, default=default))
        if names and all(name in known for name in names):
            return names
        click.echo(f"Please type names of {listed(list(known))}.")


def _known(name: str, installed: Mapping[str, Platform[Any]], option: str) -> Platform[Any]:
    if name not in installed:
        problem = Problem(where=option, found=repr(name), expected=f"one of {listed(list(installed), 'or')}")
        raise ConfigError("there is no such platform", [problem])
    return installed[name]


def _set_up_platform(plan: _Plan, platform: Platform[Any], *, ask: bool) -> None:
    """Explain the platform, ask for the tokens that it lacks, and check them at once."""
    missing = [secret for secret in platform.setup_secrets if secret.name not in plan.settings.set_secrets()]
    if missing:
        click.echo(f"\n{platform.title}:")
        asyncio.run(print_setup(platform, {}))
    left = [secret.name for secret in missing if not (ask and _ask_secret(plan, secret))]
    if left:
        plan.open.append(f"{listed(left)} {'is' if len(left) == 1 else 'are'} not set, which {platform.title} needs")
    if missing and platform.configured(plan.settings.of_platform(platform)):
        asyncio.run(_check_platform(plan, platform))


def _ask_secret(plan: _Plan, secret: SetupOption) -> bool:
    """Ask for a value until it is valid or skipped; True if it was given. What is typed is not shown."""
    while value := click.prompt(f"{secret.name} ({secret.help}; Enter skips)", default="", show_default=False, hide_input=True):
        try:
            plan.add(secret.name, value.strip())
        except ConfigError as error:
            click.echo("; ".join(f"found {problem.found}; expected {problem.expected}" for problem in error.problems))
        else:
            return True
    return False


async def _check_platform(plan: _Plan, platform: Platform[Any]) -> None:
    """Try the tokens, and print what a new user needs next: an invite link, where the platform has one."""
    settings = plan.settings.of_platform(platform)
    async for finding in platform.check(settings, PlatformContext(data=plan.settings.data)):
        if finding.state == "wrong":
            plan.open.append(f"{platform.title}: {finding.found}")
            return
        break
    click.echo(f"{platform.title} accepts the token.")
    with contextlib.suppress(DeliveryError):  # the report at the end has it
        guide = await platform.setup(settings, {})
        click.echo("\n".join(filter(None, (guide.steps, guide.text))))


def _check_keys(plan: _Plan, *, ask: bool) -> dict[str, ModelList]:
    """Check every provider's key that is set, by its list of models, which costs nothing; the lists of those that work."""
    providers = [provider for provider in PROVIDERS.values() if provider.suggested and _has_key(plan, provider)]
    if not providers:
        return {}
    click.echo("\nModel providers:")
    checked = {provider.name: _check_key(plan, provider, ask=ask) for provider in providers}
    return {name: models for name, models in checked.items() if models is not None}


def _has_key(plan: _Plan, provider: Provider) -> bool:
    return provider.key_env in plan.settings.provider_settings


def _check_key(plan: _Plan, provider: Provider, *, ask: bool) -> ModelList | None:
    route = _route(plan, provider.suggested)
    key = plan.settings.provider_settings.get(provider.key_env or "", "")
    try:
        models = asyncio.run(list_models(route, key))
    except ModelError as error:
        click.echo(f"  {provider.title}: {error.found.rstrip('.')}. {error.advice}")
        if not ask:
            outcome = "could not be checked" if isinstance(error, Transient) else "does not work"
            plan.open.append(f"{provider.key_env} {outcome}")
        return None
    click.echo(f"  {provider.title}: {provider.key_env} works, {len(models.ids)} models.")
    return models


def _route(plan: _Plan, model: str, own: Mapping[str, ModelSpec] | None = None) -> Route:
    have = plan.settings.provider_settings
    return resolve(model, own, plan.settings.base_urls, have=have, today=datetime.now(UTC).date())


def _ask_for_provider(plan: _Plan, lists: dict[str, ModelList]) -> str | None:
    """Ask for a provider and its key, or for the address of a model server of one's own, which is returned."""
    providers = [provider for provider in PROVIDERS.values() if provider.suggested]
    click.echo("\nNo working key of a model provider was found. Which models will the agents use?")
    for number, provider in enumerate(providers, 1):
        click.echo(f"  {number}  {provider.title} ({provider.key_env})")
    own, none = len(providers) + 1, len(providers) + 2
    click.echo(f"  {own}  a server of your own: Ollama, llama.cpp, vLLM\n  {none}  none yet: three scripted agents")
    while True:
        number = click.prompt("Number", type=click.IntRange(1, none), default=none)
        if number == none:
            return None
        if number == own:
            return _checked_server(click.prompt("Address", default="http://localhost:11434/v1"))
        provider = providers[number - 1]
        while _ask_secret(plan, SetupOption(name=provider.key_env or "", help=f"your API key of {provider.title}")):
            if (models := _check_key(plan, provider, ask=True)) is not None:
                lists[provider.name] = models
                return None


def _checked_server(address: str | None) -> str | None:
    """The address of a server, as it is.

    Raises:
        ConfigError: it is no address.
    """
    if address is None:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        problem = Problem(where="--server", found=repr(address), expected="an address such as http://localhost:11434/v1")
        raise ConfigError("this is not the address of a model server", [problem])
    return address.rstrip("/")


def _choose_models(plan: _Plan, options: InitOptions, lists: Mapping[str, ModelList], server: str | None) -> tuple[str, ...]:
    """The models of the team; none for the scripted demo."""
    if options.models:
        for model in options.models:
            _checked_model(plan, model, lists, server)
        return options.models
    suggested = _suggested_models(lists, server)
    if not suggested or not options.ask:
        return suggested
    click.echo("\nThe team has three agents. One model for all, or up to three, with commas.")
    while True:
        models = _split(click.prompt("Models", default=",".join(suggested)))
        try:
            for model in models:
                _checked_model(plan, model, lists, server)
        except ConfigError as error:
            click.echo("; ".join(f"{problem.found}; expected {problem.expected}" for problem in error.problems))
        else:
            return models


def _suggested_models(lists: Mapping[str, ModelList], server: str | None) -> tuple[str, ...]:
    """The suggested model of each provider whose key works, or the first one of the server."""
    if server is not None:
        route = resolve("own", {"own": ModelSpec(base_url=server)})
        try:
            ids = sorted(asyncio.run(list_models(route, "")).ids)
        except ModelError as error:
            problem = Problem(where=server, found=error.found, expected="a server that lists its models", fix=error.advice)
            raise ConfigError("the model server cannot be used", [problem]) from None
        return tuple(ids[:1])
    return tuple(PROVIDERS[name].suggested for name in lists)[:3]


def _checked_model(plan: _Plan, model: str, lists: Mapping[str, ModelList], server: str | None) -> None:
    """Check that a model can be called with the keys that are set.

    Raises:
        ConfigError: it is not known, its key is missing, or its provider does not list it.
    """
    if server is not None:
        return
    try:
        route = _route(plan, model)
    except UnknownModelName as error:
        raise _unknown_model(model, error.near) from None
    if near := similar_names(route, {}):
        raise _unknown_model(model, near)
    missing = [name for name in route.needs if name not in plan.settings.provider_settings]
    if missing:
        problem = Problem(where="--model", found=f"{model!r} without {listed(missing)}", expected="a model whose key is set")
        raise ConfigError("the model's key is missing", [problem])
    known = lists.get(route.provider)
    if known is not None and known.ids and has_list(route) and not known.has(route.id):
        problem = Problem(where="--model", found=f"{model!r}, which {route.provider} does not list", expected="one that it lists")
        raise ConfigError("the provider has no such model", [problem])
    price = f"{format_rates(route.price.rates(0))} per million tokens" if route.price else "price unknown"
    click.echo(f"  {model}: {price}")


def _unknown_model(model: str, near: Sequence[str]) -> ConfigError:
    expected = "a name that `townhall models` lists" + (f", such as {listed(near, 'or')}" if near else "")
    return ConfigError("unknown model", [Problem(where="--model", found=repr(model), expected=expected)])


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def _write_env(plan: _Plan) -> None:
    if not plan.values:
        return
    with _file_errors(ENV_FILE):
        text = ENV_FILE.read_text(encoding="utf-8-sig") if ENV_FILE.exists() else ""
        _write_private(ENV_FILE, with_variables(text, plan.values))
    click.echo(f"\n{ENV_FILE}: {listed(list(plan.values))} added. Only you can read it.")


def _write_team(plan: _Plan, models: Sequence[str], server: str | None) -> None:
    """Add the team to the team file, unless it has one with real models. The new text is checked before it is written.

    Raises:
        ConfigError: the file that is there has errors, or it cannot be written.
    """
    file = plan.settings.team_file
    team_file = read_team_file(file)
    if any(not agent.model.startswith(f"{SCRIPTED}/") for agent in team_file.team().agents):
        click.echo(f"{file}: team {team_file.default_team} stays as it is.")
        return
    if not models:
        click.echo("The team is the scripted demo: no model is called. Set a key and repeat `townhall init` for real models.")
        return
    name = next(name for name in ("main", *(f"main-{number}" for number in range(2, 1000))) if name not in team_file.teams)
    with _file_errors(file):
        before = file.read_text(encoding="utf-8-sig") if file.exists() else ""
        text = with_team(before, name, models, dict.fromkeys(models, server) if server else None)
        parse_team_file(text, file)
        file.write_text(text, encoding="utf-8")
    click.echo(f"{file}: team {name} with {listed(list(models))} is the default team now.")


@contextlib.contextmanager
def _file_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
        problem = Problem(where=str(file), found=str(found), expected="a text file that can be read and written")
        raise ConfigError(f"{file} cannot be written", [problem]) from error


def _write_private(file: Path, text: str) -> None:
    """Replace a file's text as a whole, readable by its owner only. A link stays a link."""
    target = file.resolve()
    new = target.with_name(f"{target.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(descriptor)
    new.replace(target)
