"""The command that trains a run, from files to an evaluated model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dropback._choices import nearest
from dropback.cli._options import ExecutorOption, GamesOption, Overwrite, PlaysOption, Seed
from dropback.cli._runs import Data, PlayByPlay, Seasons, Threads, open_source, use_threads
from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RequestError

if TYPE_CHECKING:
    from dropback._choices import Seasons as ChosenSeasons
    from dropback.data._selection import Games
    from dropback.models import ModelSettings
    from dropback.models._store import Run
    from dropback.workflows._plays import Source
    from splicedpareto.training import FitSettings

app = typer.Typer()


@app.command()
def train(
    data: Data,
    out: Annotated[str, typer.Option(help="Run folder to write, a path or a URL.")],
    seasons: Seasons = None,
    plays: PlaysOption = PlaySet.TARGETED,
    outcome: Annotated[
        Outcome, typer.Option(help="What to predict: yards, or expected points added.")
    ] = Outcome.YARDS,
    expected_points: Annotated[
        str | None,
        typer.Option(
            help="Folder of an expected-points model; by default nflverse's EPA where the data "
            "have it, else a model fitted on the same seasons."
        ),
    ] = None,
    games: GamesOption = "regular",
    seed: Seed = 0,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs at most, a fold; default 6 (12 without trees), with tracking 32 (tcn: 16)."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Highest learning rate; default 0.008, with tracking 0.003 (tcn: 0.002)."
        ),
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds of games; each gets one network.")] = 5,
    members: Annotated[
        int | None,
        typer.Option(help="Fit the networks of only the first so many folds; default all."),
    ] = None,
    pbp: PlayByPlay = None,
    encoder: Annotated[
        str,
        typer.Option(
            help="How tracking is read: set (players around each throw), or tcn (the convolution "
            "that was published)."
        ),
    ] = "set",
    prefix_share: Annotated[
        float | None,
        typer.Option(
            help="With tracking: share of an epoch's plays that are cut at a random frame; default "
            "0.5 (tcn: 0.75)."
        ),
    ] = None,
    player_dropout: Annotated[
        float | None,
        typer.Option(
            "--drop-players",
            help="With tracking: share of an epoch's plays from which players are dropped at "
            "random, for a network that serves sets without some; default 0.",
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="Run to start from: its networks, with its settings, are trained further."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    executor: ExecutorOption = "serial",
    threads: Threads = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Of tracking files: say from the first plays what would be kept, how long it "
            "takes and how much memory it needs, and stop.",
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Train a model. If training is interrupted, run the same command again to resume.

    Tensors of tracking files, also zips as downloaded, are kept in OUT-tensors for `evaluate` and
    `score`.

    Example: `dropback train data/pbp --seasons 2018-2020 --out runs/pbp`, or with tracking
    `dropback train nfl-big-data-bowl-2023.zip --out runs/tracking`
    """
    from dataclasses import replace

    from dropback import workflows
    from dropback.cli._console import errors, progress, selection_summary
    from dropback.execution import opened
    from dropback.models import settings_for
    from dropback.storage import is_url, require_inputs, require_new_output

    require_new_output(out, overwrite=overwrite)
    if dry_run:
        _require_files(data)
    work = None if is_url(out) else Path(f"{out}-tensors")
    require_inputs(pbp, init, expected_points)
    if expected_points is not None and outcome is not Outcome.EPA:
        raise RequestError(
            f"--expected-points values plays where the outcome is epa, and it is {outcome.value}: "
            "add --outcome epa, or leave it out."
        )
    with opened("serial" if dry_run else executor) as runner:
        source, tracked = (data, True) if dry_run else open_source(data, work=work)
        wanted = None if dry_run or seasons is None else workflows.seasons_of(source, seasons)
        shares = {"prefix_share": prefix_share, "player_dropout": player_dropout}
        settings = _settings(init, encoder, shares, settings_for(plays, outcome), tracked=tracked)
        use_threads(threads, many=tracked or settings.boosted_share > 0)
        fit = _fit_settings(settings, epochs, learning_rate, seed, device)
        settings = replace(settings, outcome=outcome, folds=folds, members=members, fit=fit)
        if dry_run:
            _print_plan(data, seasons, settings, plays, games, pbp)
            return
        values = None
        if outcome is Outcome.EPA:
            values = workflows.fit_expected_points_for(
                source, seasons=wanted, play_by_play=pbp, stored=expected_points
            )
        selection = workflows.read_plays(
            source,
            seasons=wanted,
            plays=plays,
            games=games,
            outcome=outcome,
            play_by_play=pbp,
            expected_points=values,
        )
        selection_summary(selection)
        steps = settings.networks * (fit.max_epochs if executor == "serial" else 1)
        with progress(steps) as step:
            run = workflows.train(
                selection,
                out,
                games=games,
                settings=settings,
                expected_points=values,
                initial=init,
                seed=seed,
                overwrite=overwrite,
                on_epoch=lambda fold, epoch, loss: step(
                    f"fold {fold + 1} of {settings.networks}, epoch {epoch + 1}: "
                    f"log score {loss:.4f}"
                ),
                executor=runner,
                on_step=step,
            )
    _report(run, source, work, wanted, games, pbp)
    best = ", ".join(str(epoch + 1) for epoch in run.record.best_epochs)
    errors.print(f"{out}: {settings.networks} networks, best epochs {best}.")


def _settings(
    init: str | None,
    encoder: str,
    shares: dict[str, float | None],
    of_play_by_play: ModelSettings,
    *,
    tracked: bool,
) -> ModelSettings:
    """Settings of the networks, before the options of every fit."""
    from dropback.models import PLAY_NETWORKS
    from dropback.models._store import read_record

    asked = encoder != "set" or any(share is not None for share in shares.values())
    if asked and (init is not None or not tracked):
        given = "the data are play-by-play" if init is None else "--init brings its own settings"
        raise RequestError(
            "--encoder, --prefix-share and --drop-players say how a new network reads tracking, "
            f"but {given}: leave them out."
        )
    if init is not None:
        return read_record(init).settings
    if not tracked:
        return of_play_by_play
    if encoder not in PLAY_NETWORKS:
        raise RequestError(
            f"encoder must be {' or '.join(PLAY_NETWORKS)}, got {encoder!r}."
            f"{nearest(encoder, PLAY_NETWORKS)}"
        )
    settings = PLAY_NETWORKS[encoder]
    assert settings.sequence is not None  # noqa: S101  # of a play network
    named = {name: share for name, share in shares.items() if share is not None}
    return replace(settings, sequence=replace(settings.sequence, **named))  # type: ignore[arg-type]  # shares


def _fit_settings(
    settings: ModelSettings,
    epochs: int | None,
    learning_rate: float | None,
    seed: int,
    device: str,
) -> FitSettings:
    try:
        return replace(
            settings.fit,
            max_epochs=settings.fit.max_epochs if epochs is None else epochs,
            learning_rate=settings.fit.learning_rate if learning_rate is None else learning_rate,
            seed=seed,
            device=device,
        )
    except ValueError as error:
        raise RequestError(str(error)) from error


def _report(
    run: Run,
    source: Source,
    tensors: Path | None,
    seasons: ChosenSeasons | None,
    games: Games,
    pbp: str | None,
) -> None:
    """Print how good the run is on plays that it did not see; with tracking beside climatology."""
    from dropback import workflows
    from dropback.cli._console import by_time_table, errors, evaluation_table

    report = run.folder / "report.json"
    if run.model.settings.sequence is None or tensors is None:
        held_out = workflows.read_evaluation(report)
        title = f"Out of fold, {held_out.plays:,} plays of {held_out.games} games"
        evaluation_table(held_out, title)
        return
    evaluated = workflows.evaluate(
        run, source, seasons=seasons, against="climatology", games=games, play_by_play=pbp
    )
    result = evaluated.evaluation
    title = f"Out of fold, {result.plays:,} plays of {result.games} games"
    workflows.write_json({"title": title, **evaluated.as_dict()}, report)
    evaluation_table(result, title)
    by_time_table(evaluated.by_time)
    if tensors.is_dir():
        errors.print(
            f"{tensors}: the tensors, which other commands take as they take the files.",
            soft_wrap=True,
        )


def _require_files(data: str) -> None:
    """Refuse a plan of anything but tracking files.

    Raises:
        RequestError: It is tensors, what `ingest` wrote, play-by-play, or in a store.
    """
    from dropback.storage import is_url
    from dropback.tracking import is_tracking
    from dropback.tracking.ingest._pipeline import is_canonical

    made = not is_url(data) and (Path(data) / "schema.json").is_file()
    if is_url(data) or made or is_canonical(data) or not is_tracking(Path(data)):
        raise RequestError(
            f"{data}: --dry-run plans from tracking files on this disk, as they were downloaded: "
            "name their folder or zip, or leave the option out."
        )


def _print_plan(
    data: str,
    seasons: str | None,
    settings: ModelSettings,
    plays: PlaySet,
    games: Games,
    pbp: str | None,
) -> None:
    """Print what training on tracking files would take."""
    from dropback import workflows
    from dropback.cli._console import out, table_of

    plan = workflows.plan_training(
        Path(data), seasons=seasons, settings=settings, plays=plays, games=games, play_by_play=pbp
    )
    read = (
        "all of their plays were read"
        if plan.whole
        else (f"projected from {plan.sampled_plays:,} of their plays")
    )
    out.print(f"{plan.files} files, {plan.megabytes:,.0f} MB; {read}:")
    rows = table_of("counted" if plan.whole else "about", ("", "plays"))
    rows.add_row("in the set", f"{plan.plays:,}")
    rows.add_row("kept to train on", f"{plan.kept:,}")
    for reason, count in plan.left_out.iter_rows():
        rows.add_row(f"left out: {reason}", f"{count:,}")
    rows.add_row("games of those kept", f"{plan.games:,}")
    out.print(rows)
    if plan.warning:
        out.print(plan.warning)
    out.print(
        f"on an idle machine about {plan.reading_seconds / 60:.1f} min to read and at most "
        f"{plan.training_seconds / 60:.1f} min to fit {settings.networks} networks, memory about "
        f"{plan.memory_gb:.1f} GB, disk {plan.disk_gb:.1f} GB"
    )
