"""Networks, baselines, training, prediction and the folder that holds a trained run."""

from dropback.models._settings import PLAY_NETWORK, ModelSettings, SequenceSettings

__all__ = ["PLAY_NETWORK", "ModelSettings", "SequenceSettings"]
