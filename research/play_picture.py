r"""Draw a simulated play at its release, with the distribution of its yards below it.

    dropback simulate tracking --plays 4000 --seed 0 --out league
    dropback train league --folds 10 --members 1 --epochs 10 --out runs/one
    python research/play_picture.py runs/one league docs/images/play.svg \
        --game 2022091809 --play 1916

The play should be one that no network of the run has seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from dropback.live import PlayContext, PlayPredictor
from dropback.tracking import read_tracking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

OFFENSE, DEFENSE, BALL, INK = "#0b5fa5", "#c0392b", "#6e2c00", "#37474f"


def main() -> None:
    """Read one play, forecast it, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("plays", type=Path, help="tracking files")
    parser.add_argument("out", type=Path)
    parser.add_argument("--game", type=int, required=True)
    parser.add_argument("--play", type=int, required=True)
    options = parser.parse_args()
    blocks, _ = read_tracking(options.plays)
    block, number = next(
        (block, number)
        for block in blocks
        for number, key in enumerate(block.plays.select("game_id", "play_id").iter_rows())
        if key == (options.game, options.play)
    )
    play = block.plays.row(number, named=True)
    frames = block.frames[block.offsets[number] : block.offsets[number + 1]]
    line = play["line_of_scrimmage_x_yd"]
    situation = PlayContext(
        line_of_scrimmage_x_yd=line,
        yards_to_goal=round(play["yards_to_goal"]),
        down=play["down"],
        yards_to_go=play["yards_to_go"],
    )
    target = play["target_slot"]
    forecast = PlayPredictor.load(options.run, engine="torch").forecast(
        situation, frames, target_slot=target
    )
    # Names in an SVG are random unless the salt is set; text stays text.
    mpl.rcParams.update({"svg.hashsalt": "dropback", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(8, 7.4), layout="constrained")
    field, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.1, 1))
    draw_field(field, frames, line, play["yards_to_go"], target)
    yards = np.arange(-110, 101)
    mass = np.diff(np.concatenate([[0.0], np.asarray(forecast.cdf, dtype=float)]))
    below.bar(line + yards, 100 * mass, width=0.9, color=OFFENSE, alpha=0.55)
    below.axvline(line + forecast.median, color=INK, ls="--", lw=1)
    below.axvline(line + play["yards_gained"], color=DEFENSE, lw=1.5)
    top = 100 * float(np.sort(mass)[-2]) * 1.5
    below.set(ylim=(0, top), ylabel="probability, %", xlabel="yards gained")
    zero = 100 * mass[yards == 0].item()
    if zero > top:
        below.annotate(
            f"incomplete, no gain: {zero:.0f} %",
            (line, top),
            (line - 0.8, 0.96 * top),
            ha="right",
            va="top",
            color=INK,
        )
    score = forecast.score(play["yards_gained"])
    below.text(
        0.99,
        0.93,
        f"predicted median {forecast.median:g} yards (dashed)\n"
        f"gained {play['yards_gained']} yards (red): play score {score:.2f}",
        transform=below.transAxes,
        ha="right",
        va="top",
        color=INK,
    )
    ticks = np.arange(-10, 41, 10)
    below.set_xticks(line + ticks, [str(t) for t in ticks])
    below.set_xlim(line - 14, line + 41)
    for axes in (field, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(options.out, metadata={"Date": None})


def draw_field(
    axes: Axes, frames: NDArray[np.float32], line: float, to_go: int, target: int
) -> None:
    """Draw the field at the release, offense as circles, defense as squares, with their trails."""
    axes.set_facecolor("#eef4ea")
    for x in range(10, 111, 5):
        axes.axvline(x, color="white", lw=1 if x % 10 else 2, zorder=0)
    axes.axvline(line, color="#1565c0", lw=1.5, zorder=0)
    axes.axvline(line + to_go, color="#f9a825", lw=1.5, zorder=0)
    for slots, color, marker in ((range(11), OFFENSE, "o"), (range(11, 22), DEFENSE, "s")):
        for slot in slots:
            x, y = frames[-15:, slot, 0], frames[-15:, slot, 1]
            axes.plot(x, y, color=color, lw=1, alpha=0.45)
            axes.plot(x[-1], y[-1], marker, color=color, ms=5)
    axes.plot(*frames[-1, 22, :2], "o", color=BALL, ms=4)
    axes.plot(*frames[-1, target, :2], "o", mfc="none", mec=OFFENSE, ms=11, mew=1.5)
    across = frames[-15:, :22, 1]
    axes.set(ylim=(across.min() - 3, across.max() + 3), yticks=[], aspect="equal")


if __name__ == "__main__":
    main()
