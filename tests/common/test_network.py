from __future__ import annotations

import pytest

from orchestrator_bridge.common.network import PROXY_VARIABLES, export_network_settings, proxy_for


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://discord.com/api", "http://secure:1"),
        ("wss://gateway.discord.gg/", "http://secure:1"),
        ("http://intranet/", "http://plain:2"),
        ("https://inside.example/", None),
        ("https://api.inside.example/", None),
        ("http://localhost:3000/", None),
        ("http://127.0.0.1:3000/", None),
        ("http://127.8.8.8/", None),
        ("http://[::1]:3000/", None),
    ],
)
def test_a_proxy_is_chosen_by_scheme_and_host(monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://secure:1")
    monkeypatch.setenv("HTTP_PROXY", "plain:2")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert proxy_for(url) == proxy


def test_lower_case_and_all_proxy_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "http://all:3")
    assert proxy_for("https://discord.com") == "http://all:3"
    assert proxy_for("http://127.0.0.1/") is None


@pytest.mark.parametrize(
    ("environ", "excluded"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "a.example, localhost"}, "a.example,localhost,127.0.0.1,::1"),
        ({"no_proxy": "b.example", "NO_PROXY": "a.example"}, "b.example,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "*"}, "*"),
    ],
)
def test_this_machine_is_excluded_for_every_library(environ: dict[str, str], excluded: str) -> None:
    found = dict(environ)
    export_network_settings({}, found)
    assert found["NO_PROXY"] == found["no_proxy"] == excluded
    export_network_settings({}, found)
    assert found["NO_PROXY"] == excluded


def test_the_environment_takes_precedence_over_the_settings_file() -> None:
    environ = {"HTTPS_PROXY": "http://environment:1"}
    export_network_settings({"HTTPS_PROXY": "http://file:2", "SSL_CERT_FILE": "ca.pem", "DISCORD_TOKEN": "x"}, environ)
    assert environ["HTTPS_PROXY"] == "http://environment:1"
    assert environ["SSL_CERT_FILE"] == "ca.pem"
    assert "DISCORD_TOKEN" not in environ
