"""Regressor and distribution with skpro's interface. Needs the extra ``skpro``."""

from __future__ import annotations

import math
from numbers import Integral
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Delta,
    Discretized,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.distributions._base import ScalarDistribution, tensor_options

try:
    import pandas as pd
    from sklearn.base import clone
    from skpro.distributions.base import BaseDistribution
    from skpro.regression.base import BaseProbaRegressor

    from splicedpareto.contrib.sklearn import SplicedBinnedParetoRegressor
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "splicedpareto.contrib.skpro needs skpro: pip install 'splicedpareto[skpro]'."
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from torch import Tensor

__all__ = ["SplicedBinnedParetoProbaRegressor", "SplicedBinnedParetoTable"]


class SplicedBinnedParetoTable(BaseDistribution):  # type: ignore[misc]  # untyped
    """A column of distributions of this package, or a single one.

    Density, mass, cdf, quantiles, mean, variance and energies are the distributions' own, and so is
    skpro's CRPS.

    Args:
        distribution: Distributions of batch shape ``(n,)``, or ``()`` for a single one.
        index: Labels of the rows; None for ``0`` to ``n - 1``.
        columns: Label of the column; None for ``0``.

    Raises:
        TypeError: The distribution is of another package, or has more than one dimension of batch.
        ValueError: There are not as many labels as rows.

    Example:
        >>> import torch
        >>> from splicedpareto import SplicedBinnedPareto
        >>> from splicedpareto.contrib.skpro import SplicedBinnedParetoTable
        >>> edges = torch.linspace(0, 100, 11)
        >>> distribution = SplicedBinnedPareto(torch.zeros(2, 10), edges, 0.2, 0.2)
        >>> table = SplicedBinnedParetoTable(distribution)
        >>> table.ppf(0.5).shape
        (2, 1)
    """

    _tags: ClassVar[dict[str, object]] = {
        "capabilities:approx": ["pdfnorm"],
        "capabilities:exact": [
            *("mean", "var", "energy", "pdf", "log_pdf", "pmf", "log_pmf", "cdf", "surv", "ppf")
        ],
        "distr:measuretype": "continuous",
    }

    def __init__(
        self,
        distribution: ScalarDistribution,
        index: pd.Index | None = None,
        columns: pd.Index | None = None,
    ) -> None:
        if not _is_column(distribution):
            raise TypeError(
                "distribution must be one of splicedpareto, of batch shape (n,) or (), got "
                f"{distribution!r:.200}."
            )
        for name, labels in (("index", index), ("columns", columns)):
            if not (labels is None or pd.api.types.is_list_like(labels)):
                raise TypeError(f"{name} must be labels or None, got {labels!r:.80}.")
        count = distribution.batch_shape.numel()
        if distribution.batch_shape and index is not None and len(index) != count:
            raise ValueError(f"index must hold {count} labels, one a row, got {len(index)}.")
        self.distribution = distribution
        if distribution.batch_shape:
            index = pd.RangeIndex(distribution.batch_shape[0]) if index is None else index
            columns = pd.RangeIndex(1) if columns is None else columns
        super().__init__(index=index, columns=columns)
        if not distribution.is_continuous:
            parts = distribution.components if isinstance(distribution, Mixture) else [distribution]
            whole = all(isinstance(part, (Delta, Discretized)) for part in parts)
            self.set_tags(**{"distr:measuretype": "discrete" if whole else "mixed"})

    def _iloc(
        self,
        rowidx: npt.ArrayLike | slice | None = None,
        colidx: npt.ArrayLike | slice | None = None,
    ) -> SplicedBinnedParetoTable:
        if isinstance(rowidx, Integral) and isinstance(colidx, Integral):
            return SplicedBinnedParetoTable(_selected(self.distribution, rowidx))
        rows, columns = _positions(rowidx, len(self.index)), _positions(colidx, 1)
        return SplicedBinnedParetoTable(
            _selected(self.distribution, rows),
            index=self.index.take(rows),
            columns=self.columns.take(columns),
        )

    def _iat(self, rowidx: int, colidx: int) -> SplicedBinnedParetoTable:
        return self._iloc(rowidx, colidx)

    def _apply(
        self, method: Callable[[Tensor], Tensor], values: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        """Apply a method of the distributions to values of the shape of the table."""
        shape = self.distribution.batch_shape
        given = np.array(values)
        if given.dtype.kind not in "fiub":
            raise TypeError(f"values must be numbers, got {given.dtype}: convert them.")
        at = torch.as_tensor(given, **tensor_options(self.distribution))
        with torch.no_grad():
            result = method(at.reshape(shape)).double().numpy()
        return result[:, None] if shape else result

    def _pdf(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return np.exp(self._log_pdf(x))

    def _log_pdf(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return self._apply(self._log_density, x)

    def _log_density(self, at: Tensor) -> Tensor:
        density = self.distribution.log_prob(at)
        if self.distribution.is_continuous:
            return density
        return torch.where(self.distribution.log_mass(at) > -math.inf, -math.inf, density)

    def pdfnorm(self, a: float = 2) -> pd.DataFrame | float:
        """Integral of the density to the power `a`: the mean of its power `a` - 1.

        skpro takes it over a thousand draws, one after the other; here it is over as many
        quantiles at once, which is exact but for the bins that a quantile's cell cuts.
        """
        count: int = self.get_tag("approx_spl")
        shape = self.distribution.batch_shape
        levels = (torch.arange(count, **tensor_options(self.distribution)) + 0.5) / count
        with torch.no_grad():
            at = self.distribution.icdf(levels.reshape(count, *(1 for _ in shape)))
            powers = self._log_density(at).exp() ** (a - 1)
        means = powers.double().mean(dim=0).numpy()
        return pd.DataFrame(means, self.index, self.columns) if shape else float(means)

    def _pmf(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return np.exp(self._log_pmf(x))

    def _log_pmf(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return self._apply(self.distribution.log_mass, x)

    def _cdf(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return self._apply(self.distribution.cdf, x)

    def _surv(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return self._apply(self.distribution.sf, x)

    def _ppf(self, p: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return self._apply(self.distribution.icdf, p)

    def _mean(self) -> npt.NDArray[np.float64]:
        return self._apply(lambda at: self.distribution.mean + 0 * at, np.zeros(self.shape))

    def _var(self) -> npt.NDArray[np.float64]:
        return self._apply(lambda at: self.distribution.variance + 0 * at, np.zeros(self.shape))

    def _energy_x(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Mean distance from `x`: E max(X, x) - E min(X, x)."""

        def distance(at: Tensor) -> Tensor:
            above, below = ((at, math.inf), (-math.inf, at))
            return self.distribution.clamped_mean(*above) - self.distribution.clamped_mean(*below)

        return self._apply(distance, x)

    def _energy_self(self) -> npt.NDArray[np.float64]:
        """Mean distance of two draws: at any x the CRPS is E|X - x| less half of it."""
        median = self._ppf(np.full(self.shape, 0.5))
        return 2 * (self._energy_x(median) - self._apply(self.distribution.crps, median))

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, object]]:  # noqa: ARG003
        """Parameters for skpro's own tests."""
        edges = torch.linspace(-2, 2, 5, dtype=torch.float64)
        single, many = torch.zeros(4, dtype=edges.dtype), torch.eye(3, 4, dtype=edges.dtype)
        return [
            {"distribution": SplicedBinnedPareto(logits, edges, 0.1, 0.2)}
            for logits in (many, single)
        ]


class SplicedBinnedParetoProbaRegressor(BaseProbaRegressor):  # type: ignore[misc]  # untyped
    """`SplicedBinnedParetoRegressor` with skpro's interface.

    Args:
        regressor: The regressor, with its settings; a copy of it is fitted.

    Attributes:
        regressor_: The fitted regressor.

    Example:
        >>> import numpy as np
        >>> import pandas as pd
        >>> from splicedpareto.contrib.sklearn import SplicedBinnedParetoRegressor
        >>> from splicedpareto.contrib.skpro import SplicedBinnedParetoProbaRegressor
        >>> X = pd.DataFrame({"x": np.linspace(-1, 1, 200)})
        >>> y = pd.DataFrame({"y": X["x"] + np.random.default_rng(0).standard_t(3, 200)})
        >>> regressor = SplicedBinnedParetoRegressor(bins=20, max_epochs=5, random_state=0)
        >>> model = SplicedBinnedParetoProbaRegressor(regressor).fit(X, y)
        >>> model.predict_quantiles(X[:2], [0.5, 0.999]).shape
        (2, 2)
    """

    _tags: ClassVar[dict[str, object]] = {"capability:missing": False}

    def __init__(self, regressor: SplicedBinnedParetoRegressor) -> None:
        self.regressor = regressor
        super().__init__()

    def _fit(self, X: pd.DataFrame, y: pd.DataFrame) -> SplicedBinnedParetoProbaRegressor:
        if not isinstance(self.regressor, SplicedBinnedParetoRegressor):
            raise TypeError(
                f"regressor must be a SplicedBinnedParetoRegressor, got {self.regressor!r:.200}."
            )
        if y.shape[1] != 1:
            raise ValueError(
                f"y must have one column, got {y.shape[1]}: {list(y.columns)}. Fit one model each."
            )
        self._columns = y.columns
        # scikit-learn refuses names of which only some are strings.
        self.regressor_ = clone(self.regressor).fit(X.rename(columns=str), y.iloc[:, 0])
        return self

    # skpro looks whether it is fitted in its other methods.
    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Means of the rows.

        Raises:
            ValueError: `fit` was not called, or `X` breaks its rule.
        """
        self.check_is_fitted()
        means: pd.DataFrame = super().predict(X)
        return means

    def predict_proba(self, X: pd.DataFrame) -> SplicedBinnedParetoTable:
        """Distributions of the rows.

        Raises:
            ValueError: `fit` was not called, or `X` breaks its rule.
        """
        self.check_is_fitted()
        table: SplicedBinnedParetoTable = super().predict_proba(X)
        return table

    def _predict_proba(self, X: pd.DataFrame) -> SplicedBinnedParetoTable:
        distribution = self.regressor_.predict_distribution(X.rename(columns=str))
        return SplicedBinnedParetoTable(distribution, index=X.index, columns=self._columns)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, object]]:  # noqa: ARG003
        """Parameters for skpro's own tests."""
        return [
            {
                "regressor": SplicedBinnedParetoRegressor(
                    bins=bins, width=8, blocks=1, max_epochs=1, random_state=0
                )
            }
            for bins in (5, 9)
        ]


def _is_column(distribution: object) -> bool:
    """Whether distributions are of this package, many in one dimension or a single one."""
    return isinstance(distribution, ScalarDistribution) and len(distribution.batch_shape) < 2


def _positions(chosen: npt.ArrayLike | slice | None, count: int) -> npt.NDArray[np.intp]:
    """Positions of rows or columns: all, those of a slice, those given, or those marked as true."""
    every = np.arange(count)
    if chosen is None:
        return every
    if isinstance(chosen, slice):
        return every[chosen]
    given = np.atleast_1d(chosen)
    positions: npt.NDArray[np.intp] = every[given if given.size else given.astype(np.intp)]
    return positions


def _selected(distribution: ScalarDistribution, rows: npt.ArrayLike) -> ScalarDistribution:
    """Distributions of some rows."""
    index = torch.as_tensor(np.array(rows))

    def of(part: ScalarDistribution) -> ScalarDistribution:
        if isinstance(part, SplicedBinnedPareto):
            return _selected_bins(part, index)
        if isinstance(part, Mixture):
            parts = [of(component) for component in part.components]
            return Mixture(part.logits[index], parts, validate_args=False)
        if isinstance(part, Discretized):
            return Discretized(of(part.base), validate_args=False)
        own = {name: getattr(part, name)[index] for name in part.arg_constraints}
        if isinstance(part, (Censored, AffineTransformed)):
            own["base"] = of(part.base)
        return type(part)(**own, validate_args=False)

    return of(distribution)


def _selected_bins(distribution: SplicedBinnedPareto, index: Tensor) -> SplicedBinnedPareto:
    edges = distribution.edges
    tied, at_quantiles = distribution.has_tied_scales, distribution.splice == "quantile"
    names = ["lower_concentration", "upper_concentration"]
    names += [] if tied else ["lower_scale", "upper_scale"]
    names += ["lower_mass", "upper_mass"] if at_quantiles else []
    return SplicedBinnedPareto(
        distribution.logits[index],
        edges if edges.dim() == 1 else edges[index],
        **{name: getattr(distribution, name)[index] for name in names},
        splice=distribution.splice,
        validate_args=False,
    )
