"""Without positions the passer, the ball and the alignment tell which team has the ball."""

import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_flags import two_plays
from examples.tracking_sets import MadePlay

OTHER_TEAM = "the other team has the ball"
MUST = "possessionTeam must name the team that has the ball"


def read(source, folder):
    """Left out by play, the report's checks by name, and the plays kept."""
    blocks, report = read_tracking(source.write(folder))
    left = {play: (why, detail) for play, why, detail in
            report.left_out.select("play_id", "reason", "detail").rows()}  # fmt: skip
    checks = {check.name: check for file in report.files for check in file.checks}
    return left, checks, [play for block in blocks for play in block.plays["play_id"]]


def unnamed(source, *, ball=True):
    """The set without positions, and without a ball."""
    for file, table in (source.tracking | source.tables).items():
        for column in ("officialPosition", "PositionAbbr", "position"):
            if column in table.columns:
                source.change(file, **{column: pl.lit(None, pl.String)})
    if not ball:
        for file, rows in source.tracking.items():
            source.tracking[file] = rows.filter(pl.col("nflId").is_not_null())
    return source


def others_have_it(source, *plays):
    """The set with both teams' columns exchanged in some plays."""
    at = pl.col("playId").is_in(plays)
    teams = "possessionTeam", "defensiveTeam"
    return source.change(
        "plays.csv",
        *(
            pl.when(at).then(there).otherwise(here).alias(here)
            for here, there in (teams, teams[::-1])
        ),
    )


@pytest.mark.parametrize("harmed", [(2,), (1, 2, 3, 4)])
def test_the_deeper_team_defends(harmed, tmp_path):
    plays = [MadePlay(play=number, right=number % 2 == 0) for number in (1, 2, 3, 4)]
    source = unnamed(others_have_it(two_plays("bdb_2023", *plays), *harmed), ball=False)
    left, checks, kept = read(source, tmp_path)
    # The offense stands 18/11 yards off the ball on average, the defense 67/11.
    said = (
        "its players stand 4.5 yards farther from the ball at the snap than the other team's, as a "
        f"defense does: {MUST}"
    )
    assert set(left) == set(harmed)
    assert all(why == OTHER_TEAM and detail.endswith(said) for why, detail in left.values())
    assert kept == [play for play in (1, 2, 3, 4) if play not in harmed]
    # What is wrong with these plays is no fault of the others' directions.
    assert "play direction" not in checks or checks["play direction"].decision == "ok"
    assert checks["who has the ball"].decision == "wrong, not corrected"
    assert checks["who has the ball"].measured == len(harmed)


def level(source):
    """The set with the defense's backs so near that depth does not tell the sides apart."""
    ((file, rows),) = source.tracking.items()
    backs = pl.col("nflId").is_between(30015, 30021)
    # 4 + 11 * 1.36 yards beyond the line are 18 in all, as the offense is behind it.
    by = pl.when(backs).then(45.0 + 14.0 / 7).otherwise("x")
    source.tracking[file] = rows.with_columns(x=by.fill_null(pl.col("x")))
    return source


def test_a_play_that_nothing_tells_is_as_those_of_its_team(tmp_path):
    plays = [MadePlay(play=number) for number in (1, 2, 3, 4)]
    source = unnamed(others_have_it(two_plays("bdb_2023", *plays), 1, 2, 3, 4), ball=False)
    ((file, rows),) = source.tracking.items()
    lone = level(two_plays("bdb_2023", *plays)).tracking[file].filter(pl.col("playId") == 4)
    source.tracking[file] = pl.concat(
        [rows.filter(pl.col("playId") != 4), lone.filter(pl.col("nflId").is_not_null())]
    )
    left, _, kept = read(source, tmp_path)
    assert kept == []
    assert left[4][0] == OTHER_TEAM
    assert "but the other team has it in all the plays around it that tell: " in left[4][1]


def test_the_passer_of_the_description_has_the_ball(tmp_path):
    source = level(two_plays("bdb_2023"))
    source.change("players.csv", displayName=pl.when(pl.col("nflId") == 30000)
                  .then(pl.lit("Sam Thrower")).when(pl.col("nflId") == 30006)
                  .then(pl.lit("Cal Catcher")).otherwise("displayName"))  # fmt: skip
    source.change("plays.csv", playDescription=pl.lit("S.Thrower pass deep left to C.Catcher."))
    left, _, kept = read(unnamed(others_have_it(source, 2), ball=False), tmp_path)
    said = f"but the passer or target that is named is of the other team: {MUST}"
    assert kept == [1]
    assert left[2][0] == OTHER_TEAM
    assert left[2][1].endswith(said)


def test_a_ball_that_lies_elsewhere_moves_no_team(tmp_path):
    # Beside the safeties, as the spare ball of a real play: the depth of the sides speaks for
    # them, and what is wrong is the ball.
    source = unnamed(two_plays("bdb_2023"))
    ((file, rows),) = source.tracking.items()
    is_ball = pl.col("nflId").is_null() & (pl.col("playId") == 1)
    source.tracking[file] = rows.with_columns(
        x=pl.when(is_ball).then(60.0).otherwise("x"), y=pl.when(is_ball).then(20.0).otherwise("y")
    )
    left, _, kept = read(source, tmp_path)
    assert kept == [2]
    assert left[1][0] != OTHER_TEAM


@pytest.mark.parametrize("ball", [True, False])
def test_home_and_away_exchanged_are_told_from_the_wrong_team(ball, tmp_path):
    plays = [MadePlay(play=number, line_x=35.0) for number in (1, 2, 3)]
    source = two_plays("bdb_2019", *plays)
    source.change("games.csv", homeTeamAbbr="visitorTeamAbbr", visitorTeamAbbr="homeTeamAbbr")
    if not ball:
        ((file, rows),) = source.tracking.items()
        source.tracking[file] = rows.filter(pl.col("nflId").is_not_null())
    left, _, kept = read(source, tmp_path)
    assert kept == []
    assert {why for why, _ in left.values()} == {OTHER_TEAM}
    said = (
        "so it is in all plays of the game, and yardlineSide fits: are homeTeamAbbr and "
        "visitorTeamAbbr of games.csv exchanged, or home and away in team?"
    )
    assert all(detail.endswith(said) for _, detail in left.values())


def test_the_alignment_of_real_plays_tells_their_team(data_dir, tmp_path):
    # Without positions, names and ball. Baltimore rushed at Las Vegas with a safety as deep as the
    # passer, 2021-09-13: there the other plays tell.
    sample = data_dir / "tracking/bdb_2023_sample"
    rows, plays, players = (
        pl.read_csv(sample / f"{name}.csv", infer_schema=False)
        for name in ("week1", "plays", "players")
    )
    rows.filter(~pl.col("nflId").is_in(["NA", ""])).filter(
        pl.col("nflId").is_not_null(), pl.col("team") != "football"
    ).write_csv(tmp_path / "week1.csv")
    teams = plays["possessionTeam"], plays["defensiveTeam"]
    plays.with_columns(teams[0].alias("defensiveTeam"), teams[1].alias("possessionTeam")).write_csv(
        tmp_path / "plays.csv"
    )
    players.with_columns(officialPosition=pl.lit(None, pl.String)).write_csv(
        tmp_path / "players.csv"
    )
    _, report = read_tracking(tmp_path)
    assert report.plays_kept == 0
    assert report.left_out["reason"].to_list() == [OTHER_TEAM] * 7
    told = dict(report.left_out.select("game_id", "detail").rows())
    assert "in all the plays around it that tell" in told.pop(2021091300)
    assert all("farther from the ball at the snap" in detail for detail in told.values())
