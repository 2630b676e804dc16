"""Check what heads are built from and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._checks import require_number, require_tensor

if TYPE_CHECKING:
    from torch import Tensor, nn


def check_state(state: Tensor, linear: nn.Linear) -> None:
    """Raise unless a state has the width and the type of a head's linear map."""
    require_tensor("state", state)
    width, dtype = linear.in_features, linear.weight.dtype
    if state.dim() == 0 or state.shape[-1] != width:
        raise ValueError(
            f"state must have shape (*B, {width}), as in_features of the head says, got shape "
            f"{tuple(state.shape)}."
        )
    if state.dtype != dtype and not torch.is_autocast_enabled(state.device.type):
        raise TypeError(f"state must be {dtype}, as the head is, got {state.dtype}: convert it.")


def check_raw(raw: Tensor, features: int) -> None:
    """Raise unless raw parameters are floating-point numbers, as many as a head has."""
    require_tensor("raw", raw)
    if raw.dim() == 0 or raw.shape[-1] != features:
        raise ValueError(
            f"raw must have shape (*B, {features}), one column for each raw parameter of the head, "
            f"got shape {tuple(raw.shape)}."
        )
    if not raw.is_floating_point():
        raise TypeError(f"raw must be floating-point, got {raw.dtype}: convert it.")


def check_masses(lower: float, upper: float) -> None:
    """Raise unless both are probabilities that leave a body between the tails."""
    for name, mass in (("lower_mass", lower), ("upper_mass", upper)):
        require_number(name, mass)
        if not 0 <= mass < 1:
            raise ValueError(f"{name} must be in [0, 1), got {mass}: it is a tail's probability.")
    if not lower + upper < 1:
        raise ValueError(
            f"lower_mass + upper_mass must be below 1, to leave a body between the tails, got "
            f"{lower} + {upper}."
        )


def check_edges(edges: Tensor) -> None:
    """Raise unless edges are finite numbers that increase."""
    if not edges.is_floating_point():
        raise TypeError(f"edges must be floating-point, got {edges.dtype}.")
    if edges.dim() != 1 or len(edges) < 2:
        raise ValueError(f"edges must have shape (K + 1,), K at least 1, got {tuple(edges.shape)}.")
    steps = edges.diff()
    if not edges.is_meta and not (edges.isfinite().all() and (steps > 0).all()):
        raise ValueError(
            f"edges must be finite and increase, got {edges[0]} to {edges[-1]} with a least step "
            f"of {steps.min()}."
        )
