"""Without positions, descriptions and roles the passer is who holds the ball."""

import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_sets import MadePlay, made_set

BACK = 30009
DOUBT = "a passer who cannot be told"
NOBODY = pl.lit(None, pl.String)


def passers(folder, rows, *, positions):
    source = made_set("bdb_2023", MadePlay(), rows=rows)
    if not positions:
        source.change("players.csv", officialPosition=NOBODY)
        source.change("plays.csv", playDescription=NOBODY)
        del source.tables["pffScoutingData.csv"]
    (block,), report = read_tracking(source.write(folder))
    return block.players.filter(role_at_snap="passer")["player_id"].to_list(), report


def with_back(x, y):
    """The rows of a made play whose back stands still."""
    still = {"x": x, "y": y, "s": 0.0, "a": 0.0, "dis": 0.0}
    is_back = pl.col("nflId").eq_missing(BACK)
    return (
        MadePlay()
        .rows()
        .with_columns(
            pl.when(is_back).then(value).otherwise(name).alias(name)
            for name, value in still.items()
        )
    )


def held_by_the_back():
    """The rows with the ball where the back is, from the frame after the snap to the release."""
    held = pl.col("nflId").is_null() & pl.col("frameId").is_between(7, 26)
    return with_back(41.0, 24.0).with_columns(
        x=pl.when(held).then(41.0).otherwise("x"), y=pl.when(held).then(24.0).otherwise("y")
    )


def test_without_positions_who_holds_the_ball_is_the_passer(tmp_path):
    # With them the quarterback is, who stands behind the center.
    assert passers(tmp_path / "with", held_by_the_back(), positions=True)[0] == [30000]
    found, report = passers(tmp_path / "without", held_by_the_back(), positions=False)
    assert found == [BACK]
    assert report.flagged.is_empty()


@pytest.mark.parametrize(
    ("y", "doubts"),
    # From .5 s to 1.9 s the quarterback is 6.8 yards behind the line on average, behind its middle.
    # The back, who is 6 yards behind it, is as likely but for .8 yards and those from the middle.
    [(24.7, 0), (25.0, 1), (26.0, 1)],
)
def test_without_a_ball_two_behind_the_middle_are_a_doubt(y, doubts, tmp_path):
    rows = with_back(39.0, y).filter(pl.col("nflId").is_not_null())
    found, report = passers(tmp_path, rows, positions=False)
    assert found == [30000]
    flags = report.flagged.filter(pl.col("flags").str.contains(DOUBT))
    assert flags.height == doubts
    if doubts:
        assert "player 30000 or player 30009" in flags["details"][0]


def test_real_passers_are_told_by_the_ball_alone(data_dir, tmp_path):
    sample = data_dir / "tracking/bdb_2023_sample"
    blind = {"players": "officialPosition", "plays": "playDescription", "week1": "event"}
    for name, column in blind.items():
        table = pl.read_csv(sample / f"{name}.csv", infer_schema=False)
        gone = NOBODY if name != "week1" else pl.col(column)
        table.with_columns(gone.alias(column)).write_csv(tmp_path / f"{name}.csv")
    when = ["game_id", "play_id", "player_id"]
    told, right = (
        pl.concat(block.players for block in read_tracking(folder)[0])
        .filter(role_at_snap="passer")
        .select(when)
        for folder in (tmp_path, sample)
    )
    assert told.sort(when).equals(right.sort(when))
