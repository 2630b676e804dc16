from pathlib import Path

import polars as pl
import pytest

from dropback.tracking.readers import FORMATS
from examples.recorded_outcomes import join_play_by_play, outcome_disagreements

DOCS = Path(__file__).parents[4] / "docs/reference/tracking.md"


def recorded(**changes):
    row = {
        "old_game_id": "2022091100", "play_id": 64, "sack": 0, "qb_scramble": 0,
        "interception": 0, "complete_pass": 0, "incomplete_pass": 0, "yards_gained": 0,
        "air_yards": 12, "return_yards": 0, "passer_player_id": "00-1",
        "receiver_player_id": "00-2",
    }  # fmt: skip
    return pl.DataFrame([row | changes])


def charted(pass_result, yards_gained):
    return pl.DataFrame(
        {"game_id": [2022091100], "play_id": [64], "pass_result": [pass_result],
         "yards_gained": [yards_gained]},
        schema_overrides={"pass_result": pl.String, "yards_gained": pl.Int32},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "result"),
    [("sack", "S"), ("qb_scramble", "R"), ("interception", "IN"), ("complete_pass", "C"),
     ("incomplete_pass", "I")],
)  # fmt: skip
def test_a_set_without_outcomes_takes_the_recorded_one(flag, result):
    joined = join_play_by_play(charted(None, None), recorded(**{flag: 1}, yards_gained=7))
    row = joined.row(0, named=True)
    assert (row["pass_result"], row["yards_gained"]) == (result, 7)
    assert row["outcome_source"] == "play-by-play"


def test_the_sets_own_outcome_stays():
    joined = join_play_by_play(charted("C", 9), recorded(complete_pass=1, yards_gained=24))
    assert joined["yards_gained"].to_list() == [9]
    assert joined["outcome_source"].to_list() == ["set"]


@pytest.mark.parametrize(
    ("result", "yards", "differs"),
    [("C", 9, False), ("C", 24, True), ("I", 9, True), ("IN", 0, True)],
)
def test_disagreements_are_in_result_or_in_a_completions_yards(result, yards, differs):
    joined = join_play_by_play(charted(result, yards), recorded(complete_pass=1, yards_gained=9))
    assert outcome_disagreements(joined).height == differs


def test_the_yards_of_a_sack_are_not_compared():
    joined = join_play_by_play(charted("S", 0), recorded(sack=1, yards_gained=-8))
    assert outcome_disagreements(joined).is_empty()


def test_a_play_that_is_not_recorded_is_a_disagreement():
    joined = join_play_by_play(charted("C", 9), recorded(play_id=65, complete_pass=1))
    assert outcome_disagreements(joined).height == 1


@pytest.mark.parametrize("layout", list(FORMATS))
def test_every_layout_is_documented(layout):
    assert f"`{layout}`" in DOCS.read_text(encoding="utf-8")
