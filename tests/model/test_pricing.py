"""Cost of a call, exact to the last digit."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.catalogue.pricing import Price, cost
from orchestrator_bridge.model.interface import Usage

PRICE = Price(input=Decimal("0.20"), cached=Decimal("0.05"), output=Decimal("0.50"))
TOKENS = st.integers(min_value=0, max_value=2_000_000)


def test_cached_tokens_cost_their_own_price_and_reasoning_counts_as_output() -> None:
    usage = Usage(input=1_000_000, cached=400_000, output=100_000, reasoning=90_000)
    assert cost(usage, PRICE) == Decimal("0.19")


def test_without_a_cached_price_all_input_costs_the_same() -> None:
    assert cost(Usage(input=3, cached=2), Price(input=Decimal(1), output=Decimal(1))) == Decimal("0.000003")


def test_more_cached_tokens_than_input_cannot_make_a_call_cheaper_than_all_cached() -> None:
    assert cost(Usage(input=10, cached=99), PRICE) == cost(Usage(input=10, cached=10), PRICE)


@given(TOKENS, TOKENS, TOKENS, TOKENS)
def test_costs_add_up_exactly(input_a: int, input_b: int, output_a: int, output_b: int) -> None:
    parts = cost(Usage(input=input_a, output=output_a), PRICE) + cost(Usage(input=input_b, output=output_b), PRICE)
    assert parts == cost(Usage(input=input_a + input_b, output=output_a + output_b), PRICE)
