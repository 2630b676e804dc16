"""Read play-by-play, games and ratings, and select the plays that every other folder works on."""

from dropback.data._games import read_games
from dropback.data._nflverse import fetch
from dropback.data._play_by_play import read_play_by_play
from dropback.data._ratings import match_ratings, read_ratings
from dropback.data._rosters import read_roster
from dropback.data._selection import Selection, select_plays
from dropback.data._tables import Outcome, Plays, PlaySet, Predictions, Scores, StandardScores

__all__ = [
    "Outcome",
    "PlaySet",
    "Plays",
    "Predictions",
    "Scores",
    "Selection",
    "StandardScores",
    "fetch",
    "match_ratings",
    "read_games",
    "read_play_by_play",
    "read_ratings",
    "read_roster",
    "select_plays",
]
