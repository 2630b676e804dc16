"""Are the targets of the three numbers reached on 2017-2023? Exits with 1 and names each missed.

    python research/score_targets.py SEASONS PBP GAMES

SEASONS is the folder that ``dropback seasons`` made. The targets are those of
docs/results/qb_score.md, written before the choice of any setting.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from dropback.evaluation.comparison import compare_metrics_from_files, headline, markdown
from dropback.projection import PROJECTION
from projection_study import LAST_FITTED, forecasts, judge, outcomes_of, targets

OLDER = ("passer_rating", "any_a", "epa_per_dropback", "success_rate", "cpoe")


@dataclass(frozen=True)
class Target:
    """One target: what is measured, its value, and the least that is asked for."""

    what: str
    value: float
    least: float
    most: float = float("inf")

    @property
    def reached(self) -> bool:
        """Whether the value lies where it should; NaN does not."""
        return self.least <= self.value <= self.most


def comparison_targets(rows: dict[str, dict[str, dict[str, Any]]]) -> list[Target]:
    """Targets of `qb_score` and `passing_score`, from the headline rows of a comparison.

    Leads are those of `qb_score`, the first of the comparison.
    """
    ours, throws = rows["qb_score"], rows["passing_score"]
    plain = rows["epa_per_qb_play"]
    least = {
        "win_pct": 0.69,
        "qb_record": 0.695,
        "playoffs": 0.555,
        "year_to_year": 0.48,
        "next_win_pct": 0.435,
        "split_half": 0.50,
        "other_half_wins": 0.375,
    }
    found = [Target(f"qb_score: {name}", ours[name]["r"], low) for name, low in least.items()]
    found += [
        Target(
            "qb_score: win_pct minus EPA per dropback",
            rows["epa_per_dropback"]["win_pct"]["lead"],
            0.01,
        ),
        Target(
            "qb_score: year_to_year minus EPA per QB play, lower end of 90 %",
            plain["year_to_year"]["lead_low"],
            1e-9,
        ),
        Target(
            "qb_score: other_half_wins minus EPA per QB play", plain["other_half_wins"]["lead"], 0.0
        ),
    ]
    for name in ("split_half", "year_to_year"):
        for older in OLDER:
            lead = throws[name]["r"] - rows[older][name]["r"]
            found.append(Target(f"passing_score: {name} minus {older}", lead, 1e-9))
    return found


def projection_targets(found: dict[str, Any]) -> list[Target]:
    """Targets of `projection`, from what `judge` returned."""
    ours, last = found["projection"], found["last season regressed"]
    return [
        Target("projection: r with next EPA per dropback", ours["r_epa"], 0.50),
        Target("projection: r with next win %", ours["r_win"], 0.40),
        Target("projection: log score minus last season regressed", last["lead"], 0.03),
        Target("projection: the same, lower end of 90 %", last["low"], 1e-9),
        Target("projection: log score minus tuned Marcel", found["Marcel, tuned"]["lead"], -0.005),
        Target("projection: coverage of 90 % intervals", found["coverage"], 0.86, 0.95),
        *(
            Target(f"projection: coverage, {group} seasons before", share, 0.82)
            for group, share in found["groups"].items()
        ),
    ]


def report(found: list[Target]) -> int:
    """Print every target; return 1 where one is missed."""
    for target in found:
        asked = f"at least {target.least:.4f}"
        if target.most < float("inf"):
            asked += f", at most {target.most:.4f}"
        state = "reached" if target.reached else "MISSED"
        print(f"{state:<8} {target.what}: {target.value:+.4f} ({asked})")
    missed = [target.what for target in found if not target.reached]
    print(f"\n{len(found) - len(missed)} of {len(found)} targets reached.")
    if missed:
        print("Missed: " + "; ".join(missed) + ".")
    return int(bool(missed))


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pbp")
    parser.add_argument("games", type=Path)
    given = parser.parse_args()
    result = compare_metrics_from_files(
        given.folder, play_by_play=given.pbp, games=given.games, seasons="2017-2023",
        expected_points=given.folder / "expected_points",
    )  # fmt: skip
    print(markdown(result))
    plays = pl.read_parquet(given.folder / "qb_plays.parquet")
    snaps = pl.read_parquet(given.folder / "epa.parquet")
    years = sorted(plays["season"].unique())
    outcomes = outcomes_of(given.pbp, given.games, snaps, years)
    early = targets(plays, outcomes, list(range(2008, LAST_FITTED + 1)), PROJECTION)
    rows = targets(plays, outcomes, list(range(2018, 2024)), PROJECTION)
    found = judge(rows, forecasts(rows, early, PROJECTION))
    print()
    return report([*comparison_targets(headline(result)), *projection_targets(found)])


if __name__ == "__main__":
    sys.exit(main())
