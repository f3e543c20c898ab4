"""Address of a database: a URL as PostgreSQL's own programs take it (postgresql.org/docs/current/libpq-connect.html)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

EXAMPLE = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A checked URL. `name` is the URL without passwords, for messages; the repr shows that alone.

    Raises:
        ValueError: the URL is incomplete. The text shows no part of it that could be a password.
    """

    url: str = field(repr=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        parts = _split(self.url)
        options = parse_qs(parts.query)
        database = unquote(parts.path.lstrip("/")) or next(iter(options.get("dbname", ())), "")
        if not database:
            raise ValueError(f"a URL without the name of a database; expected {EXAMPLE}")
        user, _, host = parts.netloc.rpartition("@")
        user = user.partition(":")[0]
        object.__setattr__(self, "name", f"postgresql://{user}{'@' if user else ''}{host}/{database}")

    @property
    def passwords(self) -> tuple[str, ...]:
        """Passwords in the URL, as they are written there and as they are read."""
        parts = _split(self.url)
        written = [parts.netloc.rpartition("@")[0].partition(":")[2], *re.findall(r"(?<=password=)[^&]+", parts.query)]
        return tuple(sorted({text for password in written if password for text in (password, unquote(password))}))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"a text that is not a URL; expected {EXAMPLE}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        kind = f"a URL of the kind {parts.scheme}:" if parts.scheme.isidentifier() else "a text that is not a URL"
        raise ValueError(f"{kind}; expected {EXAMPLE}")
    if not url.startswith(f"{parts.scheme}://"):
        raise ValueError(f"a URL without // after its first colon; expected {EXAMPLE}")
    if "@" in parts.netloc.rpartition("@")[0] or parts.fragment or (parts.path.count("@") and "@" not in parts.netloc):
        escapes = "%40 for @, %2F for / and %23 for #"
        raise ValueError(f"a URL with a password that has @, / or # in it; expected {EXAMPLE}, with {escapes}")
    return parts
