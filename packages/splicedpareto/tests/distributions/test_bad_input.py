"""Every entry refuses bad input by name, rule and value; degenerate input gives the exact limit."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import genpareto

from example_distributions import F64, f64, uneven_distribution
from splicedpareto import objectives, scoring_rules
from splicedpareto.contrib import HybridPareto, QuantileParetoHead, StudentT
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
    from_bar_distribution,
)
from splicedpareto.nn import DistributionNetwork, GaussianHead, ResidualMLP, edges_from_data

NAN, INF = math.nan, math.inf
BATCH = {
    "logits": torch.zeros(4, 3),
    "edges": torch.arange(4.0).expand(4, 4),
    "lower_concentration": torch.full((4,), 0.1),
    "upper_concentration": torch.full((4,), 0.1),
    "lower_scale": torch.ones(4),
    "upper_scale": torch.ones(4),
    "lower_mass": torch.full((4,), 0.05),
    "upper_mass": torch.full((4,), 0.05),
}


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("name", BATCH)
def test_one_bad_number_in_a_batch_is_named_with_its_value(name: str, bad: float) -> None:
    value = BATCH[name].clone()
    value[2, ...] = bad if value.dim() == 1 else value[2]
    if value.dim() == 2:
        value[2, 1] = bad
    if name == "logits" and bad == -INF:
        return  # an empty bin
    with pytest.raises(ValueError, match=rf"{name} must be .*got {bad} \(1 of"):
        SplicedBinnedPareto(**(BATCH | {name: value}))


def test_edges_of_one_row_that_do_not_increase_are_refused() -> None:
    edges = torch.arange(4.0).repeat(4, 1)
    edges[3, 1] = 2.5
    with pytest.raises(ValueError, match=r"edges must be strictly increasing.*got -0.5 \(1 of 12"):
        SplicedBinnedPareto(**(BATCH | {"edges": edges}))


@pytest.mark.parametrize("masses", [(0.7, 0.3), (0.2, 0.9), (0.999, 0.999)])
def test_masses_that_leave_no_body_are_refused(masses: tuple[float, float]) -> None:
    lower, upper = masses
    rule = rf"lower_mass \+ upper_mass must be below 1, .*got {lower + upper:g}"
    with pytest.raises(ValueError, match=rule):
        uneven_distribution(lower_mass=lower, upper_mass=upper)


@pytest.mark.parametrize(
    "dist",
    [
        uneven_distribution(),
        Gaussian(0.0, 1.0),
        Censored(uneven_distribution(), -1, 1),
        Discretized(uneven_distribution()),
    ],
    ids=["spliced", "gaussian", "censored", "discretized"],
)
@pytest.mark.parametrize("method", ["icdf", "isf"])
@pytest.mark.parametrize("level", [-1e-9, -0.1, 1.5, INF])
def test_every_distribution_refuses_a_level_outside_the_unit_interval(
    dist, method: str, level
) -> None:
    with pytest.raises(ValueError, match=rf"value must be in \[0, 1\], got {level:g}"):
        getattr(dist, method)(torch.tensor(level))


def test_shapes_that_do_not_broadcast_are_named() -> None:
    dist = SplicedBinnedPareto(**BATCH)
    three = torch.zeros(3)
    for call in (
        lambda: objectives.composite_nll(dist, three),
        lambda: dist.log_prob(three),
        lambda: dist.crps(three),
        lambda: dist.icdf(three),
    ):
        with pytest.raises(ValueError, match=r"value and the batch must broadcast.*\(3,\), \(4,\)"):
            call()
    rule = r"lower, upper and the batch must .*\(3,\), \(3,\), \(4,\)"
    for interval in (objectives.composite_interval_nll, SplicedBinnedPareto.log_prob_interval):
        with pytest.raises(ValueError, match=rule):
            interval(dist, three, three + 1)


@pytest.mark.parametrize("splice", ["quantile", "edge"])
def test_an_empty_batch_has_empty_losses_and_scores(splice: str) -> None:
    logits = torch.zeros(0, 5, requires_grad=True)
    edges = torch.arange(6.0 if splice == "quantile" else 4.0)
    dist = SplicedBinnedPareto(logits, edges, 0.1, 0.2, splice=splice)
    value = torch.zeros(0)
    losses = [
        objectives.composite_nll(dist, value),
        objectives.exact_nll(dist, value),
        objectives.crps_loss(dist, value, mask=torch.ones(0, dtype=torch.bool)),
        objectives.composite_interval_nll(dist, value, value + 1),
        objectives.exact_interval_nll(dist, value, value + 1),
        Censored(dist, -1.0, 1.0).log_prob(value),
        Discretized(Censored(dist, -1.0, 1.0)).log_prob(value),
        scoring_rules.mid_cdf(dist, value),
    ]
    assert [loss.shape for loss in losses] == [(0,)] * len(losses)
    (gradient,) = torch.autograd.grad(torch.cat(losses).sum(), logits)
    assert gradient.shape == (0, 5)


def test_one_bin_without_tails_is_the_uniform_distribution() -> None:
    low, high = 2.0, 5.0
    dist = SplicedBinnedPareto(f64(7.0)[None], f64(low, high), 0.3, 0.3, None, None, 0.0, 0.0)
    assert dist.mean.item() == pytest.approx((low + high) / 2, rel=1e-14)
    assert dist.variance.item() == pytest.approx((high - low) ** 2 / 12, rel=1e-13)
    assert dist.entropy().item() == pytest.approx(math.log(high - low), rel=1e-14)
    assert dist.mode.item() == pytest.approx((low + high) / 2)
    assert dist.end_points == (low, high)
    share = 0.3
    # Of the uniform distribution on [0, w] at s w: w (s^3 + (1 - s)^3) / 3.
    expected = (high - low) * (share**3 + (1 - share) ** 3) / 3
    assert dist.crps(f64(low + share * (high - low))).item() == pytest.approx(expected, rel=1e-13)


def test_a_logit_above_all_others_by_far_leaves_its_tail_alone() -> None:
    logits = f64(-1e4, -1e4, -1e4, 0.0)
    dist = SplicedBinnedPareto(logits, f64(0, 1, 3), 0.1, 0.25, 1.0, 2.0, splice="edge")
    level = f64(0.9, 0.5, 1e-9)
    expected = 3 + genpareto.isf(level.numpy(), 0.25, scale=2.0)
    torch.testing.assert_close(dist.isf(level), torch.tensor(expected), rtol=1e-12, atol=0)
    assert dist.mean.item() == pytest.approx(3 + 2.0 / 0.75, rel=1e-14)
    assert dist.log_prob(f64(0.5)).item() == pytest.approx(-1e4)


def test_equal_logits_share_the_mass_equally_whatever_the_widths() -> None:
    edges = f64(0, 0.001, 1, 50)
    dist = SplicedBinnedPareto(torch.full((3,), -3.0, dtype=F64), edges, 0, 0, 1.0, 1.0)
    inner = dist.log_prob_interval(edges[1], edges[2]).exp()
    assert inner.item() == pytest.approx(1 / 3, rel=1e-14)
    assert dist.cdf(edges[1:3]).tolist() == pytest.approx([1 / 3, 2 / 3], rel=1e-14)


@pytest.mark.parametrize("objective", [objectives.composite_nll, objectives.crps_loss])
def test_the_number_of_unmasked_nan_targets_is_told(objective) -> None:
    value = torch.tensor([1.0, NAN, NAN, NAN])
    mask = torch.tensor([True, True, True, False])
    with pytest.raises(ValueError, match=r"value must be a number.*got nan \(2 of 4"):
        objective(SplicedBinnedPareto(**BATCH), value, mask=mask)


ARRAYS = [np.zeros(4), [0.0, 0.0, 0.0, 0.0]]
BUILD = {
    "logits": lambda bad: SplicedBinnedPareto(**(BATCH | {"logits": bad})),
    "edges": lambda bad: SplicedBinnedPareto(**(BATCH | {"edges": bad})),
    "lower_concentration": lambda bad: SplicedBinnedPareto(
        **(BATCH | {"lower_concentration": bad})
    ),
    "upper_scale": lambda bad: SplicedBinnedPareto(**(BATCH | {"upper_scale": bad})),
    "upper_mass": lambda bad: SplicedBinnedPareto(**(BATCH | {"upper_mass": bad})),
    "loc": lambda bad: Gaussian(bad, 1.0),
    "scale": lambda bad: Gaussian(0.0, bad),
    "df": lambda bad: StudentT(bad, 0.0, 1.0),
    "concentration": lambda bad: HybridPareto(0.0, 1.0, bad),
    "low": lambda bad: Censored(Gaussian(0.0, 1.0), bad, 1.0),
    "high": lambda bad: Censored(Gaussian(0.0, 1.0), 0.0, bad),
    "borders": lambda bad: from_bar_distribution(torch.zeros(3), bad),
    "state": GaussianHead(4),
    "input 0": DistributionNetwork(ResidualMLP(4, 4), GaussianHead(4)),
    "values": lambda bad: edges_from_data(bad, 2),
    "levels": lambda bad: QuantileParetoHead(4, bad, torch.zeros(4)),
    "quantile": lambda bad: scoring_rules.quantile_score(bad, torch.zeros(4), 0.5),
    "pit": lambda bad: scoring_rules.pp_error(bad, torch.zeros(4)),
    "cdf": lambda bad: scoring_rules.lattice_crps(bad, torch.zeros(4), first=0),
    "weight": lambda bad: objectives.weighted(objectives.exact_nll)(
        Gaussian(0.0, 1.0), torch.zeros(4), bad
    ),
}
BUILD["loc of an atom"] = Delta
BUILD["logits of a mixture"] = lambda bad: Mixture(bad, [Gaussian(0.0, 1.0)])
BUILD["loc of a moved one"] = lambda bad: AffineTransformed(Gaussian(0.0, 1.0), bad)
BUILD["loc of an affine one"] = lambda bad: SplicedBinnedPareto(**BATCH).affine(bad, 1.0)


@pytest.mark.parametrize("bad", ARRAYS, ids=["array", "list"])
@pytest.mark.parametrize("name", BUILD)
def test_arrays_and_lists_as_parameters_are_refused_by_name(name: str, bad) -> None:
    argument, kind = name.split(" of ", maxsplit=1)[0], type(bad).__name__
    rule = rf"{argument} must be a tensor.*{kind}: convert it by torch"
    with pytest.raises(TypeError, match=rule):
        BUILD[name](bad)


EVERY = {
    "spliced": SplicedBinnedPareto(**BATCH),
    "gaussian": Gaussian(0.0, 1.0),
    "delta": Delta(0.0),
    "censored": Censored(Gaussian(0.0, 1.0), -1.0, 1.0),
    "discretized": Discretized(Gaussian(0.0, 1.0)),
    "moved": AffineTransformed(Gaussian(0.0, 1.0), 1.0, 2.0),
    "mixed": Mixture(torch.zeros(2), [Gaussian(0.0, 1.0), Delta(0.0)]),
    "pareto": GeneralizedPareto(0.0, 1.0, 0.1),
    "log-normal": LogNormal(0.0, 1.0),
    "student": StudentT(3.0, 0.0, 1.0),
    "hybrid": HybridPareto(0.0, 1.0, 0.1),
}
METHODS = [
    "log_prob",
    "cdf",
    "sf",
    "log_cdf",
    "log_sf",
    "icdf",
    "isf",
    "crps",
    "log_mass",
    "cdf_below",
]


@pytest.mark.parametrize("bad", ARRAYS, ids=["array", "list"])
@pytest.mark.parametrize("family", EVERY)
def test_arrays_and_lists_as_values_are_refused_by_name(family: str, bad) -> None:
    calls = [(getattr(EVERY[family], method), (bad,)) for method in METHODS]
    if family == "discretized":
        calls = [call for call in calls if call[0].__name__ != "crps"]
    rules = [scoring_rules.log_score, scoring_rules.mid_cdf, scoring_rules.randomized_pit]
    calls += [(rule, (EVERY[family], bad)) for rule in [*rules, objectives.crps_loss]]
    for method, arguments in calls:
        with pytest.raises(TypeError, match=r"value must be a tensor.*convert it by"):
            method(*arguments)
    with pytest.raises(TypeError, match=r"lower must be a tensor.*convert it"):
        EVERY[family].log_prob_interval(bad, torch.ones(4))
    with pytest.raises(TypeError, match=r"upper must be a tensor.*convert it"):
        objectives.composite_interval_nll(EVERY["spliced"], torch.ones(4), bad)


@pytest.mark.parametrize(
    "build",
    [
        Gaussian,
        LogNormal,
        lambda two, three: GeneralizedPareto(0.0, two, three),
        lambda two, three: StudentT(3 * two, 0.0, three),
        lambda two, three: HybridPareto(0.0, two, three),
        lambda two, three: Censored(Gaussian(two, 1.0), -three, 9.0),
        lambda two, three: AffineTransformed(Gaussian(two, 1.0), three),
        lambda two, three: Mixture(two[:, None], [Gaussian(three, 1.0)]),
        lambda two, three: SplicedBinnedPareto(torch.zeros(4), torch.arange(5.0), two, three),
        lambda two, three: torch.distributions.kl_divergence(
            Gaussian(two, 1.0), LogNormal(three, 1.0)
        ),
    ],
)
def test_parameters_that_do_not_broadcast_are_told_with_their_shapes(build) -> None:
    with pytest.raises(ValueError, match=r"must broadcast, got shapes .*\(2,\), .*\(3,\)"):
        build(torch.ones(2), torch.ones(3))


@pytest.mark.parametrize("family", EVERY)
def test_values_that_do_not_broadcast_or_are_no_numbers_are_refused(family: str) -> None:
    dist, three = EVERY[family].expand((4,)), torch.full((3,), 0.5)
    for method in METHODS:
        with pytest.raises(ValueError, match=r"must broadcast, got shapes \(3,\), \(4,\)"):
            getattr(dist, method)(three)
        for bad in (torch.tensor(True), True, torch.tensor(1j)):
            with pytest.raises(TypeError, match="value must hold real numbers, got "):
                getattr(dist, method)(bad)


@pytest.mark.parametrize("components", [Gaussian(0.0, 1.0), "a", 3])
def test_components_are_a_list(components) -> None:
    with pytest.raises(TypeError, match="components must be a list of distributions, got"):
        Mixture(torch.zeros(1), components)


def test_more_bins_than_memory_has_room_for_are_refused() -> None:
    with pytest.raises(ValueError, match="bins must be at most 65536, got 1000000000"):
        edges_from_data(torch.linspace(0, 1, 9), 10**9)
    assert len(edges_from_data(torch.linspace(0, 1, 9), 2**14)) == 2**14 + 1


@pytest.mark.parametrize("family", EVERY)
def test_shapes_and_generators_of_another_kind_are_refused(family: str) -> None:
    dist = EVERY[family].expand((4,))
    for shape in (3, (1.5,), (-1,), "a", None):
        with pytest.raises(TypeError, match="sample_shape must be a shape such as"):
            dist.sample(shape)
        with pytest.raises(TypeError, match="batch_shape must be a shape such as"):
            dist.expand(shape)
    with pytest.raises(ValueError, match=r"batch_shape must broadcast, got shapes \(4,\), \(3,\)"):
        dist.expand((3,))
    with pytest.raises(ValueError, match=r"batch_shape must be one that \(4,\) expands to, got"):
        dist.expand((1,))
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator or None, got 3"):
        dist.sample((2,), generator=3)
    if family not in {"delta", "discretized"}:  # which need no width
        with pytest.raises(TypeError, match="width must be a tensor or a number"):
            dist.log_prob_interval(torch.zeros(4), torch.ones(4), width="a")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda bad: Gaussian(0.0, 1.0, validate_args=bad), "validate_args"),
        (lambda bad: EVERY["spliced"].expected_shortfall(0.5, upper=bad), "upper"),
        (
            lambda bad: from_bar_distribution(torch.zeros(3), torch.arange(4.0), full_support=bad),
            "full_support",
        ),
    ],
)
def test_switches_are_true_or_false(call, name: str) -> None:
    for bad in ("no", 1, np.zeros(2)):
        with pytest.raises(TypeError, match=f"{name} must be True or False, got"):
            call(bad)
