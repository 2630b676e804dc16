"""Half precision gives every method its own type, near the numbers of double precision."""

from collections.abc import Callable

import pytest
import torch

from example_distributions import F64
from splicedpareto.contrib import HybridPareto, StudentT
from splicedpareto.distributions import (
    Censored,
    Delta,
    Discretized,
    Gaussian,
    LogNormal,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.distributions._base import ScalarDistribution

Build = Callable[[torch.dtype], ScalarDistribution]


def number(value: float, dtype: torch.dtype) -> torch.Tensor:
    return torch.tensor(value, dtype=dtype)


def spliced(dtype: torch.dtype) -> SplicedBinnedPareto:
    logits = torch.tensor([0.1, -1.0, 2.0, 0.3, -0.5], dtype=dtype)
    return SplicedBinnedPareto(logits, torch.linspace(-3, 5, 6, dtype=F64).to(dtype), 0.2, 0.3)


FAMILIES: dict[str, Build] = {
    "gaussian": lambda dtype: Gaussian(number(1.0, dtype), 2.0),
    "log-normal": lambda dtype: LogNormal(number(0.3, dtype), 0.8),
    "student": lambda dtype: StudentT(number(4.0, dtype), 0.5, 2.0),
    "hybrid": lambda dtype: HybridPareto(number(0.0, dtype), 1.0, 0.3),
    "spliced": spliced,
    "censored": lambda dtype: Censored(Gaussian(number(1.0, dtype), 2.0), -2.0, 4.0),
    "rounded": lambda dtype: Discretized(Censored(Gaussian(number(1.0, dtype), 2.0), -2.0, 4.0)),
    "mixture": lambda dtype: Mixture(
        torch.zeros(3, dtype=dtype),
        [
            Delta(number(0.0, dtype)),
            Gaussian(number(3.0, dtype), 1.0),
            LogNormal(number(0.0, dtype), 0.5),
        ],
    ),
}
FAMILIES["two tails"] = lambda dtype: Mixture(
    torch.zeros(2, dtype=dtype),
    [Gaussian(number(0.0, dtype), 1.0), spliced(dtype)],
)
AT_VALUES = ("log_prob", "cdf", "sf", "log_cdf", "log_sf", "cdf_below", "log_mass", "crps")


def results(dist: ScalarDistribution, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    x, level = (torch.tensor(v, dtype=dtype) for v in ((-2.0, 0.0, 1.0, 4.0), (0.02, 0.3, 0.9)))
    found = {name: getattr(dist, name)(x) for name in AT_VALUES}
    found |= {name: getattr(dist, name) for name in ("mean", "variance", "stddev", "mode")}
    found |= {"icdf": dist.icdf(level), "isf": dist.isf(level), "entropy": dist.entropy()}
    found["interval"] = dist.log_prob_interval(x[:-1], x[1:])
    return found | {
        "clamped": dist.clamped_mean(-1.0, 3.0),
        "above": dist.crps_between(x, 1.0, 9.0),
    }


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float16, 2e-2), (torch.bfloat16, 8e-2)])
@pytest.mark.sample(6)
def test_half_precision_is_near_double_and_keeps_its_type(
    name: str, dtype: torch.dtype, close: float
) -> None:
    right = results(FAMILIES[name](F64), F64)
    dist = FAMILIES[name](dtype)
    for method, found in results(dist, dtype).items():
        assert found.dtype == dtype, method
        torch.testing.assert_close(
            found.double(), right[method], rtol=close, atol=close, msg=method
        )
    assert dist.sample((3,)).dtype == dtype
