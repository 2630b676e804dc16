"""How long does a Kaggle folder of tracking take to a trained, evaluated model?

Makes a full-size set in the Big Data Bowl 2023 layout: the set's real tables of plays, games and
players (8,557 dropbacks of 2021, nullified plays and penalties among them), and for each play the
tracks of a real dropback of the highlights, five frames before the snap to five after its end,
moved to the play's line and direction, with charted and automatic events. Tracks and outcomes are
of different plays: the set is for time, memory and the way of files, and no accuracy on it means
anything. Then runs `dropback train` on it in a process of its own.

    DROPBACK_DATA=../shared/data python benchmarks/tracking_train.py --folder disk --zip
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

from dropback.tracking import PlayBlock, read_tracking

LEAD, TRAIL = 5, 5
SEED = 20260101
KEY = ["gameId", "playId"]
NAMED = re.compile(r"([A-Z][a-z]*\.[A-Z][\w'-]+)")
TARGET = re.compile(r"pass .*?(?:to |intended for |\[)([A-Z][a-z]*\.[A-Z][\w'-]+)")
# Where automatic events lie from those charted by hand, as in the layout's sample.
AUTOMATIC = {"ball_snap": ("autoevent_ballsnap", 1), "pass_forward": ("autoevent_passforward", -1)}
AUTOMATIC_SHARE = 0.5
TRACKING = ["gameId", "playId", "nflId", "frameId", "time", "jerseyNumber", "team",
            "playDirection", "x", "y", "s", "a", "dis", "o", "dir", "event"]  # fmt: skip


def donors(data: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Real dropbacks: one row a play, and their rows with the slot of each player, moving right."""
    source = data / "tracking/ngs_highlights"
    blocks, _ = read_tracking(source / "tracking.parquet")
    block: PlayBlock = blocks[0]
    plays = (
        block.plays.filter(
            pl.col("flags").list.len() == 0,
            pl.col("corrections").list.len() == 0,
            duplicate_rows=0,
        )
        .with_row_index("donor")
        .with_columns(kind=pl.col("pass_result").fill_null("C").cast(pl.String))
        .select("donor", "game_id", "play_id", "kind", "snap_frame", "frames", "rotated",
                line="line_of_scrimmage_x_yd", passer="passer_slot", target="target_slot")
    )  # fmt: skip
    slots = block.players.select("game_id", "play_id", "slot", "player_id", "role", "position")
    number = ["x", "y", "s", "o", "dir", "nflId", "frame", "gameId", "playId"]
    rows = (
        pl.read_parquet(source / "tracking.parquet")
        .with_columns(pl.col(number).cast(pl.Float64, strict=False))
        .with_columns(pl.col("nflId", "frame", "gameId", "playId").cast(pl.Int64))
        .join(plays, left_on=KEY, right_on=["game_id", "play_id"])
        .with_columns(frame=pl.col("frame") - pl.col("snap_frame"))
        .filter(pl.col("frame").is_between(-LEAD, pl.col("frames") - 1 + TRAIL))
        .unique(["donor", "frame", "displayName", "nflId"], keep="first", maintain_order=True)
        .join(
            slots, left_on=[*KEY, "nflId"], right_on=["game_id", "play_id", "player_id"],
            nulls_equal=True,
        )
        .sort("donor", "slot", "frame")
    )  # fmt: skip
    turned = pl.col("rotated")
    rows = rows.with_columns(
        x=pl.when(turned).then(120 - pl.col("x")).otherwise("x") - pl.col("line"),
        y=pl.when(turned).then(160 / 3 - pl.col("y")).otherwise("y"),
        o=pl.when(turned).then((pl.col("o") + 180) % 360).otherwise("o"),
        dir=pl.when(turned).then((pl.col("dir") + 180) % 360).otherwise("dir"),
        a=(pl.col("s").diff().over("donor", "slot").abs() * 10).fill_null(0).round(2),
        dis=(pl.col("s") / 10).round(2),
    )
    body = ["donor", "slot", "role", "frame", "x", "y", "s", "a", "dis", "o", "dir", "event"]
    return plays, rows.select(*body, position=pl.col("position_right"))


def short_names(players: pl.DataFrame) -> dict[str, tuple[int, str]]:
    """Number and position of players by the names that descriptions have."""
    return {
        f"{name[0]}.{name.split(' ', 1)[1]}": (number, position)
        for number, name, position in players.select(
            "nflId", "displayName", "officialPosition"
        ).iter_rows()
        if " " in name
    }


def rosters(plays: pl.DataFrame, players: pl.DataFrame) -> dict[str, dict[str, list[int]]]:
    """Players of each team by position: those that its descriptions name, and others drawn."""
    short = short_names(players)
    both = pl.concat([plays["possessionTeam"], plays["defensiveTeam"]])
    teams: dict[str, dict[str, list[int]]] = {team: {} for team in both.unique().sort()}
    taken = set()
    for team, words in plays.select("possessionTeam", "playDescription").iter_rows():
        for name in NAMED.findall(words.split("(", 2)[-1]):
            number, position = short.get(name, (None, ""))
            if position in ("QB", "WR", "TE", "RB") and number not in taken:
                taken.add(number)
                teams[team].setdefault(position, []).append(number)
    others = players.filter(~pl.col("nflId").is_in(list(taken)))
    order = np.random.default_rng(SEED).permutation(others.height)
    names = list(teams)
    for place, (number, position) in enumerate(
        others[order].select("nflId", "officialPosition").iter_rows()
    ):
        teams[names[place % len(names)]].setdefault(position, []).append(number)
    return teams


def assigned(
    plays: pl.DataFrame, players: pl.DataFrame, rows_of: pl.DataFrame, slots: pl.DataFrame
) -> pl.DataFrame:
    """One row a play and slot: whose tracks stand for it and who is there.

    The passer and the target that the description names are where the donor's are.
    """
    generator = np.random.default_rng(SEED)
    data_rosters, short = rosters(plays, players), short_names(players)
    target_of = dict(slots.select("donor", "target").iter_rows())
    by_kind = {kind: group["donor"].to_list() for (kind,), group in slots.group_by("kind")}
    throws = by_kind["C"]
    positions = {
        donor: dict(group.select("slot", "position").iter_rows())
        for (donor,), group in rows_of.group_by("donor")
    }
    rows = []
    for game, play, kind, offense, defense, words in plays.select(
        *KEY, "passResult", "possessionTeam", "defensiveTeam", "playDescription"
    ).iter_rows():
        among = by_kind.get(kind) or throws
        donor = among[generator.integers(len(among))]
        passer, target = NAMED.search(words.split(")", 1)[-1]), TARGET.search(words)
        named = {
            slot: short[match[1]][0]
            for slot, match in ((0, passer), (target_of[donor], target))
            if match and slot is not None and match[1] in short
        }
        used = set(named.values())
        for slot, position in positions[donor].items():
            if slot == 22:
                rows.append((game, play, donor, slot, None))
                continue
            roster = data_rosters[offense if slot < 11 else defense]
            same = [n for n in roster.get(position, ()) if n not in used]
            pool = same or [n for of in roster.values() for n in of if n not in used]
            number = named.get(slot) or pool[generator.integers(min(len(pool), 6))]
            used.add(number)
            rows.append((game, play, donor, slot, number))
    schema = {"gameId": pl.Int64, "playId": pl.Int64, "donor": pl.UInt32, "slot": pl.UInt8,
              "nflId": pl.Int64}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def make_set(data: Path, folder: Path, plays: int | None) -> int:
    """Write the set; its tracking rows."""
    tables = data / "tracking/bdb_2023_tables"
    read = {"null_values": "NA", "infer_schema_length": None}
    table = pl.read_csv(tables / "plays.csv", **read)
    table = table if plays is None else table.head(plays)
    games = pl.read_csv(tables / "games.csv", **read)
    players = pl.read_csv(tables / "players.csv", **read)
    chosen, rows = donors(data)
    who = assigned(table, players, rows, chosen)
    generator = np.random.default_rng(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    table.write_csv(folder / "plays.csv", null_value="NA", quote_style="non_numeric")
    for name in ("games.csv", "players.csv"):
        shutil.copy(tables / name, folder / name)
    own_side = pl.col("possessionTeam") == pl.col("yardlineSide")
    table = table.with_row_index("number").with_columns(
        right=(pl.col("absoluteYardlineNumber") - pl.col("yardlineNumber") - 10).abs().lt(0.5)
        == own_side,
        jitter=pl.Series(generator.uniform(-0.3, 0.3, table.height)),
        automatic=pl.Series(generator.random(table.height) < AUTOMATIC_SHARE),
    )
    line = pl.when("right").then("absoluteYardlineNumber").otherwise(
        120 - pl.col("absoluteYardlineNumber")
    )  # fmt: skip
    table = table.with_columns(line_yd=line).join(games.select("gameId", "week"), on="gameId")
    columns = [*KEY, "right", "line_yd", "jitter", "automatic", "number", "week", "possessionTeam",
               "defensiveTeam"]  # fmt: skip
    scouting, total = [], 0
    for (week,), part in table.group_by("week", maintain_order=True):
        joined = (
            part.select(columns)
            .join(who, on=KEY, maintain_order="left")
            .join(rows, on=["donor", "slot"], maintain_order="left")
        )
        scouting.append(joined.filter(pl.col("frame") == 0).filter(pl.col("slot") < 22))
        tracks = _in_layout(joined)
        tracks.write_csv(folder / f"week{week}.csv", null_value="NA", float_precision=2)
        total += tracks.height
    roles = {"passer": "Pass", "target": "Pass Route", "eligible": "Pass Route",
             "blocker": "Pass Block", "rusher": "Pass Rush", "coverage": "Coverage"}  # fmt: skip
    pl.concat(scouting).select(
        *KEY,
        "nflId",
        pff_role=pl.col("role").cast(pl.String).replace_strict(roles),
        pff_positionLinedUp="position",
        **{name: pl.lit(None, dtype=pl.Int32) for name in ("pff_hit", "pff_hurry", "pff_sack")},
    ).write_csv(folder / "pffScoutingData.csv", null_value="NA")
    return total


def _in_layout(joined: pl.DataFrame) -> pl.DataFrame:
    """Rows of plays with their donor's tracks, in the columns of the layout."""
    left, is_ball = ~pl.col("right"), pl.col("slot") == 22
    x = pl.col("x") + pl.col("line_yd") + pl.col("jitter")
    tenths = pl.col("number") * 400 + pl.col("frame") + LEAD
    stamp = pl.datetime(2021, 9, 9, 17) + pl.duration(milliseconds=tenths * 100)
    event = pl.col("event")
    for charted, (automatic, offset) in AUTOMATIC.items():
        there = (event == charted).shift(offset).over(*KEY, "slot").fill_null(value=False)
        event = (
            pl.when(there & pl.col("automatic") & event.is_null())
            .then(pl.lit(automatic))
            .otherwise(event)
        )
    return joined.with_columns(
        frameId=pl.col("frame") + LEAD + 1,
        time=stamp.dt.strftime("%Y-%m-%dT%H:%M:%S%.3f"),
        jerseyNumber=pl.when(~is_ball).then(pl.col("nflId") % 99 + 1),
        team=pl.when(is_ball)
        .then(pl.lit("football"))
        .when(pl.col("slot") < 11)
        .then("possessionTeam")
        .otherwise("defensiveTeam"),
        playDirection=pl.when("right").then(pl.lit("right")).otherwise(pl.lit("left")),
        x=pl.when(left).then(120 - x).otherwise(x),
        y=pl.when(left).then(160 / 3 - pl.col("y")).otherwise("y"),
        o=pl.when(left).then((pl.col("o") + 180) % 360).otherwise("o"),
        dir=pl.when(left).then((pl.col("dir") + 180) % 360).otherwise("dir"),
        event=event,
    ).select(TRACKING)


def main() -> None:
    """Make the set, train on it, print time and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for set and run")
    parser.add_argument("--plays", type=int, help="only the first so many of 8,557 plays")
    parser.add_argument("--zip", action="store_true", help="as one zip, as Kaggle hands it out")
    parser.add_argument("--keep", action="store_true", help="keep set and run")
    parser.add_argument("options", nargs="*", help="for dropback train, after --")
    arguments = parser.parse_args()
    folder, source = arguments.folder, arguments.folder / "nfl-big-data-bowl-2023"
    if not source.is_dir():
        data = Path(os.environ.get("DROPBACK_DATA") or "../shared/data")
        # In a process of its own: a child inherits its parent's peak memory.
        if os.fork() == 0:
            print(f"{make_set(data, source, arguments.plays):,} rows", flush=True)
            os._exit(0)
        if os.wait()[1]:
            sys.exit("the set could not be made")
    size = sum(path.stat().st_size for path in source.glob("week*.csv"))
    print(f"{size / 1e6:,.0f} MB of tracking in {source}")
    given = source
    if arguments.zip:
        given = source.with_suffix(".zip")
        if not given.exists():
            with zipfile.ZipFile(given, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
                for path in sorted(source.iterdir()):
                    packed.write(path, path.name)
    start = time.perf_counter()
    command = [sys.executable, "-m", "dropback", "train", str(given), "--out",
               str(folder / "run"), *arguments.options]  # fmt: skip
    process = subprocess.Popen(command)  # noqa: S603
    # Not of all children: the one that made the set holds 4.6 GB.
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(
        f"dropback train: exit {process.returncode}, {time.perf_counter() - start:.0f} s, "
        f"{used.ru_utime + used.ru_stime:.0f} s of processor, "
        f"peak {used.ru_maxrss / 1e6:.2f} GB, {os.cpu_count()} cores"
    )
    if not arguments.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
