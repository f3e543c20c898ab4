"""Live tests of providers without a key are deselected. Without any key, `test_xai` ends the session with what to set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.config.settings import read_variables


def keys() -> Mapping[str, str]:
    """The settings of the environment and of .env that have a value."""
    found = read_variables(Path(".env"), os.environ)
    return {name: variable.value.strip() for name, variable in found.items() if variable.value.strip()}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of providers whose key is not set."""
    from tests.live.test_providers import PROVIDERS

    have = keys()
    usable = {provider.key for provider in PROVIDERS if provider.key in have}
    kept, missing = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        # The hook sees the tests of every folder, some of which have parameters of the same name.
        live = item.path.is_relative_to(Path(__file__).parent)
        callspec = getattr(item, "callspec", None) if live else None
        provider = callspec.params.get("provider") if callspec else None
        unset = provider is not None and provider.key not in have
        without_xai = live and item.path.name == "test_xai.py" and bool(usable) and "XAI_API_KEY" not in have
        (missing if unset or without_xai else kept).append(item)
    if missing:
        config.hook.pytest_deselected(items=missing)
        items[:] = kept
