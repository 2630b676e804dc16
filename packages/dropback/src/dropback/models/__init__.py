"""Networks, baselines, training, prediction and the folder that holds a trained run."""

from dropback.models._settings import (
    PLAY_NETWORK,
    PLAY_NETWORKS,
    THROW_MODEL,
    ModelSettings,
    SequenceSettings,
    settings_for,
)

__all__ = [
    "PLAY_NETWORK",
    "PLAY_NETWORKS",
    "THROW_MODEL",
    "ModelSettings",
    "SequenceSettings",
    "settings_for",
]
