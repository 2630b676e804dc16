"""Edges from data hold the data, rise strictly, and lie where their spacing says."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from splicedpareto.distributions import SplicedBinnedPareto
from splicedpareto.nn import edges_from_data

SPACINGS = ["robust", "quantile", "uniform", "mixed"]


@given(
    values=st.lists(
        st.one_of(st.sampled_from([0.0, 1.0, -3.5]), st.floats(-1e9, 1e9, width=32)), min_size=1
    ),
    bins=st.integers(1, 30),
    spacing=st.sampled_from(SPACINGS),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@example([1e-45], 1, "mixed", torch.float32)
def test_edges_rise_strictly_whatever_the_ties(
    values: list[float], bins: int, spacing: str, dtype: torch.dtype
) -> None:
    edges = edges_from_data(torch.tensor(values, dtype=dtype), bins, spacing=spacing)  # type: ignore[arg-type]
    assert edges.shape == (bins + 1,)
    assert edges.dtype == dtype
    assert (edges.diff() > 0).all()
    SplicedBinnedPareto(torch.zeros(bins, dtype=dtype), edges, 0.1, 0.1)  # takes them


def test_quantile_bins_hold_equal_shares(generator: torch.Generator) -> None:
    values = torch.randn(10_000, generator=generator, dtype=torch.float64).exp()
    edges = edges_from_data(values, 20, spacing="quantile", outside=0.0)
    counts, _ = np.histogram(values, edges.numpy())
    assert set(counts) == {500}


def test_uniform_bins_are_equally_wide_between_the_outer_quantiles() -> None:
    values = torch.arange(1001.0)
    edges = edges_from_data(values, 4, spacing="uniform", outside=0.1)
    torch.testing.assert_close(edges, torch.tensor([100.0, 300.0, 500.0, 700.0, 900.0]))


def test_mixed_bins_are_narrow_in_the_bulk_and_nowhere_wider_than_half_as_many_even_ones(
    generator: torch.Generator,
) -> None:
    values = (2 * torch.randn(10_000, generator=generator, dtype=torch.float64)).exp()
    quantile, uniform, mixed = (
        edges_from_data(values, 40, spacing=spacing).diff()  # type: ignore[arg-type]
        for spacing in SPACINGS[1:]
    )
    assert mixed.max() <= 2 * uniform[0] * (1 + 1e-9)
    assert quantile.max() > 4 * uniform[0]
    assert mixed.min() < 3 * quantile.min() < uniform[0]


@pytest.mark.parametrize("spacing", SPACINGS)
def test_weight_is_repetition(spacing: str, generator: torch.Generator) -> None:
    values = torch.randint(0, 30, (60,), generator=generator).double().square()
    weight = torch.randint(0, 4, (60,), generator=generator)
    weighted = edges_from_data(values, 7, spacing=spacing, weight=weight.double())  # type: ignore[arg-type]
    repeated = edges_from_data(values.repeat_interleave(weight), 7, spacing=spacing)  # type: ignore[arg-type]
    assert torch.equal(weighted, repeated)


def test_robust_bins_of_the_bulk_stay_as_they_are_whatever_a_few_values(
    generator: torch.Generator,
) -> None:
    values = torch.randn(2000, generator=generator, dtype=torch.float64)
    clean = edges_from_data(values, 50)
    inside = clean[(clean > -2) & (clean < 2)]
    for far in (1e4, 1e6, 1e9):
        for share in (0.001, 0.0025, 0.01, 0.05):
            spoilt = values.clone()
            spoilt[: round(share * 2000)] = far
            edges = edges_from_data(spoilt, 50)
            kept = edges[(edges > -2) & (edges < 2)]
            # The widest bin of the bulk does not even double, and a quarter cross the gap.
            assert len(kept) > 0.7 * len(inside)
            assert kept.diff().max() < 2 * inside.diff().max()


def test_robust_bins_hold_equal_shares_of_the_heaviest_of_tails() -> None:
    levels = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    values = (5 * 2**0.5 * torch.erfinv(2 * levels - 1)).exp()  # lognormal, sigma of 5
    edges = edges_from_data(values, 50)
    counts, _ = np.histogram(values, edges.numpy())
    assert counts.max() < 0.06 * 4000
    # Edges lie near the 1 % and the 99 % point, eleven powers of e from the median.
    for level in (0.01, 0.05, 0.95, 0.99):
        at = (values < edges[:, None]).double().mean(1)
        assert (at - level).abs().min() < 0.25 * min(level, 1 - level)


def test_two_bins_at_least_lead_to_a_far_bound() -> None:
    values = torch.linspace(1, 10, 200)
    for bins, count in ((8, 2), (10, 2), (16, 2), (40, 5)):
        edges = edges_from_data(values, bins, support=(0.0, 1e9))
        assert len(edges) == bins + 1
        assert int((edges > 20).sum()) == count


def test_ends_of_the_support_are_edges() -> None:
    values = torch.tensor([0.5, 1.0, 3.0])
    edges = edges_from_data(values, 6, support=(0.0, None))
    assert edges[0] == 0
    assert edges[-1] == 3
    assert edges_from_data(values, 6, support=(None, 4.0))[-1] == 4
    for support, message in (
        ((1.0, None), r"support must hold all values, got \(1.0, None\) .* 1 lie outside"),
        ((2.0, 2.0), "lowest < highest"),
        ((math.nan, None), "lowest < highest"),
    ):
        with pytest.raises(ValueError, match=message):
            edges_from_data(values, 6, support=support)


@pytest.mark.parametrize("bins", [1.5, "3", True, math.nan], ids=str)
def test_number_of_bins_must_be_whole(bins: object) -> None:
    with pytest.raises(ValueError, match="bins must be a whole number"):
        edges_from_data(torch.ones(3), bins)  # type: ignore[arg-type]


def test_frequent_value_falls_within_a_bin() -> None:
    values = torch.tensor([0.0, 0, 0, 0, 0, 1, 2, 3, -1, -2])
    edges = edges_from_data(values, 5, spacing="quantile", outside=0.0)
    assert edges[(edges - 0.5).abs().argmin()].item() == 0.5
    assert 0.0 not in edges


@pytest.mark.parametrize(
    ("value", "ends"), [(0.0, (-0.5, 0.5)), (3.0, (1.5, 4.5)), (-1e6, (-1.5e6, -5e5))]
)
def test_constant_values_get_a_range_around_them(value: float, ends: tuple[float, float]) -> None:
    edges = edges_from_data(torch.full((5,), value), 4)
    assert (edges[0].item(), edges[-1].item()) == ends


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_edges_scale_with_the_values(scale: float, generator: torch.Generator) -> None:
    values = torch.randn(500, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        edges_from_data(scale * values, 9), scale * edges_from_data(values, 9)
    )


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf, 0.0]], ids=str)
def test_values_must_be_finite(values: list[float]) -> None:
    with pytest.raises(ValueError, match="values must be finite, of shape"):
        edges_from_data(torch.tensor(values), 3)


def test_no_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        edges_from_data(torch.ones(3), 0)


@pytest.mark.parametrize("outside", [-0.1, 0.5, math.nan])
def test_share_outside_must_leave_a_body(outside: float) -> None:
    with pytest.raises(ValueError, match=r"outside must be in \[0, 0.5\)"):
        edges_from_data(torch.ones(3), 3, outside=outside)


def test_another_spacing_is_refused() -> None:
    with pytest.raises(ValueError, match="spacing must be 'robust', 'quantile', 'uniform' or"):
        edges_from_data(torch.ones(3), 3, spacing="log")  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [[1.0, 1.0], [1.0, -1.0, 1.0], [0.0] * 3, [math.nan, 1, 1]])
def test_weights_must_be_usable(weight: list[float]) -> None:
    with pytest.raises(ValueError, match="weight must"):
        edges_from_data(torch.ones(3), 3, weight=torch.tensor(weight))


@pytest.mark.parametrize("spacing", ["robust", "quantile", "mixed", "uniform"])
@pytest.mark.parametrize("count", [9, 99, 250, 1000])
def test_edges_of_mirrored_values_are_mirrored(
    spacing: str, count: int, generator: torch.Generator
) -> None:
    # Levels that fall on a value, between two, and on ties.
    values = torch.randn(count, generator=generator, dtype=torch.float64).exp()
    values = torch.where(values < 0.7, 0.7, values)
    edges = edges_from_data(values, 9, spacing=spacing)  # type: ignore[arg-type]
    mirrored = edges_from_data(-values, 9, spacing=spacing)  # type: ignore[arg-type]
    torch.testing.assert_close(mirrored, -edges.flip(0), rtol=1e-12, atol=0)
