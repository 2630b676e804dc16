"""Pictures of an evaluation show every model, ours on top, and no label lies upon another."""

from itertools import pairwise

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from dropback.evaluation._calibration import DEPTH_BANDS, METRICS, Estimate, Evaluation
from dropback.workflows._plots import PLOTS, draw

MODELS = ("ours", "hazard", "binned", "gaussian", "cp-xyac", "quantile-forest", "air-yards", "idr")


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Eight models that are equal, so that one hides the others."""
    estimates = dict.fromkeys(METRICS, Estimate(0.01, 0.005, 0.015))
    return Evaluation(
        plays=100,
        games=2,
        metrics=dict.fromkeys(MODELS, estimates),
        differences={},
        pit_histogram={model: [1.0] * 20 for model in MODELS},
        pit_cdf={model: [level / 100 for level in range(1, 100)] for model in MODELS},
        pit_distance=dict.fromkeys(MODELS, 0.1),
        mae_by_depth={model: [5.0] * len(DEPTH_BANDS) for model in MODELS},
        gap_closed={},
    )


@pytest.mark.parametrize("name", PLOTS)
def test_tick_labels_stand_apart(name: str, evaluation: Evaluation) -> None:
    figure = draw(name, evaluation)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.canvas.draw()
    (axes,) = figure.axes
    labels = [label for label in axes.get_xticklabels() if label.get_text()]
    boxes = [label.get_window_extent(renderer) for label in labels]
    if labels[0].get_rotation() == 0:
        gaps = [right.x0 - left.x1 for left, right in pairwise(boxes)]
        assert min(gaps) > 2
    else:
        # Slanted labels end at their ticks, which lie further apart than a line is high.
        assert {label.get_ha() for label in labels} == {"right"}
    (legend,) = figure.legends
    inside = axes.get_window_extent(renderer)
    assert legend.get_window_extent(renderer).x0 >= inside.x1


@pytest.mark.parametrize("name", ["pit", "pp", "mae_by_depth"])
def test_every_model_is_drawn_and_ours_lies_on_top(name: str, evaluation: Evaluation) -> None:
    (axes,) = draw(name, evaluation).axes
    drawn = {artist.get_label(): artist for artist in (*axes.lines, *axes.patches)}
    shown = [drawn[model] for model in MODELS]
    first = max(artist.get_zorder() for artist in (*axes.lines, *axes.patches))
    assert [artist.get_zorder() == first for artist in shown] == [True] + [False] * 7
    colors = [each.get_edgecolor() if name == "pit" else each.get_color() for each in shown]
    styles = {(str(c), a.get_linestyle()) for c, a in zip(colors, shown, strict=True)}
    assert len(styles) == len(MODELS)
