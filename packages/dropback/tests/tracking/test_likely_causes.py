"""What is wrong with a whole play is blamed on its likeliest cause, by column and cell."""

import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_flags import changed, two_plays
from examples.tracking_sets import MadePlay

WEEKS = {
    "bdb_2019": "tracking_gameId_1.csv",
    "bdb_2023": "week1.csv",
    "bdb_2025": "tracking_week_1.csv",
}


def told(source, folder):
    """Reason and detail of plays set aside, and flags and details of those kept."""
    _, report = read_tracking(source.write(folder))
    left = {play: (why, detail) for play, why, detail in
            report.left_out.select("play_id", "reason", "detail").rows()}  # fmt: skip
    flagged = {play: (flags, details) for play, flags, details in
               report.flagged.select("play_id", "flags", "details").rows()}  # fmt: skip
    return left, flagged


OTHER_TEAM = "the other team has the ball"
BY_POSITION = "11 of its players are defenders by position, and 11 of the other team's are not"


@pytest.mark.parametrize(
    ("layout", "columns", "said"),
    [
        ("bdb_2019", {"possessionTeam": "ARZ"},
         "possessionTeam is 'ARI' in row 1 of plays.csv, which is away by games.csv"),
        ("bdb_2023", {"possessionTeam": "ARZ", "defensiveTeam": "KC"},
         "possessionTeam is 'ARI' in row 1 of plays.csv"),
    ],
)  # fmt: skip
def test_the_team_that_defends_is_told_by_its_positions(layout, columns, said, tmp_path):
    left, flagged = told(changed(two_plays(layout), "plays.csv", **columns), tmp_path)
    detail = f"{said}, but {BY_POSITION}: possessionTeam must name the team that has the ball"
    assert left == {1: (OTHER_TEAM, detail)}
    assert flagged == {}


def test_the_team_that_defends_is_told_by_its_positions_without_a_ball(tmp_path):
    source = two_plays("hackathon_2015")
    offense = source.tables["plays.csv"]["posTeam"][0]
    (rows,) = source.tracking.values()
    (defense,) = {*rows["team"].drop_nulls()} - {offense}
    left, _ = told(changed(source, "plays.csv", posTeam=pl.lit(defense)), tmp_path)
    ((why, detail),) = left.values()
    assert why == OTHER_TEAM
    assert f"posTeam is '{defense}' in row 1 of plays.csv, but {BY_POSITION}" in detail


def test_the_flag_of_possession_on_the_wrong_rows_is_told(tmp_path):
    source = two_plays("ngs_highlights")
    ((file, _),) = source.tracking.items()
    left, _ = told(changed(source, file, possessionFlag=1 - pl.col("possessionFlag")), tmp_path)
    ((why, detail),) = left.values()
    assert why == OTHER_TEAM
    assert detail.startswith("the offense has the rows whose possessionFlag is '1', but 11 of")


def test_without_positions_the_ball_tells_who_has_it(tmp_path):
    source = changed(two_plays("bdb_2023"), "plays.csv", possessionTeam="ARZ", defensiveTeam="KC")
    source.change("players.csv", officialPosition=pl.lit(None, pl.String))
    left, flagged = told(source, tmp_path)
    # In the passer's hands from the snap on, 13 frames of 21.
    detail = (
        "possessionTeam is 'ARI' in row 1 of plays.csv, but the ball is nearest to the other team "
        "in 100 % of the frames from 0.8 s after the snap: possessionTeam must name the team that "
        "has the ball"
    )
    assert left == {1: (OTHER_TEAM, detail)}
    assert flagged == {}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"possessionTeam": "ARZ"}, "'ARI' in row 1 of plays.csv, must be two teams; the rows also "
         "have 'KC'; the players of ARI are defenders by position: is possessionTeam wrong?"),
        ({"defensiveTeam": "KC"}, "'KC' in row 1 of plays.csv, must be two teams; the rows also "
         "have 'ARZ'; the players of KC are of an offense by position: is defensiveTeam wrong?"),
    ],
)  # fmt: skip
def test_one_team_on_both_sides_is_told_with_the_column_that_is_wrong(columns, said, tmp_path):
    source = changed(two_plays("bdb_2023"), "plays.csv", **columns)
    del source.tables["games.csv"]  # which would tell the other team
    left, flagged = told(source, tmp_path)
    detail = f"the columns possessionTeam and defensiveTeam are both {said}"
    assert left == {1: ("one team on both sides", detail)}
    assert flagged == {}


@pytest.mark.parametrize("layout", WEEKS)
def test_exchanged_x_and_y_are_told(layout, tmp_path):
    source = changed(two_plays(layout), WEEKS[layout], x=pl.col("y"), y=pl.col("x"))
    left, flagged = told(source, tmp_path)
    # The sides' middles: 18/11 yards behind the line and 67/11 beyond it, 278/11 and 287/11 across.
    detail = (
        "at the snap the sides stand 0.8 yards apart along x and 7.7 along y: are the columns x "
        "and y exchanged?"
    )
    assert left == {1: ("x and y exchanged", detail)}
    assert flagged == {}


SNAP = "snapped at x = {} yd, line of scrimmage at {} yd"


@pytest.mark.parametrize(
    ("layout", "file", "columns", "said"),
    [
        ("bdb_2023", "week1.csv", {"x": 120 - pl.col("x")},
         "from the other end of the field the line is at 45.0 yd and playDirection is 'right': are "
         "the places turned, or mirrored along x?"),
        ("bdb_2023", "plays.csv", {"absoluteYardlineNumber": 75.0},
         "from the other end of the field the line is at 45.0 yd: is absoluteYardlineNumber "
         "counted from there? Or are the places turned, or mirrored along x?"),
        ("bdb_2019", "plays.csv", {"yardlineSide": "ARZ"},
         "from the other end of the field the line is at 45.0 yd: does yardlineSide name the other "
         "team?"),
        ("bdb_2023", "plays.csv", {"absoluteYardlineNumber": 60.0},
         "is the line, or the snap, another play's?"),
    ],
    ids=["places", "line", "side", "another play"],
)  # fmt: skip
def test_a_snap_away_from_its_line_is_told_with_its_cause(layout, file, columns, said, tmp_path):
    left, flagged = told(changed(two_plays(layout), file, **columns), tmp_path)
    assert left[1][0] == "snap away from the line of scrimmage"
    assert left[1][1].endswith(f"; {said}")
    assert set(left) == {1}
    assert flagged == {}


def test_a_play_in_meters_is_told_by_its_line(tmp_path):
    # At the 75: 68.6 m.
    plays = [MadePlay(play=1, line_x=75.0), MadePlay(play=2)]
    source = changed(two_plays("bdb_2023", *plays), "week1.csv",
                     x=0.9144 * pl.col("x"), y=0.9144 * pl.col("y"))  # fmt: skip
    left, _ = told(source, tmp_path)
    assert left[1][1].startswith("snapped at x = 68.6 yd, line of scrimmage at 75.0 yd")
    assert left[1][1].endswith("; read as meters the snap is at 75.0 yd: are the coordinates in "
                               "meters?")  # fmt: skip


TURNED = {
    "with x mirrored": {"x": 120 - pl.col("x")},
    "turned by 180 degrees": {"x": 120 - pl.col("x"), "y": 160 / 3 - pl.col("y")},
}


@pytest.mark.parametrize("how", TURNED)
def test_places_of_a_play_against_its_directions_are_told_at_once(how, tmp_path):
    # 2019 has no play direction and no number of the line that would tell it first.
    plays = [MadePlay(play=number) for number in (1, 2, 3, 4)]
    source = changed(two_plays("bdb_2019", *plays), WEEKS["bdb_2019"], **TURNED[how])
    left, flagged = told(source, tmp_path)
    assert left == {}
    assert set(flagged) == {1}
    flags, details = flagged[1]
    # A pass "right" then arrives on the left.
    words = "a pass on the other side than described; " if "mirrored" in how else ""
    assert flags == f"{words}a play against its recorded directions"
    assert f"places and directions agree {how} (mean cosine 1.00), not as they" in details


def test_a_direction_against_the_sides_is_told_with_its_cell(tmp_path):
    source = changed(two_plays("bdb_2025"), WEEKS["bdb_2025"], playDirection="left")
    left, flagged = told(source, tmp_path)
    said = "playDirection is 'left', the offense stands on the left"
    assert (left, flagged) == ({}, {1: ("direction against the sides", said)})


def harmed_sample(data_dir, folder, *, rows=(), plays=()):
    """The real sample with other columns in some of its rows and plays."""
    sample = data_dir / "tracking/bdb_2023_sample"
    for name, columns in (("plays", plays), ("week1", rows), ("players", ())):
        table = pl.read_csv(sample / f"{name}.csv", infer_schema=False)
        table.with_columns(columns).write_csv(folder / f"{name}.csv")
    return read_tracking(folder)[1]


def swapped(where, one, other):
    return [
        pl.when(where).then(there).otherwise(here).alias(here)
        for here, there in ((one, other), (other, one))
    ]


def test_real_plays_with_another_team_or_exchanged_places_are_told(data_dir, tmp_path):
    # Seattle at Minnesota, 2021-09-26, and Baltimore at Las Vegas, 2021-09-13.
    report = harmed_sample(
        data_dir,
        tmp_path,
        plays=swapped(pl.col("gameId") == "2021092612", "possessionTeam", "defensiveTeam"),
        rows=swapped(pl.col("gameId") == "2021091300", "x", "y"),
    )
    assert (report.plays_kept, report.flagged.height) == (5, 0)
    found = {game: (why, detail) for game, why, detail in
             report.left_out.select("game_id", "reason", "detail").rows()}  # fmt: skip
    assert found[2021091300][0] == "x and y exchanged"
    why, detail = found[2021092612]
    assert why == OTHER_TEAM
    assert detail.startswith(f"possessionTeam is 'MIN' in row 5 of plays.csv, but {BY_POSITION}")


def test_a_real_play_mirrored_across_the_field_is_told(data_dir, tmp_path):
    y = pl.col("y").cast(pl.Float64)
    other = pl.when(pl.col("gameId") == "2021091910").then(160 / 3 - y).otherwise(y)
    report = harmed_sample(data_dir, tmp_path, rows=[other.alias("y")])
    ((game, flag, detail),) = report.flagged.select("game_id", "flags", "details").rows()
    assert (game, flag) == (2021091910, "a play against its recorded directions")
    assert detail.startswith("places and directions agree with y mirrored (mean cosine 1.00), not")


def test_a_bad_track_is_named_though_an_earlier_play_is_set_aside(tmp_path):
    # A track of play 1 has a gap; of play 2 the third receiver stands, of 3 nobody does.
    plays = [MadePlay(play=number) for number in (1, 2, 3)]
    source = two_plays("bdb_2025", *plays)
    rows = source.tracking[WEEKS["bdb_2025"]]
    gap = (pl.col("playId") == 1) & (pl.col("nflId") == 30012) & pl.col("frameId").is_between(9, 20)
    stands = (pl.col("playId") == 2) & (pl.col("nflId") == 30008)
    source.tracking[WEEKS["bdb_2025"]] = rows.filter(~gap.fill_null(value=False)).with_columns(
        x=pl.when(stands).then(44.0).otherwise("x"), y=pl.when(stands).then(34.0).otherwise("y")
    )
    left, flagged = told(source, tmp_path)
    assert left[1][0] == "frames missing"
    who = "player 30008 (Al Player8): 0.0 times as far as its speeds"
    said = "a track unlike its recorded speeds", who
    assert flagged == {2: said}
