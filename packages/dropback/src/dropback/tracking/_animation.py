"""Write a play as one HTML page that moves and fetches nothing."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

import jinja2
import numpy as np
import polars as pl
from markupsafe import Markup

from dropback._files import whole_file
from dropback.data._field import FIELD_LENGTH_YD, GOAL_LINE_X_YD
from dropback.data._team_colors import contrast, team_color
from dropback.tracking._blocks import X, Y
from dropback.tracking._schema import SLOTS

if TYPE_CHECKING:
    from pathlib import Path

    from dropback._arrays import Singles
    from dropback.tracking._blocks import PlayBlock

GRASS: Final = "#eef4ea"
_BALL: Final = "#8b4513"
# Two colors closer than this (of 441) are one to the eye from across a room.
_APART: Final = 90.0


def side_colors(offense: str | None, defense: str | None) -> dict[str, str]:
    """Colors of the sides: those of the teams, the defense's other one where they are too near."""
    first, second = team_color(offense, GRASS), team_color(defense, GRASS)
    other = second[0]
    if _distance(first[0], other) < _APART:
        spare = (color for color in (second[1], "#c0392b", "#16191c"))
        other = next(
            color
            for color in spare
            if _distance(first[0], color) >= _APART and contrast(color, GRASS) >= 1.5
        )
    return {"offense": first[0], "defense": other, "ball": _BALL}


def ink_on(color: str) -> str:
    """Black or white, whichever is read better on a color."""
    return max(("#ffffff", "#111111"), key=lambda ink: contrast(ink, color))


def frames_shown(block: PlayBlock, play: int) -> tuple[Singles, int, dict[int, str]]:
    """Frames of a play, with those beyond the window where they were read.

    Returns:
        The frames ``[T, 23, 6]``, the number of the first since the snap, and the events by number.
    """
    wide = block.wide
    if wide is None:
        return block.frames[block.offsets[play] : block.offsets[play + 1]], 0, {}
    frames = wide.frames[wide.offsets[play] : wide.offsets[play + 1]]
    events = wide.events.filter(n=play)
    return frames, -int(wide.before[play]), dict(events.select("frame", "event").iter_rows())


def label_of(number: int | None, position: str | None) -> str:
    """What stands on a player: the jersey number, or else the position."""
    return str(number) if number is not None else position or ""


def write_animation(block: PlayBlock, play: int, out: Path, *, title: str, note: str = "") -> None:
    """Write one play of a block as an HTML page.

    Args:
        block: Canonical plays.
        play: Index of the play.
        out: The page.
        title: Its heading.
        note: A sentence below, such as that a set is no fair sample.
    """
    row = block.plays.row(play, named=True)
    frames, first, events = frames_shown(block, play)
    colors = side_colors(row["offense"], row["defense"])
    players = block.players.filter(game_id=row["game_id"], play_id=row["play_id"]).sort("slot")
    slots = players["slot"].to_list()
    places = np.round(frames[:, :SLOTS][:, slots][..., [X, Y]].astype(float), 2)
    x = places[..., 0]
    line, to_go = row["line_of_scrimmage_x_yd"], row["yards_to_go"]
    data = {
        "left": min(max(-2.0, math.floor(np.nanmin(x)) - 4), FIELD_LENGTH_YD - 40),
        "line": line,
        "toGain": line + to_go if to_go and line + to_go < GOAL_LINE_X_YD else None,
        "first": first,
        "events": [events.get(first + n) for n in range(len(frames))],
        "players": [
            _player(one, colors)
            for one in players.with_columns(pl.col("side", "role").cast(pl.String)).iter_rows(
                named=True
            )
        ],
        "frames": [
            [None if math.isnan(each[0]) else list(each) for each in frame]
            for frame in places.tolist()
        ],
    }
    highest = min(FIELD_LENGTH_YD + 2, max(float(np.nanmax(x)), line + 15) + 4)
    data["right"] = max(highest, data["left"] + 40)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dropback", "tracking"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    html = environment.get_template("play.html.j2").render(
        title=title,
        description=row["description"] or "",
        offense=row["offense"] or "offense",
        defense=row["defense"] or "defense",
        note=note,
        # A name may hold a tag: inside a script only these characters could end it.
        data=Markup(json.dumps(data).replace("<", "\\u003c").replace(">", "\\u003e")),  # noqa: S704
    )
    with whole_file(out) as aside:
        aside.write_text(html, encoding="utf-8")


def _player(player: dict[str, Any], colors: dict[str, str]) -> dict[str, Any]:
    color = colors[player["side"]]
    return {
        "side": player["side"],
        "color": color,
        "text": ink_on(color),
        "rim": player["role"] in ("passer", "target"),
        "label": label_of(player["jersey_number"], player["position"]),
        "name": player["display_name"] or "",
    }


def _distance(one: str, other: str) -> float:
    channels = [[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in (one, other)]
    return math.dist(*channels)
