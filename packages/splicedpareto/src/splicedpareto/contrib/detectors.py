r"""Detectors of exceedances in a stream: SPOT and DSPOT.

A detector is no distribution: it sets a threshold :math:`z_q` that the next observation exceeds
with probability `risk`. SPOT is computed by the authors' library `libspot` (LGPL-3.0-or-later),
which is not installed with this package: ``pip install 'splicedpareto[detectors]'``. Its version
3.1 does not handle drift; `Spot` adds it.

References:
    Siffer, Fouque, Termier and Largouët (2017), "Anomaly Detection in Streams with Extreme Value
    Theory", KDD, algorithms 1 to 3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from splicedpareto.distributions._checks import require_number, require_switch, require_whole

try:
    import libspot
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "splicedpareto.contrib.detectors needs libspot (LGPL-3.0-or-later): pip install "
        "'splicedpareto[detectors]'."
    ) from missing

if TYPE_CHECKING:
    import numpy.typing as npt
    from numpy.typing import NDArray

__all__ = ["Spot", "stream_thresholds"]


class Spot:
    r"""Streaming peaks over threshold (SPOT), optionally for a stream whose level drifts (DSPOT).

    Excesses over the quantile `level` of the calibration follow a generalized Pareto
    distribution, refitted at each new excess; :math:`z_q` is its quantile. An observation beyond
    :math:`z_q` is an alarm. With a `depth`, the distribution is that of :math:`X_i - M_i`, where
    :math:`M_i` is the mean of the last `depth` observations.

    Args:
        risk: Probability :math:`q` of an alarm, below ``1 - level``.
        depth: Observations :math:`d` in the moving mean; 0 for a stream without drift.
        upper: Whether alarms lie above the threshold; else below.
        discard_alarms: Whether alarms are kept out of the fit and of the moving mean, as
            published. On a stationary stream this truncates the tail again and again: on 40,000
            draws of Student's t with 4 degrees of freedom and a risk of 1 % alarms rose to 4 %,
            and stayed at 1 % with False.
        level: Share of the calibration on the inner side of the initial threshold.
        max_excesses: Largest number of excesses kept; the oldest are dropped first.

    Raises:
        ModuleNotFoundError: `libspot` is not installed.
        ValueError: A setting breaks its rule.

    References:
        Siffer et al. (2017), algorithms 2 and 3.

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
        depth: int = 0,
        upper: bool = True,
        discard_alarms: bool = True,
        level: float = 0.95,
        max_excesses: int = 500,
    ) -> None:
        require_number("level", level)
        require_number("risk", risk)
        if not 0.5 <= level < 1:
            raise ValueError(f"level must be in [0.5, 1), got {level}: it is where a tail starts.")
        # 1 - level is rounded: 0.05 is not below 1 - 0.95 in floating point.
        if not 0 < risk < 1 - level - 1e-9:
            raise ValueError(
                f"risk must be in (0, 1 - level), got {risk} with level={level}: the threshold "
                "lies within the tail."
            )
        require_switch("upper", upper)
        require_switch("discard_alarms", discard_alarms)
        require_whole("depth", depth, 0)
        require_whole("max_excesses", max_excesses, 1)
        self._upper = upper
        self._discard_alarms = discard_alarms
        self._window = np.full(depth, math.nan)
        self._next = 0
        self._tail = level
        self._unit = math.nan
        self._settings = {
            "q": risk,
            "low": int(not upper),
            "discard_anomalies": int(discard_alarms),
            "level": level,
            "max_excess": max_excesses,
        }
        self._spot = libspot.Spot(**self._settings)

    def fit(self, values: NDArray[np.float64]) -> None:
        """Calibrate on observations that precede the stream; the first `depth` start the mean.

        What an earlier calibration and its stream left is forgotten.

        Args:
            values: Finite observations, shape ``(n,)``.

        Raises:
            ValueError: Values or their differences are not finite, or too few of them differ to fit
                a tail.
        """
        values = _numbers("values", values)
        depth = len(self._window)
        if len(values) <= depth:
            raise ValueError(f"values must be more than depth={depth}, got {len(values)}.")
        excesses = values
        if depth:
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                sums = np.concatenate([[0.0], values.cumsum()])
                excesses = values[depth:] - (sums[depth:-1] - sums[: -depth - 1]) / depth
        if not np.isfinite(excesses).all():
            raise ValueError(
                "values must lie so near to each other that their distances are finite, got values "
                f"from {values.min():g} to {values.max():g}: give them in a larger unit."
            )
        self._unit = math.nan  # until the fit succeeds
        # libspot's adds the excesses of a second fit to those of the first.
        self._spot = libspot.Spot(**self._settings)
        unit = _unit(excesses if self._upper else -excesses, self._tail)
        try:
            self._spot.fit(excesses / unit)
        except RuntimeError as error:
            raise ValueError(
                f"values must be enough to fit a tail, got {len(values)} values, "
                f"{len(np.unique(values))} of them distinct: {error}."
            ) from error
        self._unit = unit
        self._window[:] = values[len(values) - depth :]
        self._next = 0

    @property
    def _level(self) -> float:
        """Mean of the last `depth` observations, or 0."""
        return float(self._window.mean()) if len(self._window) else 0.0

    @property
    def threshold(self) -> float:
        """Value that the next observation exceeds with probability `risk`; NaN before `fit`."""
        return self._level + self._unit * float(self._spot.anomaly_threshold)

    def update(self, value: float) -> bool:
        """Update with the next observation; return whether it was beyond the threshold.

        Raises:
            ValueError: If it is not finite, or `fit` was not called before.
            TypeError: If it is no number.
        """
        require_number("value", value)
        if math.isnan(self._unit):
            raise ValueError("A Spot must be calibrated by fit before update, got one without it.")
        if not math.isfinite(value):
            raise ValueError(f"value must be finite, got {value}.")
        # With alarms kept in the fit, the library reports them as mere excesses.
        alarm = value > self.threshold if self._upper else value < self.threshold
        self._spot.step((value - self._level) / self._unit)
        if len(self._window) and not (alarm and self._discard_alarms):
            self._window[self._next] = value
            self._next = (self._next + 1) % len(self._window)
        return alarm

    def __reduce__(self) -> NoReturn:
        """Refuse to be saved or copied."""
        raise TypeError(
            "A Spot can be neither pickled nor copied, for libspot does not hand out its state: "
            "keep the observations and calibrate another one."
        )


def stream_thresholds(
    detector: Spot,
    calibration: NDArray[np.float64],
    stream: NDArray[np.float64],
    *,
    calibration_forecast: NDArray[np.float64] | float = 0.0,
    forecast: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float64]:
    """Thresholds of a detector along a stream, each computed before its observation.

    With a forecast the detector runs on its residuals, which are assumed to have one distribution:
    NN-SPOT, if the forecast is a network's.

    Args:
        detector: The detector; it is calibrated here.
        calibration: Observations that precede the stream, shape ``(n,)``; not in the training
            data of a forecaster.
        stream: Observations, shape ``(T,)``.
        calibration_forecast: Point forecasts of the calibration, shape ``(n,)``.
        forecast: Point forecasts of the stream, shape ``(T,)``.

    Returns:
        Thresholds, shape ``(T,)``, in units of the observations.

    Raises:
        TypeError: `detector` is no `Spot`.
        ValueError: Values are not finite or of another shape, or too few for a tail.

    References:
        Ehrlich, Callot and Aubet (2021), arXiv:2106.10952, in which NN-SPOT is a baseline.
    """
    if not isinstance(detector, Spot):
        raise TypeError(f"detector must be a Spot, got {detector!r:.80}.")
    calibration, stream = _numbers("calibration", calibration), _numbers("stream", stream)
    past = _numbers("calibration_forecast", calibration_forecast, like=calibration)
    forecast = _numbers("forecast", forecast, like=stream)
    detector.fit(calibration - past)
    thresholds = np.empty(len(stream))
    for step, residual in enumerate(stream - forecast):
        thresholds[step] = detector.threshold
        detector.update(float(residual))
    return thresholds + forecast


def _unit(values: NDArray[np.float64], level: float) -> float:
    """Power of two near the median excess over a quantile, in which libspot is given values.

    It takes numbers below 1e-8 for zero: on excesses of that size it set the threshold at the
    quantile of its calibration, with 50 times the alarms.
    """
    excesses = values - np.quantile(values, level)
    excesses = excesses[excesses > 0]
    if not len(excesses):
        return 1.0
    # So that no value overflows in it.
    least = math.frexp(np.abs(values).max())[1] - 1000
    exponent = math.frexp(np.median(excesses))[1]
    return math.ldexp(1.0, min(max(exponent, least), 1023))


def _numbers(
    name: str, values: npt.ArrayLike, *, like: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Finite numbers of shape ``(n,)``; one number stands for as many as another array has."""
    given = np.asarray(values)
    if given.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold finite numbers, got {given.dtype}: convert them.")
    if like is not None and given.ndim == 0:
        given = np.broadcast_to(given, like.shape)
    numbers: NDArray[np.float64] = np.ascontiguousarray(given, dtype=np.float64)
    shape = "(n,)" if like is None else str(like.shape)
    if (
        given.ndim != 1
        or not np.isfinite(numbers).all()
        or (like is not None and (given.shape != like.shape))
    ):
        raise ValueError(
            f"{name} must be finite numbers of shape {shape}, got shape {given.shape} with "
            f"{int((~np.isfinite(numbers)).sum())} that are not finite."
        )
    return numbers
