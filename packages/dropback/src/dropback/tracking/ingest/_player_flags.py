"""Flag plays whose players contradict each other, or the tables that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import collected, left_join
from dropback.tracking.readers._cells import CELL, UNREAD, quoted, said_of, unread_by_play
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._row_faults import marked

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    unread: pl.DataFrame,
    entities: pl.DataFrame,
    plays: pl.DataFrame,
    others: pl.DataFrame,
    layout: Format,
) -> pl.DataFrame:
    """``play`` and `UNREAD` with sentences about players.

    Args:
        unread: ``play`` and `UNREAD` of plays with cells that say nothing.
        entities: One row a play and entity.
        plays: Their plays.
        others: ``player_id`` and ``name_of_table`` of players whom the rows name otherwise.
        layout: Names the columns.
    """
    people = entities.lazy()
    said = [
        _twice(people, layout),
        _of_other_side(people, layout),
        *_absent(people, plays.lazy(), layout),
        _of_one_number(people, layout),
        _ball_is_somebody(people, layout),
        *_of_another_play(entities, plays, layout),
        *_without_role(people, layout),
        _passer_beside_quarterback(people, layout),
        *_of_another_name(people, others, layout),
    ]
    found = collected(pl.concat(table.select("play", "said") for table in said))
    if found.is_empty():
        return unread
    return (
        pl.concat([unread, unread_by_play(found, ["play"], [pl.col("said")])])
        .explode(UNREAD)
        .group_by("play", maintain_order=True)
        .agg(UNREAD)
    )


def _twice(entities: pl.LazyFrame, layout: Format) -> pl.LazyFrame:
    """``play`` and ``said`` of plays with two passers or targets by the set's own charting."""
    column = layout.rows["player_id"]
    return (
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


def _of_other_side(entities: pl.LazyFrame, layout: Format) -> pl.LazyFrame:
    """``play`` and ``said`` of plays with a player whose recorded role is of the other side."""
    column = layout.rows["player_id"]
    defends = pl.col("recorded_role").is_in(["rusher", "coverage"])
    return (
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


def _absent(entities: pl.LazyFrame, plays: pl.LazyFrame, layout: Format) -> Iterator[pl.LazyFrame]:
    """``play`` and ``said`` of plays whose table names somebody who is not in the play."""
    there = entities.select("play", "player_id").drop_nulls().unique()
    for name in ("passer_id", "target_id"):
        if name not in layout.plays:
            continue
        column = layout.plays[name][0]
        flag = pl.lit(f"column {column} is no player of the play")
        yield (
            plays.drop_nulls(name)
            .join(
                there,
                left_on=["play", name],
                right_on=["play", "player_id"],
                how="anti",
                maintain_order="left",
            )
            .select("play", said=said_of(flag, column, pl.col(f"{name}_cell"), pl.col("table_row")))
        )


def _of_one_number(entities: pl.LazyFrame, layout: Format) -> pl.LazyFrame:
    """``play`` and ``said`` of plays in which more than two of a team have one number."""
    column = layout.rows.get("jersey_number", "")
    return (
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


def _of_another_play(
    entities: pl.DataFrame, plays: pl.DataFrame, layout: Format
) -> Iterator[pl.LazyFrame]:
    """``play`` and ``said`` of plays with a player who is another in most plays of the game."""
    game, player = SOURCE_KEY[0], "player_id"
    # By label a team is the side that has the ball.
    names = [name for name in _OF_A_GAME if name != "team" or layout.possession != "label"]
    people = left_join(
        entities.lazy().drop_nulls(player), plays.lazy().select("play", game), on="play"
    )
    changes = collected(
        people.group_by(game, player)
        .agg(pl.col(names).min() != pl.col(names).max())
        .filter(pl.any_horizontal(names))
    )
    for name in names:
        changing = changes.filter(name)
        if changing.is_empty():
            continue
        label = _OF_A_GAME[name]
        column = layout.rows.get(label, label)
        rows = people.join(changing.lazy(), on=[game, player], how="semi", maintain_order="left")
        share = pl.len().over(game, player, name) / pl.len().over(game, player)
        counted = rows.drop_nulls(name).with_columns(share=share)
        usual = counted.filter(pl.col("share") > 0.5).unique([game, player])
        yield (
            counted.filter(pl.col("share") < 0.5)
            .join(usual.select(game, player, usual=name), on=[game, player], maintain_order="left")
            .select(
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


def _without_role(entities: pl.LazyFrame, layout: Format) -> Iterator[pl.LazyFrame]:
    """``play`` and ``said`` of plays whose rows, which tell roles, have nobody of one."""
    column = layout.rows.get("role", "")
    words = {ours: theirs for theirs, ours in layout.row_roles.items()}
    roles = entities.group_by("play", maintain_order=True).agg("recorded_role")
    # A word that is no role is named as such.
    known = pl.col("recorded_role").list.drop_nulls().list.len()
    for role in ("passer", "target"):
        if role in words:
            yield roles.filter(
                known == pl.col("recorded_role").list.len(),
                pl.col("recorded_role").list.contains(role).not_(),
            ).select("play", said=pl.lit(f"no {role} of the play in the column {column}"))


def _passer_beside_quarterback(entities: pl.LazyFrame, layout: Format) -> pl.LazyFrame:
    """``play`` and ``said`` of plays whose recorded passer is none, but a quarterback is there."""
    column = layout.rows["player_id"]
    offense = entities.filter(side="offense")
    is_quarterback = (pl.col("position") == "QB").fill_null(value=True)
    return (
        offense.filter(pl.col("recorded_role") == "passer", ~is_quarterback)
        .join(
            offense.filter(
                pl.col("position") == "QB",
                (pl.col("recorded_role") != "passer").fill_null(value=True),
            ).select("play", quarterback="player_id"),
            on="play",
            maintain_order="left",
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


def _ball_is_somebody(entities: pl.LazyFrame, layout: Format) -> pl.LazyFrame:
    """``play`` and ``said`` of plays whose ball has the id or the number of a player."""
    sentences: list[pl.Expr] = []
    for name in ("player_id", "jersey_number"):
        column = layout.rows.get(name, "")
        said = pl.format(
            f"the ball has what players have{CELL}{column} is {{}} in row {{}}",
            marked(name, pl.col("source_row")),
            "source_row",
        )
        sentences.append(pl.when(pl.col(name).is_not_null()).then(said))
    return (
        entities.filter(side="ball")
        .select("play", said=pl.concat_list(sentences))
        .explode("said")
        .drop_nulls("said")
    )


def _of_another_name(
    entities: pl.LazyFrame, others: pl.DataFrame, layout: Format
) -> Iterator[pl.LazyFrame]:
    """``play`` and ``said`` of plays with a player whom the table of players names otherwise."""
    if others.is_empty():
        return
    name, player = layout.rows["display_name"], layout.rows["player_id"]
    yield (
        entities.join(others.lazy(), on="player_id", maintain_order="left")
        .unique("play", keep="first", maintain_order=True)
        .select(
            "play",
            said=pl.format(
                f"a player of another name in the table of players{CELL}{name} is {{}} of {player} "
                f"{{}} in row {{}}, and {{}} in {layout.players_file}",
                quoted(pl.col("display_name")),
                pl.coalesce("player_key", pl.col("player_id").cast(pl.String)),
                "source_row",
                quoted(pl.col("name_of_table")),
            ),
        )
    )
