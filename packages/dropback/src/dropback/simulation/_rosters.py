"""Draw teams, schedules and passers of the simulated league, with their true skill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers
    from dropback.simulation._settings import LeagueSettings

TEAMS = (
    *("ARI", "ATL", "BAL", "BUF", "CAR", "CHI", "CIN", "CLE", "DAL", "DEN", "DET"),
    *("GB", "HOU", "IND", "JAX", "KC", "LA", "LAC", "LV", "MIA", "MIN", "NE"),
    *("NO", "NYG", "NYJ", "PHI", "PIT", "SEA", "SF", "TB", "TEN", "WAS"),
)

# Real identifiers run to about 00-0040000; these begin beyond, so no one is mistaken for a
# real player.
FIRST_PLAYER_NUMBER = 90_000

# Invented surnames, again so that no row can pass for a real player's.
SURNAME_STARTS = ("Al", "Bra", "Cor", "Dal", "El", "Fen", "Gar", "Hol", "Kel", "Lor", "Mar", "Nor")
SURNAME_ENDS = ("bury", "combe", "croft", "dale", "field", "gate", "hurst", "ley", "mere", "ridge")
INITIALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Calendar:
    """All games of all seasons in order of season, week and pairing; shape ``(G,)`` each.

    Args:
        season: First calendar year.
        season_number: 0 for the first simulated season, counting those simulated.
        week: From 1.
        home: Index of the home team in `TEAMS`.
        away: Index of the away team.
    """

    season: Integers
    season_number: Integers
    week: Integers
    home: Integers
    away: Integers


def player_id(numbers: pl.Expr) -> pl.Expr:
    """Identifier in the feed's form, ``00-0090001``, of a player's number from 0."""
    return pl.format("00-{}", (numbers + FIRST_PLAYER_NUMBER).cast(pl.String).str.zfill(7))


def player_name(numbers: pl.Expr) -> pl.Expr:
    """Name in the feed's form, ``A.Surname``; the first 3,120 numbers have different names."""
    surnames = [start + end for start in SURNAME_STARTS for end in SURNAME_ENDS]
    names = [f"{initial}.{surname}" for initial in INITIALS for surname in surnames]
    # 1,009 has no divisor in common with 3,120: neighbors differ in both name and initial.
    scattered = (numbers * 1009) % len(names)
    return scattered.replace_strict(dict(enumerate(names)), return_dtype=pl.String)


def draw_calendar(settings: LeagueSettings, generator: np.random.Generator) -> Calendar:
    """Pair every team in every week: a shuffled round robin, home sides drawn by coin."""
    teams = settings.teams
    parts = []
    for season_number, season in enumerate(settings.seasons):
        order = generator.permutation(teams)
        for week in range(1, settings.weeks + 1):
            # The circle method: the first team stays, the others move on by one a round.
            circle = np.concatenate([order[:1], np.roll(order[1:], week - 1)])
            pairs = np.stack([circle[: teams // 2], circle[::-1][: teams // 2]])
            swapped = generator.random(teams // 2) < 0.5
            home, away = np.where(swapped, pairs[::-1], pairs)
            size = np.ones(teams // 2, dtype=np.int64)
            parts.append((season * size, season_number * size, week * size, home, away))
    return Calendar(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def draw_passers(
    settings: LeagueSettings, generator: np.random.Generator
) -> tuple[pl.DataFrame, Integers, Floats]:
    """Draw each team's starter and backup of each season, and their skill.

    Skill follows an autoregression of order one from season to season. Within a season it is
    centered on the passers' expected share of games, so that 0 is the league average.

    Returns:
        One row a passer and season: ``number``, ``season``, ``team``, ``starter``,
        ``skill_yd``. The passers' numbers and their skill, shape ``(seasons, teams, 2)``:
        starter, backup.
    """
    shape = (settings.teams, 2)
    rho, backup_share = settings.skill_season_correlation, settings.backup_start_probability
    role_mean = np.array([0.0, -settings.backup_deficit_yd])
    numbers = np.arange(2 * settings.teams).reshape(shape)
    deviation = generator.normal(size=shape)
    all_numbers, all_skills = [], []
    for season_number in range(len(settings.seasons)):
        if season_number:
            replaced = generator.random(shape) < settings.turnover_probability
            moved = rho * deviation + np.sqrt(1 - rho**2) * generator.normal(size=shape)
            deviation = np.where(replaced, generator.normal(size=shape), moved)
            newcomers = numbers.max() + np.cumsum(replaced).reshape(shape)
            numbers = np.where(replaced, newcomers, numbers)
        skill = role_mean + settings.skill_sd_yd * deviation
        shares = np.array([1 - backup_share, backup_share])
        skill = skill - (skill * shares).sum(axis=1).mean()
        all_numbers.append(numbers)
        all_skills.append(skill)
    passers, skills = np.stack(all_numbers), np.stack(all_skills)
    count = len(settings.seasons)
    frame = pl.DataFrame(
        {
            "number": passers.ravel(),
            "season": np.repeat(settings.seasons, settings.teams * 2).astype(np.int32),
            "team": np.tile(np.repeat(TEAMS[: settings.teams], 2), count),
            "starter": np.tile([True, False], count * settings.teams),
            "skill_yd": skills.ravel(),
        }
    )
    return frame, passers, skills
