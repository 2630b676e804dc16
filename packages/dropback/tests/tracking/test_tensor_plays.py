"""What lies beside the tensors: who passed, who may catch, and the slots of a mirror image."""

import numpy as np
import polars as pl
import pytest

from dropback.errors import TrackingError
from dropback.tracking import PlayTensors, build_tensors, ingest, read_tracking
from dropback.tracking._roles import mirror_slots
from dropback.tracking._schema import GROUPS_AT_SNAP
from dropback.tracking._storage import chunk_files
from dropback.tracking.tensors._features import PLAYER_QUANTITIES
from examples.tracking_sets import MadePlay, made_set

NAME = "tracking_week_1.csv"


def reflected(rows: pl.DataFrame) -> pl.DataFrame:
    """Source rows mirrored across the field's long axis: right hand becomes left hand."""
    number = {name: pl.col(name).cast(pl.Float64, strict=False) for name in ("y", "o", "dir")}
    return rows.with_columns(
        y=160 / 3 - number["y"], o=(180 - number["o"]) % 360, dir=(180 - number["dir"]) % 360
    )


def assert_features_are_mirrored(image: PlayTensors, original: PlayTensors) -> int:
    """Compare all 22 x 8 features of plays without two players of a group on one line."""
    keys = ["game_id", "play_id"]
    assert image.plays.select(keys).equals(original.plays.select(keys))
    sign = np.array([-1.0 if name.startswith("y_") else 1.0 for name in PLAYER_QUANTITIES])
    compared = 0
    for play, order in enumerate(original.plays["mirror_slots"].to_numpy()):
        frames = original.frames_of(play).astype(np.float64)
        assert np.array_equal(order[order], np.arange(22))
        # The sum of a slot and its mirror slot is that of its group's ends, and no other group's.
        group_and_y = np.stack([np.arange(22) + order, frames[0, :, 1]])
        if np.unique(group_and_y, axis=1).shape[1] < 22:
            continue
        expected = frames[:, order] * sign
        expected[..., 6:] = (180 - expected[..., 6:]) % 360
        found = image.frames_of(play).astype(np.float64)
        np.testing.assert_allclose(found[..., :6], expected[..., :6], atol=0.02)
        turn = (found[..., 6:] - expected[..., 6:] + 180) % 360 - 180
        np.testing.assert_allclose(
            turn, np.where(np.isnan(expected[..., 6:]), np.nan, 0), atol=0.05
        )
        part = slice(*original.offsets[play : play + 2])
        np.testing.assert_allclose(image.engineered[part], original.engineered[part], atol=0.02)
        compared += 1
    return compared


def test_a_mirrored_play_has_the_features_of_its_mirrored_slots(tmp_path):
    plays = [MadePlay(play=1), MadePlay(play=2, right=False, line_x=60.0)]
    source = made_set("bdb_2025", *plays)
    original, _ = build_tensors(source.write(tmp_path / "source"), tmp_path / "original")
    source.tracking[NAME] = reflected(source.tracking[NAME])
    image, _ = build_tensors(source.write(tmp_path / "reflected"), tmp_path / "image")
    assert assert_features_are_mirrored(image, original) == 2
    assert image.plays["mirror_slots"].to_list() == original.plays["mirror_slots"].to_list()


@pytest.mark.parametrize(
    ("files", "separator", "plays"),
    [("ngs_highlights/raw/*.tsv.gz", "\t", 8), ("bdb_2023_sample/week1.csv", ",", 7)],
)
@pytest.mark.slow
def test_mirrored_real_plays_have_the_features_of_their_mirrored_slots(
    files, separator, plays, data_dir, tmp_path
):
    found = sorted((data_dir / "tracking").glob(files))
    rows = pl.concat(
        (pl.read_csv(file, separator=separator, infer_schema=False) for file in found),
        how="diagonal",
    )
    tensors = {}
    for name, table in (("original", rows), ("image", reflected(rows))):
        (tmp_path / name).mkdir()
        for side in ("plays.csv", "players.csv"):
            if (beside := found[0].parent / side).is_file():
                (tmp_path / name / side).symlink_to(beside.resolve())
        table.write_parquet(tmp_path / name / "week1.parquet")
        tensors[name], _ = build_tensors(tmp_path / name, tmp_path / f"tensors_{name}")
    assert len(tensors["original"]) == plays
    # The others have two players of a group on one yard line to the hundredth.
    assert assert_features_are_mirrored(tensors["image"], tensors["original"]) >= plays - 2


def test_a_mirror_reverses_each_group_and_leaves_empty_slots() -> None:
    line = ["passer", *["blocker"] * 6, *["eligible"] * 4]
    defense = [*["front"] * 3, *["middle"] * 2, *["deep"] * 5]
    groups = np.array([[GROUPS_AT_SNAP.index(name) for name in (*line, *defense)] + [-1]], np.int8)
    assert mirror_slots(groups).tolist() == [
        [0, 6, 5, 4, 3, 2, 1, 10, 9, 8, 7, 13, 12, 11, 15, 14, 20, 19, 18, 17, 16, 21]
    ]


def test_tensors_tell_who_passed_and_who_may_catch(tmp_path):
    tensors, _ = build_tensors(made_set("bdb_2025").write(tmp_path / "source"), tmp_path / "out")
    play = tensors.plays.row(0, named=True)
    assert (play["passer_player_id"], play["passer_gsis_id"]) == (30000, None)
    assert play["passer_name"] == "Al Player0"
    assert (play["target_player_id"], play["target_name"]) == (30008, "Al Player8")
    assert play["eligible_slots"] == [False] * 6 + [True] * 5


def test_tensors_of_a_set_with_gsis_ids_hold_the_passers(tmp_path):
    folder = made_set("ngs_highlights").write(tmp_path / "source")
    tensors, _ = build_tensors(folder, tmp_path / "out")
    assert tensors.plays["passer_gsis_id"].to_list() == ["00-0030000"]


def test_a_lineman_listed_as_another_fills_the_line(tmp_path):
    # The right tackle is listed as a tight end: still five are not eligible.
    listed = pl.when(pl.col("nflId") == 30001).then(pl.lit("TE")).otherwise("officialPosition")
    source = made_set("bdb_2025").change("players.csv", officialPosition=listed)
    (block,), _ = read_tracking(source.write(tmp_path))
    players = block.players.sort("slot")
    assert players["player_id"].to_list()[1:6] == [30001, 30002, 30003, 30004, 30005]
    assert players["role_at_snap"].to_list()[:7] == ["passer", *["blocker"] * 5, "eligible"]


@pytest.mark.parametrize(
    ("returned", "expected"), [([12, 0], 12), ([7, 5], 12), ([None, 30], 30), ([None, None], None)]
)
def test_the_return_of_an_interception_is_summed_over_its_carriers(returned, expected, tmp_path):
    source = made_set("bdb_2025").change("plays.csv", passResult=pl.lit("IN"))
    source.tables["player_play.csv"] = pl.DataFrame(
        {"gameId": 2022091100, "playId": 64, "nflId": [30018, 30020], "wasTargettedReceiver": 0,
         "wasInitialPassRusher": None, "interceptionYards": returned},
        schema_overrides={"interceptionYards": pl.Int64},
    )  # fmt: skip
    (block,), _ = read_tracking(source.write(tmp_path))
    assert block.plays["interception_return_yards"].to_list() == [expected]


def test_a_completion_has_no_return_and_charted_air_yards_are_read(tmp_path):
    source = made_set("bdb_2025").change("plays.csv", passLength=17)
    source.change("player_play.csv", interceptionYards=0)
    (block,), _ = read_tracking(source.write(tmp_path))
    assert block.plays.select("interception_return_yards", "air_yards").row(0) == (None, 17)


def test_canonical_tables_of_an_earlier_version_say_what_to_do(tmp_path):
    ingest(made_set("bdb_2025").write(tmp_path / "source"), tmp_path / "plays")
    (chunk,) = chunk_files(tmp_path / "plays")
    pl.read_parquet(chunk).drop("air_yards").write_parquet(chunk)
    with pytest.raises(
        TrackingError, match=r"must hold air_yards, .* again with `dropback ingest`"
    ):
        build_tensors(tmp_path / "plays", tmp_path / "tensors")
