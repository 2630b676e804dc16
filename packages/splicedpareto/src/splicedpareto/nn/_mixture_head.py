"""Last layers for mixtures: weights, components with heads of their own, and a moving origin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch import Tensor, nn

from splicedpareto.distributions import AffineTransformed, Delta, Mixture
from splicedpareto.distributions._base import broadcast_shapes
from splicedpareto.distributions._checks import require_number, require_tensor, require_whole
from splicedpareto.nn._head_checks import check_raw, check_state
from splicedpareto.nn._heads import SOFTPLUS_ONE, DistributionHead, LocationScaleHead

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch.distributions import Distribution

_Entry = TypeVar("_Entry")


class AffineTransformedHead(LocationScaleHead):
    """State to the distribution of another head, moved and stretched by learned amounts.

    Around a `SplicedBinnedParetoHead` its bins lie in units of a location and a scale of each
    observation's own. Train it by `composite_nll`, which fits the two by a likelihood of their own.

    Args:
        head: Head of a continuous distribution.
        location: Initial location, in units of the outcome.
        scale: Initial scale, outcome units per unit of the head's distribution, and the unit in
            which both are learned.

    Raises:
        ValueError: `scale` is not positive.
    """

    def __init__(
        self, head: DistributionHead, *, location: float = 0.0, scale: float = 1.0
    ) -> None:
        if not isinstance(head, DistributionHead):
            raise TypeError(f"head must be a head of distributions, got {head!r:.100}.")
        super().__init__(head.linear.in_features, 2, location, scale)
        self.head = head
        with torch.no_grad():
            self.linear.bias[1] = SOFTPLUS_ONE

    @property
    def raw_features(self) -> int:
        """Number of raw parameters: location, scale, and the head's."""
        return 2 + self.head.raw_features

    def raw_parameters(self, state: Tensor) -> Tensor:
        """Raw parameters, shape ``(*B, P)``, for a state of shape ``(*B, C)``."""
        check_state(state, self.linear)
        return torch.cat([self.linear(state), self.head.raw_parameters(state)], -1)

    def distribution(self, raw: Tensor) -> AffineTransformed:
        """The distribution for raw parameters ``(*B, P)``: location, scale, the head's."""
        check_raw(raw, self.raw_features)
        location, scale = self.parameters_of(raw[..., 0], raw[..., 1])
        base = self.head.distribution(raw[..., 2:])
        return AffineTransformed(base, location, scale, validate_args=False)


class MixtureHead(DistributionHead):
    r"""State, and an origin that comes beside it, to a `Mixture`.

    The state gives the weights and each component's parameters. An origin is data, such as where
    something starts: components counted from it move with it, so that their bins, learned once,
    lie where the outcomes of each observation are.

    Raw parameters end in the origins, so that those of several networks may be averaged.

    Args:
        in_features: Width ``C`` of the state.
        components: Heads, each of a continuous distribution, and numbers, each an atom on that
            value; in units of the outcome.
        weights: Initial probabilities of the components; None for equal ones.
        from_origin: Indices of the components that are counted from the origin.

    Raises:
        ValueError: There is no component, a head has another width, weights are no probabilities,
            an atom is not finite or an index is out of range.

    Example:
        >>> from splicedpareto.nn import GaussianHead
        >>> head = MixtureHead(8, [0.0, GaussianHead(8)], weights=[0.25, 0.75], from_origin=[1])
        >>> distribution = head(torch.zeros(8), torch.tensor(20.0))
        >>> distribution.weights.detach(), distribution.components[1].mean.detach()
        (tensor([0.2500, 0.7500]), tensor(20.))
    """

    def __init__(
        self,
        in_features: int,
        components: Sequence[DistributionHead | float],
        *,
        weights: Sequence[float] | None = None,
        from_origin: Sequence[int] = (),
    ) -> None:
        components = _listed(components, "components")
        from_origin = _listed(from_origin, "from_origin")
        weights = None if weights is None else _listed(weights, "weights")
        _check_kinds(components, weights or [], from_origin)
        count = len(components)
        if not count:
            raise ValueError("components must hold at least one head or atom, got none.")
        weights = [1 / count] * count if weights is None else weights
        if (
            len(weights) != count
            or not all(weight > 0 for weight in weights)
            or not math.isclose(sum(weights), 1, abs_tol=1e-6)
        ):
            raise ValueError(
                f"weights must be {count} positive probabilities that sum to 1, got {weights}."
            )
        if not all(0 <= index < count for index in from_origin):
            raise ValueError(
                f"from_origin must hold indices of the {count} components, got {from_origin}."
            )
        super().__init__(in_features, count)
        self.takes_origin = bool(from_origin)
        self.from_origin = frozenset(from_origin)
        self.atoms: list[float | None] = []
        self.heads = nn.ModuleDict()
        for index, component in enumerate(components):
            if isinstance(component, DistributionHead):
                if component.linear.in_features != in_features:
                    raise ValueError(
                        f"the head of component {index} must take {in_features} features, got "
                        f"{component.linear.in_features}."
                    )
                self.heads[str(index)] = component
                self.atoms.append(None)
            elif math.isfinite(component):
                self.atoms.append(float(component))
            else:
                raise ValueError(f"the atom of component {index} must be finite, got {component}.")
        with torch.no_grad():
            self.linear.bias.copy_(torch.tensor(weights).log())

    @property
    def raw_features(self) -> int:
        """Number of raw parameters: the weights', the heads', and the origin."""
        parts = sum(self._head(index).raw_features for index in self.heads)
        return self.linear.out_features + parts + self.takes_origin

    def _head(self, index: str) -> DistributionHead:
        return cast("DistributionHead", self.heads[index])

    def raw_parameters(self, state: Tensor, origin: Tensor | None = None) -> Tensor:
        """Raw parameters, shape ``(*B, P)``: logits of the weights, the heads', the origin.

        Args:
            state: Shape ``(*B, C)``.
            origin: Broadcastable to ``(*B,)``, in units of the outcome, where a component is
                counted from it; else None.

        Raises:
            ValueError: An origin is missing, not used or of another shape.
        """
        check_state(state, self.linear)
        if (origin is not None) != self.takes_origin:
            rule = "be given" if self.takes_origin else "be left out"
            raise ValueError(f"origin must {rule}: from_origin is {sorted(self.from_origin)}.")
        parts = [self._head(index).raw_parameters(state) for index in self.heads]
        parts = [self.linear(state), *parts]
        if origin is not None:
            require_tensor("origin", origin)
            batch = state.shape[:-1]
            if broadcast_shapes(origin.shape, batch, what="origin and the batch") != batch:
                raise ValueError(
                    f"origin must have the shape of the batch, {tuple(batch)}, or one that expands "
                    f"to it, got {tuple(origin.shape)}."
                )
            parts.append(origin.to(parts[0].dtype).expand(batch)[..., None])
        return torch.cat(parts, -1)

    def distribution(self, raw: Tensor) -> Mixture:
        """The distribution for raw parameters ``(*B, P)``."""
        check_raw(raw, self.raw_features)
        count = self.linear.out_features
        widths = {index: self._head(index).raw_features for index in self.heads}
        inner = raw[..., : self.raw_features - self.takes_origin]
        logits, *pieces = torch.split(inner, [count, *widths.values()], -1)
        by_index = dict(zip(widths, pieces, strict=True))
        origin = raw[..., -1] if self.takes_origin else raw.new_zeros(())
        components: list[Distribution] = []
        for index, atom in enumerate(self.atoms):
            start = origin if index in self.from_origin else torch.zeros_like(origin)
            if atom is not None:
                components.append(Delta(start + atom, validate_args=False))
                continue
            base = self._head(str(index)).distribution(by_index[str(index)])
            moves = index in self.from_origin
            components.append(
                AffineTransformed(base, start, 1.0, validate_args=False) if moves else base
            )
        return Mixture(logits, components, validate_args=False)

    def forward(self, state: Tensor, origin: Tensor | None = None) -> Mixture:
        """The distribution of batch shape ``(*B,)`` for a state ``(*B, C)`` and its origin."""
        return self.distribution(self.raw_parameters(state, origin))


def _listed(entries: Iterable[_Entry], name: str) -> list[_Entry]:
    """Entries as a list, of a tensor its numbers."""
    try:
        listed: list[_Entry] = entries.tolist() if isinstance(entries, Tensor) else list(entries)
    except TypeError as error:
        raise TypeError(f"{name} must be a list, got {entries!r:.80}.") from error
    if not isinstance(listed, list):  # of a tensor without dimensions
        raise TypeError(f"{name} must be a list, got {entries!r:.80}.")
    return listed


def _check_kinds(
    components: Sequence[DistributionHead | float],
    weights: Sequence[float],
    from_origin: Sequence[int],
) -> None:
    """Raise unless components are heads or numbers, weights numbers and the rest indices."""
    for index, component in enumerate(components):
        if not isinstance(component, DistributionHead):
            require_number(f"component {index}, where it is no head,", component)
    for weight in weights:
        require_number("weights", weight)
    for index in from_origin:
        require_whole("from_origin", index, 0)
