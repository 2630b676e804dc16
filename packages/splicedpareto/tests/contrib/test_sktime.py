"""sktime's forecasters predict distributions by the regressor with skpro's interface."""

import numpy as np
import pytest

pytest.importorskip("sktime", reason="the extra 'sktime' is not installed")

import pandas as pd
from sktime.forecasting.compose import YfromX, make_reduction

from splicedpareto.contrib.sklearn import SplicedBinnedParetoRegressor
from splicedpareto.contrib.skpro import SplicedBinnedParetoProbaRegressor

# sktime tells of its own changes to come.
pytestmark = pytest.mark.filterwarnings("ignore")

MONTHS = pd.period_range("2020-01", periods=60, freq="M")
WAVE = pd.DataFrame({"wave": np.sin(np.arange(60) / 6)}, index=MONTHS)
LOAD = pd.Series(3 * WAVE["wave"] + np.random.default_rng(0).standard_t(3, 60), name="load")
REGRESSOR = SplicedBinnedParetoRegressor(bins=8, width=4, blocks=1, max_epochs=1, random_state=0)


def test_a_forecast_is_the_regressors_distribution_under_the_forecasts_index() -> None:
    forecaster = YfromX(SplicedBinnedParetoProbaRegressor(REGRESSOR)).fit(LOAD[:50], X=WAVE[:50])
    ahead = {"fh": np.arange(1, 4), "X": WAVE[50:53]}
    quantiles = forecaster.predict_quantiles(alpha=[0.05, 0.999], **ahead)
    interval = forecaster.predict_interval(coverage=0.9, **ahead)
    table = forecaster.predict_proba(**ahead)
    alone = SplicedBinnedParetoRegressor(**REGRESSOR.get_params()).fit(WAVE[:50], LOAD[:50])
    expected = alone.predict_quantiles(WAVE[50:53], [0.05, 0.999])
    assert list(table.index) == list(quantiles.index) == list(MONTHS[50:53])
    np.testing.assert_allclose(quantiles, expected, rtol=1e-6)
    np.testing.assert_allclose(interval[("load", 0.9, "lower")], expected[0.05], rtol=1e-6)
    np.testing.assert_allclose(table.ppf(0.999)["load"], expected[0.999], rtol=1e-6)


def test_a_reduction_to_tables_takes_the_regressor() -> None:
    forecaster = make_reduction(REGRESSOR, window_length=6).fit(LOAD[:50])
    forecast = forecaster.predict(fh=[1, 2])
    assert list(forecast.index) == list(MONTHS[50:52])
    assert np.isfinite(forecast).all()
