"""A fitted regressor as one file of plain arrays."""

from __future__ import annotations

import json
import math
import tokenize
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from splicedpareto.contrib._fitting import build_trunk
from splicedpareto.contrib._parameters import plain_parameters
from splicedpareto.contrib._target import Target
from splicedpareto.nn import (
    DistributionNetwork,
    MovingBinsHead,
    SequenceEncoder,
    SplicedBinnedParetoHead,
)

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from torch import nn

    from splicedpareto.nn import DistributionHead

# Of the file's layout; a reader refuses another.
_FORMAT = "splicedpareto regressor 1"
# What reading another file, half of one, or one that was changed may raise.
_OF_OTHER_FILES = (
    *(AttributeError, EOFError, IndexError, KeyError, RuntimeError, StopIteration, TypeError),
    *(ValueError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True)
class Saved:
    """A fitted regressor as it was saved.

    Attributes:
        parameters: Of the constructor, by their names.
        fitted: Attributes that `fit` set, by their names, but those below.
        target: The target.
        network: The network.
        began: The parameters that the network was built from.
    """

    parameters: dict[str, Any]
    fitted: dict[str, Any]
    target: Target
    network: DistributionNetwork
    began: dict[str, Any]


def checked_path(path: object) -> Path:
    """A path from text or a path.

    Raises:
        TypeError: It is anything else.
    """
    if not isinstance(path, (str, Path)):
        raise TypeError(f"path must be a str or a Path, got {path!r:.80}.")
    return Path(path)


def write_regressor(
    model: BaseEstimator, target: Target, began: dict[str, Any], path: Path
) -> None:
    """Write a fitted regressor and what is known of its target.

    Raises:
        ValueError: `random_state` is a random generator, which JSON cannot hold.
    """
    seed = model.random_state
    if not (seed is None or isinstance(seed, (int, np.integer))):
        raise ValueError(f"random_state must be a seed or None to be saved, got {seed!r}.")
    network = model.network_
    header = {
        "parameters": plain_parameters(model),
        "target": asdict(target),
        "began": began,
        "is_sequence": isinstance(network.trunk, SequenceEncoder),
        "fitted": {"n_iter_": model.n_iter_, "n_features_in_": model.n_features_in_},
        "names": [str(name) for name in getattr(model, "feature_names_in_", [])],
    }
    _write_model(path, header, target.inner(network.head), network)


def read_regressor(path: Path) -> Saved:
    """Read what `write_regressor` wrote.

    Raises:
        ValueError: The file is another.
        FileNotFoundError: There is no such file.
    """
    about, state = _read_file(path)
    try:
        return _rebuilt(about, state)
    except _OF_OTHER_FILES as error:
        raise ValueError(
            f"path must be a file as `save` wrote it, got {path}, which lacks a part or has others."
        ) from error


def _rebuilt(about: dict[str, Any], state: dict[str, Tensor]) -> Saved:
    """A regressor from what is known of it and the weights of its network."""
    header, head = about["header"], _rebuilt_head(about["head"], state)
    parameters: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in header["parameters"].items()
    }
    fitted = dict(header["fitted"])
    if header["names"]:
        fitted["feature_names_in_"] = np.array(header["names"], dtype=object)
    given = header["target"]
    target = Target(**given | {name: tuple(given[name]) for name in ("support", "atoms")})
    if not (math.isfinite(target.location) and 0 < target.scale < math.inf):
        raise ValueError(f"location and scale must be those of a fit, got {target}.")
    columns = fitted["n_features_in_"]
    began = header["began"]
    trunk = build_trunk(began, columns, is_sequence=header["is_sequence"])
    inner: DistributionHead = MovingBinsHead(head) if began["moving"] else head
    network = DistributionNetwork(trunk, target.with_atoms(inner)).to(head.edges.dtype)
    network.load_state_dict(state)
    if not all(weight.isfinite().all() for weight in network.parameters()):
        raise ValueError("weights must be finite, got others.")
    return Saved(parameters, fitted, target, network.eval(), began)


def _write_model(
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
    if path.is_dir() or not path.parent.is_dir():
        what = "no folder" if path.is_dir() else "in a folder that exists"
        raise ValueError(f"path must be a file to write, {what}, got {path}.")
    aside = path.with_name(path.name + ".writing")
    with aside.open("wb") as file:
        np.savez(file, **{f"weights/{name}": value for name, value in arrays.items()}, about=text)
    aside.replace(path)


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `_write_model` wrote: what is known of a regressor, and the weights of its network.

    Raises:
        ValueError: The file is another.
    """
    if path.is_dir():
        raise ValueError(f"path must be a file that `save` wrote, got the folder {path}.")
    try:
        # Of a file that is no archive NumPy would leave its own handle open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            state = {
                name.removeprefix("weights/"): torch.from_numpy(file[name])
                for name in file.files
                if name.startswith("weights/")
            }
            format_of_file = about.get("format")
    except _OF_OTHER_FILES as error:
        raise ValueError(f"path must be a file that `save` wrote, got {path}, another.") from error
    if format_of_file != _FORMAT:
        raise ValueError(f"path must be a {_FORMAT!r}, got {format_of_file!r} in {path}.")
    if any(value.isnan().any() for value in state.values()):
        raise ValueError(f"path must be a file without NaN, got some in {path}: fit again.")
    return about, state


def _rebuilt_head(settings: dict[str, Any], state: dict[str, Tensor]) -> SplicedBinnedParetoHead:
    """The head of the bins before they move, as it was built."""
    name = next(name for name in state if name.endswith("edges"))
    prefix = name.removesuffix("edges")
    return SplicedBinnedParetoHead(
        state[f"{prefix}linear.weight"].shape[1],
        state[name],
        lower_mass=settings["lower_mass"],
        upper_mass=settings["upper_mass"],
        concentration_range=tuple(settings["concentration_range"]),
        units=tuple(settings["units"]),
    )


def _plain(value: Any) -> Any:  # noqa: ANN401  # what JSON does not know
    """A number of NumPy as one of Python."""
    return value.item()
