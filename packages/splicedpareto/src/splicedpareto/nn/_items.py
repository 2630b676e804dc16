"""Steps that consist of items in no particular order, such as the players of a frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from splicedpareto.nn._mlp import Standardize


@dataclass(frozen=True)
class ItemSettings:
    """What the items of a step are, and how they are embedded.

    Attributes:
        items: Number ``P`` of items.
        features: Number ``Q`` of features of an item; item ``p`` has columns ``p Q`` to
            ``p Q + Q - 1``.
        groups: Numbers of items that are pooled together, in the order of the items.
        coordinates: Features that say where an item is.
        anchors: Items that keep their place, to which the others' coordinates are also given
            relative.
        marker: Feature that is not 0 for the one item that is marked at a step, to which the
            coordinates are also given relative; None for no such feature.
        width: Channels of the embedding of an item.

    Raises:
        ValueError: A size below 1, groups that do not add up to the items, or an index out of
            range.
    """

    items: int = 22
    features: int = 11
    groups: tuple[int, ...] = (11, 11)
    coordinates: tuple[int, ...] = (0, 1)
    anchors: tuple[int, ...] = (0,)
    marker: int | None = 10
    width: int = 48

    def __post_init__(self) -> None:
        for name in ("items", "features", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if sum(self.groups) != self.items or min(self.groups) < 1:
            raise ValueError(
                f"groups must be sizes of at least 1 that add up to the {self.items} items, got "
                f"{self.groups}."
            )
        marker = () if self.marker is None else (self.marker,)
        for name, indices, end in (
            ("coordinates", self.coordinates, self.features),
            ("anchors", self.anchors, self.items),
            ("marker", marker, self.features),
        ):
            if not all(0 <= index < end for index in indices):
                raise ValueError(f"{name} must be in [0, {end}), got {getattr(self, name)}.")

    @property
    def columns(self) -> int:
        """Columns of a step that belong to items, ``P Q``."""
        return self.items * self.features


class ItemEncoder(nn.Module):
    """Embed each item by one perceptron of two layers for all, and pool each group.

    An item is described by its features and by its coordinates relative to each anchor and to the
    marked item (the first, should several be marked). Features are standardized by statistics
    that all items share; a missing number, NaN, then counts as 0, and so do coordinates relative
    to a marked item where none is marked. The embeddings of a group, which an item is told too,
    are pooled by mean and by maximum.

    The state does not depend on the order of the items of a group that are not anchors, up to the
    rounding of the mean. Moving all items together changes nothing in the relative coordinates,
    but the coordinates themselves are features too: where on the field something happens may
    matter. Shift the coordinates at random in training where it must not.

    Args:
        settings: What the items are.

    Attributes:
        out_features: Channels ``E`` of the state: two for each channel of the embedding and
            group, then the embeddings of the anchors and of the marked item (0 where none is).

    References:
        Zaheer et al. (2017), "Deep Sets", arXiv:1703.06114.

    Example:
        >>> encoder = ItemEncoder(ItemSettings(items=4, features=3, groups=(2, 2), marker=2))
        >>> encoder(torch.zeros(5, 7, 12)).shape
        torch.Size([5, 7, 288])
        >>> encoder.out_features
        288
    """

    is_in_group: Tensor

    def __init__(self, settings: ItemSettings) -> None:
        super().__init__()
        self.settings = settings
        groups = len(settings.groups)
        targets = len(settings.anchors) + (settings.marker is not None)
        described = settings.features + len(settings.coordinates) * targets + groups
        self.out_features = settings.width * (2 * groups + targets)
        self.standardize = Standardize(described)
        self.first = nn.Linear(described, settings.width)
        self.second = nn.Linear(settings.width, settings.width)
        group = torch.arange(groups).repeat_interleave(torch.tensor(settings.groups))
        is_in_group = nn.functional.one_hot(group, groups).float()
        self.register_buffer("is_in_group", is_in_group, persistent=False)

    def fit_standardization(self, steps: Tensor, *, weight: Tensor | None = None) -> None:
        """Take mean and scale of each feature over all items.

        Args:
            steps: Items of each step, shape ``(N, P Q)``.
            weight: Of each step, shape ``(N,)``; None where all count the same.
        """
        if weight is not None:
            weight = weight.repeat(self.settings.items)
        described = self._described(self._items(steps))
        self.standardize.fit(described.flatten(0, 1), weight, keep_flags=True)

    def forward(self, steps: Tensor) -> Tensor:
        """State of each step, shape ``(*B, E)``, for items of shape ``(*B, P Q)``."""
        items = self._items(steps)
        described = self.standardize.filled(self._described(items))
        # The anchors and the marked item are embedded once more: a gradient of part of all
        # embeddings would be padded with zeros to the whole.
        parts = [described, described[list(self.settings.anchors)]]
        sizes = [*self.settings.groups, *(1 for _ in self.settings.anchors)]
        marked = self._marked(items)
        if marked is not None:
            parts.append(_first(described, marked)[None])
            sizes.append(1)
        hidden = nn.functional.relu(self.first(torch.cat(parts)))
        embedding = torch.split(nn.functional.relu(self.second(hidden)), sizes)
        groups = len(self.settings.groups)
        state: list[Tensor] = []
        for group in embedding[:groups]:
            state += [group.sum(dim=0) / len(group), group.amax(dim=0)]
        state += [chosen.squeeze(0) for chosen in embedding[groups:]]
        if marked is not None:
            state[-1] = state[-1] * marked.any(dim=0)[:, None]
        return torch.cat(state, dim=-1).view(*steps.shape[:-1], self.out_features)

    def _items(self, steps: Tensor) -> Tensor:
        """Items ``(P, N, Q)``: one below the other, so that pools run over whole rows."""
        settings = self.settings
        return steps.reshape(-1, settings.items, settings.features).transpose(0, 1).contiguous()

    def _marked(self, items: Tensor) -> Tensor | None:
        """Which item is marked, shape ``(P, N)``; None where none ever is."""
        if self.settings.marker is None:
            return None
        marker = items[..., self.settings.marker]
        return (marker != 0) & ~marker.isnan()

    def _described(self, items: Tensor) -> Tensor:
        """Features of each item beside its relative coordinates and its group, ``(P, N, D)``."""
        places = items[..., list(self.settings.coordinates)]
        columns = [items]
        columns += [places - places[anchor] for anchor in self.settings.anchors]
        marked = self._marked(items)
        if marked is not None:
            target = torch.where(marked.any(dim=0)[:, None], _first(places, marked), torch.nan)
            columns.append(places - target)
        group = self.is_in_group[:, None].expand(-1, items.shape[1], -1)
        return torch.cat([*columns, group.to(items.dtype)], dim=-1)


def _first(items: Tensor, marked: Tensor) -> Tensor:
    """The first marked item of each step, shape ``(N, Q)``; any where none is marked."""
    index = marked.int().argmax(dim=0)[None, :, None]
    chosen: Tensor = items.gather(0, index.expand(-1, -1, items.shape[-1]))
    return chosen.squeeze(0)
