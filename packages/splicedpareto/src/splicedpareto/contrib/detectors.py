r"""Detectors of exceedances in a stream: SPOT, and SPOT under drift.

A detector has no density and no body: it holds one threshold :math:`z_q` that the next
observation exceeds with probability `risk`. SPOT itself is the authors' library `libspot`
(LGPL-3.0-or-later), which is not installed with this package:
``pip install splicedpareto[detectors]``. Version 3.1 of it has no drift, so that part is here.

References:
    Siffer, Fouque, Termier and Largouët (2017), "Anomaly Detection in Streams with Extreme Value
    Theory", KDD, algorithms 1 to 3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DriftSpot", "Spot", "residual_thresholds", "stream_thresholds"]


class Detector(Protocol):
    """A threshold for the next observation of a stream."""

    def fit(self, values: NDArray[np.float64]) -> None:
        """Calibrate on observations that precede the stream, shape ``(n,)``."""

    @property
    def threshold(self) -> float:
        """What the next observation exceeds with probability `risk`."""

    def update(self, value: float) -> bool:
        """Take in the next observation; whether it was beyond the threshold."""


class Spot:
    r"""Streaming peaks over threshold (SPOT), for a stream whose distribution does not change.

    Excesses over the quantile `level` of the calibration follow a generalized Pareto
    distribution, refitted at each new excess; :math:`z_q` is its quantile. An observation beyond
    :math:`z_q` is an alarm.

    Args:
        risk: Probability :math:`q` of an alarm, below ``1 - level``.
        upper: Whether alarms lie above the threshold; else below.
        discard_alarms: Whether alarms are kept out of the fit, as published. On a stream of one
            distribution this cuts its tail over and over: on 40,000 draws of Student's t with 4
            degrees of freedom and a risk of 1 % alarms rose to 4 %, and stayed at 1 % with False.
        level: Share of the calibration on the inner side of the initial threshold.
        max_excesses: Excesses that are kept; the oldest leave first.

    Raises:
        ImportError: `libspot` is not installed.
        ValueError: A setting breaks its rule.

    References:
        Siffer et al. (2017), algorithm 2.

    Example:
        >>> detector = Spot(1e-3)
        >>> detector.fit(np.random.default_rng(0).exponential(size=5000))
        >>> round(detector.threshold, 1), detector.update(50.0)
        (7.1, True)
    """

    def __init__(
        self,
        risk: float,
        *,
        upper: bool = True,
        discard_alarms: bool = True,
        level: float = 0.95,
        max_excesses: int = 500,
    ) -> None:
        try:
            import libspot  # noqa: PLC0415 - an optional extra
        except ImportError as error:
            raise ImportError(
                "SPOT needs libspot (LGPL-3.0-or-later): pip install 'splicedpareto[detectors]'."
            ) from error
        if not 0.5 <= level < 1:
            raise ValueError(f"level must be in [0.5, 1), got {level}: it is where a tail starts.")
        # One minus a level has an error of its own: 0.05 is not below 1 - 0.95 as written.
        if not 0 < risk < 1 - level - 1e-9:
            raise ValueError(
                f"risk must be in (0, 1 - level), got {risk} with level={level}: the threshold "
                "lies within the tail."
            )
        if max_excesses < 1:
            raise ValueError(f"max_excesses must be at least 1, got {max_excesses}.")
        self._upper = upper
        self._spot = libspot.Spot(
            q=risk,
            low=int(not upper),
            discard_anomalies=int(discard_alarms),
            level=level,
            max_excess=max_excesses,
        )

    def fit(self, values: NDArray[np.float64]) -> None:
        """Calibrate on observations that precede the stream.

        Args:
            values: Finite observations, shape ``(n,)``, enough for a tail.

        Raises:
            ValueError: Values that are not finite, or too few or too equal to fit a tail.
        """
        values = np.ascontiguousarray(values, dtype=np.float64)
        if values.ndim != 1 or not np.isfinite(values).all():
            raise ValueError(
                f"values must be finite numbers of shape (n,), got shape {values.shape} with "
                f"{int((~np.isfinite(values)).sum())} that are not finite."
            )
        try:
            self._spot.fit(values)
        except RuntimeError as error:
            raise ValueError(
                f"values must have a tail to fit, got {len(values)} values of which "
                f"{len(np.unique(values))} differ: {error}."
            ) from error

    @property
    def threshold(self) -> float:
        """What the next observation exceeds with probability `risk`; NaN before `fit`."""
        value: float = self._spot.anomaly_threshold
        return value

    def update(self, value: float) -> bool:
        """Take in the next observation; whether it was beyond the threshold.

        Raises:
            ValueError: If it is not finite.
        """
        _require_finite(value)
        # With alarms kept in the fit the library reports them as excesses.
        alarm = value > self.threshold if self._upper else value < self.threshold
        self._spot.step(value)
        return alarm


class DriftSpot:
    r"""SPOT for a stream whose level drifts (DSPOT).

    SPOT on :math:`X'_i = X_i - M_i`, where :math:`M_i` is the mean of the last `depth`
    observations, alarms left out where they are discarded.

    Args:
        risk: As in `Spot`.
        depth: Observations :math:`d` in the moving mean.
        upper: As in `Spot`.
        discard_alarms: As in `Spot`, and from the mean.
        level: As in `Spot`.
        max_excesses: As in `Spot`.

    Raises:
        ImportError: `libspot` is not installed.
        ValueError: A setting breaks its rule.

    References:
        Siffer et al. (2017), algorithm 3.
    """

    def __init__(
        self,
        risk: float,
        *,
        depth: int,
        upper: bool = True,
        discard_alarms: bool = True,
        level: float = 0.95,
        max_excesses: int = 500,
    ) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}.")
        self._spot = Spot(
            risk,
            upper=upper,
            discard_alarms=discard_alarms,
            level=level,
            max_excesses=max_excesses,
        )
        self._discard_alarms = discard_alarms
        self._window = np.full(depth, math.nan)
        self._next = 0

    def fit(self, values: NDArray[np.float64]) -> None:
        """Calibrate on observations that precede the stream; the first `depth` give the mean.

        Raises:
            ValueError: As `Spot.fit`, or not more than `depth` values.
        """
        values = np.asarray(values, dtype=np.float64)
        depth = len(self._window)
        if len(values) <= depth:
            raise ValueError(f"values must be more than depth={depth}, got {len(values)}.")
        sums = np.concatenate([[0.0], values.cumsum()])
        means = (sums[depth:-1] - sums[:-depth][: len(values) - depth]) / depth
        self._spot.fit(values[depth:] - means)
        self._window[:] = values[-depth:]
        self._next = 0

    @property
    def threshold(self) -> float:
        """What the next observation exceeds with probability `risk`; NaN before `fit`."""
        return float(self._window.mean()) + self._spot.threshold

    def update(self, value: float) -> bool:
        """Take in the next observation; whether it was beyond the threshold.

        Raises:
            ValueError: If it is not finite.
        """
        _require_finite(value)
        alarm = self._spot.update(value - float(self._window.mean()))
        if not (alarm and self._discard_alarms):
            self._window[self._next] = value
            self._next = (self._next + 1) % len(self._window)
        return alarm


def stream_thresholds(
    detector: Detector, calibration: NDArray[np.float64], stream: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Thresholds of a detector along a stream, each set before its observation is seen.

    Args:
        detector: The detector; it is calibrated here.
        calibration: Observations that precede the stream, shape ``(n,)``.
        stream: Observations, shape ``(T,)``.

    Returns:
        Thresholds, shape ``(T,)``, in units of the observations.
    """
    detector.fit(calibration)
    thresholds = np.empty(len(stream))
    for step, value in enumerate(stream):
        thresholds[step] = detector.threshold
        detector.update(float(value))
    return thresholds


def residual_thresholds(
    detector: Detector,
    calibration: NDArray[np.float64],
    calibration_forecast: NDArray[np.float64],
    stream: NDArray[np.float64],
    forecast: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Thresholds of a detector on the residuals of a forecast (NN-SPOT with a network's forecast).

    The forecast moves the threshold; the distribution of the residuals stays one for the whole
    stream.

    Args:
        detector: As in `stream_thresholds`.
        calibration: Observations that the forecaster was not fitted to, shape ``(n,)``.
        calibration_forecast: Their point forecasts, shape ``(n,)``.
        stream: Observations, shape ``(T,)``.
        forecast: Their point forecasts, shape ``(T,)``.

    Returns:
        Thresholds, shape ``(T,)``, in units of the observations.

    References:
        Ehrlich, Callot and Aubet (2021), arXiv:2106.10952, which compares with it.
    """
    residuals = stream_thresholds(
        detector, calibration - calibration_forecast, np.asarray(stream) - forecast
    )
    return residuals + forecast


def _require_finite(value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(f"value must be finite, got {value}.")
