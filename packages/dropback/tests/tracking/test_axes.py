"""Each axis is read in its own unit and from its own zero, and a play unlike its file is told."""

import numpy as np
import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_flags import flags_of, two_plays
from examples.tracking_sets import MadePlay, made_set

WEEK = "tracking_week_1.csv"
METERS = 0.9144
# Balls are snapped between the hash marks, 23.6 to 29.7 yards from a sideline.
ACROSS = (-2.4, 0.6, 3.7)


def twenty(*, season=2022, game=91100):
    """Plays in both directions along the field, snapped at the hash marks and between."""
    plays = [
        MadePlay(game=season * 1000000 + game, play=number, line_x=30.0 + 3 * number,
                 right=number % 2 == 0)
        for number in range(20)
    ]  # fmt: skip
    sign = {play.play: 1 if play.right else -1 for play in plays}
    rows = pl.concat(
        play.rows().with_columns(pl.col("y") + sign[play.play] * ACROSS[play.play % 3])
        for play in plays
    )
    return plays, rows


def read(source, folder):
    (block,), report = read_tracking(source.write(folder))
    return block, {check.name: check for check in report.files[0].checks}


def right_frames(layout, folder):
    plays, rows = twenty()
    return read(made_set(layout, *plays, rows=rows), folder)[0].frames


AXES = {
    "x and y in meters": {"x": METERS * pl.col("x"), "y": METERS * pl.col("y")},
    "y in meters": {"y": METERS * pl.col("y")},
    "x in meters": {"x": METERS * pl.col("x")},
    "y from the middle": {"y": pl.col("y") - 80 / 3},
    "x from the goal line": {"x": pl.col("x") - 10},
    "both from the middle": {"x": pl.col("x") - 60, "y": pl.col("y") - 80 / 3},
}
SAID = {
    "x and y in meters": ("coordinates in yards", "between the hash marks"),
    "y in meters": ("coordinates in yards", "y alone is in meters"),
    "x in meters": ("coordinates in yards", "x alone is in meters"),
    "y from the middle": ("zero of the field", "y is counted from the middle of the field"),
    "x from the goal line": ("zero of the field", "x is counted from the goal line: snaps are -10"),
    "both from the middle": ("zero of the field", "x is counted from midfield: snaps are -60"),
}


@pytest.mark.parametrize("harm", AXES)
def test_each_axis_is_corrected_by_its_own_evidence(harm, tmp_path):
    plays, rows = twenty()
    source = made_set("bdb_2025", *plays, rows=rows.with_columns(**AXES[harm]))
    block, checks = read(source, tmp_path / "harmed")
    np.testing.assert_allclose(
        block.frames, right_frames("bdb_2025", tmp_path / "right"), atol=2e-3
    )
    name, evidence = SAID[harm]
    assert checks[name].decision == "corrected"
    assert evidence in checks[name].evidence
    # The one cause is said once.
    others = {"zero of the field", "coordinates in yards", "yard line in raw x"} - {name}
    assert all(checks[other].decision == "ok" for other in others & set(checks))
    assert any(evidence in words for words in block.plays["corrections"][0])


@pytest.mark.parametrize("axis", ["x", "y"])
def test_one_axis_in_meters_is_told_without_a_yard_line(axis, tmp_path):
    # 2019's sides and numbers are taken away, and who runs does so along the field alone.
    plays, rows = twenty(season=2017)
    slant = pl.when(pl.col("s") > 2).then(0.3 * (pl.col("frameId") - 6).clip(0)).otherwise(0.0)
    sign = pl.when(pl.col("playDirection") == "right").then(1.0).otherwise(-1.0)
    east = pl.col("s") * (np.pi / 180 * pl.col("dir")).sin()
    north = pl.col("s") * (np.pi / 180 * pl.col("dir")).cos() + 3.0 * sign
    moves = (pl.col("s") > 2) & pl.col("dir").is_not_null()
    rows = rows.with_columns(
        y=pl.when(moves).then(pl.col("y") + slant * sign).otherwise("y"),
        s=pl.when(moves).then((east**2 + north**2).sqrt()).otherwise("s"),
        dir=pl.when(moves).then(pl.arctan2(east, north) * (180 / np.pi) % 360).otherwise("dir"),
    )
    right = made_set("bdb_2019", *plays, rows=rows)
    right.change("plays.csv", yardlineNumber=pl.lit(None, pl.Int64))
    whole, _ = read(right, tmp_path / "right")
    harmed = made_set("bdb_2019", *plays, rows=rows.with_columns(pl.col(axis) * METERS))
    harmed.change("plays.csv", yardlineNumber=pl.lit(None, pl.Int64))
    block, checks = read(harmed, tmp_path / "harmed")
    assert f"{axis} alone is in meters" in checks["coordinates in yards"].evidence
    np.testing.assert_allclose(block.frames[..., :2], whole.frames[..., :2], atol=2e-3)


def test_lines_by_side_tell_where_x_is_0(tmp_path):
    plays, rows = twenty(season=2017)
    source = made_set("bdb_2019", *plays, rows=rows.with_columns(x=pl.col("x") - 10))
    block, checks = read(source, tmp_path)
    assert checks["zero of the field"].decision == "corrected"
    assert block.frames[0, 22, 0] == pytest.approx(30.0, abs=0.01)


def test_a_yard_line_from_the_goal_line_is_corrected(tmp_path):
    plays, rows = twenty()
    source = made_set("bdb_2025", *plays, rows=rows)
    line = pl.col("absoluteYardlineNumber")
    block, checks = read(source.change("plays.csv", absoluteYardlineNumber=line - 10), tmp_path)
    assert "the absolute yard line is counted" in checks["zero of the field"].evidence
    assert block.plays["line_of_scrimmage_x_yd"].to_list() == [play.line_x for play in plays]


def test_y_that_is_0_nowhere_known_is_called_wrong_and_each_play_flagged(tmp_path):
    plays, rows = twenty()
    source = made_set("bdb_2025", *plays, rows=rows.with_columns(y=pl.col("y") - 4))
    _, report = read_tracking(source.write(tmp_path))
    (check,) = (c for c in report.files[0].checks if c.name == "coordinates in yards")
    assert check.decision == "wrong, not corrected"
    assert "their middle is at 22.7, must be at 26.7" in check.evidence
    flagged = report.flagged.filter(pl.col("flags").str.contains("outside the hash marks"))
    # By 4 yards: from the right hash mark of the field's own y, and not from the others.
    low = {n for n in range(20) if ACROSS[n % 3] * (-1) ** n in (-2.4, -3.7)}
    assert set(flagged["play_id"]) == low


def test_a_game_whose_own_snaps_are_between_the_marks_is_not_in_doubt(tmp_path):
    (plays, rows), (others, shifted) = twenty(), twenty(game=91101)
    rows = pl.concat([rows, shifted.with_columns(y=pl.col("y") - 4)])
    _, report = read_tracking(made_set("bdb_2025", *plays, *others, rows=rows).write(tmp_path))
    doubtful = report.flagged.filter(pl.col("flags").str.contains("y in doubt in the whole file"))
    assert doubtful["game_id"].to_list() == [2022091101] * 20


@pytest.mark.parametrize("place", [(0.0, 0.0), (58.6, -1.8)])
def test_balls_of_another_place_do_not_call_other_plays_in_doubt(place, tmp_path):
    plays, rows = twenty()
    spare = (pl.col("displayName") == "football") & (pl.col("playId") % 5 == 0)
    x, y = (pl.when(spare).then(at).otherwise(axis) for axis, at in zip("xy", place, strict=True))
    source = made_set("bdb_2025", *plays, rows=rows.with_columns(x=x, y=y))
    block, checks = read(source, tmp_path)
    assert checks["coordinates in yards"].decision == "ok"
    assert block.plays["play_id"].to_list() == [play for play in range(20) if play % 5]
    assert not [flag for flags in block.plays["flags"] for flag in flags if "in doubt" in flag]


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2025"])
@pytest.mark.parametrize("shift", [-2.0, -2.6])
def test_y_shifted_to_where_meters_would_be_is_not_corrected(shift, layout, tmp_path):
    # Snaps from 21.7 to 27.8 are between the hash marks of a field in meters; the line is in yards.
    plays, rows = twenty(season=2017 if layout == "bdb_2019" else 2022)
    source = made_set(layout, *plays, rows=rows.with_columns(y=pl.col("y") + shift))
    (block,), report = read_tracking(source.write(tmp_path))
    checks = {check.name: check for check in report.files[0].checks}
    assert checks["coordinates in yards"].decision == "wrong, not corrected"
    assert checks["speed against displacement"].decision == "ok"
    flagged = report.flagged.filter(pl.col("flags").str.contains("y in doubt in the whole file"))
    assert flagged.height == len(plays)
    right = made_set(layout, *plays, rows=rows).write(tmp_path / "right")
    ((whole,), _) = read_tracking(right)
    turned = block.frames[..., 1] - whole.frames[..., 1]
    np.testing.assert_allclose(np.abs(turned[np.isfinite(turned)]), -shift, atol=1e-3)


def test_y_by_marks_alone_is_in_meters_where_speeds_say_so_too(tmp_path):
    # No line; speeds are yards a second: displacements in meters are .914 of them.
    plays, rows = twenty()
    for name, y in (("shifted", pl.col("y") - 2), ("meters", METERS * pl.col("y"))):
        x = METERS * pl.col("x") if name == "meters" else pl.col("x")
        source = made_set("bdb_2025", *plays, rows=rows.with_columns(x=x, y=y))
        source.change(
            "plays.csv",
            absoluteYardlineNumber=pl.lit(None, pl.Int64),
            yardlineNumber=pl.lit(None, pl.Int64),
        )
        _, checks = read(source, tmp_path / name)
        decision = {"shifted": "wrong, not corrected", "meters": "corrected"}[name]
        assert checks["coordinates in yards"].decision == decision


def test_a_play_snapped_outside_the_hash_marks_is_flagged(tmp_path):
    source = two_plays("bdb_2025")
    rows = source.tracking[WEEK]
    moved = pl.when(pl.col("playId") == 1).then(pl.col("y") + 6).otherwise("y")
    source.tracking[WEEK] = rows.with_columns(y=moved)
    said = "at y = 32.0 yards, the marks at 23.6 and 29.8"
    flagged = flags_of(source, tmp_path)
    assert set(flagged) == {1}
    assert "snapped outside the hash marks" in flagged[1][0]
    assert said in flagged[1][1]


def test_a_play_in_meters_near_midfield_is_told_by_its_speeds(tmp_path):
    # From the 35 a line is 3 yards off, which a snap may be.
    plays = [MadePlay(play=1, line_x=35.0), MadePlay(play=2)]
    source = two_plays("bdb_2025", *plays)
    of_play = pl.col("playId") == 1
    source.tracking[WEEK] = source.tracking[WEEK].with_columns(
        pl.when(of_play).then(METERS * pl.col(axis)).otherwise(axis).alias(axis)
        for axis in ("x", "y")
    )
    flags, details = flags_of(source, tmp_path)[1]
    assert "speeds out of proportion to displacements" in flags
    assert "speeds: 0.9" in details


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("bdb_2019", "the set has no absolute yard line"),
        # Each row has the line, and nothing shows where the ball is snapped.
        ("bdb_2026", "the set has neither ball nor linemen, which tell where the snap is"),
    ],
)
def test_what_lacks_to_compare_snaps_with_the_line_is_named(layout, said, tmp_path):
    _, checks = read(two_plays(layout), tmp_path)
    for name in ("yard line in raw x", "coordinates in yards"):
        assert checks[name].decision == "not measurable"
        assert checks[name].evidence == said
