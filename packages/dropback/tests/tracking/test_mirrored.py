"""Places that are mirrored with their angles are told by the side that a pass is described on."""

import re

import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_flags import flags_of
from examples.tracking_sets import MadePlay, made_set

WHOLE_FILE = "left and right exchanged in the whole file"
ONE_PLAY = "a pass on the other side than described"
MIRRORED = {"y": 160 / 3 - pl.col("y"), "dir": (180 - pl.col("dir")) % 360,
            "o": (180 - pl.col("o")) % 360}  # fmt: skip


def passes(count, *, words="left", **columns):
    """Passes to the receiver at y = 4, in both directions: right of the offense, 22 yards."""
    plays = [MadePlay(play=number, right=number % 2 == 0) for number in range(count)]
    rows = pl.concat(play.rows() for play in plays).with_columns(**columns)
    return made_set("bdb_2025", *plays, rows=rows).change(
        "plays.csv", playDescription=pl.lit(f"S.Thrower pass short {words} to C.Catcher.")
    )


def check_of(source, folder):
    _, report = read_tracking(source.write(folder))
    checks = {check.name: check for check in report.files[0].checks}
    return checks, report.flagged


@pytest.mark.parametrize("angles", [True, False])
def test_a_mirrored_file_is_told_by_its_passes(angles, tmp_path):
    harm = MIRRORED if angles else {"y": MIRRORED["y"]}
    checks, flagged = check_of(passes(12, words="right", **harm), tmp_path)
    check = checks["left and right"]
    said = "places and angles are mirrored" if angles else "y is mirrored"
    assert check.decision == "wrong, not corrected"
    assert check.evidence == (
        f"12 of 12 passes arrive on the other side than described: {said} across the field"
    )
    assert flagged["flags"].str.contains(WHOLE_FILE).sum() == 12
    # The one cause is said once.
    assert checks["direction"].decision == "ok"


def test_passes_on_the_described_side_are_right(tmp_path):
    checks, flagged = check_of(passes(12, words="right"), tmp_path)
    assert checks["left and right"].decision == "ok"
    assert checks["left and right"].measured == 0
    assert flagged.is_empty()


def test_one_pass_on_the_other_side_flags_its_play(tmp_path):
    source = passes(3, words="right")
    words = pl.when(pl.col("playId") == 1).then(pl.lit("S.Thrower pass deep left to C.Catcher."))
    source.change("plays.csv", playDescription=words.otherwise("playDescription"))
    flags, details = flags_of(source, tmp_path)[1]
    assert flags == ONE_PLAY
    # At 4 + 3 * .5 yards, of 26.7.
    assert details.startswith("it arrives 2")
    assert set(flags_of(source, tmp_path)) == {1}


@pytest.mark.parametrize("side", ["offense", "defense"])
def test_orientations_of_one_side_in_another_sense_are_told(side, tmp_path):
    # Of both sides together the mean stays as it is: eleven face ahead, eleven back.
    plays = [MadePlay(play=number, right=number % 2 == 0) for number in (1, 2, 3)]
    rows = pl.concat(play.rows() for play in plays)
    turned = (pl.col("side") == side) & (pl.col("playId") == 2)
    # Not all exactly alike, as no eleven players are: on average 0 to either side.
    looking = pl.col("o") + 5 * (pl.col("nflId") % 2 * 2 - 1)
    spoiled = pl.when(turned).then(looking + 180).otherwise(looking) % 360
    flagged = flags_of(made_set("bdb_2025", *plays, rows=rows.with_columns(o=spoiled)), tmp_path)
    assert set(flagged) == {2}
    flags, details = flagged[2]
    assert "players who face away from the other side at the snap" in flags
    assert re.match(rf"the {side} by [+-](180|179) degrees on average", details)
