"""Sacks, scrambles, throw-aways and designed runs between the throws of a tracking league."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dropback.data._tables import PlaySet
from dropback.simulation import simulate_league
from dropback.simulation._play_calls import Kind
from dropback.simulation.tracking import (
    TrackingLeague,
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.simulation.tracking._league import simulate_other_plays
from dropback.simulation.tracking._other_plays import OtherPlays
from dropback.tracking import build_tensors, read_tracking, select_tracked
from examples.trained_run import Command

THROWS = 200
KEY = ["gameId", "playId"]


def made(motion: str = "sharp", *, all_plays: bool = True) -> TrackingLeague:
    settings = TrackingLeagueSettings(plays=THROWS, motion=motion, all_plays=all_plays)  # type: ignore[arg-type]
    return simulate_tracking_league(settings, seed=11)


@pytest.fixture(scope="module")
def league() -> TrackingLeague:
    return made()


@pytest.fixture(scope="module")
def folder(league: TrackingLeague, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("all") / "league"
    write_tracking_league(league, out)
    return out


@pytest.fixture(scope="module", params=["sharp", "real"])
def others(request: pytest.FixtureRequest) -> OtherPlays:
    found = simulate_other_plays(made(request.param), 0)
    assert found is not None
    return found


def of_kind(league: TrackingLeague, *kinds: Kind) -> pl.DataFrame:
    return league.others.filter(pl.col("kind").is_in([int(kind) for kind in kinds]))


@pytest.mark.slow
def test_the_throws_are_the_same_with_and_without(folder: Path, tmp_path: Path) -> None:
    write_tracking_league(made(all_plays=False), tmp_path / "throws")
    for name in ("tracking_week_1.parquet", "play_by_play_2022.parquet"):
        alone, both = (pl.read_parquet(place / name) for place in (tmp_path / "throws", folder))
        key = [name for name in (*KEY, "old_game_id", "play_id") if name in alone.columns]
        throws = both.join(alone.select(key).unique(), on=key, how="semi", maintain_order="left")
        assert both.height > throws.height
        assert_frame_equal(throws, alone)
    assert (folder / "truth.parquet").read_bytes() == (
        tmp_path / "throws" / "truth.parquet"
    ).read_bytes()


def test_kinds_and_yards_are_those_of_the_play_by_play_league(league: TrackingLeague) -> None:
    plays = simulate_league(league.settings.league(), seed=11).plays
    last = league.attempts.select("old_game_id", "play_id").row(-1)
    # By the play-by-play's own columns, a kind at a time.
    before = plays.filter(
        (pl.col("old_game_id") < last[0])
        | ((pl.col("old_game_id") == last[0]) & (pl.col("play_id") < last[1]))
    ).join(league.games, on="old_game_id", how="semi")
    sacks = before.filter(pl.col("sack") == 1)
    scrambles = before.filter(pl.col("qb_scramble") == 1)
    passes = before.filter(pl.col("play_type") == "pass", pl.col("qb_spike") == 0)
    away = passes.filter(pl.col("sack") == 0, pl.col("receiver_player_id").is_null())
    # A kneel loses a yard in the passer's hands.
    runs = before.filter(pl.col("play_type") == "run", pl.col("qb_scramble") == 0)
    passers = plays["passer_player_id"].drop_nulls().unique().implode()
    runs = runs.filter(~pl.col("rusher_player_id").is_in(passers))
    for kind, expected in (
        (Kind.SACK, sacks),
        (Kind.SCRAMBLE, scrambles),
        (Kind.THROW_AWAY, away),
        (Kind.RUN, runs),
    ):
        columns = ["old_game_id", "play_id", "yards_gained"]
        found = of_kind(league, kind).select(columns)
        assert found.height >= 3
        assert_frame_equal(found, expected.sort("old_game_id", "play_id").select(columns))
    assert league.others.height == sacks.height + scrambles.height + away.height + runs.height


EVENTS = {
    Kind.SACK: ["ball_snap", "first_contact", "qb_sack"],
    Kind.SCRAMBLE: ["ball_snap", "run", "first_contact", "tackle"],
    Kind.THROW_AWAY: ["ball_snap", "pass_forward", "pass_outcome_incomplete"],
    Kind.RUN: ["ball_snap", "handoff", "first_contact", "tackle"],
}


def test_events_have_the_names_and_order_of_real_sets(league: TrackingLeague, folder: Path) -> None:
    ball = pl.read_parquet(folder / "tracking_week_1.parquet").filter(club="football")
    events = ball.drop_nulls("event").sort(*KEY, "frameId")
    found = {
        (game, play): words
        for game, play, words in events.group_by(KEY, maintain_order=True).agg("event").iter_rows()
    }
    for row in league.others.iter_rows(named=True):
        expected = list(EVENTS[Kind(row["kind"])])
        if row["yards_gained"] == row["yardline_100"]:
            expected[-1] = "touchdown"
        assert found[row["source_game_id"], row["play_id"]] == expected


@pytest.mark.sample(1)
def test_carriers_are_stopped_at_the_yard_that_was_gained(others: OtherPlays) -> None:
    carried = others.kind != Kind.THROW_AWAY
    ball = others.tracks.xy[np.arange(len(carried)), others.tracks.whistle, 22]
    gained = others.attempts["yards_gained"].to_numpy()
    scored = gained == others.attempts["yardline_100"].to_numpy()
    off = ball[:, 0] - (others.snap.line_x_yd + gained)
    assert np.abs(off[carried & ~scored]).max() < 0.05
    assert (ball[carried & scored, 0] > 110).all()


def test_balls_thrown_away_come_down_at_a_sideline(others: OtherPlays) -> None:
    away = np.flatnonzero(others.kind == Kind.THROW_AWAY)
    ball_y = others.tracks.xy[away, others.tracks.arrival[away] + 1, 22, 1]
    assert (np.minimum(ball_y, 160 / 3 - ball_y) < 4.5).all()
    # 0.25 s for the arm and 21 yards a second, in tenths.
    start = others.tracks.xy[away, others.tracks.release[away], 0]
    landed = others.tracks.xy[away, others.tracks.arrival[away], 22]
    flown = others.tracks.arrival[away] - others.tracks.release[away]
    assert np.abs(flown - 10 * (0.25 + np.hypot(*(landed - start).T) / 21)).max() < 2.5


def test_the_passer_is_with_the_defense_when_sacked_and_runs_start_behind_the_line(
    others: OtherPlays,
) -> None:
    tracks, plays = others.tracks, np.arange(len(others.kind))
    sacked = others.kind == Kind.SACK
    at = tracks.xy[plays, tracks.whistle]
    gap = np.hypot(*np.moveaxis(at[:, 11:22] - at[:, :1], -1, 0)).min(axis=1)
    assert gap[sacked].max() < 2.0
    handed = tracks.xy[plays, tracks.release]
    runs = others.kind == Kind.RUN
    meets = np.hypot(*(handed[:, 10] - handed[:, 0]).T)
    assert np.quantile(meets[runs], 0.9) < 2.0
    assert (handed[runs, 10, 0] < others.snap.line_x_yd[runs]).all()
    assert ((tracks.release - tracks.snap)[runs] >= 9).all()


def test_nobody_teleports(others: OtherPlays) -> None:
    steps = np.hypot(*np.moveaxis(np.diff(others.tracks.xy[:, :, :22], axis=1), -1, 0))
    assert np.nanmax(steps) < 1.25  # 12.5 yards a second, the reader's own bound


def test_the_reader_keeps_dropbacks_and_on_request_runs(
    league: TrackingLeague, folder: Path
) -> None:
    runs = of_kind(league, Kind.RUN).height
    _, report = read_tracking(folder)
    assert report.reasons().rows() == [("not a dropback", runs)]
    blocks, report = read_tracking(folder, runs=True)
    assert report.left_out.height == 0
    assert {check.decision for file in report.files for check in file.checks} == {"ok"}
    plays = pl.concat([block.plays for block in blocks])
    assert plays["flags"].list.len().sum() == 0
    by_end = plays.group_by("pass_result", "end_event").len()
    counts = {(result, end): count for result, end, count in by_end.iter_rows()}
    assert counts[None, "handoff"] == runs
    assert counts["S", "qb_sack"] == of_kind(league, Kind.SACK).height
    assert counts["R", "run"] == of_kind(league, Kind.SCRAMBLE).height


def test_training_takes_them_where_it_would_take_real_ones(
    league: TrackingLeague, folder: Path, tmp_path: Path
) -> None:
    tensors, _ = build_tensors(folder, tmp_path / "tensors")
    sacks, scrambles, away = (
        of_kind(league, kind).height for kind in (Kind.SACK, Kind.SCRAMBLE, Kind.THROW_AWAY)
    )
    lost = of_kind(league, Kind.SACK).filter(pl.col("yards_gained") < 0).height
    selected = {chosen: select_tracked(tensors.plays, play_set=chosen) for chosen in PlaySet}
    assert dict(selected[PlaySet.TARGETED].left_out.iter_rows()) == {
        "sack": sacks,
        "scramble": scrambles,
        "no target (thrown away, batted)": away,
    }
    assert selected[PlaySet.TARGETED].plays.height == THROWS
    assert selected[PlaySet.ATTEMPTS].plays.height == THROWS + away
    # A sack for no loss is booked as one whose loss is unknown.
    assert selected[PlaySet.DROPBACKS].plays.height == THROWS + away + lost
    yards = selected[PlaySet.DROPBACKS].plays.filter(pl.col("sack"))["yards"].sum()
    assert yards == of_kind(league, Kind.SACK)["yards_gained"].sum()


def test_runs_are_counted_as_such_where_they_were_read(
    league: TrackingLeague, folder: Path, run: Command, tmp_path: Path
) -> None:
    code, printed, _ = run("ingest", folder, "--out", tmp_path / "plays", "--runs")
    assert code == 0
    assert "not a dropback" not in printed
    tensors, _ = build_tensors(tmp_path / "plays", tmp_path / "tensors")
    reasons = dict(select_tracked(tensors.plays).left_out.iter_rows())
    assert reasons["designed run"] == of_kind(league, Kind.RUN).height


def test_the_command_says_how_many(run: Command, tmp_path: Path) -> None:
    code, _, told = run(
        "simulate", "tracking", "--plays", 20, "--all-plays", "--out", tmp_path / "a"
    )
    assert code == 0
    others = pl.read_csv(tmp_path / "a" / "plays.csv", null_values="NA").height - 20
    assert f"20 simulated targeted attempts and {others} other plays" in " ".join(told.split())
