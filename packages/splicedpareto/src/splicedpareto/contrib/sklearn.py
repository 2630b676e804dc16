"""Regressor with scikit-learn's interface that predicts distributions. Needs extra ``sklearn``."""

from __future__ import annotations

import contextlib
import copy
import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from splicedpareto import objectives
from splicedpareto.contrib._fitting import (
    begin_network,
    beginning,
    check_goes_on,
    checked_settings,
    fit_network,
)
from splicedpareto.contrib._outcomes import climatology_loss, read_outcomes
from splicedpareto.contrib._pandas import with_index_of
from splicedpareto.contrib._parameters import plain_parameters
from splicedpareto.contrib._rows import Rows, held_out_rows, parts_of
from splicedpareto.contrib._saved import checked_path, read_regressor, write_regressor
from splicedpareto.distributions import Discretized, Mixture, SplicedBinnedPareto
from splicedpareto.distributions._base import tensor_options
from splicedpareto.distributions._checks import resolve_validation

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted

    from splicedpareto.contrib._checked import (
        as_column,
        check_kind,
        checked_levels,
        new_rows,
        sample_weights,
        training_rows,
    )
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "splicedpareto.contrib.sklearn needs scikit-learn: pip install 'splicedpareto[sklearn]'."
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from splicedpareto.contrib._checked import TableOrSequences
    from splicedpareto.contrib._target import Atoms, Target
    from splicedpareto.nn import DistributionNetwork
    from splicedpareto.nn._edges import EdgeSpacing, Support

__all__ = ["SplicedBinnedParetoRegressor"]

Predicted: TypeAlias = SplicedBinnedPareto | Mixture | Discretized


class SplicedBinnedParetoRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    r"""Neural regression with a predictive distribution for every row, for heavy-tailed targets.

    Rows are vectors, read by a `ResidualMLP`, or sequences of equal or unequal length, read by a
    `SequenceEncoder`. The distribution is a `SplicedBinnedPareto` that starts at that of the
    training targets: bins and unit from their bulk, tails from their likeliest generalized Pareto
    distributions (`SplicedBinnedParetoHead.from_data`). A few targets, or features, of 1e9 leave
    what is learned of the others as it is, and moving or stretching the target moves or stretches
    the predictions.

    A sample weight of 2 equals two rows: exactly (up to rounding) if one batch holds all rows and
    `dropout` is 0, otherwise on average over batches. Equal rows stay together when some rows are
    held out for early stopping.

    Computation is in float32 if `X` is in float32 and that has numbers enough around the targets,
    otherwise in float64, at half the speed.

    Args:
        bins: Number of bins of the body; choose fewer than 50 for fewer than about 500 rows.
        spacing: Spacing of the bins; see `edges_from_data`.
        outside: Share of the targets below the lowest edge, and share above the highest.
        lower_mass: Probability of the lower tail; 0 switches it off. None for .05, but `outside`
            where the targets end on that side instead of having a tail.
        upper_mass: Probability of the upper tail, likewise.
        concentration_range: Open interval in which both tails' concentrations :math:`\xi` stay;
            below 1 every predicted mean is finite. None for (0, 0.9), but (0, 1.9) where a tail of
            the targets is heavier than that and `statistic` is no mean.
        support: Lowest and highest possible target, ``None`` for an end that is none: nothing is
            predicted outside. None for no bounds, but 0 at the lower end of counts of which none
            is negative.
        atoms: Values with a probability of their own, such as 0 where most rows have it; ``"auto"``
            for each that more than 5 % of the rows have. Distributions are then a `Mixture`. Of
            counts both find those that more than 5 % of the rows have, and five times as many as
            have either neighbor; ``()`` for none.
        discrete: Whether targets are whole numbers; distributions are then `Discretized`.
        moving: Whether the bins move along the distribution of the targets by a location and a
            scale of each row's own, as in `MovingBinsHead`; otherwise they are the same for all.
        objective: What is minimized: ``"composite"``, the likelihood of bins and tails
            (`composite_nll`); ``"crps"``; or ``"composite+crps"``, their sum in units of the range
            between the quartiles. The CRPS is no measure of far targets: its gradient grows with
            them.
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
        averaging: Power of an average of the weights, such as 8, which is then what is judged and
            kept; see `FitSettings`. None for the weights themselves: those of whichever epoch suits
            the rows held out, so that a fit hangs on which rows these are.
        early_stopping: Whether to hold rows out, keep the weights with the lowest loss on them, and
            stop when it no longer falls. Otherwise the weights of least training loss are kept.
        validation_share: Share of the distinct rows that is held out. Which they are hangs on the
            values in them: with a column in another unit others are, and the fit differs.
        patience: Epochs without a better validation loss after which the fit stops.
        warm_start: Whether `fit` goes on from the network of the fit before, with its bins and
            units; what a network is built from must not change then.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``, for the fit.
        random_state: Seed of the initial weights, the held-out rows and the order of the others.

    Attributes:
        network_: The fitted `DistributionNetwork`, of the target shifted and scaled.
        location_: Shift of the target: its median, atoms left out.
        scale_: Scale of the target: the range between its quartiles.
        atoms_: Atoms given or found, in increasing order.
        support_: Lowest and highest possible target.
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
        >>> claims = np.where(X[:, 0] < 0.3, 0, np.exp(y))
        >>> model.set_params(support=(0, None), atoms="auto").fit(X, claims).atoms_
        (0.0,)
    """

    network_: DistributionNetwork

    def __init__(
        self,
        *,
        bins: int = 50,
        spacing: EdgeSpacing = "robust",
        outside: float = 0.002,
        lower_mass: float | None = None,
        upper_mass: float | None = None,
        concentration_range: tuple[float, float] | None = None,
        support: Support | None = None,
        atoms: Atoms = None,
        discrete: bool = False,
        moving: bool = True,
        objective: Literal["composite", "crps", "composite+crps"] = "composite",
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
        averaging: float | None = None,
        early_stopping: bool = True,
        validation_share: float = 0.15,
        patience: int = 15,
        warm_start: bool = False,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.bins = bins
        self.spacing = spacing
        self.outside = outside
        self.lower_mass = lower_mass
        self.upper_mass = upper_mass
        self.concentration_range = concentration_range
        self.support = support
        self.atoms = atoms
        self.discrete = discrete
        self.moving = moving
        self.objective = objective
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
        self.averaging = averaging
        self.early_stopping = early_stopping
        self.validation_share = validation_share
        self.patience = patience
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state

    def fit(
        self,
        X: TableOrSequences,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        validation: tuple[TableOrSequences, npt.ArrayLike] | None = None,
    ) -> SplicedBinnedParetoRegressor:
        """Fit the network.

        Args:
            X: Rows: an array ``(n, p)``, sequences ``(n, T, F)``, or a list of n sequences
                ``(T_i, F)``.
            y: Targets, shape ``(n,)``; or lower and upper ends, shape ``(n, 2)``, for targets known
                to lie above the one and at most at the other (for counts from one to the other):
                ``-inf`` and a number where left-censored, a number and ``inf`` where
                right-censored, twice the target where it is known.
            sample_weight: Weights, at least 0, shape ``(n,)``; None for equal weights.
            validation: Rows and targets for early stopping, in place of held-out ones.

        Returns:
            The estimator.

        Raises:
            ValueError: A parameter or an input breaks its rule or is NaN, or the loss diverges.

        Warns:
            UserWarning: All targets are equal, or censored on one side; or one bin holds over a
                fifth of the distinct ones; or most are one value that is no atom; or, of a fit that
                goes on, outside its bins.
        """
        pair: Any = validation  # the type is not what everybody gives
        if pair is not None and (
            not isinstance(pair, (tuple, list))
            or len(pair) != 2
            or any(part is None for part in pair)
        ):
            raise ValueError(f"validation must be rows and targets, (X, y), got {pair!r:.80}.")
        with _as_before_if_refused(self):
            self._fit(X, y, sample_weight, validation)
        return self

    def _fit(
        self,
        X: TableOrSequences,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None,
        validation: tuple[TableOrSequences, npt.ArrayLike] | None,
    ) -> None:
        parameters = plain_parameters(self)
        settings = checked_settings(
            parameters, int(check_random_state(self.random_state).randint(2**31 - 1))
        )
        goes_on = self.warm_start and hasattr(self, "network_")
        if goes_on:
            check_kind(X, self.network_)
        rows, outcomes = training_rows(self, X, y, goes_on=goes_on)
        weights = sample_weights(sample_weight, rows.count)
        kept = torch.from_numpy(np.flatnonzero(weights > 0))
        rows, outcomes = rows.take(kept), outcomes.take(kept)
        weight = torch.from_numpy(weights)[kept]
        if goes_on:
            # A copy, for a fit that fails leaves this one as it was.
            target, network = self._target, copy.deepcopy(self.network_)
            check_goes_on(self._began, parameters, target, network, rows, outcomes)
            rows = rows.typed(network)
        else:
            target, network, rows = begin_network(parameters, rows, outcomes, weight, settings.seed)
        judged = None
        if validation is not None:
            new = new_rows(self, validation[0], network)
            new_outcomes = read_outcomes(as_column(validation[1]), new.count)
            target.check(new_outcomes)
            judged = new, target.standardized(new_outcomes)
        held_out = torch.zeros(rows.count, dtype=torch.bool)
        if self.early_stopping and judged is None:
            held_out = held_out_rows(
                rows, outcomes.values, share=self.validation_share, seed=settings.seed
            )
        result = fit_network(
            network,
            (rows, target.standardized(outcomes), weight),
            judged,
            held_out,
            objective=self.objective,
            settings=settings,
            stops_early=self.early_stopping,
        )
        # Not before: a fit that fails leaves no network that looks fitted.
        self._set_fitted(target, network, beginning(parameters))
        self.n_iter_ = len(result.validation_losses)

    def predict(self, X: TableOrSequences) -> Any:  # noqa: ANN401  # pandas is no requirement
        """Median or mean of each row's distribution, as `statistic` says, shape ``(n,)``.

        For a pandas table, a series with its index.

        Raises:
            ValueError: `X` breaks its rule.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        values = self._of_each_distribution(
            X, lambda distribution: getattr(distribution, self.statistic)
        )
        return with_index_of(X, values, self.statistic)

    def predict_quantiles(self, X: TableOrSequences, q: npt.ArrayLike) -> Any:  # noqa: ANN401
        """Quantiles of each row's distribution.

        Args:
            X: Rows, as in `fit`.
            q: A level in [0, 1], or levels of shape ``(Q,)``.

        Returns:
            Quantiles in the target's units, shape ``(n,)`` or ``(n, Q)``; nondecreasing in `q`. For
            a pandas table, a series or a frame with its index and the levels as columns.

        Raises:
            ValueError: `X` or a level breaks its rule.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        levels = checked_levels(q)
        below = torch.from_numpy(np.atleast_1d(levels))[:, None]

        def quantiles(distribution: Predicted) -> Tensor:
            # A level near 1 keeps its digits in float32 as its distance from 1.
            dtype = tensor_options(distribution)["dtype"]
            low, high = (level.to(dtype) for level in (below, 1 - below))
            return torch.where(below > 0.5, distribution.isf(high), distribution.icdf(low)).T

        columns = self._of_each_distribution(X, quantiles)
        if levels.ndim:
            return with_index_of(X, columns, levels)
        return with_index_of(X, columns[:, 0], float(levels))

    def predict_distribution(self, X: TableOrSequences) -> Predicted:
        """The distribution of each row in the target's units, batch shape ``(n,)``.

        A `SplicedBinnedPareto`, or for counts a `Discretized` one; where there are atoms a
        `Mixture` of it and a `Delta` at each.

        Raises:
            ValueError: `X` breaks its rule.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self, "network_")
        distribution = self._distribution(new_rows(self, X, self.network_))
        # Its parameters are sound, what it is asked may not be.
        distribution.validating = resolve_validation(None)
        return distribution

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
        decide :math:`R^2`, which is available as ``scoring="r2"``. Of a censored target the CRPS is
        that of `crps_censored_loss`.

        Args:
            X: Rows, as in `fit`.
            y: Targets, as in `fit`.
            sample_weight: Weights, at least 0, shape ``(n,)``; None for equal weights.

        Returns:
            At most 1; NaN where all targets are equal.

        Raises:
            ValueError: An input breaks its rule.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self, "network_")
        rows = new_rows(self, X, self.network_)
        outcomes = read_outcomes(as_column(y), rows.count)
        weights = torch.from_numpy(sample_weights(sample_weight, rows.count))
        ours = 0.0
        for part in parts_of(rows.count):
            known, distribution = outcomes.take(part), self._distribution(rows.take(part))
            if outcomes.known.all():
                losses = distribution.crps(known.lower)
            else:
                losses = objectives.crps_censored_loss(distribution, known.lower, known.upper)
            ours += float(weights[part] @ losses.double())
        climatology = climatology_loss(outcomes, weights)
        return 1 - ours / float(weights.sum()) / climatology if climatology > 0 else math.nan

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to one file, NumPy's ``.npz`` of plain arrays and JSON.

        The file is written aside and renamed, so that there is never half of one.

        Args:
            path: The file.

        Raises:
            ValueError: `random_state` is a random generator, which JSON cannot hold, or `path` is a
                folder, or in none that exists.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self, "network_")
        write_regressor(self, self._target, self._began, checked_path(path))

    @classmethod
    def load(cls, path: str | Path) -> SplicedBinnedParetoRegressor:
        """Read what `save` wrote; nothing in the file is run.

        Raises:
            ValueError: The file is none of `save`.
            FileNotFoundError: There is no such file.
        """
        saved = read_regressor(checked_path(path))
        try:
            model = cls(**saved.parameters)
        except TypeError as error:
            raise ValueError(
                f"path must be a file that this version knows the parameters of, got {path}: "
                f"{error}."
            ) from error
        for name, value in saved.fitted.items():
            setattr(model, name, value)
        model._set_fitted(saved.target, saved.network, saved.began)
        return model

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401  # scikit-learn's own type
        """Declare that sequences are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _set_fitted(
        self, target: Target, network: DistributionNetwork, began: dict[str, Any]
    ) -> None:
        self._target, self.network_, self._began = target, network, began
        self.location_, self.scale_ = target.location, target.scale
        self.atoms_, self.support_ = target.atoms, target.support

    @torch.no_grad()
    def _distribution(self, rows: Rows) -> Predicted:
        raw = self.network_.raw_parameters(*rows.inputs)
        return self._target.distribution(self.network_.head, raw)

    def _of_each_distribution(
        self,
        X: TableOrSequences,
        statistic: Callable[[Predicted], Tensor],
    ) -> npt.NDArray[Any]:
        check_is_fitted(self, "network_")
        rows = new_rows(self, X, self.network_)
        parts = [statistic(self._distribution(rows.take(part))) for part in parts_of(rows.count)]
        joined: npt.NDArray[Any] = torch.cat(parts).numpy()
        return joined


@contextlib.contextmanager
def _as_before_if_refused(model: BaseEstimator) -> Iterator[None]:
    """Give an estimator whose fit fails the attributes that it had before."""
    before = dict(vars(model))
    try:
        yield
    except BaseException:
        vars(model).clear()
        vars(model).update(before)
        raise
