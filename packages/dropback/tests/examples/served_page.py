"""The service as the page meets it: simulated plays, untrained networks, scores that are known."""

import itertools
from collections.abc import Collection

import numpy as np
import polars as pl
import torch
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dropback.live import PlayPredictor
from examples.scored_plays import throws
from examples.service import network

TEAMS = ("KC", "BUF", "GB", "DAL", "SF", "NE")


def predictor() -> PlayPredictor:
    """An untrained network whose forecasts move with the play, around 7 yards."""
    untrained = network(5, std=0.15)
    lean = 4 - (torch.arange(-50, 101) - 7).abs() / 8
    lean[50] += 2  # an incomplete pass gains nothing
    untrained.head.linear.bias.data[:151] += lean
    return PlayPredictor([untrained])


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
