"""Plan a training on tracking files: what would be kept, how long it takes, how much it needs."""

from __future__ import annotations

import math
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import torch

from dropback._choices import parse_seasons
from dropback.data._tables import PlaySet
from dropback.errors import DropbackError, RequestError
from dropback.models import PLAY_NETWORK, ModelSettings
from dropback.models._store import schema_of
from dropback.models._train import Training, require_trainable
from dropback.tracking import build_tensors
from dropback.tracking.ingest._joined_plays import season_of_game
from dropback.tracking.readers import choose_formats
from dropback.tracking.readers._heads import cut_heads
from dropback.tracking.readers._table_games import plays_by_game
from dropback.workflows._plays import TrackedSelection, read_plays

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dropback._choices import Seasons
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.data._selection import Games
    from dropback.tracking import IngestReport
    from dropback.tracking.readers._heads import Heads

# Peaks of `dropback train` on the 8,557 plays of `benchmarks/tracking_train.py`, 305,000 frames:
# 3.46 GB in evaluating, 1.85 with a quarter of them. Three files are read at once, and of a file no
# more than a batch of 1.5 million rows, 170 MB, is held: at most 1.87 GB with three files of
# 421 MB, .96 with nine of 140.
_BASE_GB: Final = 0.45
_BATCH_GB: Final = 0.5
_BATCH_MB: Final = 170.0
_FIT_GB: Final = 1.35
_FRAME_GB: Final = 7.1e-6
_READERS: Final = 3
_READING_CORES: Final = 2
_TIMED_READINGS: Final = 2
_TIMED_EPOCHS: Final = 3
_TIMED_BATCHES: Final = 8
# Two threads fit 1.2 to 1.3 times as fast as one; more were not measured.
_THREAD_POWER: Final = 0.32
# A projection of games this much above what training needs may yet be too high.
_MARGIN: Final = 1.5
_KEYS: Final = ("game_id", "play_id")
# Bytes of a play's frame in tensors, float32.
_TENSOR_BYTES: Final = (22 * 8 + 17) * 4


@dataclass(frozen=True)
class TrainingPlan:
    """What training on a set would take, from the first plays of a few of its files.

    Attributes:
        files: Tracking files.
        megabytes: Their size, unpacked.
        sampled_plays: Plays that were read for this plan.
        plays: Plays in the set, about.
        kept: Plays that would be trained on, about.
        games: Games that they are of, about.
        whole: Whether all plays were read, so that these counts are exact; else they are projected
            from the sample.
        warning: What training may be refused for though the sample does not show it; else empty.
        left_out: ``reason`` and ``plays``, about, set aside by the reader or not selected.
        reading_seconds: From files to tensors, on an idle machine.
        training_seconds: Likewise, all networks at the most epochs; a fit may stop earlier.
        memory_gb: Peak memory.
        disk_gb: Size of the tensors that are kept.
    """

    files: int
    megabytes: float
    sampled_plays: int
    plays: int
    kept: int
    games: int
    whole: bool
    warning: str
    left_out: pl.DataFrame
    reading_seconds: float
    training_seconds: float
    memory_gb: float
    disk_gb: float


def plan_training(
    path: Path,
    *,
    seasons: Seasons | None = None,
    settings: ModelSettings = PLAY_NETWORK,
    plays: PlaySet = PlaySet.TARGETED,
    games: Games = "regular",
    play_by_play: PlayByPlaySource | None = None,
    layout: str = "auto",
) -> TrainingPlan:
    """Read the first plays of a few files, fit on them for a moment, and scale both to the set.

    Args:
        path: Tracking files, also zips.
        seasons: Seasons to train on; None takes all. All files are read whatever it says.
        settings: What would be fitted.
        plays: Which plays, as for `read_plays`.
        games: Which games.
        play_by_play: Beside tracking: says how the plays ended.
        layout: As for `dropback.ingest`.

    Raises:
        ReaderError: If nothing can be read.
        TrackingError: If no play of the sample is kept.
        RequestError: The settings are for play-by-play, or the training would be refused: no play
            of `seasons`, or too few games for the folds.
    """
    if settings.sequence is None:
        raise RequestError("A plan needs settings of a play network; these are for play-by-play.")
    with (
        tempfile.TemporaryDirectory(prefix="dropback-plan-") as scratch,
        _named(path, Path(scratch) / "sample"),
    ):
        sample, work = Path(scratch) / "sample", Path(scratch) / "fit"
        heads = cut_heads(path, sample)
        # Once more: the first call loads what is compiled.
        with _of_these(heads):
            build_tensors(sample, Path(scratch) / "first", layout=layout)
        # By processor time, the least of a few: a busy machine makes neither plan nor time.
        clock = [time.process_time()]
        for again in range(_TIMED_READINGS):
            tensors, report = build_tensors(sample, Path(scratch) / f"{again}", layout=layout)
            clock.append(time.process_time())
        reading = float(np.diff(clock).min()) / _READING_CORES
        assert report is not None  # noqa: S101  # of source files
        formats = {file.source_format for file in report.files}
        layouts = [known for known in choose_formats(layout) if known.name in formats]
        listed = plays_by_game(sample, layouts)
        years, read, sampled = None, report.plays_read, report.plays_read
        table = tensors.plays
        if seasons is not None:
            # Of a sample the table of plays tells which seasons there are.
            of_tables = listed.select(season_of_game(pl.col("game_id"))).to_series()
            held = {*tensors.plays["season"], *(() if heads.whole else of_tables)}
            years = parse_seasons(seasons, held=held)
            report = _of_seasons(report, years)
            table = table.filter(pl.col("season").is_in(years))
            read = table.height + report.left_out.select(_KEYS).drop_nulls().n_unique()
            listed = listed.filter(season_of_game(pl.col("game_id")).is_in(years))
        with _of_these(heads):
            selection = read_plays(
                tensors, seasons=years, plays=plays, games=games, play_by_play=play_by_play
            )
        assert isinstance(selection, TrackedSelection)  # noqa: S101  # of tensors
        schema = schema_of(settings, PlaySet(selection.plays["play_set"][0]))
        scale = 1 / heads.share
        reasons = pl.concat([report.reasons().cast({"plays": pl.Int64}), selection.left_out])
        left_out = reasons.with_columns((pl.col("plays") * scale).round().cast(pl.Int64)).sort(
            "plays", descending=True
        )
        kept = round(len(selection.plays) * scale)
        number = selection.plays["game_id"].n_unique()
        if not heads.whole:
            both = (rows.select(_KEYS) for rows in (table, report.left_out))
            number = _projected_games(number, pl.concat(both).drop_nulls().unique(), listed, scale)
        try:
            require_trainable(selection.features, schema, settings, number)
        except RequestError as error:
            lost = ", ".join(f"{reason} ({count:,})" for reason, count in left_out.iter_rows())
            raise RequestError(
                f"{error} Of {'' if heads.whole else 'about '}{round(read * scale):,} "
                f"plays {kept:,} would be kept to train on; left out: {lost or 'none'}."
                f"{_of_sample(heads, sampled)}"
            ) from error
        warning = _warning(number, settings) if not heads.whole else ""
        epoch = _seconds_of_epoch(selection, settings, work)
    frames = float(tensors.offsets[-1]) * scale
    learned = kept * (1 - 1 / settings.folds)
    epochs = settings.fit.max_epochs * settings.networks
    return TrainingPlan(
        files=heads.files,
        megabytes=heads.megabytes,
        sampled_plays=sampled,
        plays=round(read * scale),
        kept=kept,
        games=number,
        whole=heads.whole,
        warning=warning,
        left_out=left_out,
        reading_seconds=reading * scale,
        training_seconds=epoch * learned * epochs,
        memory_gb=_memory_gb(heads.files, heads.megabytes, frames),
        disk_gb=frames * _TENSOR_BYTES / 1e9,
    )


def _of_seasons(report: IngestReport, seasons: Collection[int]) -> IngestReport:
    """A report with what is left out of some seasons, and of none that is known."""
    season = season_of_game(pl.col("game_id"))
    of_these = season.is_in(seasons) | season.is_null()
    return replace(report, left_out=report.left_out.filter(of_these))


def _of_sample(heads: Heads, plays: int) -> str:
    """A sentence that counts are of a sample; empty for those of a whole set."""
    if heads.whole:
        return ""
    return (
        f" These counts are projected from the first {plays:,} plays of {heads.sampled} of "
        f"{heads.files} files."
    )


@contextmanager
def _of_these(heads: Heads) -> Iterator[None]:
    """Say of a sample that it is one, in what is refused."""
    try:
        yield
    except DropbackError as error:
        if heads.whole:
            raise
        said = f"This is told from the first plays of {heads.sampled} of {heads.files} files."
        raise type(error)(f"{error} {said}") from error


def _projected_games(held: int, seen: pl.DataFrame, listed: pl.DataFrame, scale: float) -> int:
    """Games of a set that are trained on, projected from its sample; at least those of it.

    As many as the table of plays has for so many plays, since a file of one game of which a third
    was read holds no three; without a table as many as there are in the sample for each byte.

    Args:
        held: Games of the sample's plays that would be trained on.
        seen: ``game_id`` and ``play_id`` of all plays of the sample.
        listed: What `plays_by_game` says.
        scale: How many times the sample the set is.
    """
    known = seen.join(listed, on="game_id", how="semi")
    if known.is_empty():
        return round(held * scale)
    share = min(1.0, known.height * scale / int(listed["listed"].sum()))
    trained = held / seen["game_id"].n_unique()
    return max(held, round(share * listed.height * trained))


def _warning(games: int, settings: ModelSettings) -> str:
    """A sentence about a set that may have too few games, though its projection has enough."""
    need = 2 * settings.folds
    if games >= _MARGIN * need:
        return ""
    return (
        f"Training needs at least {need} games for {settings.folds} folds, and {games} are "
        "projected: if there are fewer it is refused: add seasons or use fewer folds."
    )


@contextmanager
def _named(path: Path, sample: Path) -> Iterator[None]:
    """Name the set, and not the copy of its heads, in what is refused."""
    try:
        yield
    except DropbackError as error:
        raise type(error)(str(error).replace(str(sample), str(path))) from error


def _memory_gb(files: int, megabytes: float, frames: float) -> float:
    """Peak memory of reading, fitting and evaluating, rather above than below."""
    readers = min(_READERS, files)
    reads = _BASE_GB + readers * _BATCH_GB * min(1.0, megabytes / files / _BATCH_MB)
    return max(reads, _FIT_GB + frames * _FRAME_GB)


def _seconds_of_epoch(selection: TrackedSelection, settings: ModelSettings, work: Path) -> float:
    """Seconds that an epoch takes for each play on an idle machine, validation included.

    The least of a few epochs on one thread: threads that wait for each other, as on a machine with
    other work, spend processor time on it, up to eight times what the epoch needs.
    """
    # As many plays as fill batches as those of the whole set do.
    rows = np.resize(np.arange(len(selection.plays)), _TIMED_BATCHES * settings.fit.batch_size)
    plays = selection.plays[rows]
    clock: list[float] = []
    number = pl.Series("game_id", [f"{row % 10}" for row in range(len(rows))])
    training = Training(
        plays.with_columns(number),  # type: ignore[arg-type]  # its games alone
        selection.features[rows],
        schema_of(settings, PlaySet(plays["play_set"][0])),
        replace(settings, fit=replace(settings.fit, max_epochs=_TIMED_EPOCHS + 1)),
        0,
        work,
        {f"{game}": 0 for game in range(10)},
        lambda *_: clock.append(time.process_time()),
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        training.network(settings.folds)  # a fold without games: all are seen
    finally:
        torch.set_num_threads(threads)
    speedup = math.pow(threads, _THREAD_POWER)
    return float(np.diff(clock).min()) / speedup / len(rows)
