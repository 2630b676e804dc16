"""Flag plays whose players contradict each other, or the tables that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback.tracking.readers._cells import CELL, UNREAD, quoted, said_of, unread_by_play
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._row_faults import marked

if TYPE_CHECKING:
    from dropback.tracking.readers._format import Format

# In the game of 2017 two players of a team have the number of one in 26 plays: one of them is the
# number of a former season. No play has three.
_MOST_OF_A_NUMBER: Final = 2
_SIDES: Final = ("offense", "defense")
# What a player keeps in a game: our names, and those of the layouts' columns.
_OF_A_GAME: Final = {
    **{name: name for name in ("jersey_number", "display_name", "position", "team", "team_code")},
    "height_in": "height",
    "weight_lb": "weight",
}


def with_flags_of_players(
    unread: pl.DataFrame, entities: pl.DataFrame, plays: pl.DataFrame, layout: Format
) -> pl.DataFrame:
    """``play`` and `UNREAD` with sentences about players.

    Args:
        unread: ``play`` and `UNREAD` of plays with cells that say nothing.
        entities: One row a play and entity.
        plays: Their plays.
        layout: Names the columns.
    """
    more = [
        _twice(entities, layout),
        _of_other_side(entities, layout),
        _absent(entities, plays, layout),
        _of_one_number(entities, layout),
        _ball_is_somebody(entities, layout),
        _of_another_play(entities, plays, layout),
        _without_role(entities, layout),
        _passer_beside_quarterback(entities, layout),
    ]
    return (
        pl.concat([unread, *(table.select(unread.columns) for table in more)])
        .explode(UNREAD)
        .group_by("play", maintain_order=True)
        .agg(UNREAD)
    )


def _twice(entities: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays with two passers or targets by the set's own charting."""
    column = layout.rows["player_id"]
    found = (
        entities.filter(pl.col("recorded_role").is_in(["passer", "target"]))
        .group_by("play", "recorded_role", maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("player_id").cast(pl.String).str.join(" and "))
        .filter(pl.col("count") > 1)
        .with_columns(
            said=pl.format(
                f"several players are the {{}}{CELL}{column} {{}}", "recorded_role", "player_id"
            )
        )
    )
    return unread_by_play(found, ["play"], [pl.col("said")])


def _of_other_side(entities: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays with a player whose recorded role is of the other side."""
    column = layout.rows["player_id"]
    defends = pl.col("recorded_role").is_in(["rusher", "coverage"])
    found = (
        entities.filter(
            pl.col("side").is_in(["offense", "defense"]),
            defends != (pl.col("side") == "defense"),
        )
        .group_by("play", maintain_order=True)
        .agg(pl.col("player_id", "side", "recorded_role").first(), count=pl.len())
        .with_columns(
            said=pl.format(
                f"a role of the other side{CELL}{column} {{}} of the {{}} has the role {{}}{{}}",
                "player_id",
                "side",
                "recorded_role",
                pl.when(pl.col("count") > 1)
                .then(pl.format(" and {} more", pl.col("count") - 1))
                .otherwise(pl.lit("")),
            )
        )
    )
    return unread_by_play(found, ["play"], [pl.col("said")])


def _absent(entities: pl.DataFrame, plays: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays whose table names somebody who is not in the play."""
    sentences = []
    there = entities.select("play", "player_id").drop_nulls().unique()
    for name in ("passer_id", "target_id"):
        if name not in layout.plays:
            continue
        column = layout.plays[name][0]
        flag = pl.lit(f"column {column} is no player of the play")
        sentences.append(
            plays.drop_nulls(name)
            .join(there, left_on=["play", name], right_on=["play", "player_id"], how="anti")
            .select("play", said=said_of(flag, column, pl.col(f"{name}_cell"), pl.col("table_row")))
        )
    none = pl.DataFrame(schema={"play": pl.Int64, "said": pl.String})
    return unread_by_play(pl.concat([none, *sentences]), ["play"], [pl.col("said")])


def _of_one_number(entities: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays in which more than two of a team have one number."""
    column = layout.rows.get("jersey_number", "")
    found = (
        entities.filter(pl.col("side").is_in(_SIDES))
        .drop_nulls("jersey_number")
        .group_by("play", "side", "jersey_number", maintain_order=True)
        .len()
        .filter(pl.col("len") > _MOST_OF_A_NUMBER)
        .with_columns(
            said=pl.format(
                f"players of one team with one number{CELL}{column} is {{}} of {{}} of the {{}}",
                "jersey_number",
                "len",
                "side",
            )
        )
    )
    return unread_by_play(found, ["play"], [pl.col("said")])


def _of_another_play(entities: pl.DataFrame, plays: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays with a player who is another in most plays of the game."""
    game, player = SOURCE_KEY[0], "player_id"
    people = entities.drop_nulls(player).join(plays.select("play", game), on="play")
    sentences = []
    for name, label in _OF_A_GAME.items():
        # By label a team is the side that has the ball.
        if name == "team" and layout.possession == "label":
            continue
        column = layout.rows.get(label, label)
        # Counted of each player of a game, not over all rows: these are twenty times as many.
        counted = (
            people.drop_nulls(name)
            .group_by(game, player, name)
            .agg(count=pl.len())
            .with_columns(all=pl.col("count").sum().over(game, player))
        )
        usual = counted.filter(2 * pl.col("count") > pl.col("all")).select(game, player, usual=name)
        odd = counted.filter(2 * pl.col("count") < pl.col("all")).join(usual, on=[game, player])
        sentences.append(
            people.join(odd, on=[game, player, name], maintain_order="left").select(
                "play",
                said=pl.format(
                    f"a player who is another in most plays of the game{CELL}{column} is {{}} of "
                    f"{layout.rows['player_id']} {{}} in row {{}}, and {{}} in most",
                    quoted(pl.col(name)),
                    player,
                    "source_row",
                    quoted(pl.col("usual")),
                ),
            )
        )
    return unread_by_play(pl.concat(sentences), ["play"], [pl.col("said")])


def _without_role(entities: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays whose rows, which tell roles, have nobody of one."""
    column = layout.rows.get("role", "")
    words = {ours: theirs for theirs, ours in layout.row_roles.items()}
    roles = entities.group_by("play", maintain_order=True).agg("recorded_role")
    # A word that is no role is named as such.
    all_known = (
        pl.col("recorded_role").list.drop_nulls().list.len() == pl.col("recorded_role").list.len()
    )
    sentences = [
        pl.when(all_known & pl.col("recorded_role").list.contains(role).not_()).then(
            pl.lit(f"no {role} of the play in the column {column}")
        )
        for role in ("passer", "target")
        if role in words
    ]
    return unread_by_play(roles, ["play"], [pl.lit(None, pl.String), *sentences])


def _passer_beside_quarterback(entities: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays whose recorded passer is none, but a quarterback is there."""
    column = layout.rows["player_id"]
    offense = entities.filter(side="offense")
    is_quarterback = (pl.col("position") == "QB").fill_null(value=True)
    found = (
        offense.filter(pl.col("recorded_role") == "passer", ~is_quarterback)
        .join(
            offense.filter(
                pl.col("position") == "QB",
                (pl.col("recorded_role") != "passer").fill_null(value=True),
            ).select("play", quarterback="player_id"),
            on="play",
        )
        .with_columns(
            said=pl.format(
                f"a passer who is no quarterback{CELL}{column} {{}} is {{}}, the quarterback "
                "is {}",
                "player_id",
                "position",
                "quarterback",
            )
        )
    )
    return unread_by_play(found, ["play"], [pl.col("said")])


def _ball_is_somebody(entities: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays whose ball has the id or the number of a player."""
    sentences: list[pl.Expr] = []
    balls = entities.filter(side="ball")
    for name in ("player_id", "jersey_number"):
        column = layout.rows.get(name, "")
        said = pl.format(
            f"the ball has what players have{CELL}{column} is {{}} in row {{}}",
            marked(name, pl.col("source_row")),
            "source_row",
        )
        sentences.append(pl.when(pl.col(name).is_not_null()).then(said))
    return unread_by_play(balls, ["play"], sentences)
