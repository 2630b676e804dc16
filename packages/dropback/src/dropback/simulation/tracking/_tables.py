"""Write the small tables beside the tracking files, and the truth."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD, GOAL_TO_GOAL_YD
from dropback.simulation._rosters import FIRST_PLAYER_NUMBER, TEAMS, player_name
from dropback.simulation.tracking._calls import COVERAGES, FORMATIONS
from dropback.simulation.tracking._lineup import DEFENSE, ELIGIBLE, FRAME_S, POSITIONS
from dropback.simulation.tracking._routes import ROUTES
from dropback.tracking._schema import BALL_SLOT, PLAYERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback._arrays import Flags, Integers
    from dropback.simulation.tracking._league import TrackingLeague, Week
    from dropback.simulation.tracking._other_plays import OtherPlays

# Passers have the numbers of the play-by-play league; all others count from here, by team.
_FIRST_OTHER_NUMBER: Final = 1500
_JERSEYS: Final = (
    *(0, 71, 66, 55, 64, 78, 81, 13, 11, 87, 28),
    *(91, 97, 93, 99, 54, 51, 24, 21, 26, 33, 32),
)
_HEIGHTS: Final = {"QB": "6-3", "T": "6-6", "G": "6-4", "C": "6-3", "WR": "6-1", "TE": "6-5"} | {
    "RB": "5-11", "DE": "6-4", "DT": "6-3", "ILB": "6-2", "OLB": "6-2", "CB": "5-11", "SS": "6-0",
    "FS": "6-0",
}  # fmt: skip
_WEIGHTS: Final = {"QB": 220, "T": 318, "G": 315, "C": 305, "WR": 200, "TE": 252, "RB": 214} | {
    "DE": 268, "DT": 308, "ILB": 236, "OLB": 238, "CB": 194, "SS": 208, "FS": 204,
}  # fmt: skip
_SHOTGUN_WORDS: Final = {"DOUBLES": "SHOTGUN", "TRIPS": "SHOTGUN", "BUNCH": "SHOTGUN"}


def player_rows(league: TrackingLeague, week: Week | OtherPlays) -> pl.DataFrame:
    """The 22 players and the ball of each play: nflId, displayName, jerseyNumber, club."""
    numbers, clubs = player_numbers(week.attempts)
    ball = np.full((len(numbers), 1), -1)
    flat = np.concatenate([numbers, ball], axis=1).ravel()
    names = player_table(league).select("nflId", "displayName", "jerseyNumber")
    football = np.full((len(numbers), 1), "football")
    club = np.concatenate([clubs, football], axis=1).ravel()
    rows = pl.DataFrame({"nflId": flat + FIRST_PLAYER_NUMBER, "club": club})
    return left_join(rows, names, on="nflId").with_columns(
        pl.when(pl.col("club") != "football").then("nflId").alias("nflId"),
        pl.col("displayName").fill_null("football"),
    )


def player_table(league: TrackingLeague) -> pl.DataFrame:
    """Everyone who may be on the field, in the columns of ``players.csv`` and the jersey."""
    others = np.arange(len(TEAMS) * PLAYERS).reshape(len(TEAMS), PLAYERS)[:, 1:].ravel()
    passers = league.passers["passer_player_id"].unique().sort().str.slice(3).cast(pl.Int64)
    numbers = pl.concat([passers - FIRST_PLAYER_NUMBER, pl.Series(others + _FIRST_OTHER_NUMBER)])
    slots = np.concatenate([np.zeros(len(passers), int), others % PLAYERS])
    positions = np.array(POSITIONS)[slots]
    jersey = np.where(slots == 0, 1 + numbers.to_numpy() % 19, np.array(_JERSEYS)[slots])
    return pl.DataFrame({"number": numbers, "position": positions, "jerseyNumber": jersey}).select(
        nflId=pl.col("number") + FIRST_PLAYER_NUMBER,
        height=pl.col("position").replace_strict(_HEIGHTS, return_dtype=pl.String),
        weight=pl.col("position").replace_strict(_WEIGHTS, return_dtype=pl.Int64),
        birthDate=pl.lit(None, dtype=pl.String),
        collegeName=pl.lit("Simulated"),
        position="position",
        displayName=player_name(pl.col("number")).str.replace(".", ". ", literal=True),
        jerseyNumber="jerseyNumber",
    )


def game_rows(league: TrackingLeague) -> pl.DataFrame:
    """One row a game, in the columns of ``games.csv``."""
    return league.games.sort("old_game_id").select(
        gameId=pl.col("old_game_id").cast(pl.Int64),
        season="season",
        week="week",
        gameDate=pl.col("old_game_id")
        .str.slice(0, 8)
        .str.to_date("%Y%m%d")
        .dt.to_string("%m/%d/%Y"),
        gameTimeEastern=pl.lit("13:00:00"),
        homeTeamAbbr="home_team",
        visitorTeamAbbr="away_team",
        homeFinalScore="home_score",
        visitorFinalScore="away_score",
    )


def play_rows(week: Week) -> pl.DataFrame:
    """One row a play, in columns of 2025's ``plays.csv``."""
    o, c, tracks = week.outcomes, week.calls, week.tracks
    n = len(week.attempts)
    ball = tracks.xy[np.arange(n), tracks.arrival, BALL_SLOT]
    shown = np.where(week.rotated[:, None], (FIELD_LENGTH_YD, FIELD_WIDTH_YD) - ball, ball)
    drop = np.where(c.rollout != 0, "DESIGNED_ROLLOUT", "TRADITIONAL")
    outcome = pl.DataFrame(
        {
            "playAction": np.where(c.play_action, "TRUE", "FALSE"),
            "dropbackType": np.where(c.play_action & (c.rollout == 0), "TRADITIONAL", drop),
            "passResult": _results(week),
            "passLength": week.state.air_yards.astype(np.int64),
            "targetX": np.round(shown[:, 0], 2),
            "targetY": np.round(shown[:, 1], 2),
            "timeToThrow": np.round((tracks.release - tracks.snap) * FRAME_S, 1),
            "qbSpike": np.full(n, "FALSE"),
            "qbKneel": np.zeros(n, np.int64),
            # As the league books it: a return is the defense's, not a loss of the offense.
            "prePenaltyYardsGained": np.where(o.intercepted, 0, o.yards),
            "yardsGained": np.where(o.intercepted, 0, o.yards),
            "isDropback": np.full(n, "TRUE"),
            "pff_passCoverage": np.array(COVERAGES)[c.coverage],
            "pff_manZone": np.where(c.coverage <= 1, "Man", "Zone"),
        }
    )
    return pl.concat([situation_rows(week, _description(week)), outcome], how="horizontal")


def situation_rows(week: Week | OtherPlays, description: pl.Series) -> pl.DataFrame:
    """What ``plays.csv`` says of a play before the snap, and its description."""
    a, s = week.attempts, week.snap
    line = np.where(week.rotated, FIELD_LENGTH_YD - s.line_x_yd, s.line_x_yd)
    formation = np.where(s.under_center, "SINGLEBACK", np.array(FORMATIONS)[week.calls.formation])
    own_side = pl.col("yardline_100") > 50
    return pl.DataFrame(
        {
            "gameId": a["source_game_id"],
            "playId": a["play_id"],
            "playDescription": description,
            "quarter": a["qtr"],
            "down": a["down"],
            "yardsToGo": a["ydstogo"],
            "possessionTeam": a["posteam"],
            "defensiveTeam": a["defteam"],
            "yardlineSide": a.select(
                pl.when(own_side).then("posteam").when(pl.col("yardline_100") < 50).then("defteam")
            ).to_series(),
            "yardlineNumber": a.select(
                pl.when(own_side)
                .then(GOAL_TO_GOAL_YD - pl.col("yardline_100"))
                .otherwise("yardline_100")
            ).to_series(),
            "gameClock": a["time"],
            "preSnapHomeScore": a["home_score_pre"],
            "preSnapVisitorScore": a["away_score_pre"],
            "playNullifiedByPenalty": np.full(len(s), "N"),
            "absoluteYardlineNumber": line.astype(np.int64),
            "offenseFormation": pl.Series(formation).replace(_SHOTGUN_WORDS),
        }
    )


def player_play_rows(week: Week) -> pl.DataFrame:
    """One row a play and player, in columns of 2025's ``player_play.csv``."""
    a, c, o = week.attempts, week.calls, week.outcomes
    n, plays = len(a), np.arange(len(a))
    numbers, clubs = player_numbers(a)

    def per_player(part: slice, values: Flags) -> Integers:
        flags = np.zeros((n, PLAYERS), np.int64)
        flags[:, part] = values
        return flags.ravel()

    target = np.zeros((n, 5), bool)
    target[plays, week.dropbacks.target] = True
    routes = np.full((n, PLAYERS), "", dtype="U9")
    routes[:, ELIGIBLE] = np.where(c.blocks, "", np.array(ROUTES)[c.routes.route])
    catch = week.tracks.xy[plays, week.tracks.arrival]
    gap = np.hypot(*np.moveaxis(catch[:, DEFENSE] - catch[:, BALL_SLOT : BALL_SLOT + 1], -1, 0))
    nearest = np.arange(11) == gap.argmin(axis=1)[:, None]
    interceptor = nearest & o.intercepted[:, None]
    returned = np.zeros((n, PLAYERS), np.int64)
    returned[:, DEFENSE] = np.where(interceptor, -o.yards[:, None], 0)
    return pl.DataFrame(
        {
            "gameId": np.repeat(a["source_game_id"].to_numpy(), PLAYERS),
            "playId": np.repeat(a["play_id"].to_numpy(), PLAYERS),
            "nflId": numbers.ravel() + FIRST_PLAYER_NUMBER,
            "teamAbbr": clubs.ravel(),
            "wasTargettedReceiver": per_player(ELIGIBLE, target),
            "hadPassReception": per_player(ELIGIBLE, target & o.completed[:, None]),
            "hadInterception": per_player(DEFENSE, interceptor),
            "interceptionYards": returned.ravel(),
            "wasInitialPassRusher": per_player(DEFENSE, c.rushes),
            "wasRunningRoute": per_player(ELIGIBLE, ~c.blocks),
            "routeRan": pl.Series(routes.ravel()).replace("", None),
        }
    )


def truth_rows(week: Week) -> pl.DataFrame:
    """One row a play: what its distribution depends on, the passer's edge, and the outcome.

    Lists have an entry for each of the five eligible: ``receivers`` (their ``nflId``),
    ``blocks`` (whether they stay in to block), and the state of a throw to each, ``_of_each``.
    """
    n = len(week.attempts)
    state = {f.name: getattr(week.state, f.name) for f in fields(week.state)}
    of_each = {
        f"{f.name}_of_each": getattr(week.states, f.name).reshape(n, -1)
        for f in fields(week.states)
    }
    numbers = player_numbers(week.attempts)[0][:, ELIGIBLE] + FIRST_PLAYER_NUMBER
    lists = {"receivers": numbers, "blocks": week.calls.blocks, **of_each}
    return week.attempts.select(
        *("game_id", "play_id", "season", "week", "passer_player_id", "edge_yd"),
        old_game_id="source_game_id",
    ).with_columns(
        pl.Series("yards", week.outcomes.yards),
        pl.Series("pass_result", _results(week)),
        pl.Series("frames_to_release", week.tracks.release - week.tracks.snap),
        *(pl.Series(name, values) for name, values in (state | lists).items()),
    )


def play_by_play_rows(week: Week) -> pl.DataFrame:
    """The plays in nflverse's columns, with their outcomes here."""
    o, plays = week.outcomes, np.arange(len(week.attempts))
    air = week.state.air_yards.astype(np.int32)
    gained = np.where(o.intercepted, 0, o.yards).astype(np.int32)
    arrival_y = week.tracks.xy[plays, week.tracks.arrival, BALL_SLOT, 1]
    place = np.searchsorted((FIELD_WIDTH_YD / 3, 2 * FIELD_WIDTH_YD / 3), arrival_y)
    numbers = player_numbers(week.attempts)[0][plays, ELIGIBLE.start + week.dropbacks.target]
    receiver = pl.col("receiver_number")
    added = ("edge_yd", "week_number", "source_game_id", "kickoff", "reads")
    played = week.attempts.drop(added, strict=False)
    return (
        played.with_columns(
            pl.Series("complete_pass", o.completed.astype(np.int32)),
            pl.Series("interception", o.intercepted.astype(np.int32)),
            pl.Series("incomplete_pass", (~o.completed & ~o.intercepted).astype(np.int32)),
            pl.Series("yards_gained", gained),
            pl.Series("air_yards", air),
            pl.Series("pass_location", np.array(["right", "middle", "left"])[place]),
            pl.Series("desc", _description(week)),
            pl.Series("receiver_number", numbers),
        )
        .with_columns(
            yards_after_catch=pl.when(pl.col("complete_pass") == 1).then(
                pl.col("yards_gained") - pl.col("air_yards")
            ),
            return_yards=pl.Series(np.where(o.intercepted, -o.yards, 0).astype(np.int32)),
            pass_touchdown=(
                (pl.col("complete_pass") == 1) & (pl.col("yards_gained") == pl.col("yardline_100"))
            ).cast(pl.Int32),
            return_touchdown=(
                (pl.col("interception") == 1)
                & (
                    -pl.Series(o.yards)
                    >= GOAL_TO_GOAL_YD - pl.col("yardline_100") + pl.col("air_yards")
                )
            ).cast(pl.Int32),
            first_down_pass=(
                (pl.col("complete_pass") == 1) & (pl.col("yards_gained") >= pl.col("ydstogo"))
            ).cast(pl.Int32),
            pass_length=pl.when(pl.col("air_yards") >= 15)
            .then(pl.lit("deep"))
            .otherwise(pl.lit("short")),
            receiver_player_id=pl.format(
                "00-{}", (receiver + FIRST_PLAYER_NUMBER).cast(pl.String).str.zfill(7)
            ),
            receiver_player_name=player_name(receiver),
            interception_player_id=pl.lit(None, dtype=pl.String),
            qb_hit=pl.lit(None, dtype=pl.Int32),
        )
        .select(played.columns)
    )


def player_numbers(attempts: pl.DataFrame) -> tuple[Integers, NDArray[np.str_]]:
    """Numbers and teams of the players of each play, shape ``(N, 22)`` each."""
    half = PLAYERS // 2
    teams = {team: index for index, team in enumerate(TEAMS)}
    sides = [attempts[side] for side in ("posteam", "defteam")]
    codes = [side.replace_strict(teams, return_dtype=pl.Int64).to_numpy() for side in sides]
    team = np.stack([codes[0]] * half + [codes[1]] * half, axis=1)
    numbers = _FIRST_OTHER_NUMBER + PLAYERS * team + np.arange(PLAYERS)
    passer = attempts["passer_player_id"].str.slice(3).cast(pl.Int64).to_numpy()
    numbers[:, 0] = passer - FIRST_PLAYER_NUMBER
    return numbers, np.array(TEAMS)[team]


def _results(week: Week) -> NDArray[np.str_]:
    """C, I or IN of each play."""
    return np.select([week.outcomes.completed, week.outcomes.intercepted], ["C", "IN"], "I")


def _description(week: Week) -> pl.Series:
    """Each play in words, shorter than the feed's."""
    numbers = player_numbers(week.attempts)[0]
    plays = np.arange(len(numbers))
    target = numbers[plays, ELIGIBLE.start + week.dropbacks.target]
    table = pl.DataFrame(
        {
            "time": week.attempts["time"],
            "passer": week.attempts["passer_player_name"],
            "target": target,
            "result": _results(week),
            "yards": week.outcomes.yards,
        }
    )
    to = player_name(pl.col("target"))
    start = pl.format("({}) {} pass", "time", "passer")
    return table.select(
        pl.when(pl.col("result") == "C")
        .then(pl.format("{} to {} for {} yards.", start, to, "yards"))
        .when(pl.col("result") == "IN")
        .then(
            pl.format(
                "{} intended for {} INTERCEPTED, returned {} yards.", start, to, -pl.col("yards")
            )
        )
        .otherwise(pl.format("{} incomplete to {}.", start, to))
    ).to_series()
