"""Derived facts of frozen values are computed once, and not copied to a changed value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pytest
from pydantic import TypeAdapter

from orchestrator_bridge.common.frozen import Value, cached_on_value, replace


class Sum(Value):
    first: int
    second: int = 0

    @cached_property
    def double(self) -> int:
        computed.append(self)
        return 2 * (self.first + self.second)


@dataclass(frozen=True, kw_only=True)
class PlainSum:
    first: int
    second: int = 0

    @cached_property
    def double(self) -> int:
        computed.append(self)
        return 2 * (self.first + self.second)


computed: list[Sum | PlainSum] = []


@cached_on_value
def total(value: Sum | PlainSum) -> int:
    computed.append(value)
    return value.first + value.second


@pytest.fixture(autouse=True)
def _nothing_computed() -> None:
    computed.clear()


@pytest.mark.parametrize("value", [Sum(first=1), PlainSum(first=1)])
def test_a_derived_fact_is_computed_once(value: Sum | PlainSum) -> None:
    assert (total(value), total(value), len(computed)) == (1, 1, 1)
    assert (value.double, value.double, len(computed)) == (2, 2, 2)


def test_a_changed_copy_computes_anew() -> None:
    checked, plain = Sum(first=1), PlainSum(first=1)
    assert (total(checked), total(plain), checked.double, plain.double) == (1, 1, 2, 2)

    changed, replaced = checked.model_copy(update={"second": 2}), replace(plain, second=2)
    assert (total(changed), changed.double) == (3, 6)
    assert (total(replaced), replaced.double) == (3, 6)
    assert (total(checked), total(plain), checked.double, plain.double) == (1, 1, 2, 2)


def test_a_derived_fact_is_neither_compared_nor_shown_nor_stored() -> None:
    known = Sum(first=1)
    assert (total(known), known.double) == (1, 2)

    assert known == Sum(first=1)
    assert repr(known) == repr(Sum(first=1))
    assert TypeAdapter(Sum).dump_json(known) == b'{"first":1,"second":0}'


def test_a_replaced_field_leaves_the_original_and_the_other_fields_alone() -> None:
    before = PlainSum(first=1, second=2)

    assert replace(before, second=3) == PlainSum(first=1, second=3)
    assert before == PlainSum(first=1, second=2)
