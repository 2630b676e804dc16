"""The page of all methods says what the distributions do."""

import re

import pytest
import torch

from documents import ROOT
from splicedpareto import (
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
from splicedpareto.contrib import HybridPareto, StudentT

PAGE = (ROOT / "docs" / "reference" / "distributions.md").read_text(encoding="utf-8")
TABLE = [
    [cell.strip() for cell in row.strip("|").split("|")]
    for row in PAGE.splitlines()
    if row.startswith("| ")
]
HEAD, ROWS = TABLE[0][1:], {row[0].strip("`"): row[1:] for row in TABLE[1:]}
ONE = torch.tensor(1.0)
FAMILIES = {
    "SplicedBinnedPareto": SplicedBinnedPareto(torch.zeros(3), torch.arange(4.0), 0.1, 0.1),
    "Gaussian": Gaussian(0.0, 1.0),
    "LogNormal": LogNormal(0.0, 1.0),
    "GeneralizedPareto": GeneralizedPareto(0.0, 1.0, 0.1),
    "contrib.StudentT": StudentT(3.0, 0.0, 1.0),
    "contrib.HybridPareto": HybridPareto(0.0, 1.0, 0.1),
    "Delta": Delta(1.0),
    "AffineTransformed": AffineTransformed(Gaussian(0.0, 1.0), 1.0, 2.0),
    "Mixture": Mixture(torch.zeros(2), [Gaussian(0.0, 1.0), Delta(1.0)]),
    "Censored": Censored(Gaussian(0.0, 1.0), -1.0, 2.0),
    "Discretized": Discretized(Censored(Gaussian(0.0, 3.0), -9.0, 9.0)),
}
ARGUMENTS = {
    "entropy": (),
    "rsample": (),
    "log_prob_interval": (-ONE, ONE),
    "crps_between": (ONE, -2.0, 3.0),
    "clamped_mean": (-1.0, 3.0),
    "icdf": (ONE / 2,),
    "isf": (ONE / 2,),
}


def test_the_table_has_every_distribution_of_the_package() -> None:
    assert list(ROWS) == list(FAMILIES)
    assert all(len(cells) == len(HEAD) for cells in ROWS.values())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_table_says_which_methods_there_are(name: str) -> None:
    for title, says in zip(HEAD, ROWS[name], strict=True):
        for method in re.findall(r"`(\w+)`", title):
            member = getattr(type(FAMILIES[name]), method)
            if isinstance(member, property):
                call = lambda m=method: getattr(FAMILIES[name], m)  # noqa: E731
            else:
                call = lambda m=method: getattr(FAMILIES[name], m)(*ARGUMENTS.get(m, (ONE,)))  # noqa: E731
            if says == "no":
                with pytest.raises(NotImplementedError):
                    call()
            else:
                assert call().isfinite().all() or method.startswith("log"), (name, method)
