"""All four folders of real tracking data: what is kept and why, conventions, outcomes, errors."""

import os
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from filelock import FileLock

from dropback.data._play_by_play import read_play_by_play
from dropback.data._selection import select_plays
from dropback.errors import TrackingError
from dropback.tracking import build_tensors, ingest, read_tracking, select_tracked
from dropback.tracking._blocks import PlayBlock
from dropback.tracking._motion import derive_motion
from dropback.tracking._roles import infer_target
from dropback.tracking._storage import read_plays_table
from dropback.tracking.readers import FORMATS
from dropback.tracking.readers._plays import read_plays
from dropback.tracking.readers._tables import read_recorded
from dropback.tracking.tensors._features import eligible_slots

# To read all sets takes a quarter of a minute; test_real_sample.py reads the smallest.
pytestmark = pytest.mark.slow

SEASONS = (2015, 2017, 2018, 2019, 2021)


def with_recorded(plays, play_by_play):
    """Plays with the result, yards and players that nflverse records, where it has them."""
    result = (
        pl.when(sack=1).then(pl.lit("S")).when(qb_scramble=1).then(pl.lit("R"))
        .when(interception=1).then(pl.lit("IN")).when(complete_pass=1).then(pl.lit("C"))
        .when(incomplete_pass=1).then(pl.lit("I"))
    )  # fmt: skip
    recorded = play_by_play.select(
        game_id=pl.col("old_game_id").cast(pl.Int64),
        play_id=pl.col("play_id").cast(pl.Int64),
        recorded_result=result,
        recorded_yards=pl.col("yards_gained").cast(pl.Int32),
        passer_gsis_id="passer_player_id",
        receiver_gsis_id="receiver_player_id",
    )
    return plays.join(recorded, on=["game_id", "play_id"], how="left", maintain_order="left")


def disagreements(plays):
    """Plays with an outcome of their own whose result, or yards of a completion, is another."""
    own = plays.filter(pl.col("pass_result").is_not_null())
    result = pl.col("pass_result").cast(pl.String).ne_missing(pl.col("recorded_result"))
    yards = (pl.col("pass_result") == "C") & pl.col("yards_gained").ne_missing(
        pl.col("recorded_yards")
    )
    return own.filter(result | yards).select("game_id", "play_id").rows()


@pytest.fixture(scope="module")
def ingested(data_dir, tmp_path_factory):
    # Each test worker has a folder of its own in the run's: the first to come reads the sets into
    # the run's, the others find every file finished there.
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "real_tracking"
    with FileLock(shared / "real_tracking.lock"):
        return ingest(data_dir / "tracking", folder), folder


@pytest.fixture(scope="module")
def report(ingested):
    return ingested[0]


@pytest.fixture(scope="module")
def folder(ingested):
    return ingested[1]


@pytest.fixture(scope="module")
def blocks(data_dir):
    folder = data_dir / "tracking"
    return {
        "bdb_2023": read_tracking(folder / "bdb_2023_sample")[0],
        "ngs_highlights": read_tracking(folder / "ngs_highlights/tracking.parquet")[0],
    }


@pytest.fixture(scope="module")
def highlights(blocks):
    """Their blocks as one."""
    found = blocks["ngs_highlights"]
    lengths = np.concatenate([np.diff(block.offsets) for block in found])
    return PlayBlock(
        pl.concat(block.plays for block in found),
        pl.concat(block.players for block in found),
        np.concatenate([block.frames for block in found]),
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate([block.arrival_xy for block in found]),
    )


@pytest.fixture(scope="module")
def play_by_play(data_dir):
    return pl.concat(
        pl.read_parquet(data_dir / f"pbp/play_by_play_{season}.parquet") for season in SEASONS
    )


@pytest.fixture(scope="module")
def joined(folder, play_by_play):
    return with_recorded(read_plays_table(folder), play_by_play)


@pytest.fixture(scope="module")
def tensors(folder, tmp_path_factory):
    return build_tensors(folder, tmp_path_factory.mktemp("real") / "tensors")[0]


@pytest.fixture(scope="module")
def checks(report):
    return {
        (file.source_format, check.name, check.season): check
        for file in report.files
        if "/raw/" not in file.source_file
        for check in file.checks
    }


@pytest.mark.parametrize(
    ("layout", "read", "kept"),
    [
        ("bdb_2019", 177, 78),
        ("bdb_2023", 7, 7),
        ("hackathon_2015", 320, 149),
        ("ngs_highlights", 404 + 10, 303),
    ],
)
def test_plays_read_and_kept_by_layout(layout, read, kept, report):
    row = report.counts().row(by_predicate=pl.col("format") == layout, named=True)
    assert (row["read"], row["kept"]) == (read, kept)


def test_every_play_left_out_has_a_reason(report):
    reasons = dict(report.left_out.group_by("reason").len().iter_rows())
    assert reasons == {
        "not a dropback": 363,
        "play in an earlier file": 8,
        "no release": 8,
        "frames missing": 1,
        "ball away from the center at the snap": 1,
        # The raw feed of one play: a layout that no reader knows yet.
        "file not read": 1,
    }
    del reasons["file not read"]
    assert report.plays_read - report.plays_kept == sum(reasons.values())


def test_the_empty_rows_of_2017s_game_are_counted(report):
    (file,) = [file for file in report.files if file.source_format == "bdb_2019"]
    assert file.unreadable_rows == 27


@pytest.mark.parametrize(
    ("layout", "season", "median_error_deg"),
    [("bdb_2019", 2017, 5.0), ("bdb_2023", 2021, 1.0), ("ngs_highlights", 2018, 1.5),
     ("ngs_highlights", 2019, 1.5)],
)  # fmt: skip
def test_direction_is_compass_degrees(layout, season, median_error_deg, checks):
    check = checks[layout, "direction", season]
    assert check.decision == "ok"
    assert check.measured < median_error_deg


def test_only_the_orientation_of_2017_and_clocks_are_corrected(checks):
    corrected = {key for key, check in checks.items() if check.decision == "corrected"}
    clocks = {(name, "tracks put on one clock", 0) for name in ("bdb_2019", "ngs_highlights")}
    assert corrected == {("ngs_highlights", "orientation", 2017), *clocks}
    # The balls of plays 160 and 210.
    assert checks["bdb_2019", "tracks put on one clock", 0].measured == 2
    assert checks["ngs_highlights", "orientation", 2017].measured > 80


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2023", "hackathon_2015", "ngs_highlights"])
def test_speed_agrees_with_displacement(layout, checks):
    assert checks[layout, "speed against displacement", 0].measured == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("layout", ["bdb_2023", "hackathon_2015", "ngs_highlights"])
def test_the_yard_line_is_in_raw_x(layout, checks):
    check = checks[layout, "yard line in raw x", 0]
    assert (check.decision, check.measured < 1.1) == ("ok", True)


def test_the_offense_faces_downfield_in_every_season_with_an_orientation(folder):
    plays = read_plays_table(folder).filter(~pl.col("lacks").list.contains("orientation"))
    frames = pl.scan_parquet(folder / "frames/season=*/*.parquet").filter(
        pl.col("frame") == 0, pl.col("slot") < 11
    ).collect().join(plays, on=["game_id", "play_id"])  # fmt: skip
    means = frames.group_by("season").agg(
        pl.col("orientation_deg").radians().sin().mean().alias("sine"),
        pl.col("orientation_deg").radians().cos().mean().alias("cosine"),
    )
    assert sorted(means["season"]) == [2017, 2018, 2019, 2021]
    angles = np.rad2deg(np.arctan2(means["sine"], means["cosine"]))
    np.testing.assert_allclose(angles, 90, atol=6)


def table_of_plays(layout, folder):
    layout = FORMATS[layout] if isinstance(layout, str) else layout
    found = read_plays(layout, folder, read_recorded(layout, folder).plays)
    assert found.lacking == ()
    return found.plays, found.notes


def test_every_hackathon_pass_play_has_the_outcome_of_play_by_play(data_dir, play_by_play):
    plays, _ = table_of_plays("hackathon_2015", data_dir / "tracking/hackathon_2015")
    passes = plays.filter(pl.col("pass_result").is_not_null()).with_columns(
        pl.col("yards_gained").cast(pl.Int32)
    )
    counts = dict(passes.group_by("pass_result").len().iter_rows())
    assert counts == {"C": 77, "I": 68, "IN": 3, "S": 9}
    joined = with_recorded(passes, play_by_play)
    assert disagreements(joined) == []


def test_every_kept_play_is_in_play_by_play_and_differs_only_by_two_penalties(joined):
    assert joined["recorded_result"].null_count() == 0
    # 2019's PlayResult has penalty yards in it and there is no column without them.
    assert disagreements(joined) == [
        (2017090700, 2613),
        (2017090700, 3222),
    ]


@pytest.mark.parametrize(
    ("slot", "recorded", "cases"),
    [("passer_slot", "passer_gsis_id", 303), ("target_slot", "receiver_gsis_id", 296)],
)
def test_passer_and_target_of_highlights_are_those_of_play_by_play(
    slot, recorded, cases, folder, joined
):
    plays = joined.filter(
        pl.col("source_format") == "ngs_highlights", pl.col(recorded).is_not_null()
    )
    players = pl.read_parquet(folder / "players/season=*/*.parquet").select(
        "game_id", "play_id", "gsis_id", pl.col("slot").cast(pl.Int8)
    )
    found = plays.join(
        players, left_on=["game_id", "play_id", slot], right_on=["game_id", "play_id", "slot"]
    )
    assert plays.height == found.height == cases
    assert (found["gsis_id"] == found[recorded]).all()


def test_the_ball_alone_names_nineteen_targets_in_twenty(blocks):
    found = blocks["ngs_highlights"]
    by_ball = np.concatenate([infer_target(b.arrival_xy, eligible_slots(b)) for b in found])
    named = pl.concat(b.plays["target_slot"] for b in found).fill_null(-1).to_numpy()
    both = (by_ball >= 0) & (named >= 0)
    assert both.sum() > 250
    assert (by_ball[both] == named[both]).mean() > 0.95


def test_alignment_alone_names_the_passer(data_dir, monkeypatch):
    layout = FORMATS["hackathon_2015"]
    blind = replace(
        layout, plays={name: column for name, column in layout.plays.items() if name != "passer_id"}
    )
    monkeypatch.setitem(FORMATS, "hackathon_2015", blind)
    folder = data_dir / "tracking/hackathon_2015"
    games, _ = read_tracking(folder, layout="hackathon_2015")
    given, _ = table_of_plays(layout, folder)
    inferred = pl.concat(block.players.filter(role="passer") for block in games)
    joined = inferred.join(given, on=["game_id", "play_id"])
    assert joined.height == 149
    assert (joined["player_id"] == joined["passer_id"]).mean() >= 0.99


def test_inferred_rushers_are_near_the_charted_number(data_dir):
    folder = data_dir / "tracking/bdb_2019"
    game, _ = read_tracking(folder)
    charted = table_of_plays("bdb_2019", folder)[0].select("game_id", "play_id", "pass_rushers")
    rushers = pl.concat(block.players for block in game).group_by("game_id", "play_id").agg(
        found=(pl.col("role") == "rusher").sum().cast(pl.Int32)
    )  # fmt: skip
    joined = rushers.join(charted, on=["game_id", "play_id"]).drop_nulls()
    error = (joined["found"] - joined["pass_rushers"]).abs()
    assert joined.height >= 70
    assert error.mean() < 0.5


@pytest.mark.parametrize(
    ("layout", "speed_mae", "median_angle"),
    [("bdb_2023", 0.13, 1.2), ("ngs_highlights", 0.14, 1.5)],
)
def test_derived_motion_is_near_the_leagues_own(layout, speed_mae, median_angle, blocks):
    errors, angles = [], []
    for block in blocks[layout]:
        given = block.frames[:, :22].copy()
        blind = given.copy()
        blind[..., 2:5] = np.nan
        derive_motion(blind, block.frame_in_play, (2, 3, 4))
        errors.append((blind[..., 2] - given[..., 2])[block.frame_in_play >= 4].ravel())
        fast = (given[..., 2] > 1) & (block.frame_in_play >= 4)[:, None]
        angle = (blind[..., 4] - given[..., 4] + 180) % 360 - 180
        angles.append(np.abs(angle[fast]))
    assert np.abs(np.concatenate(errors)).mean() < speed_mae
    assert np.median(np.concatenate(angles)) < median_angle


def test_derived_acceleration_is_only_a_rough_one(blocks):
    sample = blocks["bdb_2023"]
    given = np.concatenate([block.frames[:, :22, 3].ravel() for block in sample])
    derived = []
    for block in sample:
        blind = block.frames[:, :22].copy()
        blind[..., 3] = np.nan
        derive_motion(blind, block.frame_in_play, (3,))
        derived.append(blind[..., 3].ravel())
    error = np.abs(np.concatenate(derived) - given)
    # The mean is 2 yards/s2: docs/reference/tracking.md warns of it.
    assert 0.5 < error.mean() < 1.2


def test_tensors_of_all_real_plays_are_complete_where_the_sets_are(tensors):
    assert len(tensors) == 537
    assert tensors.offsets[-1] == tensors.plays["frames"].sum() == tensors.players.shape[0]
    assert np.isfinite(tensors.players[..., :7]).all()
    assert tensors.schema["lacks"] == ["acceleration", "ball", "direction", "orientation"]
    (selection,) = tensors.schema["selection"]
    assert selection.startswith("a highlight reel, not a sample")


@pytest.mark.parametrize(
    ("layout", "seasons", "kept", "left_out"),
    [
        ("hackathon_2015", [2015], 145, {"sack": 3, "spike": 1}),
        (
            "bdb_2019",
            [2017],
            70,
            {"sack": 5, "not a pass play": 2, "no receiver (thrown away, batted)": 1},
        ),
        ("ngs_highlights", [2017, 2018, 2019], 296, {"sack": 7}),
    ],
)
def test_tracked_plays_are_selected_by_play_by_play(
    layout, seasons, kept, left_out, tensors, data_dir
):
    plays = tensors.plays.filter(source_format=layout)
    recorded = read_play_by_play(data_dir / "pbp", seasons=seasons)
    joined = select_tracked(plays, play_by_play=recorded, games="all")
    assert len(joined.plays) == kept
    assert dict(joined.left_out.iter_rows()) == left_out
    everything = len(select_plays(recorded, games="all").plays)
    assert len(joined.untracked) == everything - kept


def test_yards_of_a_set_of_its_own_are_those_of_play_by_play(tensors, data_dir):
    plays = tensors.plays.filter(pl.col("source_format").is_in(["hackathon_2015", "bdb_2019"]))
    recorded = read_play_by_play(data_dir / "pbp", seasons=[2015, 2017])
    joined = select_tracked(plays, play_by_play=recorded)
    # The score stands in no table of 2015's games.
    assert dict(select_tracked(plays).left_out.iter_rows()) == {
        "situation not recorded (score_differential)": 145,
        "sack": 8,
        "scramble": 2,
        "no target (thrown away, batted)": 1,
        "spike": 1,
    }
    own = select_tracked(plays.with_columns(pl.col("score_differential").fill_null(0)))
    assert dict(own.left_out.iter_rows())["interception whose return is unknown"] == 3
    both = own.plays.join(joined.plays, on=["old_game_id", "play_id"], suffix="_recorded")
    assert both.height == len(own.plays) == 212
    same = ("yards_max", "week", "season_type", "half_seconds_remaining", "goal_to_go")
    for name in same:
        assert (both[name] == both[f"{name}_recorded"]).all(), name
    # 2019's PlayResult has penalty yards in it and there is no column without them.
    differ = both.filter(pl.col("yards") != pl.col("yards_recorded"))
    assert differ["play_id"].to_list() == [2613, 3222]


def test_highlights_have_no_outcome_of_their_own(tensors):
    with pytest.raises(TrackingError, match="result unknown: 296"):
        select_tracked(tensors.plays.filter(source_format="ngs_highlights"), games="all")


@pytest.mark.parametrize(
    ("layout", "nullified", "attempts"), [("bdb_2023", 489, 436), ("bdb_2024", 337, None)]
)
def test_nullified_plays_are_those_that_the_description_or_the_flag_names(
    layout, nullified, attempts, data_dir
):
    """2023 has no flag; 2024's flag and its descriptions name the same plays."""
    plays, _ = table_of_plays(layout, data_dir / f"tracking/{layout}_tables")
    found = plays.filter("nullified")
    assert found.height == nullified
    assert plays["nullified"].null_count() == 0
    if attempts is not None:
        assert found["pass_result"].is_in(["C", "I", "IN"]).sum() == attempts
    flagless = replace(
        FORMATS[layout],
        plays={name: c for name, c in FORMATS[layout].plays.items() if name != "nullified"},
    )
    blind, _ = table_of_plays(flagless, data_dir / f"tracking/{layout}_tables")
    assert blind["nullified"].equals(plays["nullified"])


@pytest.mark.parametrize(
    ("layout", "kept", "flags"),
    [
        ("bdb_2023", 7, {}),
        # The ball is 1.8 s behind on two plays, as its stamps say. 3528 is a scramble with an
        # illegal pass at its end.
        ("bdb_2019", 78, {"ball far from the passer at the release": 1,
                          "tracks put on one clock": 2,
                          "a result unlike the events": 1}),
        # Two players of 2015112907/3461 and of 2015121304/3371 stand still in the air for .8 s; two
        # of the three with somebody across the line are among the twelve late snaps.
        ("hackathon_2015", 149, {"players move before the snap": 12, "repeated events": 4,
                                 "a track unlike its recorded speeds": 2,
                                 "players on the other side of the line at the snap": 3}),
        # Eight players of 2018102107/163 do for .4 s. All orientations of 2018112508/2449 are 90
        # degrees too low. In 2019122100/4240 the passer has the ball for .5 s after the
        # release.
        ("ngs_highlights", 303,
         {"players who face away from the other side at the snap": 1,
          "tracks put on one clock": 9, "repeated events": 1, "a step that no player can run": 1,
          "ball far from the passer at the release": 1, "a track unlike its recorded speeds": 1,
          "ball with the passer after the release": 1}),
    ],
)  # fmt: skip
def test_few_real_plays_are_flagged_and_none_beyond_those_known(layout, kept, flags, folder):
    plays = read_plays_table(folder).filter(source_format=layout)
    assert plays.height == kept
    counts = plays["flags"].explode().drop_nulls().value_counts()
    assert dict(counts.iter_rows()) == flags


def test_balls_of_2017_are_put_where_their_whole_seconds_begin(folder):
    # In play 160 the stamps of the players' frame 15, the snap's, are those of the ball's frame 33.
    plays = read_plays_table(folder).filter(game_id=2017090700)
    found = plays.filter(pl.col("corrections").list.len() > 0)
    assert dict(
        found.select("play_id", pl.col("corrections").list.join("; ")).rows()
    ) == dict.fromkeys(
        (160, 210), "clock: frames shifted to the other tracks' whole seconds, ball by -18"
    )
    # Read by frame number the ball starts 18.5 and 16.5 frames after the snap.
    assert found["ball_off_frames"].to_list() == [0.0, 0.0]


def at(block, game, play):
    key = (pl.col("game_id") == game) & (pl.col("play_id") == play)
    index = int(block.plays.select(pl.arg_where(key)).to_series()[0])
    return index, block.plays.row(index, named=True)


@pytest.mark.parametrize(
    ("game", "play", "snap", "release", "shift", "depth"),
    [
        # By frame number -6.6; by time 31.4, charted 32.
        (2019090900, 4163, 103, 132, -18, 31.4),
        # By frame number 8.5; by time 38.6, charted 41.
        (2019090809, 3591, 55, 95, -18, 38.6),
        (2019120801, 3526, 67, 98, -109, None),
        (2018111900, 137, 33, 51, -18, None),
        # The players were taken 9.6 s before the snap, in the huddle.
        (2019120812, 946, 238, 271, 96, None),
    ],
)
def test_a_highlight_of_two_clocks_is_put_on_the_players_clock(
    game, play, snap, release, shift, depth, highlights
):
    index, row = at(highlights, game, play)
    assert row["snap_frame"] == snap
    assert row["snap_frame"] + row["frames"] - 1 == release
    assert f"ball by {shift}" in row["corrections"][-1]
    assert row["flags"] == ["tracks put on one clock"]
    assert row["ball_to_passer_yd"] < 5.2
    assert row["ball_to_center_yd"] < 1.6
    assert row["speed_before_snap_yd_per_s"] < 0.5
    assert row["speed_after_snap_yd_per_s"] > 1.0
    if depth is not None:
        arrived = highlights.arrival_xy[index, 22, 0] - row["line_of_scrimmage_x_yd"]
        assert arrived == pytest.approx(depth, abs=0.3)


def test_nine_dropbacks_among_the_highlights_are_of_two_clocks(highlights):
    shifted = highlights.plays.filter(pl.col("flags").list.contains("tracks put on one clock"))
    assert shifted.height == 9
    assert shifted["ball_to_passer_yd"].max() < 5.2


@pytest.mark.parametrize(
    ("game", "play", "snap", "release"),
    [
        (2015121304, 4043, 29, 49),  # nobody moves after the snap at 4
        (2015121304, 1260, 29, 59),  # the passer still drops back at the throw at 37
        (2015112907, 3715, 29, 55),  # and at the one at 44
    ],
)
def test_of_repeated_events_of_unselected_games_the_players_tell_the_right_one(
    game, play, snap, release, folder
):
    row = read_plays_table(folder).row(
        by_predicate=(pl.col("game_id") == game) & (pl.col("play_id") == play), named=True
    )
    assert (row["snap_frame"], row["snap_frame"] + row["frames"] - 1) == (snap, release)
    assert row["repeated_events"] == 1
    assert "repeated events" in row["flags"]


def test_a_backward_pass_before_the_named_passers_throw_is_no_release(highlights):
    _, row = at(highlights, 2018110410, 3640)
    assert (row["snap_frame"], row["snap_frame"] + row["frames"] - 1) == (44, 81)
    assert row["flags"] == ["repeated events"]
    assert row["ball_to_passer_yd"] < 5.2


@pytest.mark.parametrize(
    ("folder", "layout", "plays"),
    [
        ("bdb_2019", "bdb_2019", 14_193),
        ("bdb_2023_tables", "bdb_2023", 8_557),
        ("bdb_2024_tables", "bdb_2024", 12_486),
    ],
)
def test_no_cell_of_the_real_tables_of_plays_is_unread(data_dir, folder, layout, plays):
    # 2023's pressure is in a table of its own, which is not there.
    table, notes = table_of_plays(layout, data_dir / "tracking" / folder)
    assert notes == ()
    assert table.height == plays
    assert table["unread"].list.len().sum() == 0
    assert table["in_games"].all()
    stranger = (pl.col("offense") != pl.col("home_team")) & (
        pl.col("offense") != pl.col("away_team")
    )
    assert table.filter(stranger).is_empty()
    assert table["offense_label"].null_count() == 0
