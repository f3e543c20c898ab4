"""Proxy and certificates of the connections to model servers, from the environment."""

from __future__ import annotations

import ipaddress
import os
import ssl
from functools import cache
from urllib.request import getproxies, proxy_bypass

import certifi
from yarl import URL

from orchestrator_bridge.model.errors import ConnectionFailed

CERTIFICATE_SETTINGS = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Environment variables from which OpenSSL reads certificates."""


def proxy_for(url: URL) -> URL | None:
    """Proxy for an address by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; None for a direct connection.

    The loopback interface is never reached through a proxy: that would be the proxy's own.

    Raises:
        ConnectionFailed: the proxy is not one that can be used.
    """
    host = url.host or ""
    if _is_loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address:
        return None
    proxy = _parse(address)
    if proxy is None:
        shown = address.rpartition("@")[2]
        raise ConnectionFailed(
            f"the proxy {shown!r} cannot be used: expected an http:// address",
            f"Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or put {host} into NO_PROXY.",
        )
    return proxy


def _parse(address: str) -> URL | None:
    try:
        proxy = URL(address if "://" in address else f"http://{address}")
    except ValueError:
        return None
    return proxy if proxy.scheme in ("http", "https") and proxy.host else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@cache
def tls_context() -> ssl.SSLContext:
    """Certificates of SSL_CERT_FILE and SSL_CERT_DIR if one is set, else those of the system and of certifi.

    It reads files for some 20 ms.

    Raises:
        ConnectionFailed: SSL_CERT_FILE or SSL_CERT_DIR names nothing that can be read.
    """
    named = {name: os.environ[name] for name in CERTIFICATE_SETTINGS if os.environ.get(name)}
    for name, path in named.items():
        if not os.path.exists(path):  # noqa: PTH110
            raise ConnectionFailed(f"{name} names {path!r}, which does not exist", f"Correct {name}, or remove it.")
    # OpenSSL itself reads the files that the two variables name.
    context = ssl.create_default_context()
    if not named:
        context.load_verify_locations(certifi.where())
    return context
