"""The CDF of a head's distributions at fixed values is that of the distributions themselves."""

from __future__ import annotations

import pytest
import torch

from splicedpareto.nn import GridCdf, SplicedBinnedParetoHead

VALUES = torch.arange(-110, 101, dtype=torch.float64) + 0.5
EDGES = {
    "whole": torch.arange(-50, 102) - 0.5,
    "uneven": torch.tensor([-7.3, -7.1, 0.0, 2.5, 30.0, 61.1]),
}


@pytest.mark.parametrize("edges", EDGES.values(), ids=EDGES)
@pytest.mark.parametrize("spread", [0.5, 3.0, 30.0])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": "tied"},
        {"lower_mass": 0.0, "upper_mass": 0.0},
        {"lower_mass": 0.0, "upper_mass": 0.3},
        {"concentration_range": (-0.5, 0.9)},
    ],
    ids=str,
)
def test_a_grid_has_the_cdf_and_the_thresholds_of_the_distribution(
    options, spread, edges, generator
) -> None:
    head = SplicedBinnedParetoHead(4, edges, **options).double()
    size = 200, head.linear.out_features
    raw = spread * torch.randn(size, generator=generator, dtype=torch.float64)
    raw[:, head.bins :].clamp_(-8, 8)
    expected = head.distribution(raw)
    cdf, thresholds = GridCdf(head, VALUES)(raw)
    torch.testing.assert_close(cdf, expected.cdf(VALUES[:, None]).T, rtol=0, atol=1e-9)
    both = torch.stack([expected.lower_threshold, expected.upper_threshold], dim=-1)
    # A threshold in a nearly empty bin takes the rounding of a sum over its probability.
    torch.testing.assert_close(thresholds, both, rtol=0, atol=1e-6)


def test_a_grid_keeps_the_digits_of_a_lower_tail() -> None:
    head = SplicedBinnedParetoHead(4, EDGES["whole"], lower_mass=1e-4).double()
    raw = head.linear.bias.detach()[None]
    values = torch.tensor([-400.0, -200.0, -60.0], dtype=torch.float64)
    cdf, _ = GridCdf(head, values)(raw)
    torch.testing.assert_close(cdf[0], head.distribution(raw[0]).cdf(values), rtol=1e-9, atol=0)
