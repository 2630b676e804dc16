"""Bad parameters are refused by name, and extreme ones give the limit that mathematics gives."""

import math

import pytest
import torch

from example_distributions import f64, uneven_distribution
from splicedpareto.contrib._hybrid_pareto import HybridPareto
from splicedpareto.contrib._student_t import StudentT
from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Delta,
    Discretized,
    Gaussian,
    GeneralizedPareto,
    LogNormal,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.distributions._base import ScalarDistribution
from splicedpareto.scoring_rules import tw_crps

NAN, INF = math.nan, math.inf
GOOD = {
    "logits": torch.zeros(3),
    "edges": torch.arange(4.0),
    "lower_concentration": 0.1,
    "upper_concentration": 0.1,
}
EDGE = GOOD | {"logits": torch.zeros(5), "splice": "edge"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edges": torch.tensor([0.0, 2, 1, 3])}, r"edges must be strictly increasing.*got -1"),
        ({"edges": torch.tensor([0.0, 1, 1, 3])}, r"edges must be strictly increasing.*got 0"),
        ({"edges": torch.tensor([0.0, NAN, 2, 3])}, r"edges must be finite, got nan"),
        (
            {"edges": torch.arange(5.0)},
            r"logits must end in 4 entries for 4 bins.*got shape \(3,\)",
        ),
        ({"edges": torch.arange(1.0)}, r"edges must hold at least 2 edges, got shape \(1,\)"),
        ({"edges": torch.tensor(1.0)}, r"edges must hold at least 2 edges, got shape \(\)"),
        ({"logits": torch.tensor(1.0)}, r"logits must end in 3 entries.*got shape \(\)"),
        ({"logits": torch.tensor([0, INF, 0])}, r"logits must be finite or -inf, got inf"),
        ({"logits": torch.full((3,), -INF)}, r"logits must be finite for at least one bin"),
        ({"upper_concentration": INF}, r"upper_concentration must be finite, got inf"),
        ({"lower_scale": 0.0}, r"lower_scale must be positive and finite, got 0"),
        ({"upper_scale": -1.5}, r"upper_scale must be positive and finite, got -1.5"),
        ({"upper_scale": INF}, r"upper_scale must be positive and finite, got inf"),
        ({"lower_mass": -0.1}, r"lower_mass must be in \[0, 1\), got -0.1"),
        ({"upper_mass": 1.0}, r"upper_mass must be in \[0, 1\), got 1"),
        (
            {"lower_scale": torch.tensor([1.0, -1, 2, -3])},
            r"got -1 \(2 of 4 values break",
        ),
        ({"splice": "middle"}, r"splice must be 'quantile' or 'edge', got 'middle'"),
        ({"lower_concentration": torch.zeros(2), "upper_scale": torch.ones(3)}, r"must broadcast"),
        ({"logits": torch.zeros(2, 3), "edges": torch.arange(4.0).expand(5, 4)}, r"must broadcast"),
    ],
)
def test_a_bad_parameter_is_refused_by_name_rule_and_value(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SplicedBinnedPareto(**(GOOD | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": torch.zeros(3)}, r"logits must end in 5 entries for 3 bins and splice='edge'"),
        ({"lower_mass": 0.1}, r"lower_mass and upper_mass must be left out.*got 0.1"),
        ({"upper_mass": torch.tensor([0.05])}, r"must be left out with splice='edge'"),
        ({"logits": torch.tensor([0, -INF, -INF, -INF, 0])}, r"logits must be finite for at least"),
        ({"logits": torch.tensor([0.0, 0, 0, -INF, 0])}, r"the tied upper_scale must be finite"),
        ({"logits": torch.tensor([0.0, -INF, 0, 0, 0])}, r"the tied lower_scale must be finite"),
    ],
)
def test_a_bad_edge_splice_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SplicedBinnedPareto(**(EDGE | changes))


def test_whole_number_logits_are_refused() -> None:
    with pytest.raises(TypeError, match=r"logits must be floating-point, got torch.int64"):
        SplicedBinnedPareto(**(GOOD | {"logits": torch.zeros(3, dtype=torch.long)}))


def test_other_bad_arguments_of_methods_are_refused() -> None:
    dist = uneven_distribution()
    with pytest.raises(ValueError, match=r"log_level must be at most 0, got 0.5"):
        dist.icdf_from_log(f64(0.5))
    with pytest.raises(ValueError, match=r"level must be in \[0, 1\], got 2"):
        dist.expected_shortfall(2.0)
    with pytest.raises(ValueError, match=r"level must be in \[0, 1\], got -1"):
        dist.pinball(f64(0.0), -1.0)
    with pytest.raises(ValueError, match=r"lower must be at most upper, got 2"):
        dist.log_prob_interval(f64(2.0), f64(1.0))
    with pytest.raises(ValueError, match=r"scale must be positive and finite, got -2"):
        dist.affine(0.0, -2.0)
    with pytest.raises(ValueError, match=r"loc must be finite, got nan"):
        dist.affine(NAN, 1.0)


ZERO, UNIT = f64(0.0), f64(1.0)
FAMILIES = [
    uneven_distribution(),
    Gaussian(ZERO, UNIT),
    LogNormal(ZERO, UNIT),
    GeneralizedPareto(ZERO, UNIT, f64(0.2)),
    StudentT(f64(3.0), ZERO, UNIT),
    HybridPareto(ZERO, UNIT, f64(0.2)),
    Delta(ZERO),
    Mixture(f64(0.0, 0.0), [Delta(ZERO), Gaussian(ZERO, UNIT)]),
    AffineTransformed(Gaussian(ZERO, UNIT), UNIT, UNIT),
    Censored(Gaussian(ZERO, UNIT), 0.0, INF),
    Discretized(Gaussian(ZERO, UNIT)),
    Discretized(Censored(Gaussian(ZERO, UNIT), 0.0, 9.0)),
]


@pytest.mark.parametrize("dist", FAMILIES, ids=lambda dist: type(dist).__name__)
def test_a_range_is_not_reversed_and_an_empty_one_holds_nothing(dist: ScalarDistribution) -> None:
    for reversed_range in ((3.0, 2.0), (INF, 2.0), (f64(0.0, 3.0), 2.0)):
        with pytest.raises(ValueError, match=r"low must be at most high, got (3|inf)"):
            dist.crps_between(f64(0.3), *reversed_range)
        with pytest.raises(ValueError, match=r"low must be at most high, got (3|inf)"):
            dist.clamped_mean(*reversed_range)
    for end in (INF, -INF, 0.5, f64(INF)):
        for value in (0.3, 2.0, -1.0):
            assert dist.crps_between(f64(value), end, end) == 0
    assert tw_crps(dist, f64(0.3), INF) == 0
    with pytest.raises(ValueError, match="must be in"):
        dist.icdf(f64(2.0))


def test_without_validation_nothing_is_checked() -> None:
    bad = GOOD | {"edges": torch.tensor([0.0, 2, 1, 3]), "lower_mass": NAN, "upper_scale": -1.0}
    dist = SplicedBinnedPareto(**bad, validate_args=False)
    assert dist.icdf(torch.tensor(7.0)).shape == ()
    assert dist.affine(0.0, -1.0).batch_shape == ()


def test_nan_values_and_levels_give_nan() -> None:
    dist = uneven_distribution()
    nan = f64(NAN)
    for method in ("log_prob", "cdf", "sf", "log_cdf", "log_sf", "icdf", "isf", "crps"):
        assert getattr(dist, method)(nan).isnan(), method
    assert dist.log_prob_interval(nan, f64(1.0)).isnan()
    assert dist.log_prob_interval(f64(1.0), nan).isnan()
    assert dist.stop_loss(nan).isnan()


@pytest.mark.parametrize("shape", [-0.4, 0.0, 0.5, 1.3])
def test_infinite_values_give_the_limits(shape: float) -> None:
    dist, ends = uneven_distribution(shape, shape), f64(-INF, INF)
    assert dist.log_prob(ends).tolist() == [-INF, -INF]
    assert dist.cdf(ends).tolist() == [0, 1]
    assert dist.sf(ends).tolist() == [1, 0]
    assert dist.log_cdf(ends).tolist() == [-INF, 0]
    assert dist.log_sf(ends).tolist() == [0, -INF]
    assert dist.crps(ends).tolist() == [INF, INF]
    assert dist.log_prob_interval(*ends) == 0


@pytest.mark.parametrize("shape", [-0.2, -1.0, -1.5])
def test_past_the_end_of_the_support_there_is_nothing(shape: float) -> None:
    dist = uneven_distribution(shape, shape, scale=2.0)
    low, high = dist.end_points
    beyond = torch.stack([low - 1e-9, low - 50, high + 1e-9, high + 50])
    assert dist.log_prob(beyond).tolist() == [-INF] * 4
    assert dist.cdf(beyond).tolist() == [0, 0, 1, 1]
    assert dist.log_sf(beyond).tolist() == [0, 0, -INF, -INF]
    assert dist.icdf(f64(0, 1)).tolist() == [low, high]
    assert dist.isf(f64(0, 1)).tolist() == [high, low]
    assert dist.mean_excess(high + 1) == 0
    assert dist.mean_excess(math.nan).isnan()
    assert dist.stop_loss(high + 1) == 0


def test_extreme_levels_of_endless_tails_are_infinite() -> None:
    dist = uneven_distribution(0.0, 0.3)
    assert dist.icdf(f64(0, 1)).tolist() == [-INF, INF]
    assert dist.isf_from_log(f64(-INF)) == INF


def test_a_threshold_on_an_edge_belongs_to_the_body() -> None:
    # A quarter of the mass in each bin: the thresholds are the inner edges exactly.
    dist = SplicedBinnedPareto(
        torch.zeros(4), torch.arange(5.0), 0.1, 0.1, 9.0, 9.0, lower_mass=0.25, upper_mass=0.25
    )
    assert (dist.lower_threshold, dist.upper_threshold) == (1, 3)
    assert dist.log_prob(torch.tensor([1.0, 3.0])).exp().tolist() == pytest.approx([0.25, 0.25])
    assert dist.cdf(torch.tensor([1.0, 3.0])).tolist() == pytest.approx([0.25, 0.75])


def test_bins_without_probability_are_gaps() -> None:
    logits = f64(-INF, 0.0, -INF, 0.0, -INF)
    dist = SplicedBinnedPareto(logits, torch.arange(6.0), 0, 0, lower_mass=0.0, upper_mass=0.0)
    assert dist.end_points == (1, 4)
    assert dist.log_prob(f64(0.5, 1.5, 2.5, 3.5, 4.5)).exp().tolist() == [0, 0.5, 0, 0.5, 0]
    assert dist.cdf(f64(0.5, 1.5, 2.5, 3.5, 4.5)).tolist() == [0, 0.25, 0.5, 0.75, 1]
    # The smallest value that reaches a level is the left end of the gap.
    assert dist.icdf(f64(0, 0.25, 0.5, 0.75, 1)).tolist() == [1, 1.5, 2, 3.5, 4]
    assert dist.isf(f64(1, 0.75, 0.5, 0.25, 0)).tolist() == [1, 1.5, 2, 3.5, 4]
    assert dist.log_prob_interval(f64(2.1), f64(2.9)) == -INF
    assert dist.log_prob_interval(f64(1.5), f64(3.5)).exp().item() == pytest.approx(0.5)
    assert dist.mean == 2.5
    assert dist.entropy().item() == pytest.approx(math.log(2))


def test_tails_start_within_bins_that_have_probability() -> None:
    logits = f64(-INF, 0.0, 0.0, -INF)
    dist = SplicedBinnedPareto(logits, torch.arange(5.0), 0.1, 0.1)
    assert dist.lower_threshold.item() == pytest.approx(1.1)
    assert dist.upper_threshold.item() == pytest.approx(2.9)
    assert dist.lower_scale.item() == pytest.approx(0.1)
    assert dist.cdf(f64(1.1, 2.0, 2.9)).tolist() == pytest.approx([0.05, 0.5, 0.95])


def test_improbable_bins_keep_their_log_probability() -> None:
    # exp(-200) is zero in float32; its logarithm is not.
    logits = torch.tensor([0.0, -200.0, 0.0])
    dist = SplicedBinnedPareto(logits, torch.arange(4.0), 0, 0, lower_mass=0.0, upper_mass=0.0)
    expected = -200 - math.log(2)
    assert dist.log_prob(torch.tensor(1.5)).item() == pytest.approx(expected)
    interval = dist.log_prob_interval(torch.tensor(1.0), torch.tensor(2.0))
    assert interval.item() == pytest.approx(expected)
