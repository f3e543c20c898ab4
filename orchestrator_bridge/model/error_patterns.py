"""Patterns of providers' error messages, and the class of `ModelError` that each means.

Words count more than the status: xAI answers 400 to a wrong key, OpenAI 429 to an account without credit, and most say only in
prose that a prompt is too long. Therefore the patterns come first, each within the statuses with which it has been seen; the
status alone decides the rest. The first pattern that matches applies.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestrator_bridge.model.errors import (
    BadRequest,
    ContentRefused,
    ContextTooLong,
    FormatRefused,
    InsufficientCredit,
    InvalidApiKey,
    ModelError,
    Overloaded,
    ProxyRefused,
    RateLimited,
    RegionBlocked,
    RolesRefused,
    TimedOut,
    ToolsRefused,
    UnknownModel,
    WrongAddress,
)


class _ErrorPattern(NamedTuple):
    statuses: frozenset[int]
    pattern: re.Pattern[str]
    error: type[ModelError]


def _error_pattern(statuses: set[int], pattern: str, error: type[ModelError]) -> _ErrorPattern:
    return _ErrorPattern(frozenset(statuses), re.compile(pattern, re.IGNORECASE), error)


_BY_PATTERN = (
    _error_pattern(
        {400, 413, 422, 429, 500},
        r"context_length_exceeded|exceed_context_size|context (length|window|size)|(prompt|input|request) is too long"
        r"|maximum (prompt|model) length|model token limit|number of tokens allowed|request too large|request_too_large"
        r"|string_above_max_length|too many (input )?tokens|`?inputs`? (tokens \+|must have)|range of input length"
        r"|prompt exceeds max|reduce the length of the messages",
        ContextTooLong,
    ),
    _error_pattern(
        {400, 404, 422, 500, 501},
        r"enable-auto-tool-choice|tool-call-parser|requires --jinja|support tool use|support the provided 'tool_choice'"
        # Also with the name in quotation marks, and as OpenAI, LiteLLM, Groq and others name a parameter that they do not know.
        r"|\b(tools?|tool.?(use|call\w*|choice)|function.?call\w*|functions)\b\W{0,4}((feature|parameter|use|is|are|was|currently|yet)\W){0,3}"
        r"(not (yet |currently )?|un|isn't |aren't )(supported|enabled|available|allowed|permitted|recognized)"
        r"|(not|n't|no) support(s|ed)?( for)? (the |any )?(use of |parameters?:? ?)?"
        r"[\[`'\"]*(tools?|tool.?(use|call\w*|choice)|function)"
        r"|(unsupported|unknown|unrecognized|unexpected)( request)? (parameter|argument|field|keyword)s?( supplied)?:? ?"
        r"[\[`'\"]*(tools|tool_choice|functions)\b"
        r"|function tools with reasoning|(no tool|without tool|tool.?less).{0,20}(support|capab)",
        ToolsRefused,
    ),
    _error_pattern(
        {400, 404, 422, 500, 501},
        r"response_format|json_schema|json (mode|output|format) (is|are) not|structured.?output|guided.?(json|decoding)|grammar"
        r"|output_config|text\.format",
        FormatRefused,
    ),
    _error_pattern(
        {400, 422, 500},
        r"roles? must alternate|alternate user/assistant|system role (is )?not supported|unexpected role|only user.{0,20}roles"
        r"|(consecutive|multiple|two) (user|assistant)",
        RolesRefused,
    ),
    _error_pattern({400, 422, 500}, r"jinja|chat.?template|templateerror|value is not callable", BadRequest),
    _error_pattern(
        {400, 403, 451},
        r"unsupported_country|country, region,? or territory|location is not supported|request not allowed"
        r"|not (available|supported) in your (country|region)",
        RegionBlocked,
    ),
    _error_pattern(
        {400, 403, 422, 451},
        r"content.?(policy|filter|management)|violates? (our |the )?(usage|content|safety)|usage guidelines"
        r"|safety.?(check|system)|responsible.?ai|prohibited.?content|moderation",
        ContentRefused,
    ),
    # A model that is not in Gemini's free tier has the limit 0 there. All its other limits pass, whatever they say of billing.
    _error_pattern({429}, r"\blimit: 0\b", InsufficientCredit),
    _error_pattern({429}, r"retry in [\d.]+ ?(s|ms|m)\b|RetryInfo|per.?minute", RateLimited),
    _error_pattern(
        # In a stream and at MiniMax, which answers 500, the words alone tell an empty account from a fault (MiniMax-M2#62).
        # 401 is what some answer to an account that has not paid, 412 Fireworks (pollinations#12136).
        {400, 401, 402, 403, 412, 429, 500},
        r"insufficient_(user_)?quota|exceeded[_ ](your )?current[_ ]quota|credit_balance_exhausted"
        r"|billing_(hard_limit|not_active|error)"
        r"|insufficient[ _]((account |paid )?balance|funds|credits?)|balance is (insufficient|not enough)|quota is not enough"
        r"|(no|any|out of|more|available) credits|credit balance is too low|included credits"
        r"|spend(ing)? limit|key limit exceeded|budget limit exceeded|specified API usage limits"
        r"|arrearage|overdue.?(payment|balance)|in good standing|free ?tier ?only|no resource package"
        r"|\u4f59\u989d\u4e0d\u8db3|\u6b20\u8d39",  # "balance not enough" and "in arrears", as Zhipu and Alibaba write
        InsufficientCredit,
    ),
    _error_pattern(
        {400, 403}, r"model_not_found|model\b.{0,120}\b(does not exist|not exist|not found|decommissioned)", UnknownModel
    ),
    _error_pattern(
        {400}, r"(incorrect|invalid|missing|no) api.?key|api.?key not valid|invalid_api_key|api_key_invalid", InvalidApiKey
    ),
    # LM Studio answers 200 to a wrong path, with an error in the body, which has no status of its own.
    _error_pattern({404, 405, 500}, r"unexpected endpoint or method", WrongAddress),
    # Without the word model: FastAPI, llama.cpp, Go's and Express' routers, OpenAI.
    _error_pattern(
        {404, 405},
        r"\A\W*((404|not_found(_error)?)\W+)*(404 page |file )?not found\W*\Z|method not allowed|invalid url|cannot post /",
        WrongAddress,
    ),
)

_BY_STATUS: dict[int, type[ModelError]] = {
    401: InvalidApiKey,
    402: InsufficientCredit,
    403: InvalidApiKey,
    404: UnknownModel,
    407: ProxyRefused,
    408: TimedOut,
    409: Overloaded,
    410: UnknownModel,
    413: ContextTooLong,
    425: Overloaded,
    429: RateLimited,
    451: ContentRefused,
}

_PAGE_BY_STATUS: dict[int, type[ModelError]] = {
    **dict.fromkeys((400, 401, 403, 407, 451), ProxyRefused),
    **dict.fromkeys((404, 405, 410), WrongAddress),
}
"""Meaning of a web page in place of JSON: no model interface writes one, so something else has answered."""


def error_type(status: int, words: str, *, is_page: bool = False) -> type[ModelError]:
    """Class of an error response. `words` are all that it says: code, type and message; `is_page` is True for HTML."""
    if is_page and status in _PAGE_BY_STATUS:
        return _PAGE_BY_STATUS[status]
    for entry in _BY_PATTERN:
        if status in entry.statuses and entry.pattern.search(words):
            return entry.error
    return _BY_STATUS.get(status) or (Overloaded if status >= 500 else BadRequest)


_WINDOW = re.compile(
    r"(?:context (?:length|window|size)(?: is| of)?|(?:model|prompt) length(?: is| of)?|token limit:|tokens allowed"
    r"|must be <=|must have less than|tokens >|too large for model with|input length should be \[1,|: limit)\W{0,3}(\d[\d,]*)",
    re.IGNORECASE,
)


def stated_window(words: str) -> int | None:
    """Number of tokens that the provider says would fit; None if it does not say."""
    found = _WINDOW.search(words)
    return int(found[1].replace(",", "")) or None if found else None
