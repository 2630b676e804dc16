"""The service as the page meets it: simulated plays, untrained networks, scores that are known."""

import itertools
from collections.abc import Collection
from types import SimpleNamespace

import numpy as np
import polars as pl
import torch
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dropback.live import PlayPredictor
from dropback.live._library import PlayLibrary
from dropback.models._grid import YARDS
from dropback.workflows import PasserTables
from examples.scored_plays import throws
from examples.service import network

TEAMS = ("KC", "BUF", "GB", "DAL", "SF", "NE")


def predictor() -> PlayPredictor:
    """An untrained network whose forecasts move with the play, around 7 yards."""
    untrained = network(5, std=0.15)
    lean = 4 - (torch.arange(-50, 101) - 7).abs() / 8
    lean[50] += 2  # an incomplete pass gains nothing
    untrained.head.linear.bias.data[:151] += lean
    made = PlayPredictor([untrained])
    # A yard is worth .08 points, and a first down one.
    made._points = SimpleNamespace(of=lambda play: 0.08 * YARDS + (play.yards_to_go <= YARDS) - 0.5)
    return made


def league(stored: Collection[tuple[int, int]]) -> pl.DataFrame:
    """Six passers, two seasons; the best throw of the first passer is the first stored play."""
    generator = np.random.default_rng(2)
    game, play = min(stored)
    rows = []
    for season, passer, number in itertools.product((2021, 2022), range(6), range(120)):
        score = float(generator.uniform(0.02, 0.94) * (0.9 + 0.02 * passer))
        week = number % 6 + 1
        rows += throws(
            f"00-{passer}",
            [score],
            game_id=f"{season}_{week:02}_P{passer}",
            old_game_id=None,
            play_id=1000 * (passer + 1) + number,
            season=season,
            week=week,
            passer_player_name=f"{'ABCDEF'[passer]}.<Passer>",
            posteam=TEAMS[passer],
            defteam="PHI",
            qtr=number % 4 + 1,
            down=number % 3 + 1,
            ydstogo=10,
            air_yards=number % 25,
            yards=number % 17 - 2,
            median=6.0,
            mid_cdf=score,
            official_attempts=20,
            team_games=6,
            desc=f"{passer} throws <b>pass</b> {number}.",
            outcome="yards",
        )
    rows[5] |= {"old_game_id": str(game), "play_id": play, "play_score": 0.9987, "mid_cdf": 0.9987}
    return pl.DataFrame(rows, infer_schema_length=None)


def beside(library: PlayLibrary) -> PasserTables:
    """Decisions of the stored plays, scores of seasons, a projection and results."""
    games, plays = zip(*sorted(library.keys), strict=True)
    count = len(plays)
    decisions = pl.DataFrame(
        {
            "old_game_id": [str(game) for game in games],
            "play_id": plays,
            "passer_player_id": [f"00-{place % 3}" for place in range(count)],
            "passer_player_name": [f"{'ABC'[place % 3]}.<Passer>" for place in range(count)],
            "season": 2021 + np.arange(count) % 2,
            "game_id": [f"game {place % 6}" for place in range(count)],
            "play_score": np.linspace(0.2, 0.9, count),
            "decision": np.linspace(-9, 2, count),
            "decision_percentile": 100 * (np.arange(count) + 1) / count,
            "decision_sd": 3.5,
            "execution": np.linspace(0.2, 0.9, count),
            "time": np.linspace(-1.5, 3, count),
            "chosen_yards": 7.3,
            "best_yards": 16.4,
            "receiver_slots": [[6, 7, 8, 9, 10]] * count,
            "expected_yards": [[7.3, 16.4, 11.0, 4.5, None]] * count,
            "target_probability": [[0.3, 0.25, 0.4, 0.05, None]] * count,
        }
    )
    seasons = {"season": [2021, 2022], "passer_player_id": "00-0"}
    numbers = pl.DataFrame(
        {
            **seasons,
            **{
                f"{name}{end}": [value + more, value + more + 0.02]
                for name, value in (("passing_score", 0.51), ("qb_score", 0.53))
                for end, more in (("", 0), ("_low", -0.03), ("_high", 0.03))
            },
            "passing_score_place": ["3 of 6, 2021", "2 of 6, 2022"],
            "qb_score_place": ["2 of 6, 2021", None],
        }
    )
    ends = {"": 0.0, "_low": -0.13, "_high": 0.13}
    projection = pl.DataFrame(
        {
            "passer_player_id": ["00-0"], "season": [2022], "week": [6], "rank": [2],
            "population": [6],
            **{
                f"{name}{end}": [value + more]
                for name, value in (("projection", 0.08), ("now", 0.11))
                for end, more in ends.items()
            },
        }
    )  # fmt: skip
    results = pl.DataFrame(
        {
            "game_id": [f"2022_{week:02}_P0" for week in range(1, 7)],
            "home_team": "PHI", "away_team": "KC",
            "home_score": [20, 31, 24, 10, 17, None], "away_score": [27, 10, 24, 3, 20, None],
            "final": [True] * 5 + [False],
        }
    )  # fmt: skip
    return PasserTables(decisions, numbers, projection, results)


class Wire:
    """The application on a wire that can be cut; what is sent to a socket after that is lost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._cut: tuple[str, int] | None = None
        self.opened: list[str] = []

    def cut(self, path: str, *, after: int) -> None:
        """Cut the socket at `path` that would get the message after so many."""
        self._cut = (path, after)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        self.opened.append(scope["path"])
        dead = False

        async def cutting(message: Message) -> None:
            nonlocal dead
            if dead:
                return
            watched = b"show=scoreboard" not in scope["query_string"]
            here = self._cut and self._cut[0] == scope["path"] and watched
            if message["type"] == "websocket.send" and self._cut and here:
                path, left = self._cut
                dead = left == 0
                self._cut = None if dead else (path, left - 1)
                if dead:
                    await send({"type": "websocket.close", "code": 1011})
                    return
            await send(message)

        await self._app(scope, receive, cutting)
