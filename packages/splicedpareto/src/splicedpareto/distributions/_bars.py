"""Bar distributions, as networks for tabular data put them out, in our family."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from splicedpareto.distributions._checks import as_tensor, require_switch, require_tensor
from splicedpareto.distributions._spliced_binned_pareto import SplicedBinnedPareto


def from_bar_distribution(
    logits: Tensor,
    borders: Tensor,
    *,
    full_support: bool = True,
    concentration: Tensor | float = 0.0,
) -> SplicedBinnedPareto:
    r"""The distribution of a bar distribution: a softmax over buckets, uniform within each.

    With `full_support` the first and the last bucket are open, as in TabPFN's, whose half-normal
    tails put half of such a bucket's mass within its width :math:`w`. Here generalized Pareto
    tails do: the edge splice with :math:`\sigma = w \xi / (2^\xi - 1)`, or :math:`w / \log 2` at
    :math:`\xi = 0`. All probabilities at the inner borders and at the outer ones are the same;
    only the shape of the tails beyond is another. Without it the result is the same distribution.

    Args:
        logits: Unnormalized log-probabilities of the buckets, shape ``(*B, K)``; K at least 3
            with `full_support`.
        borders: Finite increasing borders of the buckets, shape ``(K + 1,)``, in units of the
            outcome.
        full_support: Whether the outermost buckets are open.
        concentration: :math:`\xi` of both tails, above 0 for heavier ones, broadcastable to
            ``(*B,)``.

    Returns:
        Distribution of batch shape ``(*B,)``.

    Raises:
        ValueError: If shapes do not match, or borders do not increase.
        TypeError: If logits or borders are no tensor.

    References:
        Müller, Hollmann, Pineda Arango, Grabocka and Hutter (2022), "Transformers Can Do Bayesian
        Inference", ICLR, section 5; Hollmann et al. (2025), "Accurate predictions on small data
        with a tabular foundation model", Nature 637.

    Example:
        >>> borders = torch.tensor([-2.0, -1.0, 0.0, 1.0, 3.0])
        >>> distribution = from_bar_distribution(torch.zeros(4), borders)
        >>> distribution.sf(torch.tensor([1.0, 3.0]))
        tensor([0.2500, 0.1250])
    """
    require_tensor("logits", logits)
    require_tensor("borders", borders)
    require_switch("full_support", full_support)
    fewest = 3 if full_support else 1
    if borders.shape != (logits.shape[-1] + 1,) or logits.shape[-1] < fewest:
        raise ValueError(
            f"borders must have shape (K + 1,) for logits of shape (*B, K) with K at least "
            f"{fewest}, got {tuple(borders.shape)} and {tuple(logits.shape)}."
        )
    if not full_support:
        return SplicedBinnedPareto(logits, borders, 0.0, 0.0, lower_mass=0.0, upper_mass=0.0)
    xi = as_tensor("concentration", concentration, dtype=logits.dtype, device=logits.device)
    # xi / (2**xi - 1) by a function that is 1 / log 2 at 0.
    is_zero = xi == 0
    nonzero = torch.where(is_zero, 1, xi)
    ratio = torch.where(is_zero, 1 / math.log(2), nonzero / torch.expm1(nonzero * math.log(2)))
    widths = borders.diff().to(ratio)
    return SplicedBinnedPareto(
        logits, borders[1:-1], xi, xi, widths[0] * ratio, widths[-1] * ratio, splice="edge"
    )
