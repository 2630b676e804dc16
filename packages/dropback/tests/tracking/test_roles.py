"""Slots follow from where everybody stands at the snap, and from positions where these are told."""

from __future__ import annotations

import polars as pl
import pytest

from dropback.tracking._roles import assign_slots

# A line of five from y 24 to 28, the passer behind it, receivers at 5, 20, 31, 40 and 48.
OFFENSE = [
    ("LT", "T", 59.5, 28.0), ("LG", "G", 59.5, 27.0), ("C", "C", 59.8, 26.0),
    ("RG", "G", 59.5, 25.0), ("RT", "T", 59.5, 24.0), ("QB", "QB", 55.0, 26.2),
    ("X", "WR", 59.5, 5.0), ("TE", "TE", 59.4, 20.0), ("H", "RB", 55.0, 31.0),
    ("F", "WR", 58.0, 40.0), ("Z", "WR", 59.5, 48.0),
]  # fmt: skip
DEFENSE = [
    ("DE2", "DE", 61.0, 30.0), ("DT", "DT", 61.0, 26.0), ("DE1", "DE", 61.0, 22.0),
    ("MLB", "MLB", 64.0, 26.0), ("OLB", "OLB", 62.0, 33.0), ("CB1", "CB", 66.0, 5.0),
    ("CB2", "CB", 61.0, 48.0), ("NB", "DB", 64.0, 40.0), ("SS", "SS", 68.0, 30.0),
    ("FS", "FS", 73.0, 26.0), ("LB", "LB", 63.0, 20.0),
]  # fmt: skip
SLOTS = ["QB", "RT", "RG", "C", "LG", "LT", "X", "TE", "H", "F", "Z",
         "DE1", "DT", "DE2", "LB", "MLB", "OLB",
         "CB1", "FS", "SS", "NB", "CB2", "ball"]  # fmt: skip


def entities(**positions: str | None) -> pl.DataFrame:
    """The play above with other positions, the defense first."""
    rows = [(7, name, "defense", position, x, y) for name, position, x, y in DEFENSE]
    rows += [(7, name, "offense", position, x, y) for name, position, x, y in OFFENSE]
    rows.append((7, "ball", "ball", None, 59.9, 26.0))
    table = pl.DataFrame(
        rows, schema=["play", "who", "side", "position", "x_yd", "y_yd"], orient="row"
    )
    other = pl.col("who").replace_strict(positions, default=pl.col("position")) if positions else (
        pl.col("position")
    )  # fmt: skip
    return table.with_columns(
        position=other, recorded_role=pl.lit(None, pl.String), named_passer=pl.lit(value=False),
        unlikely_passer=pl.lit(None, pl.Float64),
    )  # fmt: skip


def in_slots(table: pl.DataFrame) -> list[str]:
    return assign_slots(table).sort("slot")["who"].to_list()


def test_each_group_stands_from_right_to_left():
    found = assign_slots(entities())
    assert found.sort("slot")["who"].to_list() == SLOTS
    assert found["who"].to_list() == entities()["who"].to_list()
    roles = dict(found.select("who", "role_at_snap").iter_rows())
    assert [roles[who] for who in ("QB", "LT", "TE", "DT", "LB", "FS", "ball")] == [
        "passer", "blocker", "eligible", "front", "middle", "deep", "ball"
    ]  # fmt: skip


def test_plays_whose_rows_are_mixed_have_the_slots_of_each():
    two = pl.concat([entities(), entities().with_columns(play=pl.lit(3, pl.Int64))])
    mixed = two.sample(fraction=1, shuffle=True, seed=4)
    for play in (3, 7):
        assert in_slots(mixed).count("QB") == 2
        assert in_slots(mixed.filter(play=play)) == SLOTS


@pytest.mark.parametrize(
    ("role", "named", "passer"),
    [("", "", "QB"), ("", "H", "H"), ("H", "", "H"), ("F", "H", "F")],
)
def test_a_recorded_passer_counts_before_a_named_one_and_both_before_a_position(
    role, named, passer
):
    table = entities().with_columns(
        recorded_role=pl.when(pl.col("who") == role).then(pl.lit("passer")),
        named_passer=pl.col("who") == named,
    )
    found = assign_slots(table).filter(slot=0)
    assert found["who"].to_list() == [passer]
    assert found["passer_inferred"].to_list() == [not role]


def test_without_positions_the_passer_is_behind_the_middle_and_five_stand_on_the_line():
    # The middle of eleven is their median, the center's 26. Next to it behind the line stands the
    # passer, .6 yards off, and on it the guards and tackles, 1 and 2 off; another back is 1.5 off.
    unknown = entities(**dict.fromkeys([name for name, *_ in OFFENSE])).with_columns(
        y_yd=pl.col("who").replace_strict({"QB": 25.4, "H": 27.5}, default=pl.col("y_yd"))
    )
    assert in_slots(unknown)[:11] == SLOTS[:11]


def test_a_lineman_without_a_position_is_known_by_where_they_stand():
    assert in_slots(entities(LG=None))[:6] == SLOTS[:6]


def test_a_defender_without_a_position_is_of_a_group_by_depth():
    # From the foremost of the offense at 59.8: 1.2, 4.2 and 13.2 yards.
    unknown = dict.fromkeys(("DT", "MLB", "FS"))
    assert in_slots(entities(**unknown)) == SLOTS


def test_no_play_has_no_slots():
    assert assign_slots(entities().clear()).height == 0
