"""What a set records of its plays beside the frames, and how it is held against them."""

import polars as pl
import pytest

from dropback.tracking import read_tracking
from dropback.tracking.ingest._quality import checks_of_splits
from examples.tracking_sets import MadePlay, made_set


def the_play(source, folder, *columns):
    (block,), report = read_tracking(source.write(folder))
    return block.plays.select(*columns).row(0), report.files[0]


@pytest.mark.parametrize(("recorded", "error"), [(2.0, 0.0), (1.6, 0.4), (4.2, 2.2)])
def test_time_to_throw_is_held_against_the_frames(tmp_path, recorded, error):
    # Snapped at frame 6, thrown at 26: two seconds.
    source = made_set("bdb_2025").change("plays.csv", timeToThrow=pl.lit(recorded))
    columns = ("recorded_time_to_throw_s", "time_to_throw_error_s", "flags")
    (found, off, flags), _ = the_play(source, tmp_path, *columns)
    assert found == pytest.approx(recorded)
    assert off == pytest.approx(error)
    assert (flags == ["time to throw unlike the set's"]) == (error > 0.75)


@pytest.mark.parametrize(("word", "pressure"), [("TRUE", True), ("FALSE", False), (None, None)])
def test_pressure_and_route_are_read_from_the_table_of_players(tmp_path, word, pressure):
    source = made_set("bdb_2025")
    target = source.tables["player_play.csv"].with_columns(
        causedPressure=pl.lit(None, pl.String),
        routeRan=pl.lit("GO"),
        interceptionYards=pl.lit(None),
    )
    rusher = target.with_columns(
        nflId=30011, wasTargettedReceiver=0, causedPressure=pl.lit(word), routeRan=pl.lit(None)
    )
    source.tables["player_play.csv"] = pl.concat([target, rusher], how="vertical_relaxed")
    columns = ("recorded_pressure", "target_route", "interception_return_yards")
    assert the_play(source, tmp_path, *columns)[0] == (pressure, "GO", None)


@pytest.mark.parametrize(("hurry", "pressure"), [(1, True), (0, False)])
def test_scouts_pressure_and_coverage_are_read(tmp_path, hurry, pressure):
    source = made_set("bdb_2023").change(
        "plays.csv", pff_passCoverage=pl.lit("Cover-3"), pff_passCoverageType=pl.lit("Zone")
    )
    keys = source.tables["plays.csv"].select("gameId", "playId")
    source.tables["pffScoutingData.csv"] = pl.concat(
        keys.with_columns(
            nflId=pl.lit(30000 + number), pff_role=pl.lit(role), pff_hit=pl.lit(None, pl.Int64),
            pff_hurry=pl.lit(charted, pl.Int64), pff_sack=pl.lit(charted and 0, pl.Int64),
        )
        for number, role, charted in ((0, "Pass", None), (11, "Pass Rush", hurry))
    )  # fmt: skip
    columns = ("recorded_pressure", "coverage", "coverage_type")
    found, report = the_play(source, tmp_path, *columns)
    assert found == (pressure, "Cover-3", "Zone")
    check = next(c for c in report.checks if c.name == "pressure against the set's")
    assert "of 1 plays agree" in check.evidence


def charted(pressure, coverage, deep):
    return pl.DataFrame(
        {
            "recorded_pressure": [pressure] * 30 + [not pressure] * 10,
            "pressured_any_time": [True] * 40,
            "coverage": ["Cover-2"] * 20 + coverage * 20,
            "deep_defenders": [2] * 20 + deep * 20,
            "target_route": ["GO"] * 10 + [None] * 30,
            "target_slot": [7] * 20 + [None] * 20,
        }
    )


def test_what_a_set_charts_of_other_plays_is_found():
    right = {c.name: c for c in checks_of_splits(charted(True, ["Cover 3 Zone"], [1]))}
    assert right["pressure against the set's"].measured == 0.75
    assert right["coverage against the snap"].measured == 1.0
    assert right["route of the target"].evidence == "charted for 10 of 20 targets"
    assert {check.decision for check in right.values()} == {"ok"}
    wrong = {c.name: c.decision for c in checks_of_splits(charted(False, ["Cover-1"], [2]))}
    assert wrong["pressure against the set's"] == "wrong, not corrected"
    assert wrong["coverage against the snap"] == "wrong, not corrected"


def checks_of(folder):
    (file,) = read_tracking(folder)[1].files
    return {check.name: check for check in file.checks}


def test_recorded_roles_of_other_plays_are_told(tmp_path):
    source = made_set("bdb_2025")
    assert checks_of(source.write(tmp_path / "own"))["plays of the recorded roles"].decision == "ok"
    roles = source.tables["player_play.csv"]
    source.tables["player_play.csv"] = roles.with_columns(pl.col("gameId") + 1)
    check = checks_of(source.write(tmp_path / "other"))["plays of the recorded roles"]
    assert check.decision == "wrong, not corrected"
    assert check.evidence.startswith("0 of 1 plays have a player with a recorded role")
    assert "gameId and playId" in check.evidence


def test_rows_without_a_play_are_counted(tmp_path):
    folder = made_set("bdb_2025").write(tmp_path / "set")
    assert checks_of(folder)["unreadable rows"].measured == 0
    path = folder / "tracking_week_1.csv"
    lines = path.read_text().splitlines()
    lost = [line.replace(line.split(",")[0], "inf", 1) for line in lines[1:8]]
    path.write_text("\n".join([*lines, *lost]) + "\n")
    check = checks_of(folder)["unreadable rows"]
    assert (check.decision, check.measured) == ("wrong, not corrected", 7)


def thrown_away(roles_of, tmp_path):
    """A play whose ball arrives at a receiver, beside one with a recorded target."""
    source = made_set("bdb_2025", MadePlay(play=1), MadePlay(play=2))
    source.change(
        "plays.csv",
        playDescription=pl.lit("(15:00) A.Player0 pass incomplete short right."),
        passResult=pl.lit("I"),
    )
    table = source.tables["player_play.csv"].with_columns(
        pl.col("wasInitialPassRusher").cast(pl.Int64)
    )
    parts = [table.filter(playId=1), *(roles_of(table.filter(playId=2)))]
    source.tables["player_play.csv"] = pl.concat(parts, how="vertical_relaxed")
    (block,), _ = read_tracking(source.write(tmp_path))
    return block.plays.sort("play_id").select("target_slot", "target_source").rows()


def rusher(table):
    return [table.with_columns(nflId=30011, wasTargettedReceiver=0, wasInitialPassRusher=1)]


def test_a_ball_thrown_away_has_no_target_even_near_a_receiver(tmp_path):
    first, second = thrown_away(rusher, tmp_path)
    assert first[1] == "given"
    assert second == (None, None)


def test_a_play_that_the_table_of_roles_lacks_still_has_the_nearest_receiver(tmp_path):
    _, second = thrown_away(lambda _: [], tmp_path)
    assert second[1] == "inferred"
