"""Places that are mirrored with their angles are told by the side that a pass is described on."""

import re

import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_flags import flags_of
from examples.tracking_sets import MadePlay, made_set

WHOLE_FILE = "left and right exchanged in the whole file"
WHOLE_GAME = "left and right exchanged in the whole game"
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


def two_games(each):
    """Passes right of the offense in two games, of which the second is mirrored with its angles."""
    games = (2022091100, 2022091101)
    plays = [MadePlay(game=game, play=n, right=n % 2 == 0) for game in games for n in range(each)]
    second = pl.col("gameId") == games[1]
    rows = pl.concat(play.rows() for play in plays).with_columns(
        pl.when(second).then(value).otherwise(name).alias(name) for name, value in MIRRORED.items()
    )
    return made_set("bdb_2025", *plays, rows=rows).change(
        "plays.csv", playDescription=pl.lit("S.Thrower pass short right to C.Catcher.")
    )


def test_a_mirrored_game_beside_a_right_one_is_told_by_name(tmp_path):
    source = two_games(4)
    checks, flagged = check_of(source, tmp_path / "few")
    assert flagged["game_id"].to_list() == [2022091101] * 4
    assert flagged["flags"].str.contains(WHOLE_GAME).all()
    said = f"{WHOLE_GAME}: 4 of 4 passes of the game arrive on the other side than described"
    assert flagged["details"].str.contains(said).all()
    assert not flagged["flags"].str.contains(WHOLE_FILE).any()
    check = checks[WHOLE_GAME]
    assert (check.decision, check.evidence) == ("wrong, not corrected", "4 of 8 plays")
    # Three passes tell nothing of the game.
    words = pl.when(pl.col("playId") == 3).then(pl.lit("")).otherwise("playDescription")
    _, flagged = check_of(source.change("plays.csv", playDescription=words), tmp_path / "fewer")
    assert not flagged["flags"].str.contains(WHOLE_GAME).any()


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


def angles_of(name, source, folder):
    (block,), report = read_tracking(source.write(folder))
    (check,) = (check for check in report.files[0].checks if check.name == name)
    return block, check, report.flagged


@pytest.mark.parametrize("part", ["offense", "defense", "game"])
def test_directions_of_some_in_another_sense_turn_no_others(part, tmp_path):
    plays = [MadePlay(game=2022091100 + number % 2, play=number) for number in range(1, 5)]
    rows = pl.concat(play.rows() for play in plays)
    some = pl.col("gameId") == 2022091100 if part == "game" else pl.col("side") == part
    turned = rows.with_columns(dir=pl.when(some).then((pl.col("dir") + 180) % 360).otherwise("dir"))
    block, check, flagged = angles_of(
        "direction", made_set("bdb_2025", *plays, rows=turned), tmp_path
    )
    assert check.decision == "wrong, not corrected"
    whose = {"offense": "180.0 of the offense, 0.0 of the defense",
             "defense": "0.0 of the offense, 180.0 of the defense",
             "game": "180.0 of game 2022091100, 0.0 of the other games"}[part]  # fmt: skip
    assert check.evidence.endswith(f"; {whose}")
    assert not any(block.plays["corrections"].to_list())
    assert flagged.height == (2 if part == "game" else 4)
    assert flagged["flags"].str.contains("against its recorded directions").all()
    if part == "offense":
        assert flagged["details"].str.contains(r"^player 300(0\d|10) ").all()


@pytest.mark.parametrize("some", ["offense", "all"])
def test_orientations_of_zero_are_no_radians(some, tmp_path):
    plays = [MadePlay(play=number) for number in (1, 2)]
    rows = pl.concat(play.rows() for play in plays)
    zero = pl.col("o").is_not_null() & ((pl.col("side") == some) | pl.lit(some == "all"))
    spoiled = rows.with_columns(o=pl.when(zero).then(0.0).otherwise("o"))
    _, check, _ = angles_of("orientation", made_set("bdb_2025", *plays, rows=spoiled), tmp_path)
    assert check.decision == "wrong, not corrected"
    assert "radians" not in check.evidence
