"""A fitted regressor as one file of plain arrays."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from splicedpareto.nn import SplicedBinnedParetoHead

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

# Of the file's layout; a reader refuses another.
_FORMAT = "splicedpareto regressor 1"


def write_model(
    path: Path, header: dict[str, Any], head: SplicedBinnedParetoHead, network: nn.Module
) -> None:
    """Write a header, what a head is built from, and a network's weights."""
    about = {
        "format": _FORMAT,
        "header": header,
        "head": {
            "lower_mass": head.lower_mass,
            "upper_mass": head.upper_mass,
            "concentration_range": head.concentration_range,
            "units": head.units.tolist(),
        },
    }
    arrays = {name: value.numpy(force=True) for name, value in network.state_dict().items()}
    text = np.array(json.dumps(about, default=_plain))
    aside = path.with_name(path.name + ".writing")
    with aside.open("wb") as file:
        np.savez(file, **{f"weights/{name}": value for name, value in arrays.items()}, about=text)
    aside.replace(path)


def read_model(path: Path) -> tuple[dict[str, Any], SplicedBinnedParetoHead, dict[str, Tensor]]:
    """Header, a head as it was built, and the weights of the network, of what `write_model` wrote.

    Raises:
        ValueError: The file is another.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            state = {
                name.removeprefix("weights/"): torch.from_numpy(file[name])
                for name in file.files
                if name.startswith("weights/")
            }
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"path must be a file that `save` wrote, got {path}: {error}.") from error
    if about.get("format") != _FORMAT:
        raise ValueError(f"path must be a {_FORMAT!r}, got {about.get('format')!r} in {path}.")
    name = next(name for name in state if name.endswith("edges"))
    prefix = name.removesuffix("edges")
    settings = about["head"]
    head = SplicedBinnedParetoHead(
        state[f"{prefix}linear.weight"].shape[1],
        state[name],
        lower_mass=settings["lower_mass"],
        upper_mass=settings["upper_mass"],
        concentration_range=tuple(settings["concentration_range"]),
        units=tuple(settings["units"]),
    )
    return about["header"], head, state


def _plain(value: Any) -> Any:  # noqa: ANN401  # what JSON does not know
    """A number of NumPy as one of Python."""
    return value.item()
