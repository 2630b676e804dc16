"""What the package promises at its top, and what the README shows."""

import re
from pathlib import Path

import torch

import splicedpareto

README = Path(__file__).parents[1] / "README.md"


def test_top_level_names_are_the_distributions() -> None:
    assert issubclass(splicedpareto.SplicedBinnedPareto, torch.distributions.Distribution)
    assert sorted(splicedpareto.__all__) == splicedpareto.__all__
    assert all(hasattr(splicedpareto, name) for name in splicedpareto.__all__)


def test_readme_example_of_the_core_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    (example,) = (block for block in blocks if "SplicedBinnedPareto(" in block)
    names: dict[str, object] = {}
    exec(example, names)  # noqa: S102  # our own README
    distribution = names["distribution"]
    assert isinstance(distribution, splicedpareto.SplicedBinnedPareto)
    assert abs(distribution.sf(distribution.isf(torch.tensor(1e-9))).item() / 1e-9 - 1) < 1e-4
