"""Settings of all tests: failures in shared suites are shown in full, hypothesis judges results and not speed, and a build
gives the same verdict twice."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.contract", "tests.support", "tests.resilience.harness")

settings.register_profile("here", deadline=None)
settings.register_profile("build", deadline=None, derandomize=True)
settings.load_profile("build" if os.environ.get("CI") else "here")
