"""Proxies and certificates of outgoing connections, by the variables that curl and most libraries read.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` also work in lower case, which takes precedence, as in curl. This machine
itself (`localhost`, `127.0.0.0/8`, `::1`) is never reached through a proxy: the request may carry a token.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
NETWORK_VARIABLES = frozenset({*PROXY_VARIABLES, *map(str.lower, PROXY_VARIABLES), "SSL_CERT_FILE", "SSL_CERT_DIR"})
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def export_network_settings(variables: Mapping[str, str], environ: MutableMapping[str, str]) -> None:
    """Put those of `variables` that `environ` lacks into it, where every library finds them, and exclude this machine.

    Call it before the first import of a library that connects: some read the certificates when they are imported.
    """
    for name in NETWORK_VARIABLES & variables.keys():
        environ.setdefault(name, variables[name])
    excluded = [host.strip() for host in (environ.get("no_proxy") or environ.get("NO_PROXY") or "").split(",") if host.strip()]
    if "*" not in excluded:
        excluded = list(dict.fromkeys((*excluded, *_THIS_MACHINE)))
    environ["no_proxy"] = environ["NO_PROXY"] = ",".join(excluded)


def proxy_for(url: str) -> str | None:
    """Address of the proxy for a URL, or None for a direct connection. `ws` and `wss` have the proxies of `http` and `https`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    if is_loopback(host) or proxy_bypass(host):
        return None
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    proxy = proxies.get(scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def is_loopback(host: str) -> bool:
    """True if the host is this machine itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
