"""A table of players whose ids are of other people is told by names and by positions."""

import shutil

import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_flags import two_plays

CHECK = "players of the table of players"
NAMED = ["bdb_2019", "bdb_2021", "bdb_2024", "bdb_2025"]


def check_of(report):
    return next(check for check in report.files[0].checks if check.name == CHECK)


def with_other_ids(source, rows):
    return source.change("players.csv", nflId=30000 + (pl.col("nflId") - 30000 + rows) % 22)


@pytest.mark.parametrize(
    ("layout", "rows"), [("bdb_2019", 0), *((layout, 5) for layout in (*NAMED, "bdb_2023"))]
)
def test_a_table_with_other_peoples_ids_loses_no_play(layout, rows, tmp_path):
    source = with_other_ids(two_plays(layout), rows)
    blocks, report = read_tracking(source.write(tmp_path))
    assert report.left_out.is_empty()
    assert report.flagged.is_empty()
    check = check_of(report)
    positions = blocks[0].players.filter(player_id=30000)["position"].to_list()
    if not rows:
        assert check.decision == "ok"
        assert positions == ["QB", "QB"]
        return
    assert check.decision == "wrong, not corrected"
    assert "players.csv is of other players, or its ids are: nothing is read of it" in (
        check.evidence
    )
    if layout != "bdb_2023":  # whose rows have no names
        table = "FirstName and LastName" if layout == "bdb_2019" else "displayName"
        said = f"nflId 30000 is 'Al Player0' by displayName and 'Al Player17' by {table} of "
        assert said in check.evidence
    # 2021 has positions in its rows.
    assert positions == (["QB", "QB"] if layout == "bdb_2021" else [None, None])


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2021", "bdb_2025"])
def test_one_player_of_another_name_is_flagged_and_without_position(layout, tmp_path):
    source = two_plays(layout)
    column = "LastName" if layout == "bdb_2019" else "displayName"
    named = pl.when(pl.col("nflId") == 30006).then(pl.lit("Nobody")).otherwise(pl.col(column))
    blocks, report = read_tracking(
        source.change("players.csv", named.alias(column)).write(tmp_path)
    )
    assert check_of(report).decision == "flagged"
    flags, details = report.flagged.select("flags", "details").row(0)
    assert report.flagged.height == 2
    assert flags == "a player of another name in the table of players"
    other = "Al Nobody" if layout == "bdb_2019" else "Nobody"
    assert details.startswith("displayName is 'Al Player6' of nflId 30006 in row ")
    assert details.endswith(f", and '{other}' in players.csv")
    position = blocks[0].players.filter(player_id=30006)["position"][0]
    assert position == ("WR" if layout == "bdb_2021" else None)
    assert blocks[0].players.filter(player_id=30007)["position"][0] == "WR"


def test_positions_alone_of_other_players_are_not_read(tmp_path):
    source = two_plays("bdb_2025")
    table = source.tables["players.csv"]
    column = next(name for name in table.columns if "osition" in name)
    moved = pl.concat([table[column].tail(5), table[column].head(17)])
    blocks, report = read_tracking(source.change("players.csv", moved).write(tmp_path))
    assert report.left_out.is_empty()
    assert "the positions of players.csv are of other players: none is read" in (
        check_of(report).evidence
    )
    players = blocks[0].players.filter(pl.col("side") != "ball")
    assert players["position"].null_count() == players.height
    assert players["height_in"].to_list() == [75.0] * players.height


@pytest.mark.parametrize(
    ("name", "decision"),
    [(pl.lit("anon"), "ok"), (pl.format("Player X{}", "nflId"), "flagged")],
)
def test_blanked_names_and_pseudonyms_leave_the_table_read(name, decision, tmp_path):
    source = two_plays("bdb_2025").change("players.csv", displayName=name)
    blocks, report = read_tracking(source.write(tmp_path))
    assert report.flagged.is_empty()
    assert check_of(report).decision == decision
    assert blocks[0].players.filter(player_id=30000)["position"].to_list() == ["QB", "QB"]


# As 2017's table and the highlights write them: one player each, and then another one.
ALIKE = [
    ("Matthew Stafford", "John Stafford"), ("C.J. Uzomah", "Christopher Uzomah"),
    ("Nickell Robey-Coleman", "Nickell Robey"), ("Odell Beckham Jr.", "Odell Beckham"),
    ("T.Brady", "Tom Brady"), ("Brady, Tom", "Tom Brady"), ("José Núñez", "JOSE NUNEZ"),
    ("Will Fuller V", "William Fuller"), ("Dont'a Hightower", "Qualin Hightower"),
]  # fmt: skip
UNLIKE = [("Tom Brady", "Tom Savage"), ("Robbie Chosen", "Robby Anderson"), ("A. Jr.", "B. Jr.")]


def test_names_are_alike_by_a_word_beside_the_first(tmp_path):
    pairs = ALIKE + UNLIKE
    source = two_plays("bdb_2025")
    (file,) = source.tracking
    numbers = range(30000, 30000 + len(pairs))
    ours, theirs = ([pair[at] for pair in pairs] for at in (0, 1))
    named = pl.col("nflId").replace_strict(list(numbers), ours, default=pl.col("displayName"))
    source = source.change(file, displayName=named)
    named = pl.col("nflId").replace_strict(list(numbers), theirs, default=pl.col("displayName"))
    source = source.change("players.csv", displayName=named)
    _, report = read_tracking(source.write(tmp_path))
    # Of the last pair no word tells a person.
    assert check_of(report).evidence.startswith("19 of 21 players have a name alike; nflId 30009 ")


def test_the_real_game_tells_a_table_off_by_a_row(data_dir, tmp_path):
    source = data_dir / "tracking" / "bdb_2019"
    for file in ("plays.csv", "games.csv", "tracking_gameId_2017090700.csv.gz"):
        shutil.copy(source / file, tmp_path)
    table = pl.read_csv(source / "players.csv", infer_schema=False)
    last = table["nflId"][-1]
    table.with_columns(pl.col("nflId").shift(1, fill_value=last)).write_csv(
        tmp_path / "players.csv"
    )
    blocks, report = read_tracking(tmp_path)
    assert sum(block.plays.height for block in blocks) == 78
    # Danny Amendola's id stands beside the row above, Mike Tolbert's.
    said = (
        "0 of 89 players have a name alike; nflId 2649 is 'Danny Amendola' by displayName and "
        "'William Tolbert' by FirstName and LastName of players.csv; "
    )
    assert check_of(report).evidence.startswith(said)


def test_ids_that_are_text_are_named_as_the_file_writes_them(tmp_path):
    source = two_plays("bdb_2025")
    (file,) = source.tracking
    key = pl.format("00-00{}", "nflId")
    # In play 2 a player has no place for ten frames.
    gap = pl.col("frameId").is_between(10, 19) & (pl.col("nflId") == 30006)
    lost = gap & (pl.col("playId") == 2)
    source = source.change(file, pl.when(~lost).then(pl.col("x", "y")), nflId=key)
    _, report = read_tracking(source.write(tmp_path))
    check = next(c for c in report.files[0].checks if c.name == "ids of the table of players")
    named = check.evidence.removeprefix("0 of 22 players are in players.csv, which lacks 00-00300")
    assert named[2:] == " of the column 'nflId', for one"
    ((reason, detail),) = report.left_out.select("reason", "detail").rows()
    assert reason == "frames missing"
    assert detail.startswith("player 00-0030006 has no coordinates")
