"""Modules that need an optional package name what to install."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

import splicedpareto
from splicedpareto.nn import DistributionNetwork, GaussianHead, ResidualMLP
from splicedpareto.objectives import exact_nll
from splicedpareto.training import FitSettings, fit

PACKAGE = Path(splicedpareto.__file__).parent


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [
        ("contrib/detectors", "libspot", "detectors"),
        ("contrib/gluonts", "gluonts.core.component", "gluonts"),
        ("contrib/pytorch_forecasting", "pytorch_forecasting.metrics", "pytorch-forecasting"),
        ("contrib/sklearn", "sklearn.base", "sklearn"),
        ("contrib/skpro", "skpro.regression.base", "skpro"),
    ],
)
def test_missing_package_is_named(
    module: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    spec = importlib.util.spec_from_file_location("without", PACKAGE / f"{module}.py")
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'splicedpareto\[{extra}\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_fit_without_lightning_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "splicedpareto.training._lightning", raising=False)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    data = TensorDataset(torch.zeros(2, 1), torch.zeros(2))
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'splicedpareto\[train\]'"):
        fit(
            DistributionNetwork(ResidualMLP(1, 2), GaussianHead(2)),
            data,
            data,
            objective=exact_nll,
            validation_objective=exact_nll,
            settings=FitSettings(),
            folder=tmp_path,
        )
