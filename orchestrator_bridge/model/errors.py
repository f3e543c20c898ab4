"""Errors of model calls, independent of provider and client library."""

from __future__ import annotations

from orchestrator_bridge.common.errors import TownhallError


class ModelError(TownhallError):
    """A model call without a usable response. `found` describes what happened, `advice` what an operator can do about it.

    `retry_after` is the provider's own waiting time in seconds, None if it gave none. It can also be set on a `RequestRefused`.
    `answer_begun` is True if the provider had begun to answer: it may bill the call.
    The subclasses are drawn in `orchestrator_bridge.common.errors`.
    """

    kind = "model_error"

    def __init__(self, found: str, advice: str = "", retry_after: float | None = None) -> None:
        self.found = found if found.endswith((".", "…", "!", "?")) else f"{found}."
        super().__init__(self.found)
        self.advice = advice
        self.retry_after = retry_after
        self.answer_begun = False


class RequestRefused(ModelError):
    """The provider refuses this call for good, unless the error has a `retry_after`."""

    kind = "refused"


class InvalidApiKey(RequestRefused):
    """The key is missing, invalid or revoked (HTTP 401, 403)."""

    kind = "bad_key"


class InsufficientCredit(RequestRefused):
    """The account has no credit (HTTP 402)."""

    kind = "no_credit"


class UnknownModel(RequestRefused):
    """The provider has no such model (HTTP 404, 410)."""

    kind = "unknown_model"


class ContextTooLong(RequestRefused):
    """The prompt exceeds the model's context window (HTTP 413, or the provider's own code)."""

    kind = "too_long"
    window: int | None = None
    """Tokens that fit, as the provider states them; None if it does not."""


class RegionBlocked(RequestRefused):
    """The provider does not serve the country or network from which the bot calls (its own code or wording)."""

    kind = "region_blocked"


class ProxyRefused(RequestRefused):
    """A proxy, a firewall or a sign-in page answered in place of the provider (HTTP 407, or a web page)."""

    kind = "proxy_refused"


class WrongAddress(RequestRefused):
    """The server answers, but has no chat completions at this address (HTTP 404, 405 without the word model)."""

    kind = "wrong_address"


class ContentRefused(RequestRefused):
    """The provider's content policy forbids the request or the response (its own code or wording)."""

    kind = "refused_content"


class BadRequest(RequestRefused):
    """The provider rejects the request (HTTP 400, 422)."""

    kind = "bad_request"


class ToolsRefused(BadRequest):
    """The server takes no tools for this model."""


class FormatRefused(BadRequest):
    """The server cannot enforce a JSON schema."""


class RolesRefused(BadRequest):
    """The chat template of the server does not take the order of the messages' roles."""


class Transient(ModelError):
    """A call that may succeed on a retry."""

    kind = "passing"


class RateLimited(Transient):
    """Too many requests or tokens (HTTP 429)."""

    kind = "rate_limited"


class Overloaded(Transient):
    """The provider is overloaded or failing (HTTP 500, 502, 503, 504, 529)."""

    kind = "overloaded"


class CircuitOpen(Transient):
    """The call was not made because earlier calls of this route failed; `retry_after` is the time until the next trial call."""

    kind = "suspended"


class ProviderUnavailable(Transient):
    """The connection was lost, or none was made."""

    kind = "down"


class ConnectionFailed(ProviderUnavailable):
    """No connection was made: nothing was sent and nothing can be billed."""

    kind = "unreached"


class TimedOut(Transient):
    """No response within the request's timeout."""

    kind = "timed_out"


class InvalidResponse(Transient):
    """The body is not JSON, or not shaped like a response."""

    kind = "garbled"
