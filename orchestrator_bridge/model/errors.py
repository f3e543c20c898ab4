"""How a call of a model fails: a small tree of our own, whatever the provider and its client call it."""

from __future__ import annotations


class ModelError(Exception):
    """A call that brought no usable response: `found` says what happened, `advice` what the person in charge can do.

    ModelError
    ├── Refused            final: trying again changes nothing, unless the error itself has a `retry_after`
    │   ├── BadKey         the key is missing, wrong or withdrawn (401, 403)
    │   ├── NoCredit       the account cannot pay (402)
    │   ├── UnknownModel   the provider has no such model (404, 410)
    │   ├── TooLong        the prompt does not fit the model (413, or the provider's own code); the next one may be cut
    │   ├── RefusedContent the provider's rules do not allow what was asked (its own code or words)
    │   └── BadRequest     the provider does not take this request (400, 422)
    └── Passing            may work when tried again; `retry_after` in seconds if the provider said
        ├── RateLimited    429
        ├── Overloaded     500, 502, 503, 504, 529
        ├── Suspended      not made: the provider failed so often in a row that it is left alone for a while
        ├── Down           the connection was cut
        │   └── Unreached  there was none: nothing was sent, and nothing can be billed
        ├── TimedOut       no answer within the request's timeout
        └── Garbled        the body is no JSON, or not the shape of a response
    """

    kind = "model_error"

    def __init__(self, found: str, advice: str = "", retry_after: float | None = None) -> None:
        self.found = found if found.endswith((".", "…", "!", "?")) else f"{found}."
        super().__init__(self.found)
        self.advice = advice
        self.retry_after = retry_after


class RequestRefused(ModelError):
    """The provider will not take this call, now or later."""

    kind = "refused"


class InvalidApiKey(RequestRefused):
    """The key is missing, wrong or withdrawn."""

    kind = "bad_key"


class InsufficientCredit(RequestRefused):
    """The account cannot pay."""

    kind = "no_credit"


class UnknownModel(RequestRefused):
    """The provider has no such model."""

    kind = "unknown_model"


class ContextTooLong(RequestRefused):
    """The prompt does not fit the model's context window."""

    kind = "too_long"


class ContentRefused(RequestRefused):
    """The provider's rules do not allow what was asked, or what was about to be answered."""

    kind = "refused_content"


class BadRequest(RequestRefused):
    """The provider does not take this request."""

    kind = "bad_request"


class Transient(ModelError):
    """The call may work when it is tried again."""

    kind = "passing"


class RateLimited(Transient):
    """Too many requests or tokens for now."""

    kind = "rate_limited"


class Overloaded(Transient):
    """The provider has trouble of its own."""

    kind = "overloaded"


class CircuitOpen(Transient):
    """The call was not made, because calls of this route have failed in a row; `retry_after` is when one may be tried."""

    kind = "suspended"


class ProviderUnavailable(Transient):
    """The connection was cut, or there was none."""

    kind = "down"


class ConnectionFailed(ProviderUnavailable):
    """No connection was made, so that nothing was sent."""

    kind = "unreached"


class TimedOut(Transient):
    """The provider did not answer in time."""

    kind = "timed_out"


class InvalidResponse(Transient):
    """The answer is no JSON, or not the shape of a response."""

    kind = "garbled"
