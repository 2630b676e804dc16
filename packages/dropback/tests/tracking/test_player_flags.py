"""Cells of players, balls, teams, frames and charting that contradict a play are flagged."""

import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_flags import KEYS, changed, flags_of, two_plays
from examples.tracking_sets import MadePlay, made_set

NUMBERED = ["bdb_2021", "bdb_2023", "bdb_2024", "bdb_2025"]
# The columns of team, or of who has the ball, and of ids by layout.
SIDES = {
    "bdb_2019": ("team", "home", "ball"),
    "bdb_2021": ("team", "home", "football"),
    "bdb_2023": ("team", "KC", "football"),
    "bdb_2024": ("club", "KC", "football"),
    "bdb_2025": ("club", "KC", "football"),
}


def tracking_of(source):
    ((file, _),) = source.tracking.items()
    return file


@pytest.mark.parametrize("layout", NUMBERED)
def test_one_number_for_a_team_is_flagged(layout, tmp_path):
    source = two_plays(layout)
    column, offense, _ = SIDES[layout]
    source = changed(source, tracking_of(source), pl.col(column) == offense, jerseyNumber=12.0)
    count = 6 if layout == "bdb_2021" else 11  # a set without linemen
    said = f"jerseyNumber is 12 of {count} of the offense"
    assert flags_of(source, tmp_path) == {1: ("players of one team with one number", said)}


@pytest.mark.parametrize("layout", SIDES)
def test_a_ball_with_the_id_of_a_player_is_flagged(layout, tmp_path):
    source = two_plays(layout)
    column, _, ball = SIDES[layout]
    source = changed(source, tracking_of(source), pl.col(column) == ball, nflId=77777.0)
    (flags,) = flags_of(source, tmp_path).values()
    assert flags[0] == "the ball has what players have"
    assert flags[1].startswith("nflId is '77777.0' in row ")


PLACES = {
    "bdb_2019": ("x", "y", "frame.id"), "bdb_2021": ("x", "y", "frameId"),
    "bdb_2023": ("x", "y", "frameId"), "bdb_2024": ("x", "y", "frameId"),
    "bdb_2025": ("x", "y", "frameId"), "bdb_2026": ("x", "y", "frame_id"),
    "ngs_highlights": ("x", "y", "frame"), "hackathon_2015": ("x", "y", "time"),
}  # fmt: skip


@pytest.mark.parametrize("layout", PLACES)
def test_a_cell_that_is_no_place_or_frame_flags_its_play(layout, tmp_path):
    source = made_set(layout, *(MadePlay(play=play) for play in range(1, 5)))
    file = tracking_of(source)
    rows = source.tracking[file]
    key = next(key for key in KEYS if key in rows.columns)
    # The tenth row of each of three plays is between snap and end.
    number = pl.int_range(pl.len()).over(key)
    cells = dict(zip(PLACES[layout], ["inf", "1e308", ""], strict=True))
    source = source.change(
        file,
        *(
            pl.when((pl.col(key) == play) & (number == 9))
            .then(pl.lit(cell)).otherwise(pl.col(name).cast(pl.String)).alias(name)
            for play, (name, cell) in enumerate(cells.items(), start=1)
        ),
    )  # fmt: skip
    flags = flags_of(source, tmp_path)
    each = rows.height // 4
    assert list(flags.values()) == [
        ("rows without a place or a frame",
         f"{name} is {f'{cell!r}' if cell else 'empty'} in row {10 + each * place}")
        for place, (name, cell) in enumerate(cells.items())
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "word", "row"), [(20, "SNAP", 20), (1, "AFTER_SNAP", 1), (11, "Q", 11)]
)
def test_a_frame_type_against_the_snap_is_flagged(frame, word, row, tmp_path):
    # The snap is at frame 6.
    source = two_plays("bdb_2025")
    source = changed(source, tracking_of(source), pl.col("frameId") == frame, frameType=word)
    said = "column frameType against the snap", f"frameType is '{word}' in row {row}"
    assert flags_of(source, tmp_path) == {1: said}


def test_a_frame_type_at_the_snap_is_none(tmp_path):
    source = two_plays("bdb_2025")
    source = changed(source, tracking_of(source), pl.col("frameId") == 7, frameType="SNAP")
    assert flags_of(source, tmp_path) == {}


@pytest.mark.parametrize("rows", [1, 22])
def test_a_team_of_the_charting_that_is_none_of_the_play_is_flagged(rows, tmp_path):
    source = two_plays("bdb_2025", *(MadePlay(play=play) for play in (1, 2, 3)))
    table = source.tables["player_play.csv"]
    both = pl.concat([table] * 22).sort("playId", maintain_order=True)
    number = pl.int_range(pl.len()).over("playId")
    source.tables["player_play.csv"] = both.with_columns(
        nflId=30000 + number,
        wasTargettedReceiver=(number == 8).cast(pl.Int64),
        teamAbbr=pl.when((pl.col("playId") == 1) & (number < rows)).then(pl.lit("XXX"))
        .when(number < 11).then(pl.lit("KC")).otherwise(pl.lit("ARZ")),
    )  # fmt: skip
    flag = "column teamAbbr is no team of the play in player_play.csv"
    assert flags_of(source, tmp_path) == {1: (flag, "teamAbbr is 'XXX' in row 1")}


@pytest.mark.parametrize("layout", ["bdb_2023", "bdb_2025", "bdb_2026"])
def test_charted_words_have_one_spelling(layout, tmp_path):
    ours = {"coverage": "Cover-3", "coverage_type": "Zone", "dropback_type": "DESIGNED_RUN"}
    columns = {
        "bdb_2023": ("pff_passCoverage", "pff_passCoverageType", "dropBackType"),
        "bdb_2025": ("pff_passCoverage", "pff_manZone", "dropbackType"),
        "bdb_2026": ("team_coverage_type", "team_coverage_man_zone", "dropback_type"),
    }[layout]
    spellings = [("Cover-3", "Zone", "DESIGNED_RUN"), ("COVER 3", "zone", "designed run")]
    source = two_plays(layout)
    table = "supplementary_data.csv" if layout == "bdb_2026" else "plays.csv"
    for name, words in zip(columns, zip(*spellings, strict=True), strict=True):
        source = source.change(table, pl.Series(name, words))
    if layout == "bdb_2025":
        ours["target_route"] = "SLANT"
        source = source.change("player_play.csv", routeRan=pl.Series(["SLANT", "slant"]))
    blocks, report = read_tracking(source.write(tmp_path))
    assert report.flagged.is_empty()
    assert {name: blocks[0].plays[name].to_list() for name in ours} == {
        name: [word, word] for name, word in ours.items()
    }


# What a player keeps while a game lasts: by layout the column, another cell, and what is said.
KEPT = {
    ("bdb_2021", "jerseyNumber"): (77.0, "jerseyNumber is '77' of nflId 30012", "'13' in most"),
    ("bdb_2021", "position"): ("LB", "position is 'LB' of nflId 30012", "'DT' in most"),
    ("bdb_2023", "jerseyNumber"): (77.0, "jerseyNumber is '77' of nflId 30012", "'13' in most"),
    ("bdb_2025", "jerseyNumber"): (77.0, "jerseyNumber is '77' of nflId 30012", "'13' in most"),
    ("bdb_2026", "player_name"): ("Al", "player_name is 'Al' of nfl_id 30014", "'Al Player14' in"),
    ("bdb_2026", "player_position"): ("CB", "player_position is 'CB' of nfl_id 30014", "'DE' in"),
    ("bdb_2026", "player_height"): ("5-9", "player_height is '69.0' of nfl_id 30014", "'75.0' in"),
    ("hackathon_2015", "pos"): ("CB", "pos is 'CB' of nflId 30012", "'DT' in most"),
    ("ngs_highlights", "position"): ("CB", "position is 'CB' of nflId 30012", "'DT' in most"),
}


@pytest.mark.parametrize(("layout", "column"), KEPT)
def test_a_player_who_is_another_in_most_plays_is_flagged(layout, column, tmp_path):
    source = made_set(layout, *(MadePlay(play=play) for play in (1, 2, 3)))
    cell, said, usual = KEPT[layout, column]
    player = "nfl_id" if layout == "bdb_2026" else "nflId"
    where = pl.col(player) == int(said.split(" of ")[1].split()[1])
    (flags,) = flags_of(changed(source, tracking_of(source), where, **{column: cell}),
                        tmp_path).values()  # fmt: skip
    assert flags[0] == "a player who is another in most plays of the game"
    assert flags[1].startswith(said)
    assert usual in flags[1]


@pytest.mark.parametrize("layout", ["bdb_2021", "bdb_2024"])
def test_two_players_with_each_other_s_ids_are_flagged(layout, tmp_path):
    source = made_set(layout, *(MadePlay(play=play) for play in (1, 2, 3)))
    ids = pl.col("nflId").replace({30015: 30016, 30016: 30015})
    flags = flags_of(changed(source, tracking_of(source), nflId=ids), tmp_path)
    assert [flag for flag, _ in flags.values()] == [
        "a player who is another in most plays of the game"
    ]


@pytest.mark.parametrize(
    ("role", "flag"),
    [
        ("Passer", "no passer of the play in the column player_role"),
        ("Targeted Receiver", "no target of the play in the column player_role"),
    ],
)
def test_a_play_of_2026_without_a_role_is_flagged(role, flag, tmp_path):
    source = two_plays("bdb_2026")
    file = tracking_of(source)
    source = changed(source, file, pl.col("player_role") == role, player_role="Other Route Runner")
    assert [said.split("; ") for said, _ in flags_of(source, tmp_path).values()] == [[flag]]


def test_a_passer_who_is_no_quarterback_beside_one_is_flagged(tmp_path):
    source = two_plays("bdb_2026")
    swapped = {"Passer": "Targeted Receiver", "Targeted Receiver": "Passer"}
    roles = pl.col("player_role").replace(swapped)
    flags = flags_of(changed(source, tracking_of(source), player_role=roles), tmp_path)
    said = "nfl_id 30009 is RB, the quarterback is 30000"
    assert flags == {1: ("a passer who is no quarterback", said)}


@pytest.mark.parametrize("layout", ["bdb_2021", "bdb_2023", "bdb_2026", "ngs_highlights"])
def test_one_orientation_for_all_players_is_flagged(layout, tmp_path):
    source = two_plays(layout)
    flags = flags_of(changed(source, tracking_of(source), o=90.0), tmp_path)
    assert flags == {1: ("one orientation for all players at the snap", "90 degrees")}
