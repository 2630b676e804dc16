"""Write and load run folders: a trained model with all that is needed to trust it.

``run.json`` holds settings, feature schema and digests; ``weights.pt`` the networks and the trees;
``folds.parquet`` the fold of each training game; ``report.json`` the held-out evaluation.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch

import dropback
from dropback._files import POLARS_ERRORS, is_sealed, sealed
from dropback._xgboost import xgboost_package
from dropback.data._features import WEATHER, FeatureSchema, feature_schema
from dropback.data._tables import PlaySet
from dropback.errors import RequestError, RunError
from dropback.models._catch_point import from_state, to_state
from dropback.models._model import PassModel
from dropback.models._network import build_network
from dropback.models._play_batches import tracking_schema
from dropback.models._settings import ModelSettings, SequenceSettings
from dropback.storage import digest_of, local_copy
from splicedpareto.training import FitSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback._arrays import Floats, Integers
    from dropback._files import AnyPath
    from dropback.models._network import PlayInputs
    from splicedpareto.nn import DistributionNetwork

FORMAT = 4
"""Version of the layout of a run folder; a folder of another version is refused."""


@dataclass(frozen=True)
class RunRecord:
    """Settings, data and code that a run was trained with.

    Attributes:
        settings: Of the model.
        feature_names: Names and order of the features.
        feature_digest: Digest of the feature schema at training.
        play_set: Plays that the model was trained on.
        seasons: Training seasons.
        games: ``regular``, ``postseason`` or ``all``.
        plays: Number of training plays.
        data_digest: SHA-256 of the training features and outcomes.
        code_version: Version of dropback that trained it.
        seed: Seed of folds, initial weights and fits.
        best_epochs: Best epoch of each fold.
        outcome_source: Where EPA came from, where that is the outcome.
        longest_frames: Frames of the longest training play, where tracking is read.
    """

    settings: ModelSettings
    feature_names: tuple[str, ...]
    feature_digest: str
    play_set: str
    seasons: tuple[int, ...]
    games: str
    plays: int
    data_digest: str
    code_version: str
    seed: int
    best_epochs: tuple[int, ...]
    outcome_source: str | None = None
    longest_frames: int | None = None


@dataclass(frozen=True)
class Run:
    """A trained model, and the folder that it was loaded from.

    Attributes:
        folder: The run folder.
        model: The networks, and the fold of each training game.
        record: Settings, data and code that it was trained with.
    """

    folder: Path
    model: PassModel
    record: RunRecord


def schema_of(settings: ModelSettings, play_set: PlaySet) -> FeatureSchema:
    """The features of a model of `settings` for plays of `play_set`."""
    if settings.sequence is not None:
        return tracking_schema()
    names = feature_schema(play_set).names
    # Trees find the year in which completions rose, and hold on to the last; see `THROW_MODEL`.
    own = ("season", *WEATHER) if settings.boosted_share else ()
    return FeatureSchema((*names, *own))


def weights_digest(networks: Sequence[DistributionNetwork]) -> str:
    """SHA-256 of the names and values of all weights."""
    digest = hashlib.sha256()
    for network in networks:
        for name, value in network.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def data_digest(features: PlayInputs, observed: Integers | Floats) -> str:
    """SHA-256 of the training data as the networks see it."""
    digest = hashlib.sha256(features.tobytes())
    digest.update(observed.tobytes())
    return digest.hexdigest()


def write_run(folder: Path, model: PassModel, record: RunRecord) -> None:
    """Write a model and its record into the existing, empty `folder`."""
    weights = folder / "weights.pt"
    # Through memory, because torch reports a full disk as a RuntimeError without a reason.
    content = io.BytesIO()
    torch.save(
        {
            "networks": [network.state_dict() for network in model.networks],
            "boosted": [to_state(each) for each in model.boosted],
        },
        content,
    )
    weights.write_bytes(content.getbuffer())
    games = sorted(model.fold_of_game)
    pl.DataFrame(
        {"game_id": games, "fold": [model.fold_of_game[game] for game in games]}
    ).write_parquet(folder / "folds.parquet")
    files = {name: digest_of(folder / name) for name in ("weights.pt", "folds.parquet")}
    described = {
        "format": FORMAT,
        "weights_sha256": files["weights.pt"],
        "files_sha256": files,
        **asdict(record),
    }
    (folder / "run.json").write_text(json.dumps(sealed(described), indent=2) + "\n")


def read_record(folder: AnyPath) -> RunRecord:
    """Read the record of a run without its weights.

    Raises:
        RunError: The folder is no run, or one of another format.
    """
    folder = Path(local_copy(folder))
    return _record(folder, _read_json(folder))


def load_run(folder: AnyPath) -> Run:
    """Load a trained model from its run folder.

    Weights are read with ``weights_only=True``: no code of the file runs.

    Args:
        folder: Folder or URL that `train` wrote.

    Raises:
        RunError: The folder is no run, a file is missing or damaged, or the features of this
            version are not those that the model was trained on.
        RequestError: The run has boosted trees, and XGBoost is not installed.

    Example:
        >>> loaded = dropback.load_run(run)
        >>> loaded.record.seasons, loaded.model.members
        ((2020,), 2)
    """
    folder = Path(local_copy(folder))
    content = _read_json(folder)
    record = _record(folder, content)
    play_set = PlaySet(record.play_set)  # `_record` has checked it
    schema = schema_of(record.settings, play_set)
    if schema.digest != record.feature_digest:
        changed = sorted(set(schema.names) ^ set(record.feature_names))
        raise RunError(
            f"{folder}: trained by dropback {record.code_version} on other features than those "
            f"of dropback {dropback.__version__} ({', '.join(changed) or 'other formulas'}): "
            "train it again with 'dropback train', or use that version."
        )
    _require_intact(folder, content)
    if record.settings.boosted_share:
        xgboost_package()  # what is absent is no damage
    weights = folder / "weights.pt"
    try:
        folds = pl.read_parquet(folder / "folds.parquet", columns=["game_id", "fold"])
        fold_of_game = dict(zip(folds["game_id"], folds["fold"].cast(pl.Int64), strict=True))
        states = torch.load(weights, weights_only=True, map_location="cpu")
        boosted = tuple(from_state(state, schema) for state in states["boosted"])
        networks = []
        for state in states["networks"]:
            network = build_network(record.settings, schema.width, seed=0)
            network.load_state_dict(state)
            networks.append(network.eval())
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise RunError(
            f"{folder}: the run is damaged, its files do not fit one another ({reason}): {_REMAKE}"
        ) from error
    model = PassModel(record.settings, schema, play_set, tuple(networks), fold_of_game, boosted)
    return Run(folder, model, record)


# What torch, polars and our own constructors raise on what is not theirs; a run from before the
# digests of all its files may hold anything.
_DAMAGE = (*POLARS_ERRORS, Exception)
_REMAKE = "copy the folder again, or train it again with 'dropback train'."


def _require_intact(folder: Path, content: dict[str, Any]) -> None:
    """Refuse files that are not as `write_run` wrote them, by their SHA-256 in run.json."""
    digests = content.get("files_sha256") or {"weights.pt": content.get("weights_sha256")}
    for name, digest in digests.items():
        path = folder / name
        try:
            intact = digest_of(path) == digest
        except OSError as error:
            raise RunError(
                f"{path}: the run is incomplete ({error.strerror}): {_REMAKE}"
            ) from error
        if not intact:
            raise RunError(
                f"{path}: the run is damaged, this file is truncated or changed (its SHA-256 is "
                f"not the one in run.json): {_REMAKE}"
            )


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(
            f"{folder}: not a run folder, it has no run.json; train one with 'dropback train'."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"{path}: the run is damaged, not readable as JSON ({error}): {_REMAKE}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise RunError(
            f"{path}: a run of format {found!r}, and dropback {dropback.__version__} reads format "
            f"{FORMAT}: train it again with 'dropback train'."
        )
    # Runs of dropback 0.2.0 have no seal.
    if "sha256" in content and not is_sealed(content):
        raise RunError(f"{path}: the run is damaged, run.json was changed: {_REMAKE}")
    return content


def _record(folder: Path, content: dict[str, Any]) -> RunRecord:
    try:
        fields = {name: content[name] for name in RunRecord.__dataclass_fields__ if name in content}
        settings = dict(fields.pop("settings"))
        fit = FitSettings(**settings.pop("fit"))
        if (sequence := settings.pop("sequence", None)) is not None:
            sequence = SequenceSettings(**sequence)
        lists = {name: tuple(fields[name]) for name in ("feature_names", "seasons", "best_epochs")}
        PlaySet(fields["play_set"])
        return RunRecord(
            settings=ModelSettings(fit=fit, sequence=sequence, **settings), **{**fields, **lists}
        )
    except (KeyError, TypeError, ValueError, AttributeError, RequestError) as error:
        raise RunError(
            f"{folder / 'run.json'}: a field is missing, unknown or out of range ({error})."
        ) from error
