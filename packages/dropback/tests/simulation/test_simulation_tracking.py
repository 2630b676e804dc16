"""The tracking league: football's rules, the reader's, and outcomes as distributed."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.stats
from polars.testing import assert_frame_equal

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.errors import RequestError
from dropback.models._grid import YARDS
from dropback.simulation.tracking import (
    ReleaseState,
    TrackingLeague,
    TrackingLeagueSettings,
    Week,
    oracle_cdf,
    oracle_distribution,
    release_distribution,
    simulate_tracking_league,
    simulate_week,
    write_tracking_league,
)
from dropback.simulation.tracking import _files as files
from dropback.simulation.tracking._release_distribution import openness_yd, throw_flight
from dropback.tracking import build_tensors, read_tracking
from examples.trained_run import Command

PLAYS = 200


@pytest.fixture(scope="module")
def league() -> TrackingLeague:
    """The first 200 throws of a season."""
    return simulate_tracking_league(TrackingLeagueSettings(plays=PLAYS), seed=20260101)


@pytest.fixture(scope="module")
def small() -> TrackingLeague:
    """Five throws of one game."""
    return simulate_tracking_league(TrackingLeagueSettings(plays=5), seed=5)


@pytest.fixture(scope="module")
def week(league: TrackingLeague) -> Week:
    """Their only week."""
    return simulate_week(league, 0)


@pytest.fixture(scope="module")
def folder(league: TrackingLeague, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The league on disk."""
    out = tmp_path_factory.mktemp("tracking") / "league"
    write_tracking_league(league, out)
    return out


@pytest.fixture(scope="module")
def rows(folder: Path) -> pl.DataFrame:
    """Its tracking rows."""
    return pl.read_parquet(folder / "tracking_week_1.parquet")


@pytest.fixture(scope="module")
def truth(folder: Path) -> pl.DataFrame:
    """The truth beside them."""
    return pl.read_parquet(folder / "truth.parquet")


@pytest.mark.slow
def test_outcomes_follow_the_distribution_of_the_actual_passer(week: Week) -> None:
    # Twenty outcomes a play from one seed, so that 200 plays can tell a wrong distribution.
    distribution = release_distribution(week.state, week.snap.edge_yd)
    generator = np.random.default_rng(4)
    for draws in ([distribution.sample(generator)[0] for _ in range(20)], [week.outcomes.yards]):
        between = [(distribution.cdf(yards - 1), distribution.cdf(yards)) for yards in draws]
        pits = [generator.uniform(below, upto) for below, upto in between]
        assert scipy.stats.kstest(np.concatenate(pits), "uniform").pvalue > 1e-3


def test_truth_on_disk_gives_back_the_distributions_that_outcomes_were_drawn_from(
    week: Week, truth: pl.DataFrame
) -> None:
    drawn_from = release_distribution(week.state, week.snap.edge_yd)
    assert np.array_equal(oracle_distribution(truth, passer="actual").cdf(7), drawn_from.cdf(7))
    assert np.array_equal(truth["yards"].to_numpy(), week.outcomes.yards)
    average = oracle_distribution(truth)
    assert np.array_equal(average.cdf(7), release_distribution(week.state).cdf(7))


def test_oracle_cdf_is_at_the_yards_that_predictions_are_summarized_on(truth: pl.DataFrame) -> None:
    cdf = oracle_cdf(oracle_distribution(truth))
    assert cdf.shape == (PLAYS, len(YARDS)) == (PLAYS, YARDS_HIGHEST - YARDS_LOWEST + 1)
    assert (np.diff(cdf, axis=1) >= -1e-12).all()
    assert np.allclose(cdf[:, -1], 1)
    assert (cdf[:, 0] == 0).all()


def laid_out(defender: tuple[float, float]) -> ReleaseState:
    """A receiver standing 20 yards from the passer, one defender, and ten others far from both."""
    xy = np.full((1, 22, 2), (119.0, 1.0))
    xy[0, 0], xy[0, 6], xy[0, 11] = (40.0, 26.0), (60.0, 26.0), defender
    none = np.zeros_like(xy)
    line, goal = np.array([45.0]), np.array([65.0])
    return ReleaseState.at_release(xy, none, np.array([0]), line_x_yd=line, yardline_100=goal)


def test_state_at_the_release_is_what_a_ruler_gives() -> None:
    beside = laid_out((60.0, 32.0))
    assert beside.air_yards == 15
    # 0.25 s and 20 yards at 21 yards a second; from 0.4 s on the defender gains 6.5 yards a second.
    gains = 6.5 * (0.25 + 20 / 21 - 0.4)
    assert beside.openness_yd == pytest.approx(6 - gains, abs=1e-6)
    assert beside.room_yd == pytest.approx(6 - gains, abs=1e-6)
    assert beside.lane == pytest.approx(0, abs=1e-3)
    assert beside.to_sideline_yd == pytest.approx(26)
    assert laid_out((50.0, 26.0)).lane == pytest.approx(0.7, abs=0.01)
    assert laid_out((40.0, 27.9)).pressure == pytest.approx(0.5)
    assert laid_out((80.0, 26.0)).crowd[0] > 10 * laid_out((40.0, 27.9)).crowd[0] > 0


@pytest.mark.parametrize("velocity", [(0.0, 0.0), (5.0, 0.0), (0.0, -6.0), (-3.0, 4.0)])
def test_throws_come_down_when_and_where_the_receiver_is(velocity: tuple[float, float]) -> None:
    passer, receiver = np.array([[40.0, 26.0]]), np.array([[55.0, 30.0]])
    aim, flight = throw_flight(passer, receiver, np.array([velocity]))
    assert aim[0] == pytest.approx(receiver[0] + np.array(velocity) * flight[0], abs=0.3)
    assert np.hypot(*(aim - passer)[0]) == pytest.approx(21 * (flight[0] - 0.25))


def test_two_defenders_at_the_ball_are_worse_than_one() -> None:
    aim, flight = np.array([[[60.0, 26.0]]]), np.array([[0.4]])
    defense = np.full((1, 11, 2), 1.0)
    defense[0, 0] = (63.0, 26.0)
    still = np.zeros_like(defense)
    assert openness_yd(aim, flight, defense, still) == pytest.approx(3.0)
    defense[0, 1] = (60.0, 29.0)
    assert openness_yd(aim, flight, defense, still) == pytest.approx(3.0 - 0.8 * np.log(2))


# What is usual, and what is worse and better for the offense.
SEEN = {
    "openness_yd": (1.0, -1.0, 3.0),
    "pressure": (0.1, 0.9, 0.1),
    "lane": (0.3, 0.8, 0.1),
    "passer_speed_yd_per_s": (1.0, 5.0, 0.5),
    "to_sideline_yd": (20.0, 0.8, 10.0),
    "room_yd": (2.5, 1.0, 6.0),
    "crowd": (1.2, 3.0, 0.2),
}


@pytest.mark.parametrize("name", SEEN)
def test_each_thing_seen_at_the_release_moves_the_expected_yards(name: str) -> None:
    state = {"air_yards": 10.0, "yardline_100": 60.0, **{one: SEEN[one][0] for one in SEEN}}
    # A throw ten yards deep, twice: once with the worse and once with the better.
    arrays = {one: np.full(2, x) for one, x in state.items()} | {name: np.array(SEEN[name][1:])}
    low, high = release_distribution(ReleaseState(**arrays)).mean()
    assert low < high - 0.1


def test_better_passers_gain_more_on_the_same_throws(week: Week) -> None:
    means = [release_distribution(week.state, edge).mean().mean() for edge in (-0.5, 0.0, 0.5)]
    # Skill is in yards per attempt: one yard of it is one yard, to a fifth.
    assert means[2] - means[0] == pytest.approx(1.0, abs=0.2)
    assert means[0] < means[1] < means[2]


def test_outcomes_are_drawn_with_the_edge_and_throws_are_not(small: TrackingLeague) -> None:
    good, bad = (
        simulate_week(replace(small, attempts=small.attempts.with_columns(edge_yd=pl.lit(edge))), 0)
        for edge in (20.0, -20.0)
    )
    assert good.outcomes.completed.all()
    assert not bad.outcomes.completed.any()
    assert np.array_equal(good.dropbacks.xy, bad.dropbacks.xy)
    assert np.array_equal(good.dropbacks.target, bad.dropbacks.target)


def test_what_the_distribution_depends_on_can_be_measured_in_the_files(
    rows: pl.DataFrame, folder: Path, truth: pl.DataFrame
) -> None:
    """From rounded rows of the release frame alone, as a network sees them."""
    keys = ["gameId", "playId"]
    plays = pl.read_csv(folder / "plays.csv", null_values="NA")
    thrown = rows.filter(pl.col("event") == "pass_forward", pl.col("nflId").is_not_null())
    left = (thrown["playDirection"] == "left").to_numpy()
    xy = thrown.select("x", "y").to_numpy().astype(np.float64)
    xy[left] = np.array([120.0, 160 / 3]) - xy[left]
    angle = np.deg2rad(thrown["dir"].to_numpy().astype(np.float64) + 180 * left)
    speed = thrown["s"].to_numpy().astype(np.float64)
    velocity = np.stack([speed * np.sin(angle), speed * np.cos(angle)], axis=1)
    order = thrown.select(pl.struct(keys).rle_id()).to_series().to_numpy()
    assert np.array_equal(order, np.repeat(np.arange(PLAYS), 22))
    players = pl.read_csv(folder / "player_play.csv", null_values="NA")
    target = players["wasTargettedReceiver"].to_numpy().reshape(PLAYS, 22)[:, 6:11].argmax(axis=1)
    state = ReleaseState.at_release(
        xy.reshape(PLAYS, 22, 2),
        velocity.reshape(PLAYS, 22, 2),
        target,
        line_x_yd=110.0 - truth["yardline_100"].to_numpy(),
        yardline_100=truth["yardline_100"].to_numpy(),
    )
    assert plays["playId"].to_list() == truth["play_id"].to_list()
    for field in fields(ReleaseState):
        seen, true = getattr(state, field.name), truth[field.name].to_numpy()
        # Rounding to 0.01 moves a throw's end by 0.05 yards at most, or its whole yard by one.
        slack = 1.0 if field.name == "air_yards" else 0.15
        assert np.abs(seen - true).max() <= slack, field.name
        assert np.abs(seen - true).mean() <= 0.03, field.name


def test_every_play_has_eleven_a_side_and_a_ball_in_every_frame(rows: pl.DataFrame) -> None:
    keys = ["gameId", "playId", "frameId"]
    sides = rows.group_by([*keys, "club"]).len()
    counts = sides.group_by(keys).agg(pl.col("len").sort()).select("len").unique()
    assert counts.to_series().to_list() == [[1, 11, 11]]
    assert rows.filter(pl.col("club") == "football")["o"].null_count() == rows.height // 23


def test_every_play_is_snapped_thrown_and_arrives_once_and_in_order(rows: pl.DataFrame) -> None:
    ball = rows.filter(pl.col("club") == "football")
    frames = [
        ball.filter(pl.col("event") == event).sort("gameId", "playId")["frameId"].to_numpy()
        for event in ("ball_snap", "pass_forward", "pass_arrived")
    ]
    assert all(len(frame) == PLAYS for frame in frames)
    assert (frames[1] - frames[0] >= 8).all()
    assert (frames[2] - frames[1] >= 2).all()
    at_snap = ball.filter(pl.col("event") == "ball_snap")["frameType"].unique().to_list()
    assert at_snap == ["SNAP"]


def test_nobody_teleports_or_leaves_the_field(rows: pl.DataFrame) -> None:
    players = rows.filter(pl.col("club") != "football")
    assert players["s"].max() < 13
    assert players["a"].quantile(0.999) < 20
    assert rows["x"].is_between(0, 120).all()
    assert rows["y"].is_between(0, 160 / 3).all()


def test_speed_direction_and_acceleration_are_those_of_the_positions(rows: pl.DataFrame) -> None:
    who = ["gameId", "playId", "nflId"]
    steps = rows.filter(pl.col("club") != "football").with_columns(
        dx=pl.col("x").diff().over(who), dy=pl.col("y").diff().over(who)
    )
    steps = steps.with_columns(moved=(pl.col("dx") ** 2 + pl.col("dy") ** 2).sqrt() * 10)
    assert steps.select((pl.col("moved") - pl.col("s")).abs().max()).item() < 0.2
    fast = steps.filter(pl.col("s") > 3)
    angle = np.rad2deg(np.arctan2(fast["dx"].to_numpy(), fast["dy"].to_numpy()))
    off = (angle - fast["dir"].to_numpy() + 180) % 360 - 180
    # Two coordinates rounded to 0.01 turn a step of 0.3 yards by 2.7 degrees at most.
    assert np.abs(off).max() < 3.0
    turn = np.deg2rad(steps["dir"].to_numpy())
    vectors = steps.select(
        *who,
        "a",
        vx=pl.Series(steps["s"].to_numpy() * np.sin(turn)),
        vy=pl.Series(steps["s"].to_numpy() * np.cos(turn)),
    ).with_columns(pl.col("vx", "vy").diff().over(who))
    gained = (vectors["vx"] ** 2 + vectors["vy"] ** 2).sqrt() * 10
    # A player slower than 0.05 yd/s has the direction of the orientation: 0.5 yd/s2 at each end.
    assert (gained - vectors["a"]).abs().max() < 1.1
    assert (gained - vectors["a"]).abs().quantile(0.99) < 0.2


def test_carriers_are_stopped_where_the_outcome_says(
    rows: pl.DataFrame, truth: pl.DataFrame
) -> None:
    down = rows.filter(pl.col("event") == "tackle", pl.col("club") == "football")
    flipped = pl.col("playDirection") == "left"
    ends = down.select(
        "gameId", "playId", x=pl.when(flipped).then(120 - pl.col("x")).otherwise("x")
    )
    both = truth.join(ends, left_on=["old_game_id", "play_id"], right_on=["gameId", "playId"])
    caught = both.filter(pass_result="C")  # noqa: S106
    gained = caught["x"] - (110 - caught["yardline_100"])
    assert len(gained) > 100
    assert (gained - caught["yards"]).abs().max() < 1.0
    stolen = both.filter(pass_result="IN")  # noqa: S106
    spot = 110 - stolen["yardline_100"] + stolen["air_yards"] + stolen["yards"]
    # The throw's depth is rounded to a yard, and a touchdown is run out of the field of play.
    assert ((stolen["x"] - spot).abs() < 1.6).all() or (stolen["x"] < 10).any()


def test_reader_keeps_every_play_and_corrects_nothing(folder: Path) -> None:
    blocks, report = read_tracking(folder)
    (counts,) = report.counts().rows(named=True)
    assert (counts["read"], counts["kept"], counts["left_out"]) == (PLAYS, PLAYS, 0)
    assert report.left_out.height == 0
    assert {check.decision for file in report.files for check in file.checks} == {"ok"}
    plays = pl.concat([block.plays for block in blocks])
    assert plays["corrections"].list.len().sum() == 0
    assert plays["target_source"].unique().to_list() == ["given"]
    assert plays["end_event"].unique().to_list() == ["pass_forward"]


def test_features_are_built_from_the_league(folder: Path, tmp_path: Path) -> None:
    tensors, _ = build_tensors(folder, tmp_path / "tensors")
    assert len(tensors) == PLAYS
    assert np.isfinite(tensors.engineered).all()
    assert np.isfinite(tensors.players).all()


def written(league: TrackingLeague, folder: Path, **options: Any) -> dict[str, bytes]:
    """Contents of the files of a league, by their names."""
    write_tracking_league(league, folder, **options)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_equal_seeds_give_equal_files_and_others_do_not(
    small: TrackingLeague, tmp_path: Path
) -> None:
    again, other = (simulate_tracking_league(small.settings, seed=seed) for seed in (5, 6))
    first = written(small, tmp_path / "first")
    assert written(again, tmp_path / "again") == first
    different = written(other, tmp_path / "other")
    drawn = ("plays.csv", "tracking_week_1.parquet", "truth.parquet")
    assert all(first[name] != different[name] for name in drawn)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"plays": 0}, "plays must be from 1 to 1,000,000, got 0"),
        ({"first_season": 1999}, "first_season must be from 2018 to 2050, got 1999"),
        ({"quickness_sd": 0.5}, "quickness_sd must be from 0 to 0.1, got 0.5"),
        ({"quickness_sd": float("nan")}, "quickness_sd must be from 0 to 0.1, got nan"),
        ({"skill_sd_yd": -1.0}, "skill_sd_yd must be from 0 to 2 yards per attempt, got -1.0"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(settings: dict[str, float], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        TrackingLeagueSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tracking": "xlsx"}, "must be parquet or csv, got 'xlsx'"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    small: TrackingLeague, tmp_path: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        write_tracking_league(small, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def three_weeks(small: TrackingLeague) -> TrackingLeague:
    """Five throws, counted as those of three weeks."""
    numbers = pl.Series("week_number", [0, 0, 1, 1, 2], dtype=small.attempts.schema["week_number"])
    return replace(small, attempts=small.attempts.with_columns(numbers))


@pytest.mark.slow
def test_files_are_equal_whatever_the_number_of_workers(
    three_weeks: TrackingLeague, tmp_path: Path
) -> None:
    done: list[tuple[int, int]] = []
    note = lambda *progress: done.append(progress)  # noqa: E731
    one, two = (
        written(three_weeks, tmp_path / str(workers), workers=workers, on_week=note)
        for workers in (1, 2)
    )
    assert "tracking_week_3.parquet" in one
    assert one == two
    assert done == [(1, 3), (2, 3), (3, 3)] * 2


def stop(*_: int) -> None:
    raise KeyboardInterrupt


def test_interrupted_writing_leaves_nothing_behind(
    three_weeks: TrackingLeague, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_tracking_league(three_weeks, tmp_path / "out", workers=1, on_week=stop)
    assert list(tmp_path.iterdir()) == []


def pool(submit: Callable[..., Future[object]]) -> type:
    """A pool of processes that does as it is told, at once."""
    methods = {"__init__": lambda *_, **__: None, "shutdown": lambda *_, **__: None}
    return type("Pool", (), {**methods, "submit": lambda _, *call: submit(*call)})


def test_no_more_weeks_are_begun_than_there_are_workers(
    three_weeks: TrackingLeague, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def submit(function: Callable[..., object], *arguments: object) -> Future[object]:
        begun.append(len(begun))
        future: Future[object] = Future()
        future.set_result(function(*arguments))
        return future

    monkeypatch.setattr(files, "process_pool", pool(submit))
    with pytest.raises(KeyboardInterrupt):
        write_tracking_league(three_weeks, tmp_path / "out", workers=2, on_week=stop)
    assert list(tmp_path.iterdir()) == []
    assert len(begun) == 2
    write_tracking_league(three_weeks, tmp_path / "out", workers=2)
    assert len(begun) == 2 + 3


def test_a_killed_worker_is_reported_in_a_sentence(
    three_weeks: TrackingLeague, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: Future[object] = Future()
    killed.set_exception(BrokenProcessPool("killed"))
    monkeypatch.setattr(files, "process_pool", pool(lambda *_: killed))
    with pytest.raises(RequestError, match=r"was killed, perhaps .* ask for fewer workers"):
        write_tracking_league(three_weeks, tmp_path / "out", workers=2)
    assert list(tmp_path.iterdir()) == []


def test_csv_and_parquet_hold_the_same_rows(small: TrackingLeague, tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        write_tracking_league(small, tmp_path / kind, tracking=kind)
    csv = pl.read_csv(
        tmp_path / "csv" / "tracking_week_1.csv", null_values="NA", infer_schema_length=None
    )
    parquet = pl.read_parquet(tmp_path / "parquet" / "tracking_week_1.parquet")
    assert csv.columns == parquet.columns
    columns = ("event", "x", "y", "s", "a", "o", "dir")
    assert_frame_equal(
        csv.select(columns), parquet.select(columns), check_dtypes=False, rel_tol=0, abs_tol=0.006
    )


def test_weeks_run_on_through_seasons() -> None:
    settings = TrackingLeagueSettings(plays=40_000)
    assert settings.league().seasons == (2022, 2023, 2024)
    assert settings.league().weeks == 17


def test_command_writes_a_league_and_refuses_bad_requests_with_code_2(
    tmp_path: Path, run: Command
) -> None:
    out = tmp_path / "league"
    code, _, said = run("simulate", "tracking", "--plays", 3, "--out", out)
    # A long path wraps the sentence in a narrow terminal.
    assert (code, "3 simulated plays" in " ".join(said.split())) == (0, True)
    assert pl.read_parquet(out / "truth.parquet").height == 3
    for plays, words in ((3, "is not empty"), (0, "plays must be from 1")):
        code, _, said = run("simulate", "tracking", "--plays", plays, "--out", out)
        assert code == 2
        assert words in " ".join(said.split())
