"""Make the parts of the page that its script shows: tier pictures and game logs."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING

import polars as pl

from dropback.workflows._boards import under_full_names
from dropback.workflows._pictures import Look, draw_tiers
from dropback.workflows._plots import svg

if TYPE_CHECKING:
    from collections.abc import Mapping

# More rows are no picture: "All seasons" has hundreds.
_MOST_ROWS = 80
_LOG = ("season", "week", "team", "opponent", "venue", "result", "plays", "score", "score_low",
        "score_high", "display")  # fmt: skip
_PROJECTION = {
    "rank": "rank",
    "passer_player_name": "passer",
    "team": "team",
    "plays": "plays",
    "now": "now",
    "now_low": "from",
    "now_high": "to",
    "projection": "next season",
    "projection_low": "from ",
    "projection_high": "to ",
}
_QB_SCORE = {
    "season": "season",
    "rank": "rank",
    "passer_player_name": "passer",
    "team": "team",
    "plays": "plays",
    "designed_runs": "own runs",
    "qb_score": "score",
    "qb_score_low": "from",
    "qb_score_high": "to",
    "epa_per_play": "EPA per play",
}


def tier_pictures(tables: Mapping[str, pl.DataFrame]) -> dict[str, list[str]]:
    """A tier chart of each ranking by passer, as gzipped SVG in base64, and its text.

    A picture of text and lines is a tenth of its size when it is gzipped; the page's script
    unpacks it. It is drawn as for a phone, so that its letters are legible on any screen.

    Args:
        tables: Label to leaderboard; without ``team`` all are gray.
    """
    found = {}
    for label, rows in tables.items():
        if "season" in rows.columns or rows.height > _MOST_ROWS:
            continue
        figure = draw_tiers(rows, title=label, look=Look(phone=True))
        words = ", ".join(
            f"{name} {score:.3f}"
            for name, score in rows.sort("score_shrunk", descending=True)
            .select("passer_player_name", "score_shrunk")
            .iter_rows()
        )
        packed = base64.b64encode(gzip.compress(svg(figure).encode(), mtime=0)).decode("ascii")
        found[label] = [packed, f"Shrunk mean play scores, best first: {words}."]
    return found


def packed_logs(logs: pl.DataFrame) -> dict[str, list[list[object]]]:
    """Game logs by passer, a short list a game: the page's script knows the order.

    Args:
        logs: What `game_logs` returned.
    """
    short = logs.select("passer_player_id", *_LOG).with_columns(
        pl.col("score", "score_low", "score_high").round(3), pl.col("display").round(0).cast(int)
    )
    found: dict[str, list[list[object]]] = {}
    for passer, *game in short.iter_rows():
        found.setdefault(passer, []).append(game)
    return found


def quarterback_table(rows: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """Seasons, the last one first, to what the page shows of ``qb_score``: who qualified."""
    shown = _renamed(rows.filter("qualified").sort("rank"), _QB_SCORE).with_columns(
        pl.col("score", "from", "to").round(4)
    )
    parts = shown.partition_by("season", as_dict=True, include_key=False)
    return {season: parts[season,] for (season,) in sorted(parts, reverse=True)}


def projection_table(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of a projection that the page shows, under plain headings."""
    return _renamed(rows, _PROJECTION)


def _renamed(rows: pl.DataFrame, headings: Mapping[str, str]) -> pl.DataFrame:
    """Chosen columns under the page's headings."""
    rows = under_full_names(rows)
    there = {old: new for old, new in headings.items() if old in rows.columns}
    return rows.select(pl.col(old).alias(new) for old, new in there.items())
