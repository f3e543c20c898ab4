"""Proxy and certificates of the connections to model servers, from the environment."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path

import certifi
from yarl import URL

from orchestrator_bridge.common.network import proxy_for
from orchestrator_bridge.model.errors import ConnectionFailed

CERTIFICATE_SETTINGS = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Environment variables from which OpenSSL reads certificates."""


def usable_proxy(url: URL) -> URL | None:
    """Proxy for an address by the environment; None for a direct connection.

    Raises:
        ConnectionFailed: the proxy is not one that can be used.
    """
    address = proxy_for(str(url))
    if address is None:
        return None
    proxy = _parse(address)
    if proxy is None:
        raise ConnectionFailed(
            f"the proxy {address.rpartition('@')[2]!r} cannot be used: expected an http:// address",
            f"Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or put {url.host} into NO_PROXY.",
        )
    return proxy


def _parse(address: str) -> URL | None:
    try:
        proxy = URL(address)
    except ValueError:
        return None
    return proxy if proxy.scheme in ("http", "https") and proxy.host else None


@cache
def tls_context() -> ssl.SSLContext:
    """Certificates of SSL_CERT_FILE and SSL_CERT_DIR if one is set, else those of the system and of certifi.

    It reads files for some 20 ms.

    Raises:
        ConnectionFailed: SSL_CERT_FILE or SSL_CERT_DIR names nothing that exists.
    """
    named = {name: os.environ[name] for name in CERTIFICATE_SETTINGS if os.environ.get(name)}
    for name, path in named.items():
        if not Path(path).exists():
            raise ConnectionFailed(f"{name} names {path!r}, which does not exist", f"Correct {name}, or remove it.")
    # OpenSSL itself reads the files that the two variables name.
    context = ssl.create_default_context()
    if not named:
        context.load_verify_locations(certifi.where())
    return context
