"""Logits with gaps and far apart, in a batch, give what SciPy gives for each row."""

import math

import pytest
import torch
from torch import Tensor

from example_distributions import F64, PlainDistribution
from splicedpareto.distributions import SplicedBinnedPareto

INF = math.inf
TOLERANCE = {torch.float32: 2e-5, F64: 1e-11}
SHAPES = [-0.6, -1e-9, 0.0, 0.02, 0.3, 1.5]

# Rows: plain, with gaps at the ends and within, and far apart, down to weights that float32 has no
# normal number for.
LOGITS = torch.tensor([
    [0.3, -0.2, 1.1, 0.0, -1.4, 0.7, 0.2, -0.5, 0.4, 0.1, -0.3, 0.6, 0.9],
    [-INF, -INF, 1.1, 0.0, -1.4, 0.7, 0.2, -0.5, 0.4, 0.1, -0.3, -INF, -INF],
    [0.3, 2.2, 1.1, 0.0, -INF, -INF, -INF, -INF, -INF, 0.1, -0.3, 0.6, -2.1],
    [-80.0, -40.0, -20.0, -8.0, 0.0, 0.5, 1.0, 0.0, -3.0, -9.0, -20.0, -40.0, -84.0],
    [-INF, -INF, -INF, -INF, -INF, -INF, -INF, 3.0, -INF, -INF, -INF, -INF, -INF],
    [-375.0, -300.0, -300.0, -300.0, -300.0, -300.0, -300.0, -300.0, -305.0, -300.0, -301.0,
     -300.0, -380.0],
], dtype=F64)  # fmt: skip
STEPS = torch.tensor(
    [1.0, 0.5, 2.0, 1.0, 0.25, 1.0, 3.0, 1.0, 0.125, 1.0, 1.0, 4.0, 2.0], dtype=F64
)


def hostile_distribution(
    masses: tuple[float, float] | None, scales: str, edges: str, dtype: torch.dtype
) -> SplicedBinnedPareto:
    """Six rows, spliced at edges without masses; a scale is then tied to no empty bin."""
    logits, steps = LOGITS.clone(), STEPS
    if masses is None:
        steps = steps[1:-1]
        if scales != "free":
            logits[:, [1, -2]] = logits[:, [1, -2]].masked_fill(logits[:, [1, -2]] == -INF, -2)
    ends = torch.cat([steps.new_full((1,), -4.0), steps]).cumsum(0)
    if edges == "own":
        ends = ends * torch.linspace(0.5, 3, len(logits), dtype=F64)[:, None]
    splice: dict[str, object] = {"splice": "edge"}
    if masses is not None:
        splice = {"lower_mass": masses[0], "upper_mass": masses[1]}
    shapes = torch.tensor(SHAPES, dtype=dtype)
    return SplicedBinnedPareto(
        logits.to(dtype),
        ends.to(dtype),
        shapes,
        shapes.flip(0),
        None if scales == "tied" else 0.5 + shapes.square(),
        0.7 if scales == "free" else None,
        **splice,
    )


def hostile_values(dist: SplicedBinnedPareto) -> Tensor:
    """Edges, points within all bins and far out, clear of the thresholds, ``(S, 6)``."""
    edges = dist.edges.expand((6, dist.edges.shape[-1])).T
    scale = dist.lower_scale.clamp(1e-3, 1e3), dist.upper_scale.clamp(1e-3, 1e3)
    out = torch.tensor([1e-3, 0.1, 0.8, 30.0, 1e6], dtype=edges.dtype)[:, None]
    low, high = dist.lower_threshold, dist.upper_threshold
    inside = edges[:-1] + 0.375 * edges.diff(dim=0)
    values = torch.cat([edges, inside, low - out * scale[0], high + out * scale[1]])
    near = torch.minimum((values - low).abs(), (values - high).abs()) < 1e-4
    return torch.where(near, values + 2e-3, values)


def rows(dist: SplicedBinnedPareto) -> list[SplicedBinnedPareto]:
    """Each row as a distribution of its own, in float64."""
    names = ("lower_concentration", "upper_concentration", "lower_scale", "upper_scale")
    edges = dist.edges.expand((6, dist.edges.shape[-1])).double()
    masses = {}
    if dist.splice == "quantile":
        masses = {"lower_mass": dist.lower_mass[0].item(), "upper_mass": dist.upper_mass[0].item()}
    return [
        SplicedBinnedPareto(
            dist.logits[r].double(),
            edges[r],
            *(getattr(dist, name)[r].double() for name in names),
            splice=dist.splice,
            **masses,
        )
        for r in range(6)
    ]


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=["float32", "float64"])
@pytest.mark.parametrize("edges", ["shared", "own"])
@pytest.mark.parametrize("scales", ["tied", "free", "mixed"])
@pytest.mark.parametrize(
    "masses", [None, (0.05, 0.07), (0.0, 0.3), (0.4, 0.0), (0.0, 0.0)], ids=str
)
@pytest.mark.sample(20)
def test_each_row_is_scipys(
    masses: tuple[float, float] | None, scales: str, edges: str, dtype: torch.dtype
) -> None:
    dist = hostile_distribution(masses, scales, edges, dtype)
    values = hostile_values(dist)
    found = {name: getattr(dist, name)(values) for name in ("log_prob", "cdf", "sf")}
    assert not any(result.isnan().any() for result in found.values())
    for r, row in enumerate(rows(dist)):
        plain, x = PlainDistribution.of(row), values[:, r].double().numpy()
        for name, expected in {
            "log_prob": plain.density(x),
            "cdf": plain.cdf(x),
            "sf": plain.sf(x),
        }.items():
            actual = found[name][:, r].double()
            actual = actual.exp() if name == "log_prob" else actual
            torch.testing.assert_close(
                actual,
                torch.tensor(expected),
                rtol=50 * TOLERANCE[dtype],
                atol=TOLERANCE[dtype],
                msg=lambda said, name=name, r=r: f"{name} of row {r}: {said}",
            )


@pytest.mark.parametrize("splice", ["quantile", "edge"])
def test_thresholds_belong_to_the_body_to_the_last_digit(splice: str) -> None:
    source = torch.Generator().manual_seed(4)
    logits = torch.randn(500, 20, generator=source)
    dist = SplicedBinnedPareto(logits, torch.linspace(-1, 2, 21 - 2 * (splice == "edge")), 0.1, 0.2,
                               5000.0, 5000.0, splice=splice)  # fmt: skip
    # The tails' density is below 0.0001, that of the least bin above 0.001.
    assert (dist.log_prob(dist.lower_threshold) > math.log(0.0005)).all()
    assert (dist.log_prob(dist.upper_threshold) > math.log(0.0005)).all()


def test_thresholds_that_are_rounded_past_each_other_are_one() -> None:
    logits = torch.randn(2000, 20, generator=torch.Generator().manual_seed(6))
    least = 0.5 - 2**-24
    dist = SplicedBinnedPareto(logits, torch.linspace(-1, 2, 21), 0.1, 0.1, None, None, 0.5, least)
    assert (dist.lower_threshold <= dist.upper_threshold).all()
    assert (dist.lower_threshold == dist.upper_threshold).any()


def test_quantiles_of_the_body_stay_between_the_thresholds() -> None:
    logits = torch.randn(2000, 20, generator=torch.Generator().manual_seed(7))
    dist = SplicedBinnedPareto(logits, torch.linspace(-1, 2, 21), 0.1, 0.1, 5.0, 5.0, 0.3, 0.3)
    level = torch.tensor(0.3)
    for quantile in (dist.icdf(level), dist.isf(level)):
        assert (quantile >= dist.lower_threshold).all()
        assert (quantile <= dist.upper_threshold).all()


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-5), (F64, 1e-12)])
def test_probabilities_of_the_body_keep_their_digits_on_either_side(
    dtype: torch.dtype, rtol: float
) -> None:
    logits = -2 * (torch.arange(41, dtype=F64) - 20).abs()
    edges = torch.arange(42.0)
    dist = SplicedBinnedPareto(logits.to(dtype), edges, 0.1, 0.1, lower_mass=0, upper_mass=0)
    probs, at = logits.softmax(-1), torch.arange(1, 41)
    left, right = probs.cumsum(-1)[:-1], probs.flip(-1).cumsum(-1).flip(-1)[1:]
    torch.testing.assert_close(dist.cdf(at).double(), left, rtol=rtol, atol=0)
    torch.testing.assert_close(dist.sf(at).double(), right, rtol=rtol, atol=0)
