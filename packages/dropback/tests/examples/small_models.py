"""Commands that fit for a moment: small models, on one thread."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from dropback.expected_points import ExpectedPointsSettings
from dropback.models import PLAY_NETWORKS, THROW_MODEL


def one_thread(patch: pytest.MonkeyPatch) -> None:
    """Keep commands to one thread, where they take all cores by default."""
    for module in ("_runs", "_training"):
        patch.setattr(
            f"dropback.cli.{module}.use_threads", lambda *_, **__: torch.set_num_threads(1)
        )


def few_trees(patch: pytest.MonkeyPatch) -> None:
    """Value situations by few trees, where a workflow fits the model of expected points."""
    few = partial(ExpectedPointsSettings, rounds=3, depth=3)
    patch.setattr("dropback.expected_points._model.ExpectedPointsSettings", few)


def small_models(patch: pytest.MonkeyPatch) -> None:
    """Shrink the models that commands fit by default, where a test asks that they run.

    How well such a model predicts is no question of these tests. What a fit does beside its size
    (precision, averaging, prefixes, dropout) stays as it is by default.
    """
    one_thread(patch)
    few_trees(patch)
    patch.setattr("dropback.models._boosting._MOST_ROUNDS", 5)
    patch.setattr("dropback.models._train.FITS_OF_ALL", 1)
    small = {"folds": 2, "width": 16, "blocks": 1}
    fit = replace(THROW_MODEL.fit, max_epochs=1)
    patch.setattr("dropback.models._settings.THROW_MODEL", replace(THROW_MODEL, **small, fit=fit))
    for encoder, settings in PLAY_NETWORKS.items():
        assert settings.sequence is not None
        sequence = replace(settings.sequence, channels=8, player_width=8)
        fit = replace(settings.fit, max_epochs=1)
        patch.setitem(
            PLAY_NETWORKS, encoder, replace(settings, **small, sequence=sequence, fit=fit)
        )
