"""Whether a play is plausible: measures worked by hand, what is set aside and what is flagged."""

import polars as pl
import pytest

from dropback.tracking import build_tensors, ingest, read_tracking, select_tracked
from dropback.tracking._storage import read_plays_table
from dropback.tracking.ingest._quality import LIMITS
from examples.tracking_sets import MadePlay, made_set

BALL = pl.col("nflId").is_null()


def read(folder, change=lambda rows: rows, layout="bdb_2025", **play):
    made = MadePlay(**play)
    return read_tracking(made_set(layout, made, rows=change(made.rows())).write(folder))


def test_measures_of_a_made_play_are_those_worked_by_hand(tmp_path):
    (block,), _ = read(tmp_path)
    row = block.plays.row(0, named=True)
    assert row["ball_to_center_yd"] == pytest.approx(1.0)  # the center a yard behind the ball
    assert row["ball_to_passer_yd"] == pytest.approx(0.0)
    assert row["rate_hz"] == pytest.approx(10.0)
    assert row["speed_before_snap_yd_per_s"] == 0.0
    # Of 22 speeds, .5 five times, 1.5, 2.0 four times, then seven backs at the hypotenuse of
    # 3 and .4 yards a second, which hold the middle.
    assert row["speed_after_snap_yd_per_s"] == pytest.approx(3.0265, abs=0.02)
    # Receivers run 6 yards a second downfield and at most 1 across.
    assert row["fastest_step_yd_per_s"] == pytest.approx(6.083, abs=0.1)
    assert row["speed_error_yd_per_s"] < 0.05
    assert (row["repeated_events"], row["flags"]) == (0, [])


def where(condition, **columns):
    return lambda rows: rows.with_columns(
        pl.when(condition).then(value).otherwise(pl.col(name)).alias(name)
        for name, value in columns.items()
    )


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        # A second ball on the sideline, as in the highlight 2018121700/610.
        (where(BALL, x=44.0, y=-1.8), "ball away from the center at the snap", "5.8, .* at most 3"),
        (where(BALL & (pl.col("frameId") == 26), x=60.0),
         "ball away from the passer at the release", "23.0, must be at most 10"),
    ],
    ids=["spare ball", "ball gone"],
)  # fmt: skip
def test_a_play_that_contradicts_itself_is_set_aside(change, reason, detail, tmp_path):
    blocks, report = read(tmp_path, change)
    assert blocks == []
    row = report.left_out.row(0, named=True)
    assert row["reason"] == reason
    assert pl.Series([row["detail"]]).str.contains(detail).all()
    failed = {check.name for check in report.files[0].checks if "set aside" in check.evidence}
    assert next(limit.name for limit in LIMITS if limit.reason == reason) in failed


def teleported(rows):
    here = (pl.col("nflId") == 30012) & (pl.col("frameId") >= 15)
    return where(here, x=pl.col("x") + 5)(rows)


def motionless(rows):
    return where(~BALL, x=pl.col("x").first().over("nflId"), y=pl.col("y").first().over("nflId"),
                 s=0.0)(rows)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "play", "flag"),
    [
        (teleported, {}, "a step that no player can run"),
        (motionless, {}, "players stand after the snap"),
        (where(~BALL, s=pl.col("s") + 2), {}, "recorded speeds unlike displacements"),
        # Players start at frame 6, the snap is charted a second later.
        (where(BALL, x=43.0), {"events": {16: "ball_snap", 26: "pass_forward"}},
         "players move before the snap"),
        # 8 yards behind the line, where the ball still lies.
        (where(BALL, x=45.0, y=26.0), {}, "ball far from the passer at the release"),
        (where(pl.lit(value=True), playDirection=pl.lit("left")), {},
         "direction against the sides"),
    ],
    ids=["step", "still", "speed", "late snap", "late throw", "direction"],
)  # fmt: skip
def test_an_unusual_play_is_kept_and_flagged(change, play, flag, tmp_path):
    (block,), report = read(tmp_path, change, **play)
    assert flag in block.plays["flags"][0].to_list()
    names = {limit.reason: limit.name for limit in LIMITS}
    decisions = {check.name: check.decision for check in report.files[0].checks}
    assert decisions[names.get(flag, flag)] in ("flagged", "corrected")


def test_sets_without_a_ball_or_stamps_measure_what_they_can(tmp_path):
    (block,), report = read(tmp_path, layout="bdb_2026")
    row = block.plays.row(0, named=True)
    assert row["ball_to_passer_yd"] is row["ball_to_center_yd"] is row["rate_hz"] is None
    assert row["fastest_step_yd_per_s"] == pytest.approx(6.083, abs=0.1)
    decisions = {check.name: check.decision for check in report.files[0].checks}
    assert decisions["ball at the passer at the release"] == "not measurable"


def test_a_set_without_linemen_has_no_center(tmp_path):
    (block,), _ = read(tmp_path, layout="bdb_2021")
    assert block.plays["ball_to_center_yd"].to_list() == [None]


def test_measures_are_stored_with_the_plays(tmp_path):
    source = made_set("bdb_2025").write(tmp_path / "source")
    ingest(source, tmp_path / "plays")
    stored = read_plays_table(tmp_path / "plays").row(0, named=True)
    assert stored["ball_to_center_yd"] == pytest.approx(1.0)
    assert stored["flags"] == []


NO_PLAY = (
    "(9:12) A.Player0 pass short left to A.Player6. PENALTY on KC, Holding, 10 yards - No Play."
)


@pytest.mark.parametrize(
    ("layout", "table", "nullified", "decision"),
    [
        ("bdb_2023", {}, False, "ok"),
        ("bdb_2023", {"playDescription": NO_PLAY}, True, "ok"),
        ("bdb_2021", {"playDescription": NO_PLAY}, True, "ok"),
        # Where there is a flag it says so.
        ("bdb_2025", {"playDescription": NO_PLAY, "playNullifiedByPenalty": "N"}, False, "ok"),
        ("bdb_2025", {"playNullifiedByPenalty": "Y"}, True, "ok"),
        # Neither: the rule cannot be applied, and the check says so.
        ("bdb_2023", {"playDescription": None}, None, "not measurable"),
    ],
)
def test_a_nullified_play_is_known_by_flag_or_description(
    layout, table, nullified, decision, tmp_path
):
    source = made_set(layout).change("plays.csv", **{k: pl.lit(v) for k, v in table.items()})
    (block,), report = read_tracking(source.write(tmp_path))
    assert block.plays["nullified"].to_list() == [nullified]
    assert {c.name: c.decision for c in report.files[0].checks}["nullified plays"] == decision


@pytest.mark.parametrize(
    ("description", "result", "reason"),
    [
        (NO_PLAY, "C", "nullified by a penalty"),
        (NO_PLAY.upper(), "C", "nullified by a penalty"),
        ("(:05) A.Player0 spiked the ball to stop the clock.", "I", "spike"),
        ("Two-point conversion attempt. A.Player0 pass is incomplete.", "I", "two-point try"),
        ("TWO-POINT CONVERSION ATTEMPT. A.Player0 pass to A.Player6 is complete.", "C",
         "two-point try"),
    ],
)  # fmt: skip
def test_what_the_description_says_is_no_attempt_in_any_layout(
    description, result, reason, tmp_path
):
    source = made_set("bdb_2023").change(
        "plays.csv", playDescription=pl.lit(description), passResult=pl.lit(result)
    )
    ok = made_set("bdb_2023", MadePlay(game=2022091101)).write(tmp_path / "ok")
    tensors, _ = build_tensors(ok, tmp_path / "whole")
    spoiled, _ = build_tensors(source.write(tmp_path / "spoiled"), tmp_path / "other")
    both = pl.concat([tensors.plays, spoiled.plays])
    assert select_tracked(both).left_out.rows() == [(reason, 1)]


WHO = "player 30007 (Al Player7)"
TRACKS = {
    # Receiver 30007 runs 6 yards a second for two seconds, at 48 + .5 (7 - 8) * t.
    "stands": ({"x": pl.lit(44.0), "y": pl.lit(48.0)}, "a track unlike its recorded speeds"),
    "three times as far": (
        {"x": 44 + 3 * (pl.col("x") - 44), "y": 48 + 3 * (pl.col("y") - 48)},
        "a track unlike its recorded speeds",
    ),
    "mirrored": ({"x": 120 - pl.col("x")}, "a track against its recorded directions"),
}


SINCE_2018 = {
    # Back 30009 runs 6 yards a second downfield, receiver 30007 half a yard across as well.
    "half the speed": ({"s": pl.col("s") / 2}, "a track unlike its recorded speeds"),
    "twice the speed": ({"s": pl.col("s") * 2}, "a track unlike its recorded speeds"),
    "a quarter more speed": ({"s": pl.col("s") * 1.25}, "a track unlike its recorded speeds"),
    "a quarter less speed": ({"s": pl.col("s") * 0.75}, "a track unlike its recorded speeds"),
    "frozen for half a second": (
        {name: pl.when(pl.col("frameId").is_between(12, 16))
         .then(pl.col(name).filter(pl.col("frameId") == 12).first().over("playId", "nflId"))
         .otherwise(name) for name in ("x", "y")},
        "a track unlike its recorded speeds",
    ),
    "a tenth of the acceleration": (
        {"a": pl.col("a") / 10}, "a track unlike its recorded accelerations",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "case"),
    [*((layout, case) for layout in ("bdb_2019", "bdb_2025") for case in TRACKS),
     *(("bdb_2025", case) for case in SINCE_2018)],
)  # fmt: skip
def test_one_bad_track_of_a_good_play_is_flagged_by_player(layout, case, tmp_path):
    columns, flag = (TRACKS | SINCE_2018)[case]
    plays = [MadePlay(play=1), MadePlay(play=2), MadePlay(play=3)]
    rows = pl.concat(play.rows() for play in plays)
    of_player = (pl.col("playId") == 2) & (pl.col("nflId") == 30007)
    changed = [pl.when(of_player).then(e).otherwise(pl.col(c)).alias(c) for c, e in columns.items()]
    source = made_set(layout, *plays, rows=rows.with_columns(changed))
    _, report = read_tracking(source.write(tmp_path))
    details = dict(report.flagged.select("play_id", "details").rows())
    flags = dict(report.flagged.select("play_id", "flags").rows())
    assert set(flags) == {2}
    assert flag in flags[2].split("; ")
    assert WHO in details[2]
    assert "x and y in different units" not in flags[2]


@pytest.mark.parametrize(
    ("column", "scale", "said"),
    [
        ("s", 2, "a track unlike its recorded speeds: {}: 0.5 times as far as its speeds"),
        # The player gathers 6 yards a second within a frame.
        ("a", 3.3, "a track unlike its recorded accelerations: {}: 3.3 times its changes"),
    ],
)
def test_the_ratio_of_a_track_stands_beside_its_player(column, scale, said, tmp_path):
    plays = [MadePlay(play=1), MadePlay(play=2)]
    rows = pl.concat(play.rows() for play in plays)
    of_player = (pl.col("playId") == 2) & (pl.col("nflId") == 30007)
    changed = pl.when(of_player).then(scale * pl.col(column)).otherwise(column).alias(column)
    source = made_set("bdb_2025", *plays, rows=rows.with_columns(changed))
    _, report = read_tracking(source.write(tmp_path))
    ((_, play, flags, details),) = report.flagged.rows()
    assert play == 2
    flag, _, rest = said.partition(": ")
    assert flag in flags.split("; ")
    assert rest.format(WHO) in details


def test_many_bad_tracks_are_counted(tmp_path):
    rows = (
        MadePlay()
        .rows()
        .with_columns(
            dir=pl.when(pl.col("nflId") > 30005).then((pl.col("dir") + 180) % 360).otherwise("dir")
        )
    )
    fine = [MadePlay(play=number) for number in range(1, 6)]
    rows = pl.concat([rows, *(play.rows() for play in fine)])
    source = made_set("bdb_2025", MadePlay(), *fine, rows=rows)
    _, report = read_tracking(source.write(tmp_path))
    ((_, _, flag, detail),) = report.flagged.rows()
    assert flag == "a track against its recorded directions"
    assert detail.startswith("player 300")
    assert (detail.count("player "), detail[-12:]) == (3, " and 13 more")


# What a whole play has wrong: its columns, and the flag.
PLAYS = {
    "turned directions": ({"dir": (pl.col("dir") + 180) % 360},
                          "a play against its recorded directions"),
    "turned orientations": ({"o": (pl.col("o") + 180) % 360},
                            "players who face away from the other side at the snap"),
    "orientations a quarter to the right": (
        {"o": (pl.col("o") + 90) % 360}, "players who face away from the other side at the snap"
    ),
    "orientations a quarter to the left": (
        {"o": (pl.col("o") + 270) % 360}, "players who face away from the other side at the snap"
    ),
    "half the speeds": ({"s": pl.col("s") / 2}, "speeds out of proportion to displacements"),
    "twice the speeds": ({"s": pl.col("s") * 2}, "speeds out of proportion to displacements"),
    "three times the accelerations": ({"a": pl.col("a") * 3},
                                      "accelerations out of proportion to speeds"),
    "no accelerations": ({"a": pl.lit(0.0)}, "accelerations out of proportion to speeds"),
}  # fmt: skip


@pytest.mark.parametrize("case", PLAYS)
@pytest.mark.parametrize("layout", ["bdb_2023", "bdb_2026"])
def test_a_play_whose_motion_is_not_its_recorded_one_is_flagged(layout, case, tmp_path):
    columns, flag = PLAYS[case]
    plays = [MadePlay(play=number) for number in (1, 2, 3, 4)]
    rows = pl.concat(play.rows() for play in plays)
    changed = [
        pl.when(pl.col("playId") == 2).then(value).otherwise(pl.col(name)).alias(name)
        for name, value in columns.items()
    ]
    source = made_set(layout, *plays, rows=rows.with_columns(changed))
    blocks, report = read_tracking(source.write(tmp_path))
    assert sum(block.plays.height for block in blocks) == 4
    flags = dict(report.flagged.select("play_id", "flags").rows())
    assert set(flags) == {2}
    assert flag in flags[2].split("; ")


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2023", "bdb_2026", "hackathon_2015"])
def test_a_play_of_which_every_second_frame_is_missing_is_flagged(layout, tmp_path):
    # But for the frames of snap and throw.
    kept = pl.col("frameId").is_in([6, 26]) | (pl.col("frameId") % 2 == 1)
    plays = [MadePlay(play=1), MadePlay(play=2)]
    rows = pl.concat([plays[0].rows(), plays[1].rows().filter(kept)])
    _, report = read_tracking(made_set(layout, *plays, rows=rows).write(tmp_path))
    ((flags, details),) = report.flagged.select("flags", "details").rows()
    assert "a track of which many positions are filled" in flags.split("; ")
    # Frames 8, 10, ... 24 of 6 to 26.
    assert "43.0 % of one player" in details


def test_a_play_of_which_every_row_is_twice_and_apart_is_set_aside(tmp_path):
    plays = [MadePlay(play=1), MadePlay(play=2)]
    first, second = (play.rows() for play in plays)
    rows = pl.concat([first, second, second.with_columns(pl.col("x") + 2)])
    blocks, report = read_tracking(made_set("bdb_2025", *plays, rows=rows).write(tmp_path))
    assert [play for block in blocks for play in block.plays["play_id"]] == [1]
    assert report.left_out.select("play_id", "reason").rows() == [(2, "more than one ball")]
