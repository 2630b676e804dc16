"""Rank passers, teams and games by their play scores, with the uncertainty of every number."""

from dropback.ranking._board import leaderboard
from dropback.ranking._center import centered, with_measured_drift
from dropback.ranking._comparison import probability_better, probability_matrix
from dropback.ranking._decisions import decision_board, with_decisions
from dropback.ranking._drift import drift_sentence, season_drifts
from dropback.ranking._filters import PlayFilter
from dropback.ranking._games import game_log, game_logs
from dropback.ranking._people import Person, find_person, list_people
from dropback.ranking._predicate import keep_plays
from dropback.ranking._profile import (
    Profile,
    list_passers,
    passer_profile,
    passer_seasons,
    season_places,
    split_values,
)
from dropback.ranking._reliability import Reliability, reliability, reliable_minimum
from dropback.ranking._scale import DisplayScale
from dropback.ranking._splits import SPLITS, Split, default_minimum, join_tracking, parse_split
from dropback.ranking._versus import Versus, compare_passers

__all__ = [
    "SPLITS",
    "DisplayScale",
    "Person",
    "PlayFilter",
    "Profile",
    "Reliability",
    "Split",
    "Versus",
    "centered",
    "compare_passers",
    "decision_board",
    "default_minimum",
    "drift_sentence",
    "find_person",
    "game_log",
    "game_logs",
    "join_tracking",
    "keep_plays",
    "leaderboard",
    "list_passers",
    "list_people",
    "parse_split",
    "passer_profile",
    "passer_seasons",
    "probability_better",
    "probability_matrix",
    "reliability",
    "reliable_minimum",
    "season_drifts",
    "season_places",
    "split_values",
    "with_decisions",
    "with_measured_drift",
]
