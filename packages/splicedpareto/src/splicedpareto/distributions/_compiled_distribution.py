"""The spliced distribution by machine code, where no gradient is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from splicedpareto.distributions import _distribution_kernels as kernels
from splicedpareto.distributions._distribution import SplicedDistribution
from splicedpareto.distributions._kernels import safe_log
from splicedpareto.distributions._rows import as_rows
from splicedpareto.distributions._tails import Tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from splicedpareto.distributions._bins import Bins
    from splicedpareto.distributions._rows import RowSums

__all__ = ["CompiledDistribution"]


class CompiledDistribution(NamedTuple):
    """What `SplicedDistribution` answers, in one loop over the rows for each method.

    Attributes:
        sums: Sums of the logits' rows; each row has its own values.
        edges: Bin edges, ``(1, K + 1)`` or ``(R, K + 1)``.
        number: Numbers of the bins beside the lower and the upper splice, ``(2, R)``.
        threshold: Thresholds, ``(2, R)``, as all that follows.
        concentration: Concentrations.
        scale: Scales, given or tied.
        log_mass: Log-probabilities of the tails.
    """

    sums: RowSums
    edges: NDArray[Any]
    number: NDArray[np.int64]
    threshold: NDArray[Any]
    concentration: NDArray[Any]
    scale: NDArray[Any]
    log_mass: NDArray[Any]

    @classmethod
    def of(
        cls,
        sums: RowSums,
        edges: Tensor,
        concentrations: Sequence[Tensor],
        scales: Sequence[Tensor | None],
        masses: Sequence[Tensor] | None,
    ) -> CompiledDistribution:
        """Splice the bins whose logits were summed.

        Args:
            sums: Sums of the logits' rows.
            edges: Bin edges, which broadcast with the rows.
            concentrations: Concentrations of the lower and the upper tail, likewise.
            scales: Scales given, likewise, or None where one is tied.
            masses: Masses at whose quantiles the tails start; None for the outermost edges.
        """
        batch_shape = sums.logits.shape[:-1]
        if edges.dim() > 1:
            edges = edges.expand((*batch_shape, edges.shape[-1]))
        edges_ = as_rows(edges)
        concentration = _pair(concentrations, batch_shape)
        is_tied = np.array([scale is None for scale in scales])
        given = [concentrations[0].new_ones(()) if scale is None else scale for scale in scales]
        scale, threshold = _pair(given, batch_shape), np.empty_like(concentration)
        log_total = as_rows(sums.log_total)[:, 0]
        if masses is None:
            number, log_mass = np.empty(threshold.shape, np.int64), np.empty_like(threshold)
            kernels.splice_at_edges(
                sums.rows, log_total, edges_, is_tied, number, threshold, scale, log_mass
            )
        else:
            number = sums.outer.T.copy()
            # Logarithms before the batch: masses are mostly single numbers.
            log_mass = _pair([safe_log(mass) for mass in masses], batch_shape)
            mass = _pair(masses, batch_shape)
            kernels.splice_at_quantiles(
                sums.rows,
                log_total,
                edges_,
                is_tied,
                mass,
                sums.beside,
                log_mass,
                number,
                threshold,
                scale,
            )
        return cls(sums, edges_, number, threshold, concentration, scale, log_mass)

    def on_bins(self, bins: Bins, concentrations: Sequence[Tensor]) -> SplicedDistribution:
        """The same distribution by torch's operators."""
        columns = (*self.sums.logits.shape[:-1], 1)
        found = (self.number, self.threshold, self.scale, self.log_mass)
        (first, last), *rest = (torch.from_numpy(pair).reshape(2, *columns) for pair in found)
        lower, upper = (
            Tail(threshold, concentration[..., None], scale, log_mass)
            for threshold, scale, log_mass, concentration in zip(*rest, concentrations, strict=True)
        )
        return SplicedDistribution(bins, first, last, lower, upper)

    def log_prob(self, value: Tensor) -> Tensor:
        """As `SplicedDistribution.log_prob`."""
        result = torch.empty(value.shape, dtype=value.dtype)
        kernels.log_densities(self.sums.rows, *self._tables(), *map(as_rows, (value, result)))
        return result

    def cdf_and_sf(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """As `SplicedDistribution.cdf_and_sf`."""
        cdf, sf = (torch.empty(value.shape, dtype=value.dtype) for _ in range(2))
        arrays = map(as_rows, (value, cdf, sf))
        kernels.probabilities(*self.sums.kernel_arguments(), *self._tables(), *arrays)
        return cdf, sf

    def quantile(self, cdf: Tensor, sf: Tensor, log_cdf: Tensor, log_sf: Tensor) -> Tensor:
        """As `SplicedDistribution.quantile`."""
        result = torch.empty(cdf.shape, dtype=cdf.dtype)
        arrays = map(as_rows, (cdf, sf, log_cdf, log_sf, result))
        kernels.quantiles(*self.sums.kernel_arguments(), *self._tables(), *arrays)
        return result

    def _tables(self) -> tuple[NDArray[Any], ...]:
        return as_rows(self.sums.log_total)[:, 0], *self[1:]


def _pair(both: Sequence[Tensor], batch_shape: torch.Size) -> NDArray[Any]:
    """Numbers of the lower and of the upper tail, ``(2, R)``, in memory of their own."""
    pair = torch.stack([tensor.detach().expand(batch_shape) for tensor in both])
    return pair.reshape(2, batch_shape.numel()).numpy()
