"""Hold the table of players against the tracking rows: are its ids of the players that they name?

A table whose ids are other people's gives every player the position of somebody else, and nothing
fails. Names tell it where both have them, and else that each team has players of both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from dropback._frames import left_join
from dropback.tracking._roles import DEFENSIVE_POSITIONS, OFFENSIVE_POSITIONS
from dropback.tracking.ingest._conventions import Check
from dropback.tracking.readers._cells import shown
from dropback.tracking.readers._tables import nulls_restored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from dropback.tracking.ingest._conventions import Decision
    from dropback.tracking.ingest._entities import PlayerRuns, SideTables
    from dropback.tracking.readers._format import Format

    Verdict: TypeAlias = Literal["these players", "other names", "other positions", "others"]

# Of 1,224 players whom two real sets know by one id (2017 to 2019) 247 are written otherwise:
# Matthew and John Stafford, C.J. and Christopher Uzomah; none is unlike in all words but the first.
# Of 1,236 of 2021 and 2022 one is, after a change of name. Of tables put off by a row one of 300 is
# alike.
_SUFFIXES: Final = ("jr", "sr", "ii", "iii", "iv", "v")
# A word of more of a table's names tells nobody: 'player' of pseudonyms. Of 1,713 real names the
# most frequent one, Williams, is in 30.
_COMMON: Final = 0.2
_LEAST_OF_COMMON: Final = 3
# With fewer names a table is not doubted as a whole, but these players are.
_LEAST_NAMES: Final = 4
# Players of the side that fewer of their team are of, of 22 with a position: in the middle play 0
# of all real sets, and in 99 % of passes at most .06; by tables put off by rows .33 to .42.
_MOST_MIXED: Final = 0.2
_LEAST_POSITIONS: Final = 6


@dataclass(frozen=True)
class Held:
    """What rows of a batch say of the players in the table.

    Args:
        names: Of each player and name of the rows ``player_id``, ``id``, as the rows write it,
            ``display_name``, ``name_of_table``, whether it ``agrees``, null where either is
            unknown, and whether the table has the name ``elsewhere``.
        mixed: Of each play the share of the players whose position is of the side that fewer of
            their team are of.
    """

    names: pl.DataFrame
    mixed: pl.Series

    def of_players(self) -> pl.DataFrame:
        """``names`` with a row for each player of whom both names are known."""
        known = self.names.drop_nulls("agrees").sort("agrees", descending=True, maintain_order=True)
        return known.unique("player_id", keep="first", maintain_order=True).sort("player_id")

    def verdict(self) -> Verdict:
        """Whether the table is of the players of the rows."""
        told = self.of_players()
        unlike = told.filter(~pl.col("agrees"))
        most = told.height >= _LEAST_NAMES and 2 * unlike.height > told.height
        middle = self.mixed.median()
        if isinstance(middle, float) and middle > _MOST_MIXED:
            named = told.height >= _LEAST_NAMES and not most
            return "other positions" if named else "others"
        if not most:
            return "these players"
        # Under pseudonyms positions are right, and the names of the rows are nowhere.
        exchanged = 2 * unlike["elsewhere"].sum() >= unlike.height
        return "others" if exchanged or middle is None else "other names"


def joined(held: Sequence[Held]) -> Held:
    """What several batches say."""
    names = pl.concat([one.names for one in held]).unique(maintain_order=True)
    return Held(names, pl.concat([one.mixed for one in held]))


NOBODY: Final = pl.DataFrame(schema={"player_id": pl.Int64, "name_of_table": pl.String})


def held_against(
    rows: pl.DataFrame, runs: PlayerRuns, plays: pl.DataFrame, tables: SideTables
) -> tuple[SideTables, Held | None]:
    """The tables without what they say of other players than the rows, and what tells it.

    Args:
        rows: Source rows.
        runs: Their runs by player.
        plays: Their plays.
        tables: The set's tables.
    """
    if tables.players.is_empty():
        return tables, None
    wanted = [c for c in ("player_id", "player_key", "display_name", "team") if c in rows.columns]
    heads = rows.select(wanted)[runs.head].with_columns(play=pl.Series(runs.play))
    heads = heads.filter(pl.col("player_id").is_not_null())
    held = Held(_names(heads, tables.players), _mixed(heads, plays, tables.players))
    verdict, players = held.verdict(), tables.players
    if verdict == "others":
        return replace(tables, players=players.clear()), held
    if verdict == "other positions":
        return replace(tables, players=players.with_columns(position=pl.lit(None, pl.String))), held
    if verdict == "other names":
        return tables, held
    unlike = held.of_players().filter(~pl.col("agrees")).select(NOBODY.columns)
    if unlike.is_empty():
        return tables, held
    kept = players.join(unlike, on="player_id", how="anti", maintain_order="left")
    return replace(tables, players=kept, others=unlike), held


def _names(heads: pl.DataFrame, players: pl.DataFrame) -> pl.DataFrame:
    key = pl.col("player_key") if "player_key" in heads.columns else pl.lit(None, pl.String)
    name = pl.col("display_name") if "display_name" in heads.columns else pl.lit(None, pl.String)
    of_rows = heads.select(
        "player_id",
        id=pl.coalesce(key, pl.col("player_id").cast(pl.String)),
        display_name=name,
    ).unique(["player_id", "display_name"], keep="first", maintain_order=True)
    of_rows = nulls_restored(of_rows).with_columns(pl.col("display_name").cast(pl.String))
    table = players.select("player_id", name_of_table="display_name").drop_nulls()
    both = left_join(of_rows, table, on="player_id")
    found = _told(both, table).select(
        "player_id", "id", "display_name", "name_of_table", "agrees", "elsewhere"
    )
    # Names that are blanked, all alike, tell nothing.
    told = found.drop_nulls("agrees")
    fewest = told.select(pl.col("display_name", "name_of_table").n_unique()).row(0)
    if told.height > 1 and 2 * min(fewest) <= told.height:
        return found.with_columns(agrees=pl.lit(None, pl.Boolean))
    return found


def _told(both: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The names with ``agrees`` and ``elsewhere``."""
    words = table.select(_words("name_of_table")).to_series()
    counts = words.explode().drop_nulls().value_counts(name="count")
    least = max(_LEAST_OF_COMMON, _COMMON * table.height)
    common = counts.filter(pl.col("count") >= least).to_series(0).implode()
    ours, theirs = (
        _words(name).list.set_difference(pl.lit(common).first())
        for name in ("display_name", "name_of_table")
    )
    known = (ours.list.len() > 0) & (theirs.list.len() > 0)
    # A first name alone is many people's.
    shared = pl.any_horizontal(
        one.list.set_intersection(_last_of(other)).list.len() > 0
        for one, other in ((ours, theirs), (theirs, ours))
    )
    same = pl.col("display_name") == pl.col("name_of_table")
    full = words.list.join(" ").implode()
    return both.with_columns(
        agrees=pl.when(same).then(same).when(known).then(shared),
        elsewhere=_words("display_name").list.join(" ").is_in(full).fill_null(value=False),
    )


def _last_of(words: pl.Expr) -> pl.Expr:
    """Words of names but the first, or the only one."""
    return pl.when(words.list.len() > 1).then(words.list.slice(1)).otherwise(words)


def _words(column: str) -> pl.Expr:
    """The words of names that tell a person: no initials, no suffixes, no accents."""
    plain = pl.col(column).str.normalize("NFKD").str.replace_all(r"[\p{M}'’`]", "")
    word = pl.element()
    tells = ((word.str.len_chars() > 1) | word.str.contains(r"\d")) & ~word.is_in(_SUFFIXES)
    return plain.str.to_lowercase().str.extract_all(r"[\p{L}\p{N}]+").list.eval(word.filter(tells))


def _mixed(heads: pl.DataFrame, plays: pl.DataFrame, players: pl.DataFrame) -> pl.Series:
    # Kicks have players of both sides in one team.
    passes = plays.filter(pl.col("pass_result").is_not_null())
    of = (plays if passes.is_empty() else passes).select("play")
    sides = players.select(
        "player_id",
        offense=pl.col("position").is_in(OFFENSIVE_POSITIONS),
        defense=pl.col("position").is_in(DEFENSIVE_POSITIONS),
    ).filter(pl.col("offense") | pl.col("defense"))
    return (
        heads.lazy()
        .unique(["play", "player_id"])
        .join(of.lazy(), on="play", how="semi")
        .join(sides.lazy(), on="player_id")
        .group_by("play", "team")
        .agg(pl.col("offense", "defense").sum())
        .group_by("play")
        .agg(
            known=pl.sum("offense") + pl.sum("defense"),
            fewer=pl.min_horizontal("offense", "defense").sum(),
        )
        .filter(pl.col("known") >= _LEAST_POSITIONS)
        .select(mixed=pl.col("fewer") / pl.col("known"))
        .collect()
        .to_series()
    )


def check_of_people(held: Sequence[Held], layout: Format) -> list[Check]:
    """Whether the table of players is of the players that the rows name."""
    if not held:
        return []
    told, file = joined(held), layout.players_file
    names, middle, verdict = told.of_players(), told.mixed.median(), told.verdict()
    unlike = names.filter(~pl.col("agrees"))
    said: list[str] = []
    decision: Decision = "ok"
    if names.height:
        said.append(f"{names.height - unlike.height} of {names.height} players have a name alike")
    if unlike.height:
        player, name, other = unlike.select("id", "display_name", "name_of_table").row(0)
        said.append(
            f"{layout.rows['player_id']} {player} is {shown(name)} by {layout.rows['display_name']}"
            f" and {shown(other)} by {' and '.join(_name_columns(layout))} of {file}"
        )
        decision = "flagged"
    if isinstance(middle, float):
        said.append(
            f"{100 * middle:.0f} % of the players of the middle play have a position of the other "
            f"side than most of their team, must be at most {100 * _MOST_MIXED:.0f} %"
        )
    if verdict != "these players":
        said.append(_CONSEQUENCES[verdict].format(file))
        decision = "flagged" if verdict == "other names" else "wrong, not corrected"
    if not said:
        return []
    share = 1 - unlike.height / max(names.height, 1)
    return [Check("players of the table of players", decision, share, "; ".join(said))]


_CONSEQUENCES: Final[dict[Verdict, str]] = {
    "other names": "positions fit, so that {} is read: are these pseudonyms?",
    "other positions": "the positions of {} are of other players: none is read",
    "others": "{} is of other players, or its ids are: nothing is read of it",
}


def _name_columns(layout: Format) -> list[str]:
    """The columns of names in the table of players."""
    own = "display_name" not in layout.players_lack and "display_name" in layout.players
    names = ["display_name"] if own else ["first_name", "last_name"]
    return [layout.players[name][0] for name in names if name in layout.players]
