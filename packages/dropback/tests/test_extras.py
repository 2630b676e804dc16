"""A function that needs an absent extra says in one sentence what to install."""

import importlib
import sys

import pytest

from dropback.errors import RequestError


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
