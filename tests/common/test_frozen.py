"""What follows from a frozen value, and its changed copies."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydantic import TypeAdapter

from orchestrator_bridge.common.frozen import Value, once, replace


class Sum(Value):
    one: int
    other: int = 0


@dataclass(frozen=True, kw_only=True)
class Plain:
    one: int
    other: int = 0


looks: list[Sum | Plain] = []


@once
def total(value: Sum | Plain) -> int:
    looks.append(value)
    return value.one + value.other


@pytest.fixture(autouse=True)
def _no_looks() -> None:
    looks.clear()


@pytest.mark.parametrize("value", [Sum(one=1), Plain(one=1)])
def test_what_follows_from_a_value_is_found_out_once(value: Sum | Plain) -> None:
    assert (total(value), total(value), len(looks)) == (1, 1, 1)


def test_a_changed_copy_finds_out_anew() -> None:
    checked, plain = Sum(one=1), Plain(one=1)
    assert total(checked) == total(plain) == 1

    assert total(checked.model_copy(update={"other": 2})) == 3
    assert total(replace(plain, other=2)) == 3
    assert (total(checked), total(plain)) == (1, 1)


def test_what_was_found_out_is_neither_compared_nor_stored() -> None:
    known = Sum(one=1)
    total(known)

    assert known == Sum(one=1)
    assert repr(known) == repr(Sum(one=1))
    assert TypeAdapter(Sum).dump_json(known) == b'{"one":1,"other":0}'


def test_a_replaced_field_leaves_the_original_and_the_other_fields_alone() -> None:
    before = Plain(one=1, other=2)

    assert replace(before, other=3) == Plain(one=1, other=3)
    assert before == Plain(one=1, other=2)
