import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dropback.errors import ReaderError
from dropback.tracking import read_tracking
from dropback.tracking._schema import Players, Plays
from dropback.tracking.readers import FORMATS, choose_formats
from dropback.tracking.readers import _rows as rows_module
from dropback.tracking.readers._column_map import read_column_map
from dropback.tracking.readers._files import SourceFile, detect_format, find_folders, read_header
from dropback.tracking.readers._player_cells import height_in, normalized_position
from dropback.tracking.readers._rows import read_batches
from dropback.tracking.readers._tables import team_code
from examples.tracking_sets import MadePlay, made_set

LAYOUTS = ["bdb_2019", "bdb_2021", "bdb_2023", "bdb_2024", "bdb_2025", "bdb_2026", "ngs_highlights"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_of_each_layout_is_detected_and_gives_one_valid_play_that_says_what_it_lacks(
    layout, tmp_path
):
    folder = made_set(layout).write(tmp_path)
    (block,), report = read_tracking(folder)
    assert report.files[0].source_format == layout
    Plays.validate(block.plays)
    Players.validate(block.players)
    play = block.plays.row(0, named=True)
    assert (play["frames"], play["rotated"]) == (21, False)
    assert play["line_of_scrimmage_x_yd"] == 45.0
    assert (play["offense"], play["defense"]) == ("KC", "ARI")
    assert tuple(play["lacks"]) == FORMATS[layout].lacks


@pytest.mark.parametrize("layout", list(FORMATS))
def test_every_layout_is_documented(layout):
    page = Path(__file__).parents[4] / "docs/reference/tracking.md"
    assert f"`{layout}`" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_reads_the_same_positions(layout, tmp_path):
    folder = made_set(layout, MadePlay(right=False)).write(tmp_path)
    (block,), _ = read_tracking(folder)
    # The passer starts at (40, 26) and moves back at 1.5 yards a second for 2 s.
    np.testing.assert_allclose(block.frames[0, 0, :2], [40.0, 26.0], atol=0.011)
    np.testing.assert_allclose(block.frames[-1, 0, :2], [37.0, 26.0], atol=0.011)


def test_scores_clock_and_week_come_with_the_play(tmp_path):
    (block,), _ = read_tracking(made_set("bdb_2025").write(tmp_path))
    play = block.plays.row(0, named=True)
    assert (play["score_differential"], play["game_clock_s"], play["week"]) == (4, 900, 1)
    assert (play["home_team"], play["away_team"]) == ("KC", "ARI")


@pytest.mark.parametrize("compress", [False, True])
def test_a_csv_may_be_compressed(compress, tmp_path):
    folder = made_set("bdb_2023").write(tmp_path)
    path = folder / "week1.csv"
    if compress:
        (folder / "week1.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    blocks, _ = read_tracking(folder)
    assert blocks[0].plays.height == 1


def test_parquet_and_csv_of_the_same_rows_give_the_same_play(tmp_path):
    source = made_set("bdb_2025")
    (from_csv,), _ = read_tracking(source.write(tmp_path / "csv"))
    table = source.tracking.pop("tracking_week_1.csv")
    source.tracking["tracking_week_1.parquet"] = table
    (from_parquet,), _ = read_tracking(source.write(tmp_path / "parquet"))
    np.testing.assert_array_equal(from_csv.frames, from_parquet.frames)


def test_many_weeks_are_read_in_name_order(tmp_path):
    source = made_set("bdb_2025", MadePlay(play=64), MadePlay(play=100))
    table = source.tracking["tracking_week_1.csv"]
    source.tracking = {
        "tracking_week_1.csv": table.filter(pl.col("playId") == 100),
        "tracking_week_2.csv": table.filter(pl.col("playId") == 64),
    }
    blocks, _ = read_tracking(source.write(tmp_path))
    assert [block.plays["play_id"][0] for block in blocks] == [100, 64]


def test_a_single_file_is_read_with_the_tables_beside_it(tmp_path):
    folder = made_set("bdb_2024").write(tmp_path)
    blocks, _ = read_tracking(folder / "tracking_week_1.csv")
    assert blocks[0].plays.height == 1


def test_plays_split_over_small_batches_stay_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "ROWS_PER_BATCH", 500)
    folder = made_set("bdb_2025", *(MadePlay(play=number) for number in range(1, 8))).write(
        tmp_path
    )
    blocks, report = read_tracking(folder)
    assert sum(block.plays.height for block in blocks) == 7
    assert report.plays_read == 7


def test_interleaved_plays_are_still_read(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "ROWS_PER_BATCH", 500)
    source = made_set("bdb_2025", MadePlay(play=1), MadePlay(play=2), MadePlay(play=3))
    name = "tracking_week_1.csv"
    source.tracking[name] = source.tracking[name].sort("frameId", "playId", "nflId")
    blocks, report = read_tracking(source.write(tmp_path))
    assert [block.plays.height for block in blocks] == [3]
    assert report.plays_read == 3


def test_only_plays_whose_rows_lie_apart_wait_for_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "ROWS_PER_BATCH", 500)
    plays = [MadePlay(play=number) for number in range(1, 6)]
    source = made_set("bdb_2025", *plays)
    name = "tracking_week_1.csv"
    table = source.tracking[name]
    late = (pl.col("playId") == 1) & (pl.col("frameId") > 20)
    source.tracking[name] = pl.concat([table.filter(~late), table.filter(late)])
    blocks, report = read_tracking(source.write(tmp_path))
    order = [key for block in blocks for key in block.plays["play_id"]]
    assert order == [2, 3, 4, 5, 1]
    assert (report.plays_read, report.left_out.height) == (5, 0)
    np.testing.assert_array_equal(blocks[-1].frames[-21:], blocks[0].frames[:21])


def test_a_season_that_begins_in_a_later_batch_has_its_own_conventions(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "ROWS_PER_BATCH", 500)
    source = made_set(
        "bdb_2025", MadePlay(game=2018090900, play=1), MadePlay(game=2017091000, play=2)
    )
    early = pl.col("gameId") == 2017091000
    turned = pl.when(early).then((pl.col("o") - 90) % 360).otherwise("o")
    source.change("tracking_week_1.csv", o=turned)
    blocks, report = read_tracking(source.write(tmp_path))
    faced = [float(np.nanmedian(block.frames[0, :11, 5])) for block in blocks]
    assert faced[0] == faced[1]
    found = {c.season: c.decision for c in report.files[0].checks if c.name == "orientation"}
    assert found == {2018: "ok", 2017: "corrected"}


def test_the_snap_marker_of_2025_stands_in_for_a_missing_event(tmp_path):
    marker = pl.when(pl.col("frameId") == 6).then(pl.lit("SNAP")).otherwise("frameType")
    source = made_set("bdb_2025", MadePlay(events={26: "pass_forward"}))
    source.change("tracking_week_1.csv", frameType=marker)
    (block,), _ = read_tracking(source.write(tmp_path))
    assert block.plays["snap_event"].to_list() == ["snap_marker"]
    assert block.plays["snap_frame"].to_list() == [6]


def test_players_of_2026_carry_their_given_roles(tmp_path):
    (block,), _ = read_tracking(made_set("bdb_2026").write(tmp_path))
    roles = dict(block.players.select("player_id", "role").iter_rows())
    assert roles[30000] == "passer"
    assert roles[30009] == "target"
    assert roles[30006] == "eligible"


def test_unknown_columns_name_the_nearest_layout_and_what_is_missing(tmp_path):
    path = tmp_path / "week1.csv"
    path.write_text("gameId,playId,nflId,frameId,club,x,y,o\n")
    header, _ = read_header(path)
    with pytest.raises(ReaderError, match=r"nearest is bdb_2024, which also needs .*playDirection"):
        detect_format(path, header, choose_formats("auto"))


def test_an_unknown_format_name_lists_the_known():
    with pytest.raises(ReaderError, match=r"one of bdb_2019.*got 'bdb_1999'"):
        choose_formats("bdb_1999")


def test_a_folder_without_tracking_says_what_was_looked_for(tmp_path):
    with pytest.raises(ReaderError, match=r"holds no tracking file; looked for \.csv"):
        find_folders(tmp_path, choose_formats("auto"))


@pytest.mark.parametrize(
    ("layout", "table", "words"),
    [
        ("bdb_2023", "plays.csv", r"bdb_2023 needs plays\.csv in"),
        ("bdb_2019", "games.csv", r"needs games\.csv.*which team is at home"),
    ],
)
def test_a_missing_table_is_named(layout, table, words, tmp_path):
    folder = made_set(layout).write(tmp_path)
    (folder / table).unlink()
    with pytest.raises(ReaderError, match=words):
        read_tracking(folder)


@pytest.mark.parametrize(
    ("text", "inches"), [("6'03\"", 75.0), ("6-3", 75.0), ("75", 75.0), ("tall", None)]
)
def test_heights_in_all_three_spellings_and_none_that_is_no_height(text, inches):  # trap 12
    assert pl.DataFrame({"h": [text]}).select(height_in("h")).item() == inches


@pytest.mark.parametrize(
    ("given", "position"), [("HB", "RB"), ("OT", "T"), ("og", "G"), ("CB", "CB")]
)
def test_positions_have_one_vocabulary(given, position):
    assert pl.DataFrame({"p": [given]}).select(normalized_position("p")).item() == position


@pytest.mark.parametrize(
    ("given", "code"),
    [("ARZ", "ARI"), ("BLT", "BAL"), ("CLV", "CLE"), ("HST", "HOU"), ("LAR", "LA"), ("OAK", "LV"),
     ("4.0", "4")],
)  # fmt: skip
def test_team_codes_are_nflverses(given, code):
    assert pl.DataFrame({"t": [given]}).select(team_code("t")).item() == code


MAP = """
name = "mine"
possession = "code"
lacks = ["acceleration"]
[rows]
source_game_id = "g"
source_play_id = "p"
player_id = "id"
frame = "f"
team = "club"
x_yd = "x"
y_yd = "y"
event = "e"
[events]
hike = "ball_snap"
fling = "pass_forward"
[plays]
file = "plays.csv"
source_game_id = "gameId"
source_play_id = "playId"
game_id = "gameId"
play_id = "playId"
offense = "possessionTeam"
pass_result = "passResult"
absolute_yardline_x_yd = "absoluteYardlineNumber"
"""


def test_a_column_map_reads_a_layout_of_ones_own(tmp_path):
    source = made_set("bdb_2025")
    table = source.tracking.pop("tracking_week_1.csv").select(
        g="gameId", p="playId", id="nflId", f="frameId", club="club", x="x", y="y",
        e=pl.col("event").replace({"ball_snap": "hike", "pass_forward": "fling"}),
    )  # fmt: skip
    source.tracking["mine.csv"] = table
    folder = source.write(tmp_path / "set")
    (tmp_path / "mine.toml").write_text(MAP)
    (block,), report = read_tracking(folder, layout=str(tmp_path / "mine.toml"))
    assert report.files[0].source_format == "mine"
    assert block.plays["frames"].to_list() == [21]
    # Speed was derived: the passer backs up at 1.5 yards a second.
    assert block.frames[-1, 0, 2] == pytest.approx(1.5, abs=0.1)


def test_a_column_map_holds_what_the_map_that_it_is_like_holds(tmp_path):
    (tmp_path / "mine.toml").write_text(MAP)
    (tmp_path / "next.toml").write_text(
        'name = "next"\nlike = "mine.toml"\n'
        '[rows]\nteam = "side"\n[plays]\nclock = ["time", "clock"]\n'
    )
    mine, following = (read_column_map(tmp_path / f"{name}.toml") for name in ("mine", "next"))
    assert following.name == "next"
    assert following.rows == {**mine.rows, "team": "side"}
    assert following.plays == {**mine.plays, "clock": ("time", "clock")}
    assert following.event_names == mine.event_names


def test_a_column_map_needs_no_table_where_the_rows_hold_the_plays(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        MAP.replace('file = "plays.csv"', "in_rows = true").replace(
            'offense = "possessionTeam"', ""
        )
    )
    assert read_column_map(path).plays_file == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('player_id = "id"\n', ""), r"\[rows\] must map player_id"),
        (('file = "plays.csv"\n', ""), r"\[plays\] must map file"),
        (('event = "e"', 'evnt = "e"'), r"\[rows\] has unknown keys evnt; known are"),
        (('"code"', '"who"'), "possession must be one of code, home_or_away, label, got 'who'"),
        (('frame = "f"\n', ""), r"must map `frame` or, without frame numbers, `time`"),
        (("[rows]", "[rows"), "is not valid TOML"),
    ],
)
def test_a_wrong_column_map_says_what_is_wrong(change, message, tmp_path):
    path = tmp_path / "map.toml"
    path.write_text(MAP.replace(*change))
    with pytest.raises(ReaderError, match=message):
        read_column_map(path)


def test_batches_hold_the_rows_of_the_file(tmp_path):
    folder = made_set("bdb_2023").write(tmp_path)
    source = SourceFile(folder / "week1.csv", FORMATS["bdb_2023"], ",")
    assert sum(batch.height for batch in read_batches(source)) == 23 * 40


def test_whole_numbers_of_parquet_are_exact_where_no_long_ids_are_expected(tmp_path):
    """As decimals two ids beyond 2^53 would be one; only a file's first rows tell of long ids."""
    name, table = next(iter(made_set("bdb_2025").tracking.items()))
    longer = pl.col("nflId").cast(pl.Float64).cast(pl.Int64) + 2**53
    table = table.with_columns(longer, pl.col("gameId", "playId", "frameId").cast(pl.Int64))
    table.write_parquet(path := (tmp_path / name).with_suffix(".parquet"))
    rows = pl.concat(read_batches(SourceFile(path, FORMATS["bdb_2025"], "")))
    assert rows["player_id"].to_list() == table["nflId"].to_list()
    assert rows["player_id"].n_unique() == 23
    assert not rows["not_whole"].any()
