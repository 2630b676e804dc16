"""Draw a play from snap to release: the field, both teams and their trails."""

from __future__ import annotations

import shutil
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dropback._files import whole_file
from dropback.data._field import (
    END_ZONE_DEPTH_YD,
    FIELD_LENGTH_YD,
    FIELD_WIDTH_YD,
    GOAL_LINE_X_YD,
    HASH_MARK_Y_YD,
    RATE_HZ,
)
from dropback.errors import WITHOUT_MATPLOTLIB, RequestError, TrackingError
from dropback.tracking._animation import (
    GRASS,
    frames_shown,
    ink_on,
    label_of,
    side_colors,
    write_animation,
)
from dropback.tracking._blocks import DIRECTION, ORIENTATION, SPEED, X, Y
from dropback.tracking._motion import velocity
from dropback.tracking._schema import BALL_SLOT, PLAYERS

try:
    import matplotlib as mpl
    from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Normal, Stroke
except ModuleNotFoundError as missing:
    raise RequestError(WITHOUT_MATPLOTLIB) from missing

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from dropback._arrays import Singles
    from dropback.tracking._blocks import PlayBlock

_CHALK: Final = "#9aa79a"
_TRAIL_FRAMES: Final = 15
_WRITERS: Final = (".png", ".gif", ".mp4", ".html")


def plot_play(block: PlayBlock, play: int, out: Path, *, note: str = "") -> None:
    """Draw one play of a block: the release as a picture, or all its frames as a film.

    A block that was read with frames around the window is shown with them.

    Args:
        block: Canonical plays.
        play: Index of the play.
        out: A path ending in ``.png``, ``.gif``, ``.mp4`` (needs an ``ffmpeg`` on the PATH) or
            ``.html``, a page with a player that fetches nothing.
        note: A line below the drawing, such as that a set is no fair sample.

    Raises:
        TrackingError: If the ending is another, or ffmpeg is not there for mp4, or fails.
        RequestError: If the file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in _WRITERS:
        raise TrackingError(f"out must end in {', '.join(_WRITERS)}, got {out.name!r}.")
    if suffix == ".mp4" and shutil.which(str(mpl.rcParams["animation.ffmpeg_path"])) is None:
        raise TrackingError(
            f"{out.name}: mp4 needs an ffmpeg on the PATH, and there is none; install ffmpeg, or "
            "write a .html or .gif."
        )
    if suffix == ".html":
        title = _title(block.plays.row(play, named=True))
        write_animation(block, play, out, title=title, note=note)
        return
    frames, first, events = frames_shown(block, play)
    figure, axes = _field(frames, block, play, note)
    drawing = _Drawing(axes, frames, block, play, first=first, events=events)
    with whole_file(out) as aside:
        if suffix == ".png":
            drawing.show(int(block.plays["frames"][play]) - 1 - first)
            figure.savefig(aside, dpi=130)
            return
        # The last frame is shown for a second, so that the release can be seen.
        order = [*range(len(frames)), *[len(frames) - 1] * int(RATE_HZ)]
        film = FuncAnimation(figure, drawing.show, frames=order, blit=False)
        writer = FFMpegWriter if suffix == ".mp4" else PillowWriter
        try:
            film.save(str(aside), writer=writer(fps=int(RATE_HZ)), dpi=90)
        except CalledProcessError as error:
            raise TrackingError(
                f"{out} could not be written: ffmpeg ended with {error.returncode}; "
                "write a .html or .gif."
            ) from error


def _field(frames: Singles, block: PlayBlock, play: int, note: str) -> tuple[Figure, Axes]:
    row = block.plays.row(play, named=True)
    line = row["line_of_scrimmage_x_yd"]
    lowest = float(np.nanmin(frames[:, :PLAYERS, X]))
    highest = float(np.nanmax(frames[:, :PLAYERS, X]))
    left = min(max(-2.0, min(lowest, line - 10) - 4), FIELD_LENGTH_YD - 40)
    right = max(min(FIELD_LENGTH_YD + 2, max(highest, line + 15) + 4), left + 40)
    scale, top, bottom = 0.145, 0.4, 0.7  # inches a yard, inches above and below the field
    width, height = (right - left) * scale, (FIELD_WIDTH_YD + 3) * scale
    figure = Figure(figsize=(width + 0.3, height + top + bottom))
    axes = figure.add_axes(
        (
            0.15 / (width + 0.3),
            bottom / (height + top + bottom),
            width / (width + 0.3),
            height / (height + top + bottom),
        )
    )
    axes.set(xlim=(left, right), ylim=(-1.5, FIELD_WIDTH_YD + 1.5), aspect="equal")
    axes.set_axis_off()
    axes.add_patch(Rectangle((0, 0), FIELD_LENGTH_YD, FIELD_WIDTH_YD, color=GRASS, zorder=0))
    for end in (0.0, GOAL_LINE_X_YD):
        axes.add_patch(
            Rectangle((end, 0), END_ZONE_DEPTH_YD, FIELD_WIDTH_YD, color="#dfe8d8", zorder=0.1)
        )
    axes.vlines(range(10, 111, 5), 0, FIELD_WIDTH_YD, color=_CHALK, lw=0.7, zorder=0.2)
    # NFL rulebook, Rule 1, Section 1: marks of 2 feet, a yard apart.
    for y in (0.0, HASH_MARK_Y_YD, FIELD_WIDTH_YD - HASH_MARK_Y_YD - 2 / 3, FIELD_WIDTH_YD - 2 / 3):
        axes.vlines(range(11, 110), y, y + 2 / 3, color=_CHALK, lw=0.6, zorder=0.2)
    for yard in range(20, 101, 10):
        if left < yard < right:
            for y, rotation in ((5.0, 0), (FIELD_WIDTH_YD - 5.0, 180)):
                axes.text(yard, y, str(min(yard - 10, 110 - yard)), color=_CHALK, fontsize=13,
                          ha="center", va="center", rotation=rotation, zorder=0.3)  # fmt: skip
    axes.plot([line, line], [0, FIELD_WIDTH_YD], color="#2c3e50", lw=1.6, zorder=0.4)
    to_go = row["yards_to_go"]
    if to_go and line + to_go < GOAL_LINE_X_YD:
        axes.plot([line + to_go] * 2, [0, FIELD_WIDTH_YD], color="#d4a017", lw=1.6, zorder=0.4)
    figure.text(0.5, 0.985, _title(row), ha="center", va="top", fontsize=10)
    if note:
        figure.text(0.5, 0.008, note, ha="center", va="bottom", fontsize=8, style="italic")
    return figure, axes


def _title(play: dict[str, Any]) -> str:
    def known(value: object) -> str:
        return "?" if value is None else str(value)

    head = f"{known(play['offense'])} against {known(play['defense'])}, {play['season']}"
    clock = play["game_clock_s"]
    when = "" if clock is None else f" {clock // 60}:{clock % 60:02d}"
    down = f"quarter {known(play['quarter'])}{when}, down {known(play['down'])} and "
    result = "" if play["pass_result"] is None else f", result {play['pass_result']}"
    gained = "" if play["yards_gained"] is None else f", {play['yards_gained']} yards"
    return f"{head}: {down}{known(play['yards_to_go'])}{result}{gained}"


class _Drawing:
    """The moving parts of the picture of one play."""

    def __init__(
        self,
        axes: Axes,
        frames: Singles,
        block: PlayBlock,
        play: int,
        *,
        first: int,
        events: dict[int, str],
    ) -> None:
        self._frames, self._first, self._events = frames, first, events
        key = block.plays.row(play, named=True)
        colors = side_colors(key["offense"], key["defense"])
        players = block.players.filter(game_id=key["game_id"], play_id=key["play_id"]).sort("slot")
        self._slots = players["slot"].to_list()
        self._trails, self._facings, self._velocities = {}, {}, {}
        self._dots, self._labels = {}, {}
        for slot, side, role, position, number in players.select(
            "slot", "side", "role", "position", "jersey_number"
        ).iter_rows():
            color = colors[side]
            is_ball = slot == BALL_SLOT
            size = 8 if is_ball else 12
            edge = "#111111" if role in ("passer", "target") else "white"
            shape = "o" if is_ball or side == "offense" else "s"
            (self._trails[slot],) = axes.plot([], [], color=color, alpha=0.35, lw=1.4, zorder=1)
            (self._velocities[slot],) = axes.plot([], [], color=color, lw=1.6, zorder=2)
            (self._facings[slot],) = axes.plot([], [], color="#111111", lw=1.0, zorder=2.5)
            (self._dots[slot],) = axes.plot(
                [], [], shape, color=color, ms=size, mec=edge, mew=1.6, zorder=6 if is_ball else 3
            )
            if is_ball:  # brown on a white ring with a black rim: seen on grass and on a player
                self._dots[slot].set(mew=2.6)
                self._dots[slot].set_path_effects(
                    [Stroke(linewidth=4.6, foreground="#111111"), Normal()]
                )
            self._labels[slot] = axes.text(
                0,
                0,
                "" if is_ball else label_of(number, position),
                fontsize=6.5,
                color=ink_on(color),
                ha="center",
                va="center",
                zorder=4,
                clip_on=True,
            )
        self._clock = axes.text(
            0.012, 0.94, "", transform=axes.transAxes, va="top", fontsize=10, zorder=5
        )
        for shape, name, side in (("o", "offense", "offense"), ("s", "defense", "defense")):
            label = f"{name} {key[side] or ''}".strip()
            axes.plot([], [], shape, ls="", color=colors[side], label=label)
        axes.plot([], [], "o", ls="", color=colors["ball"], mec="#111111", label="ball")
        label = "black rim: passer and target"
        axes.plot([], [], "o", ls="", mfc="white", mec="#111111", label=label)
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=4, fontsize=8, frameon=False
        )

    def show(self, frame: int) -> list[Any]:
        """Draw a frame."""
        now = self._frames[frame]
        xy = now[:, [X, Y]]
        moving = velocity(now[:PLAYERS, SPEED], now[:PLAYERS, DIRECTION])
        for slot in self._slots:
            x, y = xy[slot]
            start = max(0, frame - _TRAIL_FRAMES)
            self._trails[slot].set_data(*self._frames[start : frame + 1, slot][:, [X, Y]].T)
            self._dots[slot].set_data([x], [y])
            self._labels[slot].set_position((x, y))
            if slot < PLAYERS:
                # The place in 0.4 s at this velocity.
                end = xy[slot] + 0.4 * moving[slot]
                self._velocities[slot].set_data([x, end[0]], [y, end[1]])
                facing = np.deg2rad(now[slot, ORIENTATION])
                self._facings[slot].set_data(
                    [x, x + 1.4 * np.sin(facing)], [y, y + 1.4 * np.cos(facing)]
                )
        since = frame + self._first
        when = f"{abs(since) / RATE_HZ:.1f} s {'before' if since < 0 else 'after'} the snap"
        event = self._events.get(since)
        self._clock.set_text(f"{when}: {event}" if event else when)
        return [self._clock]
