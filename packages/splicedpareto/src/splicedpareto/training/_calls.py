"""What tells one call of `fit` from another, so that a fit goes on from its own state alone."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.utils.data import TensorDataset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from splicedpareto.nn import DistributionNetwork
    from splicedpareto.training._batches import SequenceDataset
    from splicedpareto.training._settings import FitSettings

# Sums of the same data on another machine differ by their rounding.
_ROUNDING: Final = 1e-6


def describe_call(
    network: DistributionNetwork,
    datasets: Sequence[TensorDataset | SequenceDataset],
    inputs: int,
    every_step: bool,
    settings: FitSettings,
) -> dict[str, Any]:
    """What a fit is of, in numbers and texts; the device may change on the way."""
    about: dict[str, Any] = asdict(settings)
    del about["device"]
    about |= {"inputs": inputs, "every_step": every_step}
    for name, value in network.state_dict().items():
        about[f"shape of {name}"] = str(tuple(value.shape))
    for name, dataset in zip(("training", "validation"), datasets, strict=True):
        about[f"number of {name} observations"] = len(dataset)
        for index, tensor in enumerate(_tensors(dataset)):
            total = float(tensor.nansum(dtype=torch.float64))
            about[f"sum of {name} tensor {index}"] = total
    return about


def require_same_call(stored: Mapping[str, Any], called: Mapping[str, Any], folder: Path) -> None:
    """Raise a ValueError unless the fit whose state a folder holds is the one that is called."""
    for name in (*called, *(name for name in stored if name not in called)):
        before, now = stored.get(name), called.get(name)
        if not _is_same(before, now):
            raise ValueError(
                f"folder must be new, or hold the same fit interrupted, but {folder} holds one "
                f"with {name} {before}, got {now}: choose another folder, or delete this one."
            )


def _tensors(dataset: TensorDataset | SequenceDataset) -> tuple[Tensor, ...]:
    """Tensors with a row for each observation."""
    if isinstance(dataset, TensorDataset):
        return dataset.tensors
    return dataset.static, *dataset.targets


def _is_same(before: object, now: object) -> bool:
    if isinstance(before, float) and isinstance(now, float):
        both_nan = math.isnan(before) and math.isnan(now)
        return both_nan or math.isclose(before, now, rel_tol=_ROUNDING, abs_tol=1e-9)
    return before == now
