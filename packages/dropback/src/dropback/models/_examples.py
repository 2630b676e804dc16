"""What boosted trees and baselines of play-by-play learn from: plays, and where passes go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dropback.models._grid import GRIDS

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl

    from dropback._arrays import Flags, Floats, Integers
    from dropback.data._features import FeatureMatrix, FeatureSchema
    from dropback.data._tables import Outcome
    from dropback.models._grid import Grid


@dataclass(frozen=True)
class Examples:
    """Plays to learn from, or to stop by.

    Attributes:
        plays: Their outcomes; completion and yards after the catch are labels, never features.
        features: What is known at the release, shape ``(N, F)``.
        schema: Names and order of the features.
        outcome: What is predicted.
    """

    plays: pl.DataFrame
    features: FeatureMatrix
    schema: FeatureSchema
    outcome: Outcome

    def __getitem__(self, rows: Integers | Flags) -> Examples:
        """Some of the plays."""
        kept = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Examples(self.plays[kept], self.features[kept], self.schema, self.outcome)

    def without_weather(self) -> Examples:
        """The plays without what is known of the weather."""
        return replace(self, features=self.schema.without_weather(self.features))

    def __len__(self) -> int:
        """Number of plays ``N``."""
        return len(self.features)

    @property
    def grid(self) -> Grid:
        """The bins of the outcome."""
        return GRIDS[self.outcome]

    @property
    def observed(self) -> npt.NDArray[np.float64 | np.int64]:
        """The outcome, shape ``(N,)``."""
        observed: npt.NDArray[np.float64 | np.int64] = self.plays[self.outcome.value].to_numpy()
        return observed

    @property
    def complete(self) -> Flags:
        """Whether the target caught the ball."""
        return self.plays["complete_pass"].to_numpy()

    @property
    def intercepted(self) -> Flags:
        """Whether a defender did."""
        return self.plays["interception"].to_numpy()


@dataclass(frozen=True)
class Throws:
    """Where passes go, in whole yards from the line of scrimmage, each of shape ``(N,)``."""

    air_yards: Integers
    goal_line: Integers
    line_to_gain: Integers

    @classmethod
    def of(cls, features: FeatureMatrix, schema: FeatureSchema) -> Throws:
        """Read them off the features."""

        def column(name: str) -> Floats:
            return features[:, schema.names.index(name)].astype(np.float64)

        return cls(
            *(
                np.rint(values).astype(np.int64)
                for values in (
                    column("air_yards"),
                    column("yardline_100"),
                    np.expm1(column("yards_to_go_log")),  # "yards_to_go" is cut at 30
                )
            )
        )
