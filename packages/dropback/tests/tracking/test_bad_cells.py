"""Cells that say nothing or what cannot be: read as missing, and the play is flagged by column."""

import re

import numpy as np
import polars as pl
import pytest

from dropback.errors import ReaderError
from dropback.tracking import build_tensors, read_tracking
from examples.tracking_sets import MadePlay, made_set

TRACKING = "tracking_week_1.csv"


def two_plays(layout="bdb_2025"):
    return made_set(layout, MadePlay(play=1), MadePlay(play=2, right=False))


def with_cells(source, name, column, value, *, of=1, where=True):
    """The set with another value, as text, in some rows of a play."""
    files = source.tracking if name in source.tracking else source.tables
    at = (pl.col("playId") == of) & where
    changed = pl.when(at).then(pl.lit(value)).otherwise(pl.col(column).cast(pl.String))
    files[name] = files[name].with_columns(changed.alias(column))
    return source


def flags_of(source, folder):
    blocks, report = read_tracking(source.write(folder))
    plays = pl.concat(block.plays for block in blocks)
    return dict(plays.select("play_id", "flags").iter_rows()), blocks, report


MIDDLE = (pl.col("nflId") == 30006) & pl.col("frameId").is_between(12, 14)


BAD_MOTION = ("inf", "-inf", "NaN", "1e308", "-9999", "fast")


@pytest.mark.parametrize("column", ["s", "a", "dir", "o"])
def test_motion_that_cannot_be_is_flagged_and_reaches_no_frame(column, tmp_path):
    # A play for each value, and one without any.
    source = made_set("bdb_2025", *(MadePlay(play=play) for play in range(7)))
    for play, value in enumerate(BAD_MOTION, start=1):
        source = with_cells(source, TRACKING, column, value, of=play, where=MIDDLE)
    flags, (block,), _ = flags_of(source, tmp_path)
    said = [f"column {column} is missing or impossible in some rows"]
    assert flags == {0: [], **dict.fromkeys(range(1, 7), said)}
    assert not np.isinf(block.frames).any()
    angles = block.frames[..., 4:6]
    assert ((angles >= 0) & (angles < 360) | np.isnan(angles)).all()
    # Positions tell what the file does not: the receiver runs at (6, -1) yards a second.
    slot = block.players.filter(player_id=30006, play_id=1)["slot"][0]
    moving = block.frames[block.offsets[:-1] + 7, slot]
    np.testing.assert_allclose(moving[:, 2], np.hypot(6, 1), atol=0.06)
    np.testing.assert_allclose(moving[:, 4], np.degrees(np.arctan2(6, -1)), atol=1.0)


@pytest.mark.parametrize(("value", "same"), [("-261", "99"), ("459", "99"), ("-621", "99")])
def test_an_angle_a_turn_away_is_the_same_angle(value, same, tmp_path):
    read = []
    for angle in (value, same):
        source = with_cells(two_plays(), TRACKING, "dir", angle, where=MIDDLE)
        flags, blocks, _ = flags_of(source, tmp_path / angle)
        assert flags == {1: [], 2: []}
        read.append(blocks[0].frames)
    np.testing.assert_array_equal(*read)


def test_features_of_such_plays_are_finite(tmp_path):
    source = with_cells(two_plays(), TRACKING, "a", "inf", where=MIDDLE)
    tensors, _ = build_tensors(source.write(tmp_path / "set"), tmp_path / "tensors")
    assert len(tensors) == 2
    assert np.isfinite(tensors.players).all()


UNREAD = (
    ("down", "inf", "whole number", "down"),
    ("quarter", "second", "whole number", "quarter"),
    ("yardsToGo", "1e308", "whole number", "yards_to_go"),
    ("gameClock", "-7", "game clock", "game_clock_s"),
    ("preSnapHomeScore", "-3", "score", "score_differential"),
    ("preSnapVisitorScore", "none", "score", "score_differential"),
    ("passResult", "X", "result of a pass", "pass_result"),
    ("prePenaltyPlayResult", "-inf", "whole number", "yards_gained"),
    ("absoluteYardlineNumber", "inf", "number", None),
    ("down", "3.7", "whole number", "down"),
    ("prePenaltyPlayResult", "3.7", "whole number", "yards_gained"),
    ("preSnapHomeScore", "3.7", "score", "score_differential"),
    ("yardlineNumber", "0", "yard line from 1 to 50", None),
    ("yardlineNumber", "51", "yard line from 1 to 50", None),
)


def test_a_cell_of_the_table_of_plays_that_says_nothing_is_flagged(tmp_path):
    source = made_set("bdb_2025", *(MadePlay(play=play) for play in range(len(UNREAD) + 1)))
    for play, (column, value, _, _) in enumerate(UNREAD):
        source = with_cells(source, "plays.csv", column, value, of=play)
    flags, (block,), _ = flags_of(source, tmp_path)
    for play, (column, _, known, ours) in enumerate(UNREAD):
        assert flags[play] == [f"column {column} is no {known} in the table of plays"]
        if ours:
            unknown = block.plays.filter(pl.col(ours).is_null())["play_id"]
            assert play in unknown
            assert len(UNREAD) not in unknown
    assert flags[len(UNREAD)] == []


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2021", "bdb_2023", "bdb_2024", "bdb_2025"])
def test_what_is_absent_in_words_is_no_fault(layout, tmp_path):
    source = two_plays(layout)
    flags, _, _ = flags_of(with_cells(source, "plays.csv", "down", "NA"), tmp_path)
    assert flags == {1: [], 2: []}


OUT_OF_BOUNDS = (
    ("yardsToGo", "400", "from 0 to 109"),
    ("yardsToGo", "0", "at least 1 on a down"),
    ("down", "7", "from 0 to 4"),
    ("quarter", "9", "from 1 to 6"),
    ("prePenaltyPlayResult", "-500", "from -110 to 110"),
    ("gameClock", "99:99", "a time of a quarter, up to 15:00"),
)


def test_a_number_that_no_game_has_sets_the_play_aside(tmp_path):
    source = made_set("bdb_2025", *(MadePlay(play=play) for play in range(7)))
    for play, (column, value, _) in enumerate(OUT_OF_BOUNDS):
        source = with_cells(source, "plays.csv", column, value, of=play)
    blocks, report = read_tracking(source.write(tmp_path))
    assert report.left_out.select("play_id", "reason", "detail").rows() == [
        (
            play,
            "value out of bounds",
            f"the column {column} of plays.csv is '{value}' in row {play + 1}, must be {must}",
        )
        for play, (column, value, must) in enumerate(OUT_OF_BOUNDS)
    ]
    assert blocks[0].plays["play_id"].to_list() == [6]


def test_a_margin_that_no_game_has_names_both_scores(tmp_path):
    source = with_cells(two_plays(), "plays.csv", "preSnapHomeScore", "700")
    _, report = read_tracking(source.write(tmp_path))
    said = (
        "the columns preSnapHomeScore and preSnapVisitorScore of plays.csv are '700' and '3' in "
        "row 1, must be within 100 of each other"
    )
    assert report.left_out.select("reason", "detail").rows() == [("value out of bounds", said)]


def test_games_of_another_set_are_found(tmp_path):
    source = two_plays()
    source.tables["games.csv"] = pl.DataFrame(
        {"gameId": [2019090800], "homeTeamAbbr": ["KC"], "visitorTeamAbbr": ["ARZ"]}
    )
    flags, _, report = flags_of(source, tmp_path)
    assert flags == {1: ["game not in games.csv"], 2: ["game not in games.csv"]}
    first = "game 2022091100, play 1"
    assert report.flags().rows() == [("game not in games.csv", 2, first)]


def test_a_team_that_does_not_play_the_game_is_found(tmp_path):
    source = two_plays()
    source.tables["games.csv"] = pl.DataFrame(
        {"gameId": [2022091100], "homeTeamAbbr": ["KC"], "visitorTeamAbbr": ["ARZ"]}
    )
    source = with_cells(source, "plays.csv", "defensiveTeam", "DAL", of=2)
    flags, _, _ = flags_of(source, tmp_path)
    assert flags == {1: [], 2: ["a team that does not play this game"]}


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2021"])
def test_who_is_at_home_is_never_guessed(layout, tmp_path):
    """Of rows that say home and away: kept before, the wrong eleven as the offense."""
    source = made_set(layout, MadePlay(play=1), MadePlay(game=2022091899, play=2))
    known = source.tables["games.csv"].filter(gameId=2022091100)
    source.tables["games.csv"] = known
    source = with_cells(source, "plays.csv", "possessionTeam", "KC", of=2)
    blocks, report = read_tracking(source.write(tmp_path / "one"))
    assert report.left_out.select("game_id", "play_id", "reason", "detail").rows() == [
        (
            2022091899,
            2,
            "not in the table of games",
            "the rows say home and away, and games.csv does not say which KC is",
        )
    ]
    assert blocks[0].plays["play_id"].to_list() == [1]
    source.tables["games.csv"] = known.with_columns(gameId=pl.lit(2001010100))
    with pytest.raises(ReaderError, match=r"games\.csv has none of the games of .*plays\.csv"):
        read_tracking(source.write(tmp_path / "none"))
    source.tables["games.csv"] = known
    stranger = with_cells(source, "plays.csv", "possessionTeam", "DAL", of=1)
    _, report = read_tracking(stranger.write(tmp_path / "stranger"))
    assert report.reasons().rows() == [("not in the table of games", 2)]


BALL = pl.col("nflId").is_null()


@pytest.mark.parametrize(
    ("gone", "flag", "said"),
    [
        (BALL & (pl.col("frameId") > 20), "the track of the ball ends before the play does",
         "6 of 21 frames"),
        (BALL & pl.col("frameId").is_between(10, 12), "no ball in some frames", "3 of 21 frames"),
        (BALL, "no ball in any frame", "no row has a ball, whose club is ball or football"),
    ],
    ids=["ends early", "gap", "none"],
)  # fmt: skip
def test_a_ball_that_is_not_there_all_along_is_flagged(gone, flag, said, tmp_path):
    source = two_plays()
    first = pl.col("playId") == 1
    source.tracking[TRACKING] = source.tracking[TRACKING].filter(~(first & gone))
    flags, _, report = flags_of(source, tmp_path)
    assert flags == {1: [flag], 2: []}
    # From the snap at frame 6 to the throw at 26.
    assert report.flagged["details"].to_list() == [said]


@pytest.mark.parametrize("plays", [1, 2])
def test_a_play_and_a_set_without_a_ball_are_told_apart(plays, tmp_path):
    source = two_plays()
    gone = BALL & (pl.col("playId") <= plays)
    source.tracking[TRACKING] = source.tracking[TRACKING].filter(~gone)
    _, _, report = flags_of(source, tmp_path)
    (check,) = (c for c in report.files[0].failed if c.name == "no ball in any frame")
    who = "they have no ball" if plays == 1 else "the file has no ball"
    assert check.evidence == (
        f"{plays} of 2 plays: {who}, so that targets are told by names and roles alone, and throw "
        "depths are unknown"
    )


@pytest.mark.parametrize("name", ["plays.csv", "players.csv", "player_play.csv"])
def test_a_table_of_a_header_alone_is_named(name, tmp_path):
    source = two_plays()
    source.tables[name] = source.tables[name].clear()
    with pytest.raises(ReaderError, match=f"{name} holds no row: a table must have more"):
        read_tracking(source.write(tmp_path))


def test_a_player_whom_the_table_lacks_is_named(tmp_path):
    source = two_plays()
    source.tables["players.csv"] = source.tables["players.csv"].filter(pl.col("nflId") != 30004)
    _, _, report = flags_of(source, tmp_path)
    (check,) = report.files[0].failed
    assert (check.name, check.decision) == ("ids of the table of players", "flagged")
    assert "21 of 22 players are in players.csv, which lacks 30004" in check.evidence


def said_of_tables(report):
    (check,) = (c for c in report.files[0].failed if c.name == "rows of the tables")
    assert check.decision == "wrong, not corrected"
    return check.evidence


@pytest.mark.parametrize(
    ("layout", "table", "column", "cell"),
    [
        ("bdb_2025", "player_play.csv", "nflId", "inf"),
        ("bdb_2021", "targetedReceiver.csv", "playId", "64.5"),
        ("bdb_2023", "pffScoutingData.csv", "gameId", ""),
        ("bdb_2024", "plays.csv", "gameId", "first"),
        ("bdb_2024", "plays.csv", "playId", None),
    ],
)
def test_a_row_without_a_key_is_named_and_the_rest_goes_on(layout, table, column, cell, tmp_path):
    source = with_cells(charted(layout), table, column, cell, of=2)
    found = repr(cell) if cell else "none"
    _, _, report = flags_of(source, tmp_path)
    assert said_of_tables(report).endswith(
        f"{table}: every row must have a whole number in {column!r}; row 2 below the header has "
        f"{found} (1 such row not read)"
    )
    left = report.left_out.select("play_id", "reason").rows()
    assert left == ([(2, "not in the table of plays")] if table == "plays.csv" else [])


def charted(layout, plays=2):
    """Plays with what scouts say of a rusher of each."""
    source = made_set(layout, *(MadePlay(play=play) for play in range(1, plays + 1)))
    if layout == "bdb_2023":
        keys = source.tables["plays.csv"].select("gameId", "playId", nflId=30011)
        source.tables["pffScoutingData.csv"] = keys.with_columns(
            pff_role=pl.lit("Pass Rush"), pff_hit=1, pff_hurry=0, pff_sack=0
        )
    if layout == "bdb_2025":
        more = {"causedPressure": "TRUE", "interceptionYards": None}
        source.change("player_play.csv", **{name: pl.lit(word) for name, word in more.items()})
    return source


FLAG = "word for yes or no"
CHARTED = {
    "bdb_2021": ("targetedReceiver.csv", {"targetNflId": "player"}),
    "bdb_2023": (
        "pffScoutingData.csv",
        {
            "pff_role": "role that is known",
            **dict.fromkeys(("pff_hit", "pff_hurry", "pff_sack"), FLAG),
        },
    ),
    "bdb_2025": (
        "player_play.csv",
        {
            **dict.fromkeys(("wasTargettedReceiver", "wasInitialPassRusher"), FLAG),
            "causedPressure": FLAG,
            "interceptionYards": "whole number",
        },
    ),
}


@pytest.mark.parametrize("layout", CHARTED)
def test_a_charted_cell_that_says_nothing_is_flagged(layout, tmp_path):
    # Two plays for each column, and one without any fault.
    table, columns = CHARTED[layout]
    source = charted(layout, plays=2 * len(columns) + 1)
    wrong = [(column, cell) for column in columns for cell in ("inf", "3.5")]
    for play, (column, cell) in enumerate(wrong, start=1):
        source = with_cells(source, table, column, cell, of=play)
    flags, (block,), _ = flags_of(source, tmp_path)
    said = [[f"column {column} is no {columns[column]} in {table}"] for column, _ in wrong]
    assert flags == dict(enumerate([*said, []], start=1))
    if layout == "bdb_2025":
        unknown = block.plays.filter(pl.col("recorded_pressure").is_null())["play_id"].to_list()
        assert unknown == [5, 6]


def test_a_thrown_away_pass_has_no_target_in_2021_and_that_is_no_fault(tmp_path):
    source = two_plays("bdb_2021").change("targetedReceiver.csv", targetNflId=None)
    flags, _, report = flags_of(source, tmp_path)
    assert flags == {1: [], 2: []}
    assert not report.files[0].failed


# The line is 65 yards from the goal line.
@pytest.mark.parametrize(
    ("column", "cell", "flag"),
    [
        ("yardsToGo", "65", []),
        ("yardsToGo", "67", ["more yards than there are to the goal line"]),
        (
            "prePenaltyPlayResult",
            "67",
            ["more yards than there are to the goal line", "yards unlike the description"],
        ),
        ("yardlineSide", "DAL", ["a team that does not play this game"]),
    ],
)
def test_what_no_play_from_its_line_can_have_is_flagged(column, cell, flag, tmp_path):
    flags, _, _ = flags_of(with_cells(two_plays(), "plays.csv", column, cell), tmp_path)
    assert flags == {1: flag, 2: []}


def test_players_in_one_place_are_flagged(tmp_path):
    flags, _, _ = flags_of(with_cells(two_plays(), TRACKING, "y", "26.0"), tmp_path)
    assert "two players in one place at the snap" in flags[1]
    assert flags[2] == []


def test_an_acceleration_below_zero_is_none(tmp_path):
    flags, _, _ = flags_of(with_cells(two_plays(), TRACKING, "a", "-7", where=MIDDLE), tmp_path)
    assert flags == {1: ["column a is missing or impossible in some rows"], 2: []}


def test_a_height_weight_or_position_in_other_words_is_named(tmp_path):
    source, (second, third) = two_plays(), (pl.col("nflId") == n for n in (30001, 30002))
    position = pl.when(third).then(pl.lit("GOALIE")).otherwise("officialPosition")
    source.change("players.csv", officialPosition=position)
    source.change(
        "players.csv",
        height=pl.when(second).then(pl.lit("tall")).otherwise("height"),
        weight=pl.when(third).then(pl.lit("heavy")).otherwise(pl.col("weight").cast(pl.String)),
    )
    _, _, report = flags_of(source, tmp_path)
    height, weight, place = said_of_tables(report).split("; /")
    found = "row 3 below the header has 'GOALIE' (1 such row)"
    assert place.endswith(f"players.csv: 'officialPosition' must be a position such as QB; {found}")
    known = "a height such as 6-3, 6'03\" or inches"
    found = "row 2 below the header has 'tall' (1 such row)"
    assert height.endswith(f"players.csv: 'height' must be {known}; {found}")
    found = "row 3 below the header has 'heavy' (1 such row)"
    assert weight.endswith(f"players.csv: 'weight' must be a weight in pounds; {found}")


def test_a_player_with_two_rows_and_a_game_with_two_are_named_and_the_first_read(tmp_path):
    source = two_plays("bdb_2023")
    for name, change in (
        ("players.csv", {"height": pl.lit("6-9")}),
        ("games.csv", {"homeTeamAbbr": pl.lit("DAL")}),
    ):
        table = source.tables[name]
        source.tables[name] = pl.concat([table, table.head(1).with_columns(**change)])
    flags, (block,), report = flags_of(source, tmp_path)
    said = said_of_tables(report)
    assert "a game must have one row; 2022091100 has more, of which the first is read" in said
    assert "a player must have one row; 30000 has more, of which the first is read" in said
    assert block.plays["home_team"].to_list() == ["KC", "KC"]
    assert block.players.filter(player_id=30000)["height_in"].to_list() == [75.0, 75.0]
    assert flags == {1: [], 2: []}


FRACTIONS = {
    "bdb_2019": ("tracking_gameId_1.csv", "frame.id"),
    "bdb_2021": ("week1.csv", "frameId"),
    "bdb_2024": (TRACKING, "frameId"),
    "bdb_2026": ("input_2023_w01.csv", "frame_id"),
    "ngs_highlights": ("2022_KC_1_64.tsv", "frame"),
}


@pytest.mark.parametrize("layout", FRACTIONS)
def test_a_fraction_of_a_frame_sets_its_play_aside_by_column_and_cell(layout, tmp_path):
    name, column = FRACTIONS[layout]
    source = made_set(layout, MadePlay(play=1), MadePlay(play=2))
    play = next(c for c in source.tracking[name].columns if c.lower().replace("_", "") == "playid")
    # Two rows of the second play.
    row = pl.int_range(pl.len())
    first = source.tracking[name].select((pl.col(play) == 2).arg_true()).to_series()[3]
    cell = pl.col(column).cast(pl.Float64)
    source.change(
        name, pl.when(row.is_in([first, first + 1])).then(cell + 0.5).otherwise(cell).alias(column)
    )
    value = source.tracking[name][column][first]
    blocks, report = read_tracking(source.write(tmp_path))
    detail = (
        f"the column {column} must hold whole numbers; row {first + 1} below the header has "
        f"{value} (2 such rows)"
    )
    assert report.left_out.select("game_id", "play_id", "reason", "detail").rows() == [
        (2022091100, 2, "a fraction where a whole number must be", detail)
    ]
    assert [block.plays["play_id"].to_list() for block in blocks] == [[1]]
    assert report.plays_read == 2


@pytest.mark.parametrize(
    ("column", "key"),
    [("gameId", (None, 2)), ("playId", (2022091100, None)), ("nflId", (2022091100, 2))],
)
def test_a_fraction_of_an_id_is_named_and_its_row_is_of_no_play(column, key, tmp_path):
    source = two_plays()
    where = (pl.col("nflId") == 30003) & (pl.col("frameId") == 20)
    cell = pl.col(column).cast(pl.Float64)
    at = (pl.col("playId") == 2) & where
    source.change(TRACKING, pl.when(at).then(cell + 0.5).otherwise(cell).alias(column))
    if column == "playId":  # the same of Parquet
        source.tracking = {"tracking_week_1.parquet": source.tracking[TRACKING]}
    blocks, report = read_tracking(source.write(tmp_path))
    value = {"gameId": "2022091100.5", "playId": "2.5", "nflId": "30003.5"}[column]
    ((*found, reason, detail),) = report.left_out.select(
        "game_id", "play_id", "reason", "detail"
    ).rows()
    assert (tuple(found), reason) == (key, "a fraction where a whole number must be")
    assert f"the column {column} must hold whole numbers; row 1060 below" in detail
    assert f"has {value} (1 such rows)" in detail
    kept = [play for block in blocks for play in block.plays["play_id"]]
    # Of a play that lacks one row the gap is filled.
    assert kept == ([1] if column == "nflId" else [1, 2])
    assert report.files[0].unreadable_rows == 1


def test_a_play_of_fractions_alone_is_named_by_column(tmp_path):
    frame = pl.col("frameId")
    source = two_plays().change(
        TRACKING, frameId=pl.when(pl.col("playId") == 2).then(frame + 0.5).otherwise(frame)
    )
    blocks, report = read_tracking(source.write(tmp_path))
    ((play, reason, detail),) = report.left_out.select("play_id", "reason", "detail").rows()
    assert (play, reason) == (2, "a fraction where a whole number must be")
    assert detail.startswith("the column frameId must hold whole numbers; row 921 below the header")
    assert blocks[0].plays["play_id"].to_list() == [1]


def test_the_first_row_that_cannot_be_read_is_shown(tmp_path):
    source = with_cells(two_plays(), TRACKING, "x", "left side", where=MIDDLE)
    _, _, report = flags_of(source, tmp_path)
    (check,) = (c for c in report.files[0].failed if c.name == "unreadable rows")
    row = source.tracking[TRACKING].select(pl.arg_where(pl.col("x") == "left side")).item(0, 0) + 1
    assert check.evidence == (
        "3 rows lack a game, play or frame, or have no place on earth; the first is row "
        f"{row} below the header, of game 2022091100, play 1, whose 'x' is 'left side'"
    )


@pytest.mark.parametrize(
    ("column", "cell", "flag"),
    [
        ("homeTeamFlag", "9", "column homeTeamFlag is no word for yes or no in the tracking rows"),
        ("homeTeamFlag", "0", "both sides at home, or neither"),
        ("teamAbbr", "DAL", "one team on both sides"),
        (
            "gsisId",
            "Brady",
            "column gsisId is no key of a player such as 00-0033873 in the tracking rows",
        ),
    ],
)
def test_highlights_never_guess_who_is_at_home(column, cell, flag, tmp_path):
    source = made_set("ngs_highlights", MadePlay(play=1), MadePlay(play=2))
    own = pl.col(column).cast(pl.String)
    changed = pl.when(pl.col("playId") == 1).then(pl.lit(cell)).otherwise(own).alias(column)
    source.change("2022_KC_1_64.tsv", changed)
    flags, (block,), _ = flags_of(source, tmp_path)
    assert flags == {1: [flag], 2: []}
    home = ["DAL" if cell == "DAL" else None if column == "homeTeamFlag" else "KC", "KC"]
    assert block.plays["home_team"].to_list() == home


def test_a_direction_that_is_none_is_flagged(tmp_path):
    source = with_cells(two_plays(), TRACKING, "playDirection", "up")
    flags, _, report = flags_of(source, tmp_path)
    assert flags == {1: ["column playDirection is neither left nor right"], 2: []}
    assert (
        "0 of 1 plays say" in {c.name: c.evidence for c in report.files[0].checks}["play direction"]
    )


def test_a_fraction_of_a_jersey_number_is_none(tmp_path):
    source = two_plays().change(TRACKING, jerseyNumber=pl.col("jerseyNumber") + 0.5)
    flags, (block,), _ = flags_of(source, tmp_path)
    assert block.players["jersey_number"].null_count() == block.players.height
    said = ["column jerseyNumber is no number from 0 to 99 in the tracking rows"]
    assert flags == {1: said, 2: said}


@pytest.mark.parametrize(
    ("column", "known"),
    [
        ("player_role", "role that is known"),
        ("player_height", "height"),
        ("player_weight", "weight"),
        ("player_position", "position that is known"),
    ],
)
def test_a_word_of_the_rows_that_says_nothing_of_a_player_is_flagged(column, known, tmp_path):
    source = made_set("bdb_2026", MadePlay(play=1), MadePlay(play=2))
    cell = pl.col(column).cast(pl.String)
    source.change(
        "input_2023_w01.csv", pl.when(pl.col("play_id") == 1).then(pl.lit("odd")).otherwise(cell)
        .alias(column),
    )  # fmt: skip
    flags, _, _ = flags_of(source, tmp_path)
    assert flags == {1: [f"column {column} is no {known} in the tracking rows"], 2: []}


def test_a_recorded_role_of_somebody_else_is_named(tmp_path):
    source = with_cells(two_plays(), "player_play.csv", "nflId", "39999", of=2)
    flags, _, report = flags_of(source, tmp_path)
    (check,) = report.files[0].failed
    assert (check.name, check.decision) == ("plays of the recorded roles", "flagged")
    assert check.evidence.endswith(
        "; 1 roles are of players who are not in the frames of their play, the first of game "
        "2022091100, play 2, nflId 39999"
    )
    assert flags == {1: [], 2: []}


def test_a_table_of_players_that_names_nobody_is_refused(tmp_path):
    source = two_plays().change("players.csv", nflId=pl.lit("inf"))
    with pytest.raises(
        ReaderError, match=r"players\.csv: every row must have .*'nflId'.* none is left"
    ):
        read_tracking(source.write(tmp_path))


def test_stamps_that_are_no_time_are_counted(tmp_path):
    source = with_cells(two_plays(), TRACKING, "time", "noon", where=MIDDLE)
    _, _, report = flags_of(source, tmp_path)
    (check,) = report.files[0].failed
    assert check.name == "time jumps"
    assert "'time' is no time in 3 such rows" in check.evidence


def test_ids_with_a_decimal_point_in_one_table_are_the_same_ids(tmp_path):
    plain = flags_of(two_plays(), tmp_path / "plain")[1]
    source = two_plays()
    for name in ("plays.csv", "players.csv", "player_play.csv"):
        source.change(name, pl.col("^gameId|playId|nflId$").cast(pl.Float64))
    flags, blocks, report = flags_of(source, tmp_path / "decimal")
    assert flags == {1: [], 2: []}
    assert not report.files[0].failed
    assert blocks[0].players.equals(plain[0].players)


@pytest.mark.parametrize(("word", "means"), [("t", True), ("No", False), ("perhaps", None)])
def test_a_flag_is_yes_or_no_or_said_to_be_neither(word, means, tmp_path):
    source = made_set("bdb_2026", MadePlay(play=1))
    source = source.change("supplementary_data.csv", play_action=pl.lit(word))
    blocks, _ = read_tracking(source.write(tmp_path))
    said = ["column play_action is no word for yes or no in the table of plays"]
    assert blocks[0].plays["play_action"].to_list() == [means]
    assert blocks[0].plays["flags"].to_list() == [said if means is None else []]


WEEKS = {"3.0": 3, "22": 22, **dict.fromkeys(("0", "-1", "23", "3.7", "inf", "x"))}


@pytest.mark.parametrize(
    ("layout", "table", "where"),
    [
        ("bdb_2023", "games.csv", "games.csv"),
        ("bdb_2026", "supplementary_data.csv", "the table of plays"),
    ],
)
def test_a_week_is_one_of_a_season_or_flagged(layout, table, where, tmp_path):
    games = [2022091100 + n for n in range(len(WEEKS))]
    source = made_set(layout, *(MadePlay(game=game, play=1) for game in games))
    key = "gameId" if layout == "bdb_2023" else "game_id"
    week = pl.col(key).replace_strict(dict(zip(games, WEEKS, strict=True)))
    _, (block,), report = flags_of(source.change(table, week=week), tmp_path)
    assert block.plays["week"].to_list() == list(WEEKS.values())
    ((flag, count, first),) = report.flags().rows()
    assert (flag, count) == (f"column week is no week of a season in {where}", 6)
    assert re.fullmatch(r"game 2022091102, play 1: week is '0' in row \d+", first)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("yardline_number", "inf"),
        ("yardline_number", "0"),
        ("yardline_side", None),
        ("yardline_side", "SEA"),
        ("possession_team", None),
    ],
)
def test_rows_tell_the_line_that_the_table_does_not(column, cell, tmp_path):
    source = made_set("bdb_2026", MadePlay(play=1)).change(
        "supplementary_data.csv", pl.lit(cell).alias(column)
    )
    blocks, _ = read_tracking(source.write(tmp_path))
    # The table says the offense's 35 and so do the rows, as 45 yards from the back of the field.
    assert blocks[0].plays["line_of_scrimmage_x_yd"].to_list() == [45.0]


def test_a_line_that_nothing_tells_sets_the_play_aside(tmp_path):
    source = made_set("bdb_2026", MadePlay(play=1))
    source.change("supplementary_data.csv", yardline_number=None)
    source.change("input_2023_w01.csv", absolute_yardline_number=None)
    blocks, report = read_tracking(source.write(tmp_path))
    ((reason, detail),) = report.left_out.select("reason", "detail").rows()
    assert reason == "snap away from the line of scrimmage"
    assert "line of scrimmage at an unknown place" in detail
    assert sum(block.plays.height for block in blocks) == 0


@pytest.mark.parametrize(
    ("layout", "table", "column"),
    [
        ("bdb_2021", "targetedReceiver.csv", "targetNflId"),
        ("bdb_2025", "player_play.csv", "nflId"),
        ("bdb_2023", "plays.csv", "playId"),
    ],
)
def test_a_table_without_its_keys_is_refused_by_column(layout, table, column, tmp_path):
    source = two_plays(layout)
    source.tables[table] = source.tables[table].drop(column)
    with pytest.raises(ReaderError, match=rf"{table} (must have|has no) (.*)?column.*{column}"):
        read_tracking(source.write(tmp_path))


@pytest.mark.parametrize("cell", ["", "inf", "64.5"])
def test_a_table_in_which_no_row_has_a_key_is_refused(cell, tmp_path):
    source = two_plays().change("plays.csv", playId=pl.lit(cell))
    found = "none" if not cell else f"'{cell}'"
    said = rf"plays.csv: every row must have a whole number in 'playId'; row 1 .* has {found} \(2"
    with pytest.raises(ReaderError, match=said):
        read_tracking(source.write(tmp_path))


@pytest.mark.parametrize(("cell", "yards"), [("12", 12), ("inf", None), ("1e308", None)])
def test_a_return_that_cannot_be_is_unknown(cell, yards, tmp_path):
    source = two_plays().change("plays.csv", passResult=pl.lit("IN"))
    source.change("player_play.csv", interceptionYards=pl.lit(cell))
    blocks, _ = read_tracking(source.write(tmp_path))
    assert blocks[0].plays["interception_return_yards"].to_list() == [yards, yards]
