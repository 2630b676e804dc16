"""Objectives and scoring rules refuse, by name, what is no distribution, target, mask or level."""

import math
from functools import partial

import pytest
import torch
from torch.distributions import Normal

from splicedpareto import objectives, scoring_rules
from splicedpareto.distributions import (
    AffineTransformed,
    Delta,
    Gaussian,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.nn import MovingBinsHead, SplicedBinnedParetoHead

NAN, INF = math.nan, math.inf
TWO = torch.tensor([0.2, 0.7])
EDGES = torch.linspace(-1, 3, 5)
BINS = SplicedBinnedPareto(torch.tensor([[0.0, 1, 2, 0], [3, 0, 0, 1]]), EDGES, 0.1, 0.2)
BOUNDED = SplicedBinnedPareto(
    torch.zeros(2, 4), torch.linspace(0, 4, 5), 0.1, 0.2, 1.0, 1.0, lower_mass=0.0
)
ONE_TARGET = [objectives.composite_nll, objectives.crps_loss]
INTERVALS = [
    objectives.composite_interval_nll,
    objectives.composite_censored_nll,
    objectives.crps_censored_loss,
    objectives.movement_nll,
]
EVERY = [*ONE_TARGET, objectives.exact_nll, *INTERVALS, objectives.exact_interval_nll]


def of_ends(objective):
    """An objective of lower and upper ends, of which those of one target read the upper."""
    if objective in (*ONE_TARGET, objectives.exact_nll):
        return lambda dist, _, upper, **mask: objective(dist, upper, **mask)
    return objective


@pytest.mark.parametrize("objective", EVERY, ids=lambda objective: objective.__name__)
def test_what_is_no_distribution_is_refused_by_every_objective(objective) -> None:
    with pytest.raises(TypeError, match="dist must be a distribution, got 'a'"):
        of_ends(objective)("a", TWO, TWO + 1)


@pytest.mark.parametrize(
    "objective",
    [*INTERVALS[:3], objectives.exact_interval_nll],
    ids=lambda objective: objective.__name__,
)
@pytest.mark.parametrize("validates", [True, False])
def test_reversed_ends_are_refused_of_a_networks_distribution_too(objective, validates) -> None:
    dist = SplicedBinnedPareto(torch.zeros(4), EDGES, 0.1, 0.2, validate_args=validates)
    rule = r"lower must be (at most|below) upper, got 0.2 \(1 of 2"
    with pytest.raises(ValueError, match=rule):
        objective(dist, TWO, TWO + torch.tensor([-1.0, 1.0]))
    # Not where nothing was observed.
    seen = torch.tensor([False, True])
    assert objective(dist, TWO, TWO + torch.tensor([-1.0, 1.0]), mask=seen)[0] == 0


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        (scoring_rules.log_score, None),
        (scoring_rules.crps, "crps"),
        (partial(scoring_rules.tw_crps, threshold=0.0), "crps_between"),
        (partial(scoring_rules.pinball, level=0.5), None),
        (scoring_rules.mid_cdf, "cdf_below"),
        (scoring_rules.randomized_pit, "cdf_below"),
        (objectives.crps_loss, "crps"),
        (lambda dist, value: objectives.crps_censored_loss(dist, value, value), "crps_between"),
    ],
)
def test_a_rule_names_the_method_that_a_distribution_lacks(rule, needed: str | None) -> None:
    with pytest.raises(TypeError, match="dist must be a distribution, got 3"):
        rule(3, TWO)
    if needed:
        message = f"dist must have the method {needed}, got Normal: use a distribution of spliced"
        with pytest.raises(TypeError, match=message):
            rule(Normal(0.0, 1.0), TWO)
    else:
        assert rule(Normal(0.0, 1.0), TWO).shape == (2,)


@pytest.mark.parametrize("objective", EVERY, ids=lambda objective: objective.__name__)
def test_every_objective_leaves_out_what_a_mask_does(objective) -> None:
    dist = (
        BINS
        if objective not in (objectives.exact_nll, objectives.exact_interval_nll)
        else (Gaussian(torch.zeros(2), 1.0))
    )
    if objective is objectives.movement_nll:
        dist = MovingBinsHead(SplicedBinnedParetoHead(3, torch.linspace(-1, 3, 5)))(
            torch.zeros(2, 3)
        )
    loss = of_ends(objective)
    lower, upper = torch.tensor([0.3, NAN]), torch.tensor([1.3, NAN])
    found = loss(dist, lower, upper, mask=torch.tensor([True, False]))
    whole = loss(dist, TWO * 0 + 0.3, TWO * 0 + 1.3)
    assert found.tolist() == [whole[0].item(), 0.0]
    with pytest.raises(TypeError, match=r"mask must hold truth values.*got torch\.float32"):
        loss(dist, TWO, TWO + 1, mask=torch.ones(2))
    with pytest.raises(ValueError, match=r"mask and \w+ must broadcast, got shapes \(3,\), \(2,\)"):
        loss(dist, TWO, TWO + 1, mask=torch.ones(3, dtype=torch.bool))


def test_a_weighted_objective_takes_a_mask() -> None:
    loss = objectives.weighted(objectives.exact_nll)
    mask, weight = torch.tensor([True, False]), torch.tensor([2.0, 3.0])
    found = loss(Gaussian(torch.zeros(2), 1.0), torch.tensor([0.0, NAN]), weight, mask=mask)
    assert found.tolist() == pytest.approx([math.log(2 * math.pi), 0.0])


@pytest.mark.parametrize(
    "dist",
    [
        BOUNDED,
        AffineTransformed(BOUNDED, 0.0, 1.0),
        Mixture(torch.zeros(2), [Delta(-5.0), BOUNDED]),
    ],
    ids=["bins", "moved", "mixed"],
)
def test_a_target_beyond_the_bins_on_a_side_without_a_tail_is_refused(dist) -> None:
    rule = "must be within the bins on a side without a tail, got -3"
    with pytest.raises(ValueError, match="value " + rule):
        objectives.composite_nll(dist, torch.tensor([1.0, -3.0]))
    with pytest.raises(ValueError, match="lower " + rule):
        objectives.composite_interval_nll(dist, TWO - 4.5, torch.tensor([1.0, -3.0]))
    # Above there is a tail; what is masked out, or an atom, may be anything.
    assert objectives.composite_nll(dist, torch.tensor([0.0, 99.0])).isfinite().all()
    mask = torch.tensor([True, False])
    assert objectives.composite_nll(dist, torch.tensor([1.0, -3.0]), mask=mask).isfinite().all()
    if isinstance(dist, Mixture):
        assert objectives.composite_nll(dist, torch.tensor([1.0, -5.0])).isfinite().all()


@pytest.mark.parametrize("level", [-0.1, 1.5, NAN])
def test_levels_of_quantile_scores_lie_in_the_unit_interval(level: float) -> None:
    for given in (level, torch.tensor(level)):
        with pytest.raises(ValueError, match=rf"level must be in \[0, 1\], got {level:g}"):
            scoring_rules.quantile_score(TWO, TWO, given)
        with pytest.raises(ValueError, match=rf"level must be in \[0, 1\], got {level:g}"):
            scoring_rules.pinball(BINS, TWO, given)
    with pytest.raises(ValueError, match=r"quantile, value and level must broadcast, .*\(3,\)"):
        scoring_rules.quantile_score(torch.zeros(3), TWO, 0.5)


LATTICE = [
    scoring_rules.lattice_log_score,
    scoring_rules.lattice_crps,
    scoring_rules.lattice_mid_cdf,
    scoring_rules.lattice_randomized_pit,
]


@pytest.mark.parametrize("rule", LATTICE, ids=lambda rule: rule.__name__)
def test_a_lattice_is_of_whole_numbers(rule) -> None:
    cdf, value = torch.tensor([0.2, 0.5, 1.0]), torch.tensor([1.0])
    assert rule(cdf, torch.tensor([1]), first=-1).shape == (1,)
    with pytest.raises(ValueError, match=r"first must be a whole number, .* got 0\.5"):
        rule(cdf, value, first=0.5)
    with pytest.raises(ValueError, match="value must be a finite whole number, got inf"):
        rule(cdf, torch.tensor([INF]), first=0)
    with pytest.raises(ValueError, match=r"value and the batch of cdf must broadcast, .*\(2,\)"):
        rule(cdf.expand(2, 3), torch.zeros(3), first=0)
    for bad in (torch.tensor(0.5), torch.zeros(2, 0), torch.ones(3, dtype=torch.long)):
        with pytest.raises(ValueError, match="cdf must be floating-point, of shape"):
            rule(bad, value, first=0)


def test_what_goes_beside_a_target_is_of_its_kind() -> None:
    loss = objectives.weighted(objectives.crps_loss)
    with pytest.raises(ValueError, match=r"weight and the losses must broadcast, .*\(3,\), \(2,\)"):
        loss(BINS, TWO, torch.ones(3))
    for rule in (scoring_rules.randomized_pit, partial(LATTICE[3], first=0)):
        given = (BINS, TWO) if rule is scoring_rules.randomized_pit else (TWO, torch.zeros(1))
        with pytest.raises(TypeError, match=r"generator must be a torch\.Generator or None, got 7"):
            rule(*given, generator=7)
    for pit, level in ((torch.ones(2, 3), TWO), (TWO, torch.ones(2, 3))):
        with pytest.raises(ValueError, match=r"(pit|level) must have one dimension, got"):
            scoring_rules.pp_error(pit, level)
    with pytest.raises(TypeError, match="quantile must hold real numbers, got True"):
        scoring_rules.quantile_score(True, TWO, 0.5)
    assert scoring_rules.quantile_score(10**30, TWO, 0.5).tolist() == pytest.approx([5e29, 5e29])


@pytest.mark.parametrize(
    "dist",
    [
        BINS,
        AffineTransformed(BINS, 0.5, 2.0),
        Mixture(torch.zeros(2), [Delta(0.3), BINS]),
        SplicedBinnedPareto(torch.zeros(2, 6), EDGES, 0.1, 0.2, splice="edge"),
    ],
    ids=["bins", "moved", "mixed", "edge"],
)
@pytest.mark.parametrize(
    "objective",
    [*ONE_TARGET, *INTERVALS[:3]],
    ids=lambda objective: objective.__name__,
)
def test_targets_that_the_batch_shares_are_those_of_each(dist, objective) -> None:
    lower = torch.tensor([-4.0, 0.3, 2.5])[:, None]
    loss = of_ends(objective)
    each = loss(dist, lower.expand(3, 2), lower.expand(3, 2) + 0.5)
    torch.testing.assert_close(loss(dist, lower, lower + 0.5), each)
