"""Project passers: how good each is now, and will be next season, from all plays until a week."""

from dropback.projection._model import (
    PROJECTION,
    Career,
    Forecast,
    ProjectionSettings,
    log_likelihood,
    project_careers,
)
from dropback.projection._table import (
    FEWEST_PLAYS,
    SEASON_PLAYS,
    as_of_week,
    career_table,
    project_passers,
    read_birth_and_draft,
    season_values,
)

__all__ = [
    "FEWEST_PLAYS",
    "PROJECTION",
    "SEASON_PLAYS",
    "Career",
    "Forecast",
    "ProjectionSettings",
    "as_of_week",
    "career_table",
    "log_likelihood",
    "project_careers",
    "project_passers",
    "read_birth_and_draft",
    "season_values",
]
