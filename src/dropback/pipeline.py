"""The main job, file to file: what each command does, callable from Python too."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.baselines import fit_baseline, forecast
from dropback.errors import ReaderError, RequestError, RunError
from dropback.evaluation import Evaluation, evaluate
from dropback.expected_points import (
    OWN_SOURCE,
    attach_epa,
    expected_points_added,
    fit_expected_points,
    load_expected_points,
    recorded_epa,
    save_expected_points,
)
from dropback.features.play_by_play import feature_matrix
from dropback.files import whole_file
from dropback.prediction import predict
from dropback.ranking import join_tracking
from dropback.readers.play_by_play import read_play_by_play
from dropback.runs import data_digest, load_run, read_record
from dropback.scoring import score_plays
from dropback.selection import Games, Selection, select_plays
from dropback.tables import Outcome, Plays, PlaySet
from dropback.tracking.storage import chunk_files, read_splits
from dropback.training import train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import dataframely as dy

    from dropback.expected_points import ExpectedPoints
    from dropback.model import ModelSettings, PassModel
    from dropback.readers.play_by_play import PlayByPlaySource
    from dropback.runs import RunRecord
    from dropback.tables import Predictions, Scores

__all__ = [
    "EvaluatedRun",
    "evaluate_run",
    "fit_expected_points_for",
    "parse_seasons",
    "predict_plays",
    "read_evaluation",
    "read_scores",
    "require_picture_path",
    "require_table_path",
    "score_run",
    "select_for_run",
    "select_from",
    "train_run",
    "with_tracking",
    "write_json",
    "write_table",
]


def parse_seasons(text: str) -> tuple[int, ...]:
    """Seasons from ``2018-2020``, ``2021`` or ``2016,2018-2020``.

    Raises:
        RequestError: Anything else.

    Example:
        >>> parse_seasons("2016,2018-2020")
        (2016, 2018, 2019, 2020)
    """
    seasons: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            start, stop = int(first), int(last if dash else first)
        except ValueError:
            start, stop = 1, 0
        if not 1920 <= start <= stop <= 2100:
            raise RequestError(
                f"Seasons must be years like 2021, 2018-2020 or 2016,2018-2020, got {text!r}."
            )
        seasons.update(range(start, stop + 1))
    return tuple(sorted(seasons))


def select_from(
    source: PlayByPlaySource,
    *,
    seasons: Iterable[int] | None,
    plays: PlaySet = PlaySet.TARGETED,
    games: Games = "regular",
    outcome: Outcome = Outcome.YARDS,
    expected_points: ExpectedPoints | None = None,
) -> Selection:
    """Read play-by-play and select the plays to model.

    Args:
        source: Play-by-play.
        seasons: Seasons to keep.
        plays: Which plays.
        games: Which games.
        outcome: What the plays are judged by.
        expected_points: Values situations where the outcome is EPA; None reads nflverse's.
    """
    rows = read_play_by_play(source, seasons=seasons)
    if outcome is Outcome.EPA:
        rows = attach_epa(rows, expected_points_added(rows, expected_points))
    return select_plays(rows, plays=plays, games=games, outcome=outcome)


def fit_expected_points_for(
    source: PlayByPlaySource, *, seasons: Iterable[int] | None, stored: Path | None = None
) -> ExpectedPoints | None:
    """The model that values the snaps of `source`, None where nflverse's EPA is there to read.

    Args:
        source: Play-by-play.
        seasons: Seasons to fit on: all their games, playoffs too.
        stored: Folder of a model that was fitted before; None fits one.
    """
    if stored is not None:
        return load_expected_points(stored)
    rows = read_play_by_play(source, seasons=seasons)
    return None if recorded_epa(rows) is not None else fit_expected_points(rows)


def select_for_run(
    model: PassModel,
    source: PlayByPlaySource,
    *,
    seasons: Iterable[int] | None,
    games: Games,
    run: Path | None = None,
) -> Selection:
    """The plays of `source` that a run can predict.

    Args:
        model: Of the run.
        source: Play-by-play.
        seasons: Seasons to keep.
        games: Which games.
        run: The run's folder, which says where EPA came from; needed where that is the outcome.

    Raises:
        RunError: The run learned nflverse's EPA, and `source` has none.
    """
    wanted = read_record(run).outcome_source if run is not None else None
    if wanted == OWN_SOURCE and run is not None:
        expected_points = load_expected_points(run / "expected_points")
    else:
        expected_points = None
    selection = select_from(
        source,
        seasons=seasons,
        plays=model.play_set,
        games=games,
        outcome=model.outcome,
        expected_points=expected_points,
    )
    if model.outcome is Outcome.EPA and (found := selection.plays["epa_source"][0]) != wanted:
        raise RunError(
            f"{run}: the run learned EPA from {wanted!r} and the plays have it from {found!r}: "
            "use play-by-play from the same source."
        )
    return selection


def train_run(
    selection: Selection,
    out: Path,
    *,
    settings: ModelSettings,
    seed: int = 0,
    games: Games = "regular",
    overwrite: bool = False,
    expected_points: ExpectedPoints | None = None,
    on_epoch: Callable[[int, int, float], None] | None = None,
) -> tuple[PassModel, RunRecord, Evaluation]:
    """Train on selected plays, write the run, and put its held-out report beside the weights.

    The model that valued the plays, where that was ours, is stored with the run, so that new
    plays are valued alike.
    """
    reports: list[Evaluation] = []

    def complete(model: PassModel, folder: Path) -> None:
        forecasts = predict(model, selection.plays, seed=seed)
        held_out = evaluate(selection.plays, {settings.family: forecasts}, seed=seed)
        write_json({"held_out": "out of fold", **held_out.as_dict()}, folder / "report.json")
        if expected_points is not None:
            save_expected_points(expected_points, folder / "expected_points")
        reports.append(held_out)

    model, record = train(
        selection.plays,
        out,
        settings=settings,
        seed=seed,
        games=games,
        overwrite=overwrite,
        on_epoch=on_epoch,
        complete=complete,
    )
    return model, record, reports[0]


def predict_plays(
    model: PassModel, selection: Selection, *, seed: int
) -> dy.DataFrame[Predictions]:
    """Predictions in the order of the selected plays."""
    return predict(model, selection.plays, seed=seed)


def score_run(model: PassModel, selection: Selection) -> dy.DataFrame[Scores]:
    """Play scores of the selected plays."""
    return score_plays(selection.plays, predict(model, selection.plays))


@dataclass(frozen=True)
class EvaluatedRun:
    """An evaluation and the plays it was made on."""

    evaluation: Evaluation
    plays: dy.DataFrame[Plays]
    out_of_fold: bool


def evaluate_run(
    run: Path,
    source: PlayByPlaySource,
    *,
    seasons: Sequence[int],
    against: Sequence[str] = (),
    games: Games = "regular",
    sample: int | None = None,
    seed: int = 0,
    on_epoch: Callable[[str, int, int, float], None] | None = None,
) -> EvaluatedRun:
    """Evaluate a run, and baselines fitted on its training plays, on the plays of `seasons`.

    Args:
        run: The run folder.
        source: Play-by-play that holds `seasons` and, for baselines, the training seasons.
        seasons: Seasons to evaluate. Training seasons are predicted out of fold, by all.
        against: Names of baselines.
        games: Games to evaluate on.
        sample: Evaluate on whole games drawn at random until they hold this many plays.
        seed: Of the sample, the randomised PIT and the bootstrap.
        on_epoch: Called with baseline, fold, epoch and validation loss.

    Raises:
        RunError: The training plays in `source` are not those that the run was trained on.
        RequestError: `sample` is below 1, or an unknown baseline.
    """
    if sample is not None and sample < 1:
        raise RequestError(f"sample must be at least 1 play, got {sample}.")
    model, record = load_run(run)
    plays = select_for_run(model, source, seasons=seasons, games=games, run=run).plays
    if sample is not None:
        plays = _sample_games(plays, sample, seed)
    inside = set(plays["game_id"]) & set(model.fold_of_game)
    predictions: dict[str, dy.DataFrame[Predictions]] = {
        model.settings.family: predict(model, plays, seed=seed)
    }
    if against:
        training = select_for_run(
            model,
            source,
            seasons=record.seasons,
            games=record.games,  # type: ignore[arg-type]  # written by train from this type
            run=run,
        ).plays
        features = feature_matrix(training, model.schema)
        if data_digest(features, training[model.outcome.value].to_numpy()) != record.data_digest:
            raise RunError(
                f"{run}: trained on other plays than {source} holds for seasons "
                f"{record.seasons[0]}-{record.seasons[-1]}; baselines must be fitted on the same."
            )
        with tempfile.TemporaryDirectory(prefix="dropback-") as work:
            for name in against:
                rival = fit_baseline(
                    name,
                    model,
                    record,
                    training,
                    work=Path(work),
                    on_epoch=None if on_epoch is None else _named(on_epoch, name),
                )
                predictions[name] = forecast(rival, plays, seed=seed)
    return EvaluatedRun(evaluate(plays, predictions, seed=seed), plays, bool(inside))


def _named(
    on_epoch: Callable[[str, int, int, float], None], name: str
) -> Callable[[int, int, float], None]:
    return lambda fold, epoch, loss: on_epoch(name, fold, epoch, loss)


def _sample_games(plays: dy.DataFrame[Plays], sample: int, seed: int) -> dy.DataFrame[Plays]:
    sizes = plays.group_by("game_id").len().sort("game_id")
    order = np.random.default_rng(seed).permutation(len(sizes))
    upto = np.searchsorted(np.cumsum(sizes["len"].to_numpy()[order]), sample) + 1
    return Plays.validate(plays.filter(pl.col("game_id").is_in(sizes["game_id"][order[:upto]])))


def read_scores(path: Path) -> pl.DataFrame:
    """Read a table of play scores.

    Raises:
        ReaderError: No file, not Parquet, or not play scores.
    """
    try:
        table = pl.read_parquet(path)
    except FileNotFoundError as error:
        raise ReaderError(f"{path}: no such file; make it with 'dropback score'.") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReaderError(f"{path}: not a readable Parquet file ({error}).") from error
    # What a ranking needs, of either kind of score. A column that may be null may be absent.
    required = [name for name, column in Plays.columns().items() if not column.nullable]
    required.append("play_score")
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise ReaderError(
            f"{path}: not a table of play scores, the columns {', '.join(missing)} are missing; "
            "make it with 'dropback score'."
        )
    return table


def with_tracking(scores: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Put the splits of tracked plays beside their play scores.

    Raises:
        TrackingError: `folder` holds no canonical plays.
        RequestError: No play is in both, or the play scores lack the league's game key.
    """
    return join_tracking(scores, pl.concat(map(read_splits, chunk_files(folder))))


def read_evaluation(path: Path) -> Evaluation:
    """Read a report that `dropback evaluate --json` wrote.

    Raises:
        ReaderError: No file, not JSON, or not such a report.
    """
    try:
        return Evaluation.from_dict(json.loads(path.read_text()))
    except OSError as error:
        raise ReaderError(f"{path}: not readable ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReaderError(
            f"{path}: not a report of 'dropback evaluate --json' ({error})."
        ) from error


def require_table_path(path: Path) -> None:
    """Refuse a file whose ending names no format, before anything is computed for it.

    Raises:
        RequestError: The ending is none of ``.parquet``, ``.csv``, ``.md``.
    """
    if path.suffix not in {".parquet", ".csv", ".md"}:
        raise RequestError(f"{path}: the file's ending must be .parquet, .csv or .md.")


def require_picture_path(path: Path) -> None:
    """Refuse a picture whose ending names no format, before anything is computed for it.

    Raises:
        RequestError: The ending is neither ``.png`` nor ``.svg``.
    """
    if path.suffix not in {".png", ".svg"}:
        raise RequestError(f"{path}: the picture's ending must be .png or .svg.")


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table whole or not at all, in the format of the file's ending.

    Raises:
        RequestError: The ending is none of ``.parquet``, ``.csv``, ``.md``, or the disk refuses.
    """
    require_table_path(path)
    with whole_file(path) as aside:
        if path.suffix == ".parquet":
            table.write_parquet(aside)
        elif path.suffix == ".csv":
            table.write_csv(aside)
        else:
            aside.write_text(_markdown(table))


def write_json(content: dict[str, object], path: Path) -> None:
    """Write JSON whole or not at all."""
    with whole_file(path) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n")


def _markdown(table: pl.DataFrame) -> str:
    with pl.Config(
        tbl_formatting="MARKDOWN",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=200,
        float_precision=4,
    ):
        return f"{table}\n"
