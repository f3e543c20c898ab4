"""Common ground of all packages: the exception tree, clock, durations, frozen values, and safe text.

Names are imported on first use, so that `townhall --help` loads the exceptions only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.common.lazy import lazy_exports

if TYPE_CHECKING:
    from orchestrator_bridge.common.background import BackgroundTasks
    from orchestrator_bridge.common.backoff import Backoff
    from orchestrator_bridge.common.clock import Clock, SystemClock, sleep_until
    from orchestrator_bridge.common.duration import Duration, format_duration, parse_duration
    from orchestrator_bridge.common.errors import TownhallError
    from orchestrator_bridge.common.frozen import Value
    from orchestrator_bridge.common.lru_map import LruMap
    from orchestrator_bridge.common.redaction import Redactor
    from orchestrator_bridge.common.settings import EnvironmentSettings
    from orchestrator_bridge.common.text import clean, one_line, shorten, shorten_markdown
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "BackgroundTasks": "orchestrator_bridge.common.background",
            "Backoff": "orchestrator_bridge.common.backoff",
            "Clock": "orchestrator_bridge.common.clock",
            "Duration": "orchestrator_bridge.common.duration",
            "EnvironmentSettings": "orchestrator_bridge.common.settings",
            "LruMap": "orchestrator_bridge.common.lru_map",
            "Redactor": "orchestrator_bridge.common.redaction",
            "SystemClock": "orchestrator_bridge.common.clock",
            "TownhallError": "orchestrator_bridge.common.errors",
            "Value": "orchestrator_bridge.common.frozen",
            "clean": "orchestrator_bridge.common.text",
            "format_duration": "orchestrator_bridge.common.duration",
            "one_line": "orchestrator_bridge.common.text",
            "parse_duration": "orchestrator_bridge.common.duration",
            "shorten": "orchestrator_bridge.common.text",
            "shorten_markdown": "orchestrator_bridge.common.text",
            "sleep_until": "orchestrator_bridge.common.clock",
        },
    )

__all__ = [
    "BackgroundTasks",
    "Backoff",
    "Clock",
    "Duration",
    "EnvironmentSettings",
    "LruMap",
    "Redactor",
    "SystemClock",
    "TownhallError",
    "Value",
    "clean",
    "format_duration",
    "one_line",
    "parse_duration",
    "shorten",
    "shorten_markdown",
    "sleep_until",
]
