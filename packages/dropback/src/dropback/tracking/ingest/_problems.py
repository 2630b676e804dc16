"""Say which plays of a batch cannot be used, and why, in sentences with player and column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback.tracking._described import described_result
from dropback.tracking._windows import RUNS, SACKS, THROWS
from dropback.tracking.ingest._contradictions import ONE_TEAM
from dropback.tracking.ingest._entities import STRANGERS
from dropback.tracking.ingest._gaps import MAX_GAP_FRAMES
from dropback.tracking.ingest._sides import defends_by_position
from dropback.tracking.readers._cells import cut, quoted
from dropback.tracking.readers._delimited import BROKEN
from dropback.tracking.readers._plays import PASS_RESULTS
from dropback.tracking.readers._row_faults import marked

if TYPE_CHECKING:
    from dropback._arrays import Singles
    from dropback.tracking.ingest._gaps import Gaps
    from dropback.tracking.readers._format import Format

# Of 29,000 rows of real sets that repeat a player and frame none is farther apart than .22 yards.
MOST_APART_YD: Final = 0.5


NO_PROBLEM: Final = pl.DataFrame(
    schema={"play": pl.Int64, "reason": pl.String, "detail": pl.String}
)


def window_problems(plays: pl.DataFrame, layout: Format, *, runs: bool) -> pl.DataFrame:
    """Rows of (play, reason, detail) for plays that are no dropback or have no window.

    Args:
        plays: One row a play.
        layout: Their layout.
        runs: Whether designed runs are fit too.
    """
    kind = pl.col("play_kind").str.to_lowercase()
    charted = pl.col("pass_result").is_not_null() | kind.str.contains("pass|sack")
    says_nothing = pl.all_horizontal(pl.col("pass_result", "play_kind").is_null().all())
    is_dropback = (
        pl.when(says_nothing).then(pl.col("end_event").is_in(THROWS)).otherwise(charted)
    ).fill_null(value=False)
    if runs:
        is_dropback |= pl.col("pass_result").is_null() & pl.col("end_event").is_in(RUNS)
    no_events = "events" in layout.lacks
    no_side = pl.lit(layout.possession == "home_or_away") & (pl.col("offense_label") == "")
    nobody = pl.lit(layout.possession == "code") & (pl.col("offense_label") == "")
    offense, game, play = (
        layout.plays.get(name, (name,))[0] for name in ("offense", "game_id", "play_id")
    )
    of_league = pl.when(pl.col("no_game")).then(pl.lit(game)).otherwise(pl.lit(play))
    cell = pl.when(pl.col("no_game")).then("game_id_cell").otherwise("play_id_cell")
    found = (
        pl.when(pl.col("broken").is_not_null())
        .then(pl.lit(BROKEN))
        .when(~pl.col("in_table"))
        .then(pl.lit("not in the table of plays"))
        .when(pl.col("copies") > 1)
        .then(pl.lit("twice in the table of plays"))
        .when(pl.col("no_game") | pl.col("no_play"))
        .then(pl.lit("no number of the league's"))
        .when(nobody)
        .then(pl.lit("no team has the ball"))
        .when(no_side)
        .then(pl.lit("not in the table of games"))
        .when(~is_dropback & ~pl.lit(no_events))
        .then(pl.lit("not a dropback"))
        .when(pl.col("snap_frame").is_null())
        .then(pl.lit("no snap"))
        .when(pl.col("end_frame").is_null() & pl.col("early_end_frame").is_not_null())
        .then(pl.lit("release not after the snap"))
        .when(pl.col("end_frame").is_null())
        .then(pl.lit("no release"))
        .when(pl.col("end_frame") <= pl.col("snap_frame"))
        .then(pl.lit("fewer than two frames"))
        .when(pl.col("beyond").is_not_null())
        .then(pl.lit("value out of bounds"))
    )
    # Of the few plays that have one: a sentence of all plays takes as long as all else here.
    unfit = plays.with_columns(reason=found).drop_nulls("reason")
    reason, last = pl.col("reason"), pl.col("end_event")
    described = described_result(pl.col("description"))
    detail = (
        pl.when(reason == BROKEN)
        .then("broken")
        .when(reason == "value out of bounds")
        .then("beyond")
        .when(reason == "no number of the league's")
        .then(
            pl.format(
                f"the column {{}} of {layout.plays_file} must hold a whole number, and is {{}} in "
                "row {} below the header",
                of_league,
                quoted(cell),
                "table_row",
            )
        )
        .when(reason == "no team has the ball")
        .then(
            pl.format(
                f"the column {offense} of {layout.plays_file} is empty in row {{}} below the "
                "header",
                "table_row",
            )
        )
        .when(reason == "not in the table of plays")
        .then(
            pl.format(
                f"{layout.plays_file} has no row for it, which the columns "
                f"{layout.rows['source_game_id']} and {layout.rows['source_play_id']} name in row "
                "{} below the header",
                "head_row",
            )
        )
        .when(reason == "twice in the table of plays")
        .then(pl.format(f"{layout.plays_file} has {{}} rows for it, must have one", "copies"))
        .when(reason == "not in the table of games")
        .then(
            pl.format(
                "the rows say home and away, and games.csv does not say which {} is{}",
                cut(pl.col("offense")).fill_null("the offense"),
                pl.format(
                    " (it has {} at home, {} away)",
                    cut(pl.col("home_team")),
                    cut(pl.col("away_team")),
                ).fill_null(""),
            )
        )
        .when(reason == "not a dropback")
        .then(
            pl.format(
                "pass result {}, kind {}{}",
                cut(pl.col("pass_result")).fill_null("none"),
                cut(pl.col("play_kind")).fill_null("none"),
                pl.when(described.is_in(PASS_RESULTS), last.is_in((*THROWS, *SACKS)))
                .then(
                    pl.format(
                        ", but the events have {} and the description says {}", last, described
                    )
                )
                .otherwise(pl.lit("")),
            )
        )
        .when(reason == "no snap")
        .then(
            pl.format(
                "no ball_snap, snap_direct or automatic snap event{}",
                pl.col("near_snap").fill_null(""),
            )
        )
        .when(reason == "release not after the snap")
        .then(
            pl.format(
                "release at frame {}, snap at frame {} (column "
                f"{layout.rows.get('frame') or layout.rows['time']})",
                "early_end_frame",
                "snap_frame",
            )
        )
        .when(reason == "no release")
        .then(
            pl.format(
                "no throw, sack or run event after the snap at frame {}{}",
                "snap_frame",
                pl.col("near_end").fill_null(""),
            )
        )
        .otherwise(pl.lit("the window has a single frame"))
    )
    return unfit.select("play", "reason", detail=detail)


def player_problems(plays: pl.DataFrame, entities: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """Rows of (play, reason, detail) for plays with too few or too many players or balls."""
    counts = entities.group_by("play").agg(
        offense=(pl.col("side") == "offense").sum(),
        defenders=(pl.col("side") == "defense").sum(),
        balls=(pl.col("side") == "ball").sum(),
        unplaced=(pl.col("x_yd").is_null() & (pl.col("side") != "ball")).sum(),
        strangers=(pl.col("side") == STRANGERS).sum(),
        strange_row=pl.col("source_row").filter(pl.col("side") == STRANGERS).min(),
    )
    teams = plays.select("play", "offense_label", "defense", "home_team", "away_team", "table_row")
    counted = left_join(teams, counts, on="play").with_columns(
        pl.col("offense", "defenders", "balls", "unplaced", "strangers").fill_null(0)
    )
    others = pl.coalesce(
        "defense",
        pl.when(pl.col("offense_label") == pl.col("home_team")).then("away_team"),
        "home_team",
    )
    must = {
        "code": pl.format(
            "{} or {}", cut(pl.col("offense_label")), cut(others).fill_null("another")
        ),
        "home_or_away": pl.lit("home or away"),
        "label": pl.lit(f"{layout.offense_label} or {layout.defense_label or 'another'}"),
    }[layout.possession]
    column = layout.plays.get("offense", ("",))[0]
    named = pl.format(
        f"; none is of {{}}, which the column {column} names", cut(pl.col("offense_label"))
    )
    nobody = pl.lit(layout.possession == "code") & (pl.col("offense") == 0)
    found = pl.format(
        "{} players of the offense and {} of the defense{}",
        "offense",
        "defenders",
        pl.when(nobody).then(named).otherwise(pl.lit("")),
    )
    if "linemen" in layout.lacks:
        wrong = (pl.col("offense") < 1) | (pl.col("defenders") < 1)
        crowded = (pl.col("offense") > 11) | (pl.col("defenders") > 11)
        wrong |= crowded
    else:
        wrong = (pl.col("offense") != 11) | (pl.col("defenders") != 11)
    known = _of_one_team(counted, entities, layout)
    counted = counted.join(known, on="play", how="anti", maintain_order="left")
    others_wrong = counted.select(
        "play",
        reason=pl.when(pl.col("strangers") > 0)
        .then(pl.lit("a third team"))
        .when(wrong)
        .then(pl.lit("not 11 against 11"))
        .when(pl.col("balls") > 1)
        .then(pl.lit("more than one ball"))
        .when(pl.col("unplaced") > 0)
        .then(pl.lit("frames missing")),
        detail=pl.when(pl.col("strangers") > 0)
        .then(
            pl.format(
                f"the column {layout.rows['team']} is {{}} in row {{}} below the header, must be "
                f"{{}}{'' if 'ball' in layout.lacks else ', or the ball'}",
                marked("team", pl.col("strange_row")),
                "strange_row",
                must,
            )
        )
        .when(wrong)
        .then(found)
        .when(pl.col("balls") > 1)
        .then(pl.format("{} balls", "balls"))
        .otherwise(pl.format("{} players without coordinates at the snap", "unplaced")),
    ).drop_nulls("reason")
    return pl.concat([known, others_wrong])


def _of_one_team(counted: pl.DataFrame, entities: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """Plays of which one team is on both sides, with the column that is wrong by position."""
    same = counted.filter(pl.col("strangers") > 0, pl.col("defense") == pl.col("offense_label"))
    if same.is_empty():
        return NO_PROBLEM
    offense, defense = (layout.plays.get(side, (side,))[0] for side in ("offense", "defense"))
    of_team = entities.filter(side="offense").group_by("play")
    defend = of_team.agg(defend=defends_by_position(pl.col("position")))
    team = cut(pl.col("offense_label"))
    cause = "; the players of {} are {} by position: is {} wrong?"
    return left_join(same, defend, on="play").select(
        "play",
        reason=pl.lit(ONE_TEAM),
        detail=pl.format(
            f"the columns {offense} and {defense} are both {{}} in row {{}} of "
            f"{layout.plays_file}, must be two teams; the rows also have {{}}{{}}",
            quoted(pl.col("offense_label")),
            pl.col("table_row").cast(pl.String).fill_null("?"),
            marked("team", pl.col("strange_row")),
            pl.when("defend")
            .then(pl.format(cause, team, pl.lit("defenders"), pl.lit(offense)))
            .when(~pl.col("defend"))
            .then(pl.format(cause, team, pl.lit("of an offense"), pl.lit(defense)))
            .otherwise(pl.lit("")),
        ),
    )


def doubled(
    plays: pl.DataFrame, entities: pl.DataFrame, apart: Singles, layout: Format
) -> pl.DataFrame:
    """Rows of (play, reason, detail) for plays in which somebody is at two places at once."""
    if not apart.any():
        return NO_PROBLEM
    n, slot = np.nonzero(apart)
    found = pl.DataFrame({"n": n, "slot": slot, "yards": apart[n, slot].astype(float)})
    is_ball = pl.col("side") == "ball"
    return (
        found.with_columns(play=plays["play"].gather(pl.Series(n, dtype=pl.Int64)))
        .join(entities.select("n", "slot", "side", "player_id"), on=["n", "slot"], how="left")
        .sort("n", "slot", descending=[False, True])
        .unique("play", keep="first", maintain_order=True)
        .select(
            "play",
            reason=pl.when(is_ball)
            .then(pl.lit("more than one ball"))
            .otherwise(pl.lit("two tracks of one player")),
            detail=pl.format(
                f"{{}} has rows of one frame that are {{}} yards apart (columns {_xy(layout)})",
                pl.when(is_ball)
                .then(pl.lit("the ball"))
                .otherwise(pl.format("player {}", pl.col("player_id").fill_null(-1))),
                pl.col("yards").round(1),
            ),
        )
    )


def _xy(layout: Format) -> str:
    return f"{layout.rows['x_yd']}, {layout.rows['y_yd']}"


def gap_sentences(
    gaps: Gaps, plays: pl.DataFrame, entities: pl.DataFrame, layout: Format
) -> pl.Series:
    """The longest gap of each play with one that is too long, in words."""
    if not gaps.longest:
        return pl.Series([], dtype=pl.String)
    schema = {"n": pl.Int64, "slot": pl.Int64, "start": pl.Int64, "length": pl.Int64}
    found = pl.DataFrame(gaps.longest, schema=schema, orient="row")
    lasts = plays["end_frame"] - plays["snap_frame"] + 1
    ends = pl.col("start") + pl.col("length") >= pl.col("lasts")
    return (
        found.with_columns(lasts=lasts.gather(found["n"]))
        .join(entities.select("n", "slot", "player_id"), on=["n", "slot"], maintain_order="left")
        .select(
            pl.format(
                f"player {{}} has no coordinates (columns {_xy(layout)}) for {{}} frames from "
                "frame {} after the snap{}; at most {} are filled",
                pl.col("player_id").fill_null(-1),
                "length",
                "start",
                pl.when(ends & (pl.col("start") > 0))
                .then(pl.lit(", where the track ends before the play does"))
                .otherwise(pl.lit("")),
                pl.lit(MAX_GAP_FRAMES),
            )
        )
        .to_series()
    )
