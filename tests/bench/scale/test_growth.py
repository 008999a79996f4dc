"""The fitted exponent is that of the law behind the costs."""

import pytest

from tests.bench.scale.growth import exponent

SIZES = (100, 600, 2000, 6000, 20000)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.1, 2.0])
def test_the_exponent_of_a_power_law(power: float) -> None:
    assert exponent(SIZES, [3e-4 * size**power for size in SIZES]) == pytest.approx(power)


def test_a_fixed_cost_makes_it_smaller() -> None:
    assert 0.3 < exponent(SIZES, [0.01 + 1e-5 * size for size in SIZES]) < 0.7


def test_one_size_has_no_exponent() -> None:
    with pytest.raises(ValueError, match="two sizes"):
        exponent([100], [1.0])
