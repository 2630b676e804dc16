"""Regressor with scikit-learn's interface that predicts distributions. Needs extra ``sklearn``."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from splicedpareto import objectives
from splicedpareto.contrib._rows import (
    Rows,
    are_sequences,
    held_out_rows,
    sequence_rows,
    table_rows,
)
from splicedpareto.distributions import SplicedBinnedPareto
from splicedpareto.nn import (
    DistributionNetwork,
    ResidualMLP,
    SequenceEncoder,
    SplicedBinnedParetoHead,
    edges_from_data,
)
from splicedpareto.training import FitSettings, fit

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils import check_array, check_random_state, column_or_1d
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "splicedpareto.contrib.sklearn needs scikit-learn: pip install 'splicedpareto[sklearn]'."
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    from torch import nn

    from splicedpareto.nn._edges import EdgeSpacing

__all__ = ["SplicedBinnedParetoRegressor"]

TableOrSequences: TypeAlias = "npt.ArrayLike | Sequence[npt.ArrayLike]"

# Rows whose distributions are in memory at once where only statistics of them are returned.
_ROWS_AT_ONCE = 8192


class SplicedBinnedParetoRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    r"""Neural regression with a `SplicedBinnedPareto` for every row, for heavy-tailed targets.

    Rows are vectors, read by a `ResidualMLP`, or sequences of equal or unequal length, read by a
    `SequenceEncoder`. The target is shifted and scaled so that the bins span
    :math:`[-1, 1]`, and the network is trained by `composite_nll`.

    A sample weight of 2 equals two rows: exactly (up to rounding) if one batch holds all rows and
    `dropout` is 0, otherwise on average over batches. Equal rows stay together when some rows are
    held out for early stopping.

    Computation is in float32 if `X` is in float32, otherwise in float64, at half the speed.

    Args:
        bins: Number of bins of the body; choose fewer than 50 for fewer than about 500 rows.
        spacing: Spacing of the bins; see `edges_from_data`.
        lower_mass: Probability of the lower tail; 0 switches it off.
        upper_mass: Probability of the upper tail; 0 switches it off.
        concentration_range: Open interval in which both tails' concentrations :math:`\xi` stay;
            below 1 every predicted mean is finite.
        statistic: What `predict` returns: the ``"median"`` or the ``"mean"``.
        width: Channels of the network.
        blocks: Residual blocks of the network.
        levels: Levels of the convolution over a sequence; see `TemporalConvolution`.
        kernel_size: Width of one convolution, in steps.
        dropout: Probability of dropping a channel in training.
        max_epochs: Largest number of passes over the rows.
        batch_size: Rows a step.
        learning_rate: Highest learning rate of AdamW.
        weight_decay: Decoupled weight decay of AdamW.
        early_stopping: Whether to hold rows out, keep the weights with the lowest loss on them, and
            stop when it no longer falls. Otherwise the weights of least training loss are kept.
        validation_share: Share of the distinct rows that is held out.
        patience: Epochs without a better validation loss after which the fit stops.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``, for the fit.
        random_state: Seed of the initial weights, the held-out rows and the order of the others.

    Attributes:
        network_: The fitted `DistributionNetwork`, of the target shifted and scaled.
        location_: Shift of the target: the middle of the bins.
        scale_: Scale of the target: half the range of the bins.
        n_iter_: Epochs run.
        n_features_in_: Columns of `X`; of each step where rows are sequences.
        feature_names_in_: Their names, where `X` has such.

    Example:
        >>> X = np.linspace(-1, 1, 200)[:, None]
        >>> y = X[:, 0] + np.random.default_rng(0).standard_t(3, 200)
        >>> model = SplicedBinnedParetoRegressor(bins=20, max_epochs=5, random_state=0).fit(X, y)
        >>> model.predict_quantiles(X[:2], [0.5, 0.999]).shape
        (2, 2)
        >>> model.predict_distribution(X).batch_shape
        torch.Size([200])
    """

    def __init__(
        self,
        *,
        bins: int = 50,
        spacing: EdgeSpacing = "mixed",
        lower_mass: float = 0.05,
        upper_mass: float = 0.05,
        concentration_range: tuple[float, float] = (0.0, 0.9),
        statistic: Literal["median", "mean"] = "median",
        width: int = 64,
        blocks: int = 2,
        levels: int = 4,
        kernel_size: int = 3,
        dropout: float = 0.0,
        max_epochs: int = 100,
        batch_size: int = 256,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
        early_stopping: bool = True,
        validation_share: float = 0.15,
        patience: int = 15,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.bins = bins
        self.spacing = spacing
        self.lower_mass = lower_mass
        self.upper_mass = upper_mass
        self.concentration_range = concentration_range
        self.statistic = statistic
        self.width = width
        self.blocks = blocks
        self.levels = levels
        self.kernel_size = kernel_size
        self.dropout = dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_share = validation_share
        self.patience = patience
        self.device = device
        self.random_state = random_state

    def fit(
        self,
        X: TableOrSequences,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> SplicedBinnedParetoRegressor:
        """Fit the network.

        Args:
            X: Rows: an array ``(n, p)``, sequences ``(n, T, F)``, or a list of n sequences
                ``(T_i, F)``.
            y: Targets, shape ``(n,)``.
            sample_weight: Weights, at least 0, shape ``(n,)``; None for equal weights.

        Returns:
            The estimator.

        Raises:
            ValueError: A parameter or an input breaks its rule or is NaN, or the loss diverges.
        """
        self._check_parameters()
        rows, targets = self._training_rows(X, y)
        weights = _sample_weights(sample_weight, rows.count)
        kept = torch.from_numpy(np.flatnonzero(weights > 0))
        rows, targets, weight = rows.take(kept), targets[kept], torch.from_numpy(weights)[kept]
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        edges = edges_from_data(targets, self.bins, spacing=self.spacing, weight=weight)
        self.location_ = float(edges[-1] + edges[0]) / 2
        self.scale_ = float(edges[-1] - edges[0]) / 2
        standardized = (targets - self.location_) / self.scale_
        held_out = held_out_rows(
            rows, targets, share=self.validation_share if self.early_stopping else 0.0, seed=seed
        )
        network = self._network(rows, standardized, weight, edges, seed)

        def dataset(part: Tensor) -> TensorDataset:
            share = weight[part] / weight[part].mean()
            outcomes = (tensor.to(rows.values.dtype) for tensor in (standardized[part], share))
            return TensorDataset(*rows.take(part).inputs, *outcomes)

        objective = objectives.weighted(objectives.composite_nll)
        with tempfile.TemporaryDirectory() as folder:
            result = fit(
                network,
                dataset(~held_out),
                dataset(held_out if held_out.any() else ~held_out),
                inputs=len(rows.inputs),
                objective=objective,
                validation_objective=objective,
                settings=FitSettings(
                    max_epochs=self.max_epochs,
                    batch_size=self.batch_size,
                    learning_rate=self.learning_rate,
                    weight_decay=self.weight_decay,
                    patience=self.patience if held_out.any() else self.max_epochs,
                    seed=seed,
                    device=self.device,
                ),
                folder=Path(folder),
            )
        self.network_ = network
        self.n_iter_ = len(result.validation_losses)
        return self

    def predict(self, X: TableOrSequences) -> npt.NDArray[Any]:
        """Median or mean of each row's distribution, as `statistic` says, shape ``(n,)``.

        Raises:
            ValueError: `X` breaks its rule.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        return self._of_each_distribution(
            X, lambda distribution: getattr(distribution, self.statistic)
        )

    def predict_quantiles(
        self,
        X: TableOrSequences,
        q: npt.ArrayLike,
    ) -> npt.NDArray[Any]:
        """Quantiles of each row's distribution.

        Args:
            X: Rows, as in `fit`.
            q: A level in [0, 1], or levels of shape ``(Q,)``.

        Returns:
            Quantiles in the target's units, shape ``(n,)`` or ``(n, Q)``; nondecreasing in `q`.

        Raises:
            ValueError: `X` or a level breaks its rule.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        levels = np.asarray(q, dtype=np.float64)
        if levels.ndim > 1 or not ((levels >= 0) & (levels <= 1)).all():
            raise ValueError(f"q must be a level in [0, 1] or a list of such, got {q!r}.")
        below = torch.from_numpy(np.atleast_1d(levels))[:, None]

        def quantiles(distribution: SplicedBinnedPareto) -> Tensor:
            # A level near 1 keeps its digits in float32 as its distance from 1.
            low, high = (level.to(distribution.logits.dtype) for level in (below, 1 - below))
            return torch.where(below > 0.5, distribution.isf(high), distribution.icdf(low)).T

        columns = self._of_each_distribution(X, quantiles)
        return columns if levels.ndim else columns[:, 0]

    def predict_distribution(self, X: TableOrSequences) -> SplicedBinnedPareto:
        """The distribution of each row in the target's units, batch shape ``(n,)``.

        Raises:
            ValueError: `X` breaks its rule.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        return self._distribution(self._new_rows(X))

    def score(
        self,
        X: TableOrSequences,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        r"""Skill by the continuous ranked probability score (CRPS), a proper score.

        .. math:: 1 - \frac{\sum_i w_i \operatorname{CRPS}(F_i, y_i)}
            {\sum_i w_i \operatorname{CRPS}(\hat F, y_i)}

        with :math:`\hat F` the empirical distribution of `y`, as :math:`R^2` compares with its
        mean: 1 is perfect, 0 no better than climatology. For a heavy-tailed target few rows
        decide :math:`R^2`, which is available as ``scoring="r2"``.

        Args:
            X: Rows, as in `fit`.
            y: Targets, shape ``(n,)``.
            sample_weight: Weights, at least 0, shape ``(n,)``; None for equal weights.

        Returns:
            At most 1; NaN where all targets are equal.

        Raises:
            ValueError: An input breaks its rule.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        rows = self._new_rows(X)
        targets = np.array(column_or_1d(y), dtype=np.float64)
        if len(targets) != rows.count:
            raise ValueError(
                f"y must hold one target for each row of X, got {len(targets)} for {rows.count}."
            )
        weights = _sample_weights(sample_weight, rows.count)
        at = torch.from_numpy(targets)
        losses = torch.cat(
            [self._distribution(rows.take(p)).crps(at[p]) for p in _parts(rows.count)]
        )
        order = np.argsort(targets)
        values, share = targets[order], weights[order].cumsum() / weights.sum()
        # The mean CRPS of an empirical distribution at its own values: half of Gini's mean
        # difference, the integral of F (1 - F).
        climatology = float((np.diff(values) * share[:-1] * (1 - share[:-1])).sum())
        ours = float(np.average(losses.double().numpy(), weights=weights))
        return 1 - ours / climatology if climatology > 0 else math.nan

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401  # scikit-learn's own type
        """Declare that sequences are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _check_parameters(self) -> None:
        if self.statistic not in {"median", "mean"}:
            raise ValueError(f"statistic must be 'median' or 'mean', got {self.statistic!r}.")
        if self.statistic == "mean" and not self.concentration_range[1] <= 1:
            raise ValueError(
                "concentration_range must end at 1 at most where statistic is 'mean', got "
                f"{self.concentration_range}: from 1 on a mean is infinite. Predict the median."
            )
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share must be in (0, 1), got {self.validation_share}.")

    def _training_rows(
        self,
        X: TableOrSequences,
        y: npt.ArrayLike,
    ) -> tuple[Rows, Tensor]:
        if are_sequences(X):
            rows = sequence_rows(X)
            targets = np.array(column_or_1d(y, warn=True), dtype=np.float64)
            if len(targets) != rows.count or not np.isfinite(targets).all():
                raise ValueError(
                    f"y must hold one finite target for each of the {rows.count} sequences of X, "
                    f"got {len(targets)} of which {int(np.isfinite(targets).sum())} are finite."
                )
            self.n_features_in_ = rows.values.shape[2]
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            return rows, torch.from_numpy(targets)
        table, targets = validate_data(
            self, X, y, dtype=[np.float64, np.float32], y_numeric=True, ensure_min_samples=2
        )
        return table_rows(table), torch.from_numpy(np.array(targets, dtype=np.float64))

    def _new_rows(self, X: TableOrSequences) -> Rows:
        fitted_to_sequences = isinstance(self.network_.trunk, SequenceEncoder)
        if are_sequences(X) != fitted_to_sequences:
            kinds = {False: "a table of shape (n, p)", True: "sequences, (n, T, F) or a list"}
            raise ValueError(
                f"X must be {kinds[fitted_to_sequences]}, as in fit, "
                f"got {kinds[not fitted_to_sequences]}."
            )
        if not fitted_to_sequences:
            table = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
            rows = table_rows(table)
        else:
            rows = sequence_rows(X)
            if rows.values.shape[2] != self.n_features_in_:
                raise ValueError(
                    f"X must hold sequences of {self.n_features_in_} columns, as in fit, got "
                    f"{rows.values.shape[2]}."
                )
        return Rows(rows.values.to(self.network_.head.linear.weight.dtype), rows.lengths)

    def _network(
        self, rows: Rows, targets: Tensor, weight: Tensor, edges: Tensor, seed: int
    ) -> DistributionNetwork:
        """A network of the standardized target with the initial weights of `seed`."""
        columns = rows.values.shape[-1]
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            trunk: nn.Module
            if rows.lengths is None:
                trunk = ResidualMLP(columns, self.width, blocks=self.blocks, dropout=self.dropout)
            else:
                trunk = SequenceEncoder(
                    columns,
                    0,
                    self.width,
                    self.width,
                    levels=self.levels,
                    kernel_size=self.kernel_size,
                    blocks=self.blocks,
                    dropout=self.dropout,
                )
            head = SplicedBinnedParetoHead(
                self.width,
                (edges - self.location_) / self.scale_,
                lower_mass=self.lower_mass,
                upper_mass=self.upper_mass,
                concentration_range=self.concentration_range,
            )
        head.start_from_data(targets, weight=weight)
        network = DistributionNetwork(trunk, head).to(rows.values.dtype)
        if isinstance(trunk, SequenceEncoder):
            trunk.fit_standardization(*rows.inputs, weight=weight)
        elif isinstance(trunk, ResidualMLP):
            trunk.standardize.fit(rows.values, weight)
        return network

    @torch.no_grad()
    def _distribution(self, rows: Rows) -> SplicedBinnedPareto:
        distribution = self.network_(*rows.inputs)
        if not isinstance(distribution, SplicedBinnedPareto):
            raise TypeError(f"network_ must return a SplicedBinnedPareto, got {distribution!r}.")
        return distribution.affine(self.location_, self.scale_)

    def _of_each_distribution(
        self,
        X: TableOrSequences,
        statistic: Callable[[SplicedBinnedPareto], Tensor],
    ) -> npt.NDArray[Any]:
        check_is_fitted(self)
        rows = self._new_rows(X)
        parts = [statistic(self._distribution(rows.take(part))) for part in _parts(rows.count)]
        joined: npt.NDArray[Any] = torch.cat(parts).numpy()
        return joined


def _sample_weights(weights: npt.ArrayLike | None, count: int) -> npt.NDArray[np.float64]:
    """Weights of the rows, shape ``(count,)``; all 1 for None."""
    if weights is None:
        return np.ones(count)
    checked: npt.NDArray[np.float64] = check_array(
        weights,
        dtype=np.float64,
        ensure_2d=False,
        ensure_non_negative=True,
        input_name="sample_weight",
    )
    if checked.shape != (count,):
        raise ValueError(
            f"sample_weight must hold one weight for each row of X, shape ({count},), got shape "
            f"{checked.shape}."
        )
    if not checked.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return checked


def _parts(count: int) -> tuple[Tensor, ...]:
    """Indices of all rows in parts of bounded size."""
    return torch.arange(count).chunk(max(1, math.ceil(count / _ROWS_AT_ONCE)))
