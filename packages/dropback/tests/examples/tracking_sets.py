"""Invented plays in every layout, with exact geometry, so that a test can set each trap."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

OFFENSE = ("QB", "T", "G", "C", "G", "T", "WR", "WR", "TE", "RB", "WR")
DEFENSE = ("DE", "DT", "NT", "DE", "OLB", "ILB", "ILB", "CB", "CB", "FS", "SS")


def compass(vx: float, vy: float) -> float:
    return float(np.degrees(np.arctan2(vx, vy)) % 360)


_ROWS: dict[str, pl.DataFrame] = {}


@dataclass
class MadePlay:
    """One play in source coordinates; the offense moves right unless it says otherwise.

    Frames are numbered from 1. The snap is at frame 6, the throw at 26, the arrival at 36.
    """

    game: int = 2022091100
    play: int = 64
    right: bool = True
    frames: int = 40
    snap: int = 6
    release: int = 26
    arrival: int = 36
    line_x: float = 45.0  # toward +x; turned where the play goes left
    events: dict[int, str] = field(default_factory=dict)

    def rows(self) -> pl.DataFrame:
        """A row for each of 23 entities at each frame, made once for equal plays."""
        if (key := repr(self)) not in _ROWS:
            _ROWS[key] = self._rows()
        return _ROWS[key].clone()

    def _rows(self) -> pl.DataFrame:
        events = self.events or {
            self.snap: "ball_snap",
            self.release: "pass_forward",
            self.arrival: "pass_arrived",
        }
        entities = self._entities()
        _, _, passer_x, passer_y, passer_vx, _, _ = entities[0]
        _, _, target_x, target_y, target_vx, target_vy, _ = entities[6]
        turn = 0 if self.right else 180
        rows = []
        for number, (side, position, x0, y0, vx, vy, facing) in enumerate(entities):
            is_ball = side == "ball"
            angle = compass(vx, vy) if (vx, vy) != (0, 0) else facing
            for frame in range(1, self.frames + 1):
                since = max(0, frame - self.snap) / 10
                speed = float(np.hypot(vx, vy)) if frame > self.snap else 0.0
                starts = frame == self.snap + 1  # at once, within a frame
                x, y = x0 + vx * since, y0 + vy * since
                if is_ball and self.snap < frame <= self.release:  # in the passer's hands
                    x, y = passer_x + passer_vx * since, passer_y
                if is_ball and frame >= self.arrival:
                    x, y = target_x + target_vx * since, target_y + target_vy * since
                if not self.right:
                    x, y = 120 - x, 160 / 3 - y
                rows.append(
                    {
                        "gameId": self.game,
                        "playId": self.play,
                        "nflId": None if is_ball else 30000 + number,
                        "displayName": "football" if is_ball else f"Al Player{number}",
                        "frameId": frame,
                        "time": f"2022-09-11T13:00:{frame // 10:02d}.{frame % 10}00",
                        "jerseyNumber": None if is_ball else number + 1,
                        "side": side,
                        "position": position,
                        "playDirection": "right" if self.right else "left",
                        "x": round(x, 2),
                        "y": round(y, 2),
                        "s": round(speed, 2),
                        "a": round(10 * speed, 2) if starts else 0.0,
                        "dis": round(speed / 10, 2),
                        "o": None if is_ball else round((facing + turn) % 360, 2),
                        "dir": None if is_ball else round((angle + turn) % 360, 2),
                        "event": events.get(frame),
                    }
                )
        return pl.DataFrame(rows, infer_schema_length=None)

    def _entities(self) -> list[tuple[str, str | None, float, float, float, float, float]]:
        line = self.line_x
        middle = 26.0
        entities: list[tuple[str, str | None, float, float, float, float, float]] = []
        for number, position in enumerate(OFFENSE):
            if number == 0:
                entities.append(("offense", position, line - 5, middle, -1.5, 0.0, 90.0))
            elif number <= 5:
                entities.append(
                    ("offense", position, line - 1, middle + 1.5 * (number - 3), -0.5, 0.0, 90.0)
                )
            else:
                y = (4.0, 48.0, 34.0, 22.0, 14.0)[number - 6]
                x = line - (4.0 if position == "RB" else 1.0)
                entities.append(("offense", position, x, y, 6.0, 0.5 * (number - 8), 90.0))
        for number, position in enumerate(DEFENSE):
            if number < 4:
                entities.append(
                    ("defense", position, line + 1, middle + 2.5 * (number - 1.5), -2.0, 0.0, 270.0)
                )
            else:
                depth = 5.0 if number < 7 else 12.0
                y = (16.0, 26.0, 36.0, 5.0, 47.0, 20.0, 33.0)[number - 4]
                entities.append(("defense", position, line + depth, y, 3.0, 0.4, 270.0))
        entities.append(("ball", None, line, middle, 0.0, 0.0, 0.0))
        return entities


@dataclass
class MadeSet:
    """Plays in one layout, ready to be written to a folder."""

    tracking: dict[str, pl.DataFrame]
    tables: dict[str, pl.DataFrame]

    def change(self, name: str, *columns: pl.Expr, **named: object) -> Self:
        """The set with other columns in the file of this name."""
        files = self.tracking if name in self.tracking else self.tables
        files[name] = files[name].with_columns(*columns, **named)  # type: ignore[arg-type]
        return self

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in (self.tracking | self.tables).items():
            separator = "\t" if name.endswith(".tsv") else ","
            if name.endswith(".parquet"):
                table.write_parquet(folder / name)
            else:
                table.write_csv(folder / name, separator=separator, null_value="NA")
        return folder


def _plays_table(plays: list[MadePlay], **more: object) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "gameId": play.game,
                "playId": play.play,
                "playDescription": "(15:00) A.Player0 pass short right to A.Player6 for 9 yards.",
                "quarter": 1,
                "down": 1,
                "yardsToGo": 10,
                "possessionTeam": "KC",
                "defensiveTeam": "ARZ",
                "yardlineSide": "KC",
                "yardlineNumber": int(play.line_x) - 10,
                "gameClock": "15:00",
                "preSnapHomeScore": 7,
                "preSnapVisitorScore": 3,
                "passResult": "C",
                "absoluteYardlineNumber": play.line_x if play.right else 120 - play.line_x,
                "prePenaltyPlayResult": 9,
                "playResult": 24,
            }
            | more
            for play in plays
        ]
    )


_PLAYERS = pl.DataFrame(
    [
        {"nflId": 30000 + number, "height": "6-3", "weight": 210, "officialPosition": position,
         "displayName": f"Al Player{number}"}
        for number, position in enumerate(OFFENSE + DEFENSE)
    ]
)  # fmt: skip
_GAMES = {"season": 2022, "week": 1, "homeTeamAbbr": "KC", "visitorTeamAbbr": "ARZ"}


def _side(rows: pl.DataFrame, offense: object, defense: object, ball: object = None) -> pl.Expr:
    return (
        pl.when(rows["side"] == "offense").then(pl.lit(offense))
        .when(rows["side"] == "defense").then(pl.lit(defense)).otherwise(pl.lit(ball))
    )  # fmt: skip


# What the real tables of plays hold beside, of which these plays say nothing.
_UNSAID = {
    "bdb_2019": ("PassLength", "numberOfPassRushers"),
    "bdb_2021": ("typeDropback", "numberOfPassRushers"),
    "bdb_2023": ("dropBackType", "pff_playAction", "pff_passCoverage", "pff_passCoverageType"),
    "bdb_2024": ("passLength", "playNullifiedByPenalty"),
    "bdb_2025": (
        "passLength", "playNullifiedByPenalty", "playAction", "dropbackType", "timeToThrow",
        "pff_passCoverage", "pff_manZone",
    ),
    "bdb_2026": (
        "pass_length", "dropback_type", "team_coverage_type", "team_coverage_man_zone",
        "route_of_targeted_receiver",
    ),
}  # fmt: skip


def _unsaid(layout: str) -> list[pl.Expr]:
    return [pl.lit(None, pl.String).alias(name) for name in _UNSAID[layout]]


def made_set(layout: str, *plays: MadePlay, rows: pl.DataFrame | None = None) -> MadeSet:
    """The plays as the files of a layout; ``rows`` stands in for their rows where given."""
    chosen = list(plays) or [MadePlay()]
    if rows is None:
        rows = pl.concat(play.rows() for play in chosen)
    table = _plays_table(chosen)
    games = pl.DataFrame([{"gameId": play.game, **_GAMES} for play in chosen]).unique("gameId")
    common = {"plays.csv": table, "games.csv": games, "players.csv": _PLAYERS}
    core = ["gameId", "playId", "nflId", "frameId", "time", "jerseyNumber"]
    motion = ["playDirection", "x", "y", "s", "a", "dis", "o", "dir", "event"]
    if layout == "bdb_2019":
        tracking = rows.with_columns(
            pl.col("gameId", "playId", "frameId", "nflId").cast(pl.Float64),
            team=_side(rows, "home", "away", "ball"),
        ).rename({"frameId": "frame.id"})
        names = ["time", "x", "y", "s", "dis", "dir", "event", "nflId", "displayName"]
        names += ["jerseyNumber", "team"]
        common["plays.csv"] = table.with_columns(_unsaid(layout)).rename(
            {"passResult": "PassResult", "playResult": "PlayResult", "gameClock": "GameClock"}
        ).with_columns(HomeScoreBeforePlay=7, VisitorScoreBeforePlay=3, PlayResult=9).drop(
            "absoluteYardlineNumber", "defensiveTeam", "prePenaltyPlayResult",
            "preSnapHomeScore", "preSnapVisitorScore",
        )  # fmt: skip
        common["players.csv"] = _PLAYERS.select(
            "nflId",
            FirstName=pl.col("displayName").str.head(2),
            LastName=pl.col("displayName").str.slice(3),
            PositionAbbr="officialPosition",
            Height=pl.lit("6'03\""),
            Weight="weight",
        )
        return MadeSet(
            {"tracking_gameId_1.csv": tracking.select(*names, "frame.id", "gameId", "playId")},
            common,
        )
    if layout in _UNSAID:
        common["plays.csv"] = table.with_columns(_unsaid(layout))
    if layout == "bdb_2021":
        tracking = rows.filter(~pl.col("position").is_in(["C", "G", "T"]).fill_null(value=False))
        tracking = tracking.with_columns(
            team=_side(tracking, "home", "away", "football"), route=pl.lit(None)
        )
        common["targetedReceiver.csv"] = table.select("gameId", "playId", targetNflId=30007)
        names = ["displayName", "position", "team", "route"]
        return MadeSet({"week1.csv": tracking.select(*core, *motion, *names)}, common)
    if layout == "bdb_2023":
        unsaid = dict.fromkeys(("pff_role", "pff_hit", "pff_hurry", "pff_sack"))
        common["pffScoutingData.csv"] = table.select("gameId", "playId", nflId=30000, **unsaid)
    if layout in ("bdb_2023", "bdb_2024", "bdb_2025"):
        column = "team" if layout == "bdb_2023" else "club"
        tracking = rows.with_columns(_side(rows, "KC", "ARZ", "football").alias(column))
        names = [column] if layout == "bdb_2023" else [column, "displayName"]
        if layout == "bdb_2025":
            snapped = pl.col("frameId").filter(pl.col("event") == "ball_snap").min()
            before = pl.col("frameId") < snapped.over("gameId", "playId")
            tracking = tracking.with_columns(
                frameType=pl.when(before)
                .then(pl.lit("BEFORE_SNAP"))
                .otherwise(pl.lit("AFTER_SNAP"))
            )
            names.append("frameType")
            common["player_play.csv"] = table.select(
                "gameId",
                "playId",
                nflId=30008,
                wasTargettedReceiver=1,
                wasInitialPassRusher=None,
                **dict.fromkeys(("causedPressure", "interceptionYards", "routeRan")),
            )
        file = "week1.csv" if layout == "bdb_2023" else "tracking_week_1.csv"
        return MadeSet({file: tracking.select(*core, *motion, *names)}, common)
    if layout == "bdb_2026":
        return _made_2026(rows, chosen, table)
    return {"ngs_highlights": _made_highlights, "hackathon_2015": _made_2015}[layout](rows, table)


def _made_2026(rows: pl.DataFrame, chosen: list[MadePlay], table: pl.DataFrame) -> MadeSet:
    play = chosen[0]
    kept = rows.filter(
        pl.col("side") != "ball",
        ~pl.col("position").is_in(["C", "G", "T", "DT", "NT"]).fill_null(value=False),
        pl.col("frameId").is_between(play.snap, play.release),
    )
    role = (
        pl.when(pl.col("position") == "QB").then(pl.lit("Passer"))
        .when(pl.col("nflId") == 30009).then(pl.lit("Targeted Receiver"))
        .when(pl.col("side") == "offense").then(pl.lit("Other Route Runner"))
        .otherwise(pl.lit("Defensive Coverage"))
    )  # fmt: skip
    tracking = kept.select(
        game_id="gameId", play_id="playId", nfl_id="nflId",
        frame_id=pl.col("frameId") - play.snap + 1, play_direction="playDirection",
        absolute_yardline_number=pl.lit(play.line_x), player_name="displayName",
        player_height=pl.lit("6-3"), player_weight=210, player_position="position",
        player_side=pl.when(pl.col("side") == "offense").then(pl.lit("Offense"))
        .otherwise(pl.lit("Defense")), player_role=role,
        **{name: name for name in ("x", "y", "s", "a", "dir", "o")},
    )  # fmt: skip
    plays = table.select(
        game_id="gameId", play_id="playId", week=1, quarter="quarter", game_clock="gameClock",
        down="down", yards_to_go="yardsToGo", possession_team="possessionTeam",
        defensive_team="defensiveTeam", home_team_abbr=pl.lit("KC"),
        visitor_team_abbr=pl.lit("ARI"), yardline_side="yardlineSide",
        yardline_number="yardlineNumber", pre_snap_home_score=7, pre_snap_visitor_score=3,
        yards_gained="playResult", pass_result="passResult",  # noqa: S106
        pre_penalty_yards_gained="prePenaltyPlayResult", play_nullified_by_penalty=pl.lit("N"),
        play_action=pl.lit("TRUE"), play_description="playDescription",
    ).with_columns(_unsaid("bdb_2026"))  # fmt: skip
    output = tracking.select("game_id", "play_id", "nfl_id", "frame_id", "x", "y")
    return MadeSet(
        {"input_2023_w01.csv": tracking},
        {"supplementary_data.csv": plays, "output_2023_w01.csv": output},
    )


def _made_highlights(rows: pl.DataFrame, table: pl.DataFrame) -> MadeSet:
    joined = rows.join(table, on=["gameId", "playId"], maintain_order="left")
    tracking = joined.select(
        "gameId", "playId", playType=pl.lit("play_type_pass"), season=2022,
        week=1, preSnapHomeScore="preSnapHomeScore", preSnapVisitorScore="preSnapVisitorScore",
        playDirection="playDirection", quarter="quarter", gameClock="gameClock", down="down",
        yardsToGo="yardsToGo", absoluteYardlineNumber="absoluteYardlineNumber",
        possessionFlag=_side(joined, 1.0, 0.0), homeTeamFlag=_side(joined, 1.0, 0.0),
        teamAbbr=_side(joined, "KC", "ARZ"),
        frame=pl.col("frameId") - 1,
        displayName=pl.col("displayName").replace("football", "ball"),
        gsisId=pl.format("00-00{}", "nflId"), nflId=pl.col("nflId").cast(pl.Float64),
        position="position", time=pl.col("time").str.replace("T", " "), x="x", y="y", s="s", o="o",
        dir="dir", event="event", playDescription="playDescription",
    )  # fmt: skip
    return MadeSet({"2022_KC_1_64.tsv": tracking}, {})


def _made_2015(rows: pl.DataFrame, table: pl.DataFrame) -> MadeSet:
    words = {"ball_snap": "snap", "pass_forward": "passForward"}
    tracking = rows.filter(pl.col("side") != "ball").select(
        game=pl.lit(1), ngsPlayId="playId", nflId="nflId", time="time",
        team=pl.when(pl.col("side") == "offense").then(1).otherwise(2), x="x", y="y", s="s",
        event=pl.col("event").replace(words), pos="position",
    )  # fmt: skip
    plays = table.select(
        game=pl.lit(1), ngsPlayId="playId", gsisPlayId=pl.col("playId") * 10, elias_id="gameId",
        playType=pl.lit("play_type_pass"), quarter="quarter", clock="gameClock", down="down",
        ydstogo="yardsToGo", absYL="absoluteYardlineNumber", posTeam=pl.lit(1), home=pl.lit(1),
        away=pl.lit(2), result="passResult", passer=pl.lit(30000), pass_yards=9, air=5,
        target=pl.lit(30006), desc="playDescription",
    )  # fmt: skip
    return MadeSet({"tracking.csv": tracking}, {"plays.csv": plays})
