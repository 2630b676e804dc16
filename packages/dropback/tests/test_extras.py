"""A function that needs an absent extra says in one sentence what to install."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

from dropback.errors import RequestError
from dropback.expected_points import load_expected_points
from dropback.models import _boosting


@pytest.mark.parametrize(
    "module",
    [
        "dropback.tracking._plot",
        "dropback.workflows._plots",
        "dropback.workflows._pictures._look",
    ],
)
def test_drawing_without_matplotlib_names_the_extra(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RequestError, match=r"pip install 'dropback\[plot\]'"):
        importlib.import_module(module)


def test_trees_without_xgboost_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    for act in (
        lambda: _boosting.from_tensor(torch.zeros(1, dtype=torch.uint8)),
        lambda: load_expected_points(tmp_path),
    ):
        with pytest.raises(RequestError, match=r"Boosted trees need XGBoost.*pip install xgboost"):
            act()
