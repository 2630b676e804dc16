"""What a set says of teams, roles, keys and columns that cannot be so: named, not kept silently."""

import gzip
import json

import numpy as np
import polars as pl
import pytest

from dropback.errors import ReaderError, RequestError, TrackingError
from dropback.tracking import build_tensors, ingest, read_tracking
from examples.tracking_sets import MadePlay, made_set

KEYS = ("playId", "play_id", "ngsPlayId")


def two_plays(layout):
    return made_set(layout, MadePlay(play=1), MadePlay(play=2))


def tracking_of(source):
    (name,) = source.tracking
    return name


def in_play_1(source, column, value, where=True):
    """The set with another value in rows of play 1."""
    name = tracking_of(source)
    play = next(key for key in KEYS if key in source.tracking[name].columns)
    at = (pl.col(play) == 1) & where
    cells = pl.when(at).then(pl.lit(value)).otherwise(pl.col(column).cast(pl.String))
    return source.change(name, cells.alias(column))


def outcome(folder):
    blocks, report = read_tracking(folder)
    kept = [play for block in blocks for play in block.plays["play_id"].to_list()]
    return kept, report.left_out.select("play_id", "reason", "detail").rows(), report


DEFENDERS = {
    "bdb_2019": ("team", "away", "neither", "home or away, or the ball"),
    "bdb_2021": ("team", "away", "neither", "home or away, or the ball"),
    "bdb_2023": ("team", "ARZ", "ZZZ", "KC or ARI, or the ball"),
    "bdb_2024": ("club", "ARZ", "ZZZ", "KC or ARI, or the ball"),
    "bdb_2025": ("club", "ARZ", "ZZZ", "KC or ARI, or the ball"),
    "bdb_2026": ("player_side", "Defense", "Neutral", "Offense or Defense"),
    "ngs_highlights": ("possessionFlag", "0.0", "2.0", "1 or 0, or the ball"),
    "hackathon_2015": ("team", "2", "x", "1 or 2"),
}
# The league's numbers of plays 1 and 2.
NUMBERS = {"hackathon_2015": (10, 20)}


@pytest.mark.parametrize("layout", DEFENDERS)
@pytest.mark.parametrize("players", ["all", "one"])
def test_a_third_team_is_no_defense(layout, players, tmp_path):
    column, word, other, must = DEFENDERS[layout]
    source = two_plays(layout)
    where = pl.col(column).cast(pl.String) == word
    if players == "one":
        where &= pl.col("^(nflId|nfl_id)$").cast(pl.Float64) == 30020
    source = in_play_1(source, column, other, where)
    kept, left, _ = outcome(source.write(tmp_path))
    first, second = NUMBERS.get(layout, (1, 2))
    assert kept == [second]
    ((play, reason, detail),) = left
    assert (play, reason) == (first, "a third team")
    assert detail.startswith(f"the column {column} is '{other}' in row ")
    assert detail.endswith(f"below the header, must be {must}")


def test_a_player_without_a_team_is_no_defender(tmp_path):
    source = in_play_1(two_plays("bdb_2025"), "club", None, pl.col("nflId") == 30020)
    kept, left, _ = outcome(source.write(tmp_path))
    assert kept == [2]
    assert left[0][1] == "a third team"
    assert left[0][2].startswith("the column club is 'NA' in row ")


def test_a_track_that_changes_its_team_is_set_aside(tmp_path):
    later = (pl.col("nflId") == 30020) & (pl.col("frameId") > 20)
    source = in_play_1(two_plays("bdb_2025"), "club", "KC", later)
    kept, left, _ = outcome(source.write(tmp_path))
    assert kept == [2]
    row = 20 * 40 + 21
    said = f"the column club is 'KC' in row {row} below the header, and otherwise before"
    assert left == [(1, "a track of two teams", said)]


@pytest.mark.parametrize(("cell", "shown"), [(None, "'NA'"), ("abc", "'abc'"), ("inf", "'inf'")])
@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2023", "bdb_2025", "bdb_2026"])
def test_a_player_without_an_id_is_named_by_cell_and_row(layout, cell, shown, tmp_path):
    source = two_plays(layout)
    column = "nfl_id" if layout == "bdb_2026" else "nflId"
    team = DEFENDERS[layout][0]
    source = in_play_1(source, column, cell, pl.col(column).cast(pl.Float64) == 30020)
    kept, left, _ = outcome(source.write(tmp_path))
    assert kept == [2]
    ((play, reason, detail),) = left
    assert (play, reason) == (1, "a player without an id")
    assert detail.startswith(f"the column {column} is {shown} in row ")
    assert f"of the {team} '{DEFENDERS[layout][1]}'" in detail


def flags_of(source, folder):
    _, _, report = outcome(source.write(folder))
    return {
        play: (flags, details)
        for play, flags, details in report.flagged.select("play_id", "flags", "details").rows()
    }


def test_two_passers_are_flagged(tmp_path):
    source = in_play_1(two_plays("bdb_2026"), "player_role", "Passer", pl.col("nfl_id") == 30006)
    assert flags_of(source, tmp_path) == {
        1: ("several players are the passer", "nfl_id 30000 and 30006")
    }


def test_two_targets_are_flagged(tmp_path):
    source = two_plays("bdb_2025")
    table = source.tables["player_play.csv"]
    again = table.filter(playId=1).with_columns(nflId=pl.lit(30010, pl.Int32))
    source.tables["player_play.csv"] = pl.concat([table, again])
    assert flags_of(source, tmp_path) == {
        1: ("several players are the target", "nflId 30008 and 30010")
    }


def test_a_role_in_one_frame_is_flagged(tmp_path):
    once = (pl.col("nfl_id") == 30009) & (pl.col("frame_id") == 5)
    source = in_play_1(two_plays("bdb_2026"), "player_role", "Kicker", once)
    ((flags, details),) = flags_of(source, tmp_path).values()
    assert flags == "column player_role changes within the play"
    assert details.startswith("player_role is 'Kicker' in row ")


@pytest.mark.parametrize(
    ("column", "cell", "flag"),
    [
        ("player_weight", "-9", "column player_weight is no weight in the tracking rows"),
        ("player_height", "1-1", "column player_height is no height in the tracking rows"),
        (
            "absolute_yardline_number",
            "abc",
            "column absolute_yardline_number is no number in the tracking rows",
        ),
    ],
)
def test_a_cell_of_the_rows_that_nobody_has_is_flagged(column, cell, flag, tmp_path):
    source = in_play_1(two_plays("bdb_2026"), column, cell)
    ((flags, details),) = flags_of(source, tmp_path).values()
    assert flags == flag
    assert details.startswith(f"{column} is '{cell}' in row ")


@pytest.mark.parametrize("cell", ["ninety", "100", "-1", "1e308"])
def test_a_jersey_number_that_none_is_is_flagged(cell, tmp_path):
    source = in_play_1(two_plays("bdb_2023"), "jerseyNumber", cell, pl.col("nflId") == 30004)
    assert flags_of(source, tmp_path) == {
        1: (
            "column jerseyNumber is no number from 0 to 99 in the tracking rows",
            f"jerseyNumber is '{cell}' in row 166",
        )
    }


def test_more_rushers_than_players_are_flagged(tmp_path):
    source = two_plays("bdb_2021").change(
        "plays.csv", numberOfPassRushers=pl.when(playId=1).then(99).otherwise(4)
    )
    assert flags_of(source, tmp_path) == {
        1: (
            "column numberOfPassRushers is no number of players from 0 to 11 in the table of plays",
            "numberOfPassRushers is '99' in row 1",
        )
    }


def test_a_team_of_no_league_in_the_table_of_games_is_flagged(tmp_path):
    plays = (MadePlay(play=1), MadePlay(game=2022091800, play=2))
    source = made_set("bdb_2019", *plays)
    visitor = pl.when(gameId=2022091800).then(pl.lit("ZZZ")).otherwise("visitorTeamAbbr")
    source.tables["games.csv"] = source.tables["games.csv"].sort("gameId")
    source.change("games.csv", visitorTeamAbbr=visitor)
    assert flags_of(source, tmp_path) == {
        2: (
            "column visitorTeamAbbr is no team of the league in games.csv",
            "visitorTeamAbbr is 'ZZZ' in row 2",
        )
    }


RENAMED = {
    "possessionTeam": "which tells which team has the ball",
    "gameId": "which tells the game, as the tracking rows name it",
}


@pytest.mark.parametrize("column", RENAMED)
@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2021", "bdb_2023", "bdb_2024", "bdb_2025"])
def test_a_column_that_must_be_there_is_named_with_the_nearest(layout, column, tmp_path):
    source = two_plays(layout)
    renamed = column.replace("Team", "Tm").replace("Id", "Key")
    source.tables["plays.csv"] = source.tables["plays.csv"].rename({column: renamed})
    said = rf"plays\.csv has no column {column}, {RENAMED[column]}; the nearest is '{renamed}'"
    with pytest.raises(ReaderError, match=said):
        read_tracking(source.write(tmp_path))


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2021"])
def test_games_without_the_home_team_name_that_column(layout, tmp_path):
    source = two_plays(layout)
    source.tables["games.csv"] = source.tables["games.csv"].rename({"homeTeamAbbr": "home"})
    said = r"games\.csv has no column homeTeamAbbr, which tells which team is at home; the nearest"
    with pytest.raises(ReaderError, match=said):
        read_tracking(source.write(tmp_path))


@pytest.mark.parametrize(
    ("layout", "table", "column", "tells"),
    [
        ("bdb_2019", "plays.csv", "PassResult", "how the dropback ended"),
        ("bdb_2023", "plays.csv", "down", "the down"),
        ("bdb_2025", "plays.csv", "passResult", "how the dropback ended"),
        ("bdb_2026", "supplementary_data.csv", "quarter", "the quarter"),
        ("bdb_2025", "player_play.csv", "wasTargettedReceiver", "who was thrown to"),
        ("bdb_2023", "players.csv", "officialPosition", "the player's position"),
        ("bdb_2023", "games.csv", "week", "the week"),
        ("ngs_highlights", "2022_KC_1_64.tsv", "playDescription", "who passed to whom, in words"),
    ],
)
def test_a_column_that_is_missed_is_named_and_the_rest_is_read(
    layout, table, column, tells, tmp_path
):
    source = two_plays(layout)
    files = source.tracking if table in source.tracking else source.tables
    files[table] = files[table].drop(column)
    kept, _, report = outcome(source.write(tmp_path))
    assert kept == [1, 2]
    said = {check.name: check.evidence for check in report.files[0].failed}["columns of the tables"]
    assert f"{table} has no column " in said
    assert column in said
    assert f"which tells {tells}" in said


@pytest.mark.parametrize(
    ("layout", "table", "unknown"),
    [
        ("bdb_2023", "players.csv", "passers and roles are told from motion alone"),
        ("bdb_2023", "games.csv", "the week, and which team is at home, are unknown"),
        ("bdb_2023", "pffScoutingData.csv", "who rushed the passer is told from motion alone"),
        ("bdb_2021", "targetedReceiver.csv", "who was thrown to is told from motion alone"),
        ("bdb_2025", "player_play.csv", "who was thrown to and who rushed the passer are told"),
    ],
)
def test_a_table_that_is_absent_is_named_and_the_rest_is_read(layout, table, unknown, tmp_path):
    source = two_plays(layout)
    del source.tables[table]
    kept, _, report = outcome(source.write(tmp_path))
    assert kept == [1, 2]
    (check,) = report.files[0].failed
    assert (check.name, check.decision) == ("tables of the set", "flagged")
    assert check.evidence.startswith(f"{table} is absent: ")
    assert unknown in check.evidence


LONG = "7" * 5000


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("plays.csv", "passResult"), ("plays.csv", "down"), ("plays.csv", "possessionTeam"),
        ("plays.csv", "yardlineSide"), ("plays.csv", "playId"), ("players.csv", "nflId"),
        ("games.csv", "homeTeamAbbr"), ("player_play.csv", "wasTargettedReceiver"),
        ("tracking_week_1.csv", "playId"), ("tracking_week_1.csv", "nflId"),
        ("tracking_week_1.csv", "frameId"), ("tracking_week_1.csv", "club"),
        ("tracking_week_1.csv", "x"), ("tracking_week_1.csv", "time"),
    ],
)  # fmt: skip
def test_no_sentence_shows_a_long_cell_whole(table, column, tmp_path):
    source = two_plays("bdb_2025")
    files = source.tracking if table in source.tracking else source.tables
    first = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(LONG + ".5"))
    files[table] = files[table].with_columns(
        first.otherwise(pl.col(column).cast(pl.String)).alias(column)
    )
    _, _, report = outcome(source.write(tmp_path))
    assert "7" * 41 not in json.dumps(report.to_json())


def test_the_last_line_of_a_packed_week_is_not_shown_whole(tmp_path):
    folder = two_plays("bdb_2025").write(tmp_path)
    header = (folder / "tracking_week_1.csv").read_bytes().split(b"\n")[0]
    text = header + b"\n" + LONG.encode()
    (folder / "tracking_week_2.csv.gz").write_bytes(gzip.compress(text))
    kept, _, report = outcome(folder)
    assert kept == [1, 2]
    assert "7" * 41 not in json.dumps(report.to_json())


def test_positions_that_are_all_empty_are_named(tmp_path):
    source = two_plays("bdb_2025").change("players.csv", officialPosition=pl.lit(None, pl.String))
    _, _, report = outcome(source.write(tmp_path))
    said = {check.name: check.evidence for check in report.files[0].failed}["tables of the set"]
    assert said.startswith("players.csv has an empty 'officialPosition' in every row: ")


def test_names_of_the_rows_stand_in_for_an_absent_table_of_players(tmp_path):
    source = two_plays("bdb_2025")
    del source.tables["players.csv"]
    (block,), _ = read_tracking(source.write(tmp_path))
    names = block.players.drop_nulls("player_id").select("player_id", "display_name").unique()
    assert names.height == 22
    assert all(name == f"Al Player{number - 30000}" for number, name in names.iter_rows())


@pytest.mark.parametrize(
    ("layout", "gone"),
    [
        ("bdb_2023", "frameId"), ("bdb_2023", "team"),
        ("bdb_2023", "playDirection"), ("bdb_2024", "club"), ("bdb_2024", "playDirection"),
    ],
)  # fmt: skip
def test_the_nearest_layout_is_the_one_that_most_columns_are_of(layout, gone, tmp_path):
    source = made_set(layout)
    (name,) = source.tracking
    source.tracking[name] = source.tracking[name].drop(gone)
    with pytest.raises(ReaderError, match=rf"nearest is {layout}, which also needs {gone}\."):
        read_tracking(source.write(tmp_path))


@pytest.mark.parametrize(("layout", "gone"), [("bdb_2021", "route"), ("bdb_2025", "frameType")])
def test_a_layout_is_told_without_a_column_that_is_not_needed(layout, gone, tmp_path):
    source = two_plays(layout)
    (name,) = source.tracking
    source.tracking[name] = source.tracking[name].drop(gone)
    kept, _, report = outcome(source.write(tmp_path))
    assert kept == [1, 2]
    assert report.files[0].source_format == layout
    assert not report.files[0].failed


@pytest.mark.parametrize(
    ("layout", "column", "other"),
    [("bdb_2021", "jerseyNumber", "jersey"), ("bdb_2025", "jerseyNumber", "jersey_numbers"),
     ("bdb_2025", "frameType", "frame_types")],
)  # fmt: skip
def test_a_column_that_may_be_absent_is_named_under_another_name(layout, column, other, tmp_path):
    source = two_plays(layout)
    (name,) = source.tracking
    source.tracking[name] = source.tracking[name].rename({column: other})
    kept, _, report = outcome(source.write(tmp_path))
    assert kept == [1, 2]
    (check,) = report.files[0].failed
    assert check.name == "columns of the tables"
    assert f"has no column {column}, which tells " in check.evidence
    assert check.evidence.endswith(f"; the nearest is '{other}'")


def test_a_file_of_a_header_alone_is_refused(tmp_path):
    source = two_plays("bdb_2023")
    source.tracking["week1.csv"] = source.tracking["week1.csv"].clear()
    with pytest.raises(ReaderError, match=r"week1\.csv: it holds no row below its header"):
        read_tracking(source.write(tmp_path / "set"))
    with pytest.raises(ReaderError, match="holds no play"):
        ingest(tmp_path / "set", tmp_path / "plays")


def test_a_folder_with_plays_of_another_set_is_refused(tmp_path):
    ingest(two_plays("bdb_2023").write(tmp_path / "one"), tmp_path / "plays")
    other = made_set("bdb_2023", MadePlay(game=2022091800)).write(tmp_path / "other")
    with pytest.raises(RequestError, match=r"holds plays of another file, .*one/week1\.csv"):
        ingest(other, tmp_path / "plays")


@pytest.mark.parametrize(
    ("column", "cell", "key", "said"),
    [
        ("gsisPlayId", None, (2022091100, 1), "gsisPlayId of plays.csv must hold a whole number, "
         "and is empty in row 1 below the header"),
        ("elias_id", "abc", (1, 10), "elias_id of plays.csv must hold a whole number, and is 'abc' "
         "in row 1 below the header"),
    ],
)  # fmt: skip
def test_a_play_of_2015_without_the_leagues_numbers_is_set_aside(column, cell, key, said, tmp_path):
    changed = pl.when(ngsPlayId=1).then(pl.lit(cell)).otherwise(pl.col(column).cast(pl.String))
    source = two_plays("hackathon_2015").change("plays.csv", changed.alias(column))
    kept, _, report = outcome(source.write(tmp_path))
    assert kept == [20]
    assert report.left_out.select("game_id", "play_id", "reason", "detail").rows() == [
        (*key, "no number of the league's", f"the column {said}")
    ]


@pytest.mark.parametrize("column", ["passer", "target"])
def test_somebody_of_the_table_who_is_not_in_the_play_is_flagged(column, tmp_path):
    changed = pl.when(ngsPlayId=1).then(pl.lit("Bob")).otherwise(pl.col(column).cast(pl.String))
    source = two_plays("hackathon_2015").change("plays.csv", changed.alias(column))
    assert flags_of(source, tmp_path) == {
        10: (f"column {column} is no player of the play", f"{column} is 'Bob' in row 1")
    }


def test_a_team_with_the_ball_that_nobody_is_of_is_named(tmp_path):
    changed = pl.when(ngsPlayId=1).then(9).otherwise("posTeam")
    source = two_plays("hackathon_2015").change("plays.csv", posTeam=changed)
    kept, left, _ = outcome(source.write(tmp_path))
    assert kept == [20]
    assert left == [
        (10, "not 11 against 11", "0 players of the offense and 22 of the defense; none is of 9, "
         "which the column posTeam names")
    ]  # fmt: skip


def test_a_stamp_of_another_year_is_no_frame(tmp_path):
    source = two_plays("hackathon_2015")
    at = source.tracking["tracking.csv"].with_row_index("row")["row"] == 100
    changed = pl.when(at).then(pl.lit("2021-09-11T13:00:02.100")).otherwise("time")
    kept, _, report = outcome(source.change("tracking.csv", time=changed).write(tmp_path))
    assert kept == [10, 20]
    (check,) = report.files[0].failed
    assert check.evidence.endswith(
        "the first is row 101 below the header, of game 1, play 1, whose 'time' is "
        "'2021-09-11T13:00:02.100'"
    )


STAMPED = {"bdb_2019": "frame.id", "bdb_2021": "frameId", "bdb_2023": "frameId",
           "bdb_2024": "frameId", "bdb_2025": "frameId", "ngs_highlights": "frame"}  # fmt: skip


@pytest.mark.parametrize(
    ("stamp", "flag", "said"),
    [
        ("2021-09-11T13:00:02.100", "time stamps unlike frame numbers",
         " time stamps are not where most of their play"),
        ("noon", "time stamps that are no time", "'time' is no time in 1 such row"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", STAMPED)
def test_a_bad_stamp_stands_on_its_play_and_its_file(layout, stamp, flag, said, tmp_path):
    source = two_plays(layout)
    # The last player's: each row counts, not those of a play's first track alone.
    at = (pl.col("nflId").cast(pl.Int64, strict=False) == 30021) & (pl.col(STAMPED[layout]) == 21)
    row = source.tracking[tracking_of(source)].select(pl.arg_where(at)).to_series()[0] + 1
    kept, _, report = outcome(in_play_1(source, "time", stamp, at).write(tmp_path))
    assert kept == [1, 2]
    (flagged,) = report.flagged.rows(named=True)
    assert (flagged["play_id"], flagged["flags"]) == (1, flag)
    assert flagged["details"] == f"time is '{stamp}' in row {row}"
    (check,) = (check for check in report.files[0].failed if check.name == "time jumps")
    assert said in check.evidence
    assert (
        f"(in 1 play, the first in game 2022091100, play 1, row {row} below the header: '{stamp}')"
        in check.evidence
    )


def test_a_clock_that_jumps_in_the_middle_of_a_play_flags_it(tmp_path):
    source = two_plays("bdb_2025")
    late = pl.col("time").str.replace("T13", "T14")
    after = (pl.col("playId") == 1) & (pl.col("frameId") > 20)
    name = tracking_of(source)
    source = source.change(name, time=pl.when(after).then(late).otherwise("time"))
    kept, _, report = outcome(source.write(tmp_path))
    assert kept == [1, 2]
    (flagged,) = report.flagged.rows(named=True)
    assert (flagged["play_id"], flagged["flags"]) == (1, "time stamps unlike frame numbers")


def test_angles_in_radians_are_made_degrees(tmp_path):
    plays = [MadePlay(play=play, right=play % 2 == 0) for play in range(4)]
    degrees = made_set("bdb_2023", *plays)
    radians = made_set("bdb_2023", *plays).change(
        "week1.csv", (pl.col("dir", "o") * (3.141592653589793 / 180)).round(4)
    )
    (right,), _ = read_tracking(degrees.write(tmp_path / "degrees"))
    (block,), report = read_tracking(radians.write(tmp_path / "radians"))
    found = {check.name: check for check in report.files[0].failed}
    assert set(found) == {"direction", "orientation"}
    assert found["direction"].decision == "corrected"
    assert (
        "all are within 6.29, as radians are, 0.0 as compass radians" in found["direction"].evidence
    )
    off = np.abs(block.frames[..., 4:6] - right.frames[..., 4:6])
    assert np.nanmax(np.minimum(off, 360 - off)) < 0.01


def test_what_a_play_says_of_itself_does_not_change_from_row_to_row(tmp_path):
    source = two_plays("ngs_highlights")
    source = in_play_1(source, "down", "3", pl.col("frame") == 5)
    assert flags_of(source, tmp_path) == {
        1: ("column down changes within the play", "down is '3' in row 6")
    }


def test_a_side_of_the_field_that_no_team_has_tells_no_line(tmp_path):
    source = two_plays("bdb_2019").change(
        "plays.csv", yardlineSide=pl.when(playId=1).then(pl.lit("ZZ")).otherwise("yardlineSide")
    )
    assert flags_of(source, tmp_path) == {
        1: (
            "a team that does not play this game",
            "yardlineSide is 'ZZ', the teams are KC and ARI",
        )
    }


def test_a_set_of_which_no_play_is_kept_says_why(tmp_path):
    source = two_plays("bdb_2023").change("plays.csv", down=7)
    _, _, report = outcome(source.write(tmp_path / "set"))
    said = (
        "none of 2 plays is kept: value out of bounds (2), the first is game 2022091100, play 1: "
        "the column down of plays.csv is '7' in row 1, must be from 0 to 4"
    )
    assert report.why_none() == said
    with pytest.raises(TrackingError, match="no play is left: none of 2 plays is kept"):
        build_tensors(tmp_path / "set", tmp_path / "tensors")


@pytest.mark.parametrize(
    ("layout", "table", "column", "instead"),
    [
        ("bdb_2023", "plays.csv", "prePenaltyPlayResult", "playResult"),
        ("bdb_2026", "supplementary_data.csv", "pre_penalty_yards_gained", "yards_gained"),
    ],
)
def test_yards_with_penalties_are_said_to_stand_in(layout, table, column, instead, tmp_path):
    source = two_plays(layout)
    source.tables[table] = source.tables[table].rename({column: f"{column}X"})
    _, _, report = outcome(source.write(tmp_path))
    said = {check.name: check.evidence for check in report.files[0].failed}["columns of the tables"]
    assert (
        f"has no column {column}, which tells the yards gained; the nearest is '{column}X'" in said
    )
    assert f"'{instead}' is read in its place" in said


def test_roles_of_a_play_that_the_table_of_plays_has_not_are_named(tmp_path):
    source = two_plays("bdb_2025").change(
        "player_play.csv", playId=pl.when(playId=1).then(-7).otherwise("playId")
    )
    _, _, report = outcome(source.write(tmp_path))
    said = {check.name: check.evidence for check in report.files[0].failed}["rows of the tables"]
    assert said == (
        "1 recorded roles are of plays that plays.csv has not (columns gameId and playId), the "
        "first of game 2022091100, play -7"
    )


@pytest.mark.parametrize(
    ("column", "cell", "known"),
    [
        ("pff_passCoverage", "3.7", "coverage that is known"),
        ("pff_passCoverage", "Umbrella", "coverage that is known"),
        ("pff_manZone", "Manhattan", "word for man or zone coverage"),
        ("dropbackType", "inf", "kind of dropback that is known"),
        ("dropbackType", "Slow", "kind of dropback that is known"),
        ("timeToThrow", "-3", "time from 0 to 30 seconds"),
    ],
)
def test_a_word_that_no_set_uses_and_a_time_below_zero_are_flagged(column, cell, known, tmp_path):
    changed = pl.when(playId=1).then(pl.lit(cell)).alias(column)
    source = two_plays("bdb_2025").change("plays.csv", changed)
    assert flags_of(source, tmp_path) == {
        1: (
            f"column {column} is no {known} in the table of plays",
            f"{column} is '{cell}' in row 1",
        )
    }


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("pff_passCoverage", ["Cover-3", "cover 6-Left"]),
        ("dropbackType", ["TRADITIONAL", "designed_rollout_left"]),
        # A set's own words, of ten plays.
        ("pff_passCoverage", [f"shell {number}" for number in range(10)]),
    ],
)
def test_known_words_and_those_of_a_whole_set_are_not_flagged(column, words, tmp_path):
    source = made_set("bdb_2025", *(MadePlay(play=1 + number) for number in range(len(words))))
    source.change("plays.csv", pl.Series(column, words))
    assert flags_of(source, tmp_path) == {}


def test_a_route_of_the_target_that_nobody_runs_is_flagged(tmp_path):
    route = pl.when(playId=1).then(pl.lit("ZIGZAG")).otherwise(pl.lit("SLANT")).alias("routeRan")
    source = two_plays("bdb_2025").change("player_play.csv", route)
    assert flags_of(source, tmp_path) == {
        1: (
            "column routeRan is no route that is known in player_play.csv",
            "routeRan is 'ZIGZAG' in row 1",
        )
    }


def test_a_set_that_was_moved_with_its_plays_is_read_again(tmp_path, monkeypatch):
    two_plays("bdb_2023").write(tmp_path / "here" / "set")
    monkeypatch.chdir(tmp_path / "here")
    ingest("set", "plays")
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    report = ingest("set", "plays")
    assert (report.plays_kept, report.left_out.height) == (2, 0)
    chunks = pl.concat(map(pl.read_parquet, (tmp_path / "there/plays/plays").rglob("*.parquet")))
    assert sorted(chunks["play_id"]) == [1, 2]
