"""The distribution keeps torch's conventions of shape, type, place, copying and sampling."""

import copy
import io
import pickle

import pytest
import torch
from torch.distributions import Independent

from example_distributions import F64, f64, uneven_distribution
from splicedpareto.distributions import Censored, Discretized, Gaussian, SplicedBinnedPareto

METHODS = ("log_prob", "cdf", "sf", "log_cdf", "log_sf", "crps")


def batch(*shape: int, splice: str = "quantile", bins: int = 6) -> SplicedBinnedPareto:
    """A batch with parameters of its own everywhere."""
    source = torch.Generator().manual_seed(7)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=source, dtype=F64)

    entries = bins + 2 * (splice == "edge")
    return SplicedBinnedPareto(
        normal(*shape, entries),
        normal(*shape, bins + 1).abs().cumsum(-1) - 3,
        0.3 * normal(*shape),
        0.3 * normal(*shape),
        normal(*shape).exp(),
        splice=splice,
    )


@pytest.mark.parametrize("splice", ["quantile", "edge"])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (5, 1), (2, 3), (0,), (3, 0), (0, 2)])
def test_results_have_sample_and_batch_shape(shape: tuple[int, ...], splice: str) -> None:
    dist = batch(*shape, splice=splice)
    assert (dist.batch_shape, dist.event_shape) == (shape, ())
    for prefix in ((), (0,), (1,), (4,), (4, 2)):
        value = torch.zeros((*prefix, *shape))
        for method in METHODS:
            assert getattr(dist, method)(value).shape == (*prefix, *shape)
        assert dist.icdf(value + 0.5).shape == (*prefix, *shape)
        assert dist.sample(prefix).shape == (*prefix, *shape)
    for name in ("mean", "variance", "stddev", "median", "mode"):
        assert getattr(dist, name).shape == shape
    assert dist.entropy().shape == shape
    assert dist.lower_threshold.shape == dist.upper_scale.shape == dist.lower_mass.shape == shape
    assert dist.end_points[0].shape == dist.tail_index[1].shape == shape


@pytest.mark.parametrize("own_edges", [False, True])
def test_values_and_batch_broadcast(own_edges: bool) -> None:
    edges = torch.linspace(-3, 5, 7, dtype=F64) + own_edges * torch.arange(5.0)[:, None, None]
    dist = SplicedBinnedPareto(batch(5, 1).logits, edges, 0.1, 0.2)
    value = torch.linspace(-4, 6, 4, dtype=F64)
    for method in METHODS:
        wide = getattr(dist, method)(value)
        assert wide.shape == (5, 4)
        torch.testing.assert_close(wide, getattr(dist.expand((5, 4)), method)(value))
    assert dist.icdf(value.sigmoid()).shape == (5, 4)
    assert dist.log_prob_interval(value, torch.full((5, 1), 9.0)).shape == (5, 4)


def test_each_sample_index_is_its_own_value() -> None:
    dist = batch(3)
    value = torch.linspace(-4, 4, 3 * 7, dtype=F64).reshape(7, 3)
    together = dist.cdf(value)
    torch.testing.assert_close(together, torch.stack([dist.cdf(row) for row in value]))


def test_parameters_broadcast() -> None:
    dist = SplicedBinnedPareto(
        torch.zeros(3, 1, 4), torch.arange(5.0), torch.zeros(2), 0.1, torch.ones(3, 2), None
    )
    assert dist.batch_shape == (3, 2)
    assert dist.logits.shape == (3, 2, 4)
    assert dist.edges.shape == (5,)
    assert dist.lower_concentration.shape == dist.upper_scale.shape == (3, 2)
    assert dist.sample((5,)).shape == (5, 3, 2)


@pytest.mark.parametrize("splice", ["quantile", "edge"])
def test_expand_changes_nothing_but_the_shape(splice: str) -> None:
    dist = batch(3, splice=splice)
    wide = dist.expand((4, 3))
    assert isinstance(wide, SplicedBinnedPareto)
    value = torch.linspace(-4, 4, 12, dtype=F64).reshape(4, 3)
    for method in METHODS:
        torch.testing.assert_close(getattr(wide, method)(value), getattr(dist, method)(value))
    torch.testing.assert_close(wide.mean, dist.mean.expand(4, 3))
    assert wide.has_tied_scales == dist.has_tied_scales
    assert wide.splice == splice


def test_expand_and_affine_keep_whether_arguments_are_checked() -> None:
    for flag in (True, False):
        dist = SplicedBinnedPareto(torch.zeros(3), torch.arange(4.0), 0, 0, validate_args=flag)
        for other in (dist.expand((2,)), dist.affine(1.0, 2.0)):
            if flag:
                with pytest.raises(ValueError, match="value must be in"):
                    other.icdf(torch.tensor(2.0))
            else:
                assert other.icdf(torch.tensor(2.0)).shape == other.batch_shape


def test_affine_broadcasts_over_a_batch() -> None:
    dist = uneven_distribution()
    loc, scale = torch.tensor([0.0, 5.0], dtype=F64), torch.tensor([[1.0], [3.0]], dtype=F64)
    mapped = dist.affine(loc, scale)
    assert mapped.batch_shape == (2, 2)
    expected = loc + scale * dist.icdf(f64(0.3))
    torch.testing.assert_close(mapped.icdf(f64(0.3)), expected)


def test_validation_follows_torchs_default() -> None:
    bad = (torch.zeros(2), torch.tensor([0.0, 0.0, 1.0]), 0.0, 0.0)
    torch.distributions.Distribution.set_default_validate_args(False)
    try:
        SplicedBinnedPareto(*bad)
        with pytest.raises(ValueError, match="edges"):
            SplicedBinnedPareto(*bad, validate_args=True)
    finally:
        torch.distributions.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="edges"):
        SplicedBinnedPareto(*bad)


def test_constraints_name_every_parameter() -> None:
    dist = uneven_distribution()
    for name, constraint in dist.arg_constraints.items():
        assert constraint.check(getattr(dist, name)).all(), name


def test_independent_sums_the_log_density() -> None:
    dist = batch(2, 3)
    value = torch.zeros(2, 3, dtype=F64)
    joint = Independent(dist, 1)
    assert (joint.batch_shape, joint.event_shape) == ((2,), (3,))
    torch.testing.assert_close(joint.log_prob(value), dist.log_prob(value).sum(-1))


@pytest.mark.parametrize("dtype", [torch.float32, F64, torch.bfloat16])
def test_results_have_the_type_of_the_logits(dtype: torch.dtype) -> None:
    logits = torch.zeros(2, 5, dtype=dtype)
    dist = SplicedBinnedPareto(logits, torch.arange(6.0), 0.1, torch.tensor(0.2, dtype=F64))
    for value in (
        torch.zeros(2, dtype=torch.float32),
        torch.zeros(2, dtype=F64),
        torch.zeros(2).int(),
    ):
        assert dist.log_prob(value).dtype == dtype
    assert dist.sample().dtype == dist.mean.dtype == dist.crps(torch.zeros(2)).dtype == dtype
    assert dist.lower_mass.dtype == dist.edges.dtype == dtype


def test_numbers_may_stand_for_values() -> None:
    assert uneven_distribution().cdf(0.5) == uneven_distribution().cdf(f64(0.5))


@pytest.mark.parametrize("splice", ["quantile", "edge"])
def test_meta_tensors_give_shapes(splice: str) -> None:
    entries = 5 if splice == "quantile" else 7
    with torch.device("meta"):
        dist = SplicedBinnedPareto(
            torch.zeros(3, entries), torch.arange(6.0), torch.zeros(3), 0.1, splice=splice
        )
        value = torch.zeros(2, 3)
    for method in (*METHODS, "icdf"):
        result = getattr(dist, method)(value)
        assert (result.shape, result.device.type) == ((2, 3), "meta")
    assert dist.mean.shape == (3,)
    assert dist.sample((4,)).is_meta


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_results_stay_on_the_gpu() -> None:
    dist = SplicedBinnedPareto(torch.zeros(3, 5, device="cuda"), torch.arange(6.0), 0.1, 0.1)
    assert dist.sample((4,)).is_cuda
    assert dist.log_prob(torch.zeros(3)).is_cuda


def test_copies_give_the_same_results() -> None:
    logits = torch.zeros(3, 5, requires_grad=True)
    dist = SplicedBinnedPareto(logits, torch.arange(6.0), 0.1, 0.2, 1.0)
    value = torch.tensor([0.3, 2.0, 9.0])
    expected = dist.log_prob(value)
    buffer = io.BytesIO()
    torch.save(dist, buffer)
    buffer.seek(0)
    for other in (
        copy.deepcopy(dist),
        copy.copy(dist),
        pickle.loads(pickle.dumps(dist)),  # noqa: S301 - our own bytes
        torch.load(buffer, weights_only=False),
    ):
        torch.testing.assert_close(other.log_prob(value), expected)
    distribution = Discretized(Censored(dist, -1.0, 8.0))
    torch.testing.assert_close(copy.deepcopy(distribution).cdf(value), distribution.cdf(value))


def test_one_distribution_serves_many_backward_passes() -> None:
    logits = torch.zeros(4, requires_grad=True)
    dist = SplicedBinnedPareto(logits, torch.arange(5.0), 0.1, 0.1)
    losses = []
    for _ in range(3):
        loss = -dist.log_prob(torch.tensor([0.5, 0.6]))
        loss.sum().backward()
        losses.append(loss.sum().item())
        with torch.no_grad():
            logits -= 0.5 * logits.grad
            logits.grad = None
    assert losses[0] > losses[1] > losses[2]


def test_repr_tells_shape_bins_and_splice() -> None:
    assert repr(batch(2, 3)) == (
        "SplicedBinnedPareto(batch_shape=(2, 3), bins=6, splice='quantile', scales='free', "
        "dtype=torch.float64)"
    )
    assert repr(Discretized(Censored(Gaussian(0.0, 1.0), -1.0, 1.0))).startswith(
        "Discretized(Censored(Gaussian("
    )


def test_a_generator_repeats_the_draws() -> None:
    for dist in (
        uneven_distribution(),
        Gaussian(0.0, 1.0),
        Discretized(Censored(uneven_distribution(), -9.0, 9.0)),
    ):
        draws = [dist.sample((9,), generator=torch.Generator().manual_seed(2)) for _ in range(2)]
        assert torch.equal(*draws)
