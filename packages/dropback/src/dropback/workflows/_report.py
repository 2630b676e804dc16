"""Write one HTML page of rankings and their calibration; it fetches nothing and fits a phone."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import jinja2
import polars as pl
from markdown_it import MarkdownIt
from markupsafe import Markup

import dropback
from dropback._files import whole_file
from dropback._frames import left_join
from dropback.data._table_files import read_table
from dropback.errors import ReaderError, RequestError
from dropback.ranking import drift_sentence, game_logs, leaderboard, reliability, season_drifts
from dropback.workflows._boards import under_full_names, with_names
from dropback.workflows._plots import PLOTS, draw, draw_league, draw_reliability, draw_seasons, svg
from dropback.workflows._report_parts import (
    packed_logs,
    projection_table,
    quarterback_table,
    tier_pictures,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dropback.evaluation._calibration import Estimate, Evaluation
    from dropback.ranking import Reliability

_METRICS = (
    "mae",
    "rmse",
    "crps",
    "log_score",
    "pp_error",
    "coverage_98",
    "tail_lower",
    "tail_upper",
)
_ALT = {
    "pit": "Histogram of the probability integral transform of each model",
    "pp": "Observed minus stated probability of each model",
    "tails": "Share of outcomes in each one-percent tail, with intervals",
    "mae_by_depth": "Mean absolute error of each model by air yards",
}
# A season of fewer attempts is a dot whose interval spans the whole picture.
_LEAST_ATTEMPTS_DRAWN = 50
# Passer-seasons from which skill can be told from luck; see `reliability`.
_FEWEST_RELIABLE = 3
# What `passer_boards` adds to a ranking, which another roster changes.
_PEOPLE = ("team", "full_name", "position")
_PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Boards:
    """The rankings that a page shows.

    Attributes:
        tables: Label to leaderboard of passers, in the order to choose from.
        seasons: Leaderboard by passer and season with ``qualified``, for the pictures of one
            passer's seasons; None shows none.
        reliability: Of the play scores; None shows none.
        drift: The sentence of `drift_sentence`; empty shows none.
        logs: Of the passers that are ranked, by `game_logs`; None shows none.
    """

    tables: Mapping[str, pl.DataFrame]
    seasons: pl.DataFrame | None = None
    reliability: Reliability | None = None
    drift: str = ""
    logs: pl.DataFrame | None = None


@dataclass(frozen=True)
class ComparisonPage:
    """A metric comparison as `dropback bakeoff` writes it.

    Attributes:
        text: Its page, as HTML.
        picture: Its figure, as a data URI; empty where there is none.
    """

    text: str
    picture: str


def passer_boards(
    scores: pl.DataFrame,
    *,
    min_attempts: int | str = "nfl",
    seed: int = 0,
    known: Mapping[str, pl.DataFrame] | None = None,
    games: pl.DataFrame | None = None,
    roster: pl.DataFrame | None = None,
    on_board: Callable[[str], None] = lambda _: None,
) -> Boards:
    """Rank the passers of every season, of all seasons together, and of their careers.

    Args:
        scores: Play scores.
        min_attempts: As for `leaderboard`; careers consist of the seasons that meet ``"nfl"``.
        seed: Of the bootstrap.
        known: Rankings of seasons that were made before of the same scores, by season.
        games: What `read_games` returned, for the results in the game logs.
        roster: What `read_roster` returned, for ``full_name`` and ``position``; None adds neither.
        on_board: Called with the name of each ranking when it is done.

    Raises:
        RequestError: As `leaderboard`.
    """
    together = leaderboard(scores, min_attempts=min_attempts, seed=seed)
    on_board("all seasons")
    tables: dict[str, pl.DataFrame] = {}
    for season in sorted(together["season"].unique(), reverse=True):
        if known and str(season) in known:
            tables[str(season)] = known[str(season)].drop(_PEOPLE, strict=False)
        else:
            own = scores.filter(pl.col("season") == season)
            tables[str(season)] = leaderboard(
                own, by=("passer",), min_attempts=min_attempts, seed=seed
            )
        on_board(f"season {season}")
    if len(tables) > 1:
        tables["Careers"] = leaderboard(
            scores, by=("passer",), min_attempts=min_attempts, seed=seed
        )
        tables["All seasons"] = together
    key = ["passer_player_id", "season"]
    # In the first weeks of a season who qualifies may have fewer.
    least = min(_LEAST_ATTEMPTS_DRAWN, int(together["plays"].min()))  # type: ignore[arg-type]  # a number
    drawn = leaderboard(scores, min_attempts=least, seed=seed)
    qualified = together.select(*key, pl.lit(value=True).alias("qualified"))
    seasons = left_join(drawn, qualified, on=key).with_columns(
        pl.col("qualified").fill_null(value=False)
    )
    on_board("reliability")
    last = scores.sort("season", "week", "game_id").select(*key, pl.col("posteam").alias("team"))
    return Boards(
        {label: _with_people(rows, last, label, roster) for label, rows in tables.items()},
        _with_people(seasons, last, "", roster),
        reliability(scores, seed=seed) if together.height >= _FEWEST_RELIABLE else None,
        drift_sentence(season_drifts(scores, seed=seed)),
        _logs(scores, tables, games),
    )


def _with_people(
    rows: pl.DataFrame, last: pl.DataFrame, label: str, roster: pl.DataFrame | None
) -> pl.DataFrame:
    """Rows with each passer's last team, and with full name and position from the roster."""
    key = ["passer_player_id", *(["season"] if "season" in rows.columns else [])]
    own = last.filter(pl.col("season").cast(pl.String) == label)
    teams = (own if own.height else last).unique(key, keep="last").select(*key, "team")
    found = left_join(rows, teams, on=key)
    return found if roster is None else with_names(found, roster)


def _logs(
    scores: pl.DataFrame, tables: Mapping[str, pl.DataFrame], games: pl.DataFrame | None
) -> pl.DataFrame | None:
    """Games of all passers in the tables; None where the scores lack the opponent."""
    if "defteam" not in scores.columns or "play_id" not in scores.columns:
        return None
    ranked = pl.concat([table["passer_player_id"] for table in tables.values()]).unique()
    return game_logs(scores, ranked.sort().to_list(), games=games)


def read_comparison(folder: Path) -> ComparisonPage:
    """Read the page (``comparison.md``) and the figure (``comparison.svg`` or ``.png``).

    Raises:
        ReaderError: No such page.
    """
    try:
        page = (folder / "comparison.md").read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ReaderError(
            f"{folder}: holds no readable comparison.md ({error}); make it with 'dropback bakeoff'."
        ) from error
    pictures = [folder / f"comparison{ending}" for ending in _PICTURES]
    picture = next((path for path in pictures if path.is_file()), None)
    # Raw HTML stays text: the page may name what a user's files hold.
    render = MarkdownIt("commonmark", {"html": False}).enable("table").render
    return ComparisonPage(
        text=render(page),
        picture="" if picture is None else _uri(picture.read_bytes(), _PICTURES[picture.suffix]),
    )


def read_projection(path: Path) -> pl.DataFrame:
    """Read a table that ``dropback project --out`` wrote.

    Raises:
        ReaderError: No file, or no such table.
    """
    numbers = ("now", "now_low", "now_high", "projection", "projection_low", "projection_high")
    table = read_table(path, types={"rank": pl.Int64, **dict.fromkeys(numbers, pl.Float64)})
    if missing := {"rank", "passer_player_name", "projection"} - set(table.columns):
        raise ReaderError(
            f"{path}: a projection must have the column {min(missing)!r}; write it with "
            "'dropback project --out'."
        )
    return table


def write_report(
    path: Path,
    *,
    title: str,
    boards: Boards,
    paragraphs: Sequence[str] = (),
    evaluation: Evaluation | None = None,
    comparison: ComparisonPage | None = None,
    projection: pl.DataFrame | None = None,
    qb_score: pl.DataFrame | None = None,
) -> None:
    """Write a self-contained page: a script of its own to sort and search, nothing to fetch.

    Args:
        path: HTML file to write.
        title: Heading.
        boards: Rankings to show.
        paragraphs: Below the heading.
        evaluation: Accuracy and calibration; None shows none.
        comparison: With other metrics; None shows none.
        projection: What ``dropback project`` wrote; None shows none.
        qb_score: ``qb_score`` of a store or of ``dropback seasons``; None shows none.

    Raises:
        RequestError: `boards` has no table, or the disk refuses.
    """
    if not boards.tables:
        raise RequestError("A page needs at least one ranking, got none.")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dropback.workflows"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    boards = _under_full_names(boards)
    charts = {} if boards.seasons is None else _charts(boards, boards.seasons)
    html = environment.get_template("report.html.j2").render(
        title=title,
        paragraphs=paragraphs,
        boards={label: _shown(rows) for label, rows in boards.tables.items()},
        charts=charts,
        charts_json=_json({key: [chart["svg"], chart["alt"]] for key, chart in charts.items()}),
        league=None if not charts else _uri(svg(draw_league(boards.seasons)).encode()),  # type: ignore[arg-type]  # then it is a table
        tiers_json=_json(tier_pictures(boards.tables)),
        logs=boards.logs is not None,
        logs_json=_json({} if boards.logs is None else packed_logs(boards.logs)),
        projection=None if projection is None else projection_table(projection),
        qb_score=None if qb_score is None else quarterback_table(qb_score),
        drift=boards.drift,
        reliability=boards.reliability,
        reliability_picture=boards.reliability
        and _uri(svg(draw_reliability(boards.reliability)).encode()),
        metrics=evaluation and _estimates(evaluation.metrics),
        differences=evaluation and _estimates(evaluation.differences),
        evaluation=evaluation,
        images={} if evaluation is None else {name: _png(name, evaluation) for name in PLOTS},
        alt=_ALT,
        comparison=None if comparison is None else (Markup(comparison.text), comparison.picture),  # noqa: S704  # rendered from Markdown without HTML
        footer=f"dropback {dropback.__version__}",
    )
    with whole_file(path) as aside:
        aside.write_text(html)


def _under_full_names(boards: Boards) -> Boards:
    """Rankings whose passers bear their full names, where a roster knows them."""
    tables = {label: under_full_names(rows) for label, rows in boards.tables.items()}
    seasons = None if boards.seasons is None else under_full_names(boards.seasons)
    return replace(boards, tables=tables, seasons=seasons)


def _shown(rows: pl.DataFrame) -> list[dict[str, object]]:
    """Rows with a season and an id where the table has none, so that all tables are alike."""
    season = "season" in rows.columns
    return [
        {"season": None, "true_rank": None, "team": None, "position": None}
        | row
        | {"by_season": season}
        for row in rows.iter_rows(named=True)
    ]


def _charts(boards: Boards, seasons: pl.DataFrame) -> dict[str, dict[str, str]]:
    """Picture and text of every passer who is in a table, by id, in the order of their names."""
    ranked = pl.concat([table["passer_player_id"] for table in boards.tables.values()]).unique()
    kept = seasons.filter(pl.col("passer_player_id").is_in(ranked.implode()))
    names = (
        kept.sort("season")
        .group_by("passer_player_id")
        .agg(pl.col("passer_player_name").last())
        .with_columns(twice=pl.col("passer_player_name").is_duplicated())
        .sort("passer_player_name", "passer_player_id")
    )
    charts = {}
    for passer, name, twice in names.iter_rows():
        own = kept.filter(pl.col("passer_player_id") == passer).sort("season")
        words = "; ".join(
            f"{row['season']}: {row['score']:.3f}"
            + (
                ""
                if row["score_low"] is None
                else f" ({row['score_low']:.3f} to {row['score_high']:.3f})"
            )
            for row in own.iter_rows(named=True)
        )
        charts[passer] = {
            "name": f"{name} ({passer})" if twice else str(name),
            "svg": svg(draw_seasons(seasons, passer)),
            "alt": f"Mean play score by season. {words}",
        }
    return charts


def _json(content: object) -> Markup:
    # In a script element "<" could end the script or open a comment; in JSON \\u003c is the same.
    text = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704  # made safe above


def _uri(picture: bytes, kind: str = "image/svg+xml") -> str:
    return f"data:{kind};base64," + base64.b64encode(picture).decode("ascii")


def _estimates(table: dict[str, dict[str, Estimate]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"model": model}
            | {
                metric: f"{row[metric].value:.4f} ({row[metric].low:.4f}, {row[metric].high:.4f})"
                for metric in _METRICS
            }
            for model, row in table.items()
        ]
    )


def _png(name: str, evaluation: Evaluation) -> str:
    buffer = io.BytesIO()
    draw(name, evaluation).savefig(buffer, format="png", dpi=130)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
