"""Fit networks whose forward pass is a distribution. `fit` needs the extra ``train``."""

from splicedpareto.training._batches import SequenceDataset, ShuffledBatches, epoch_seed
from splicedpareto.training._fit import fit
from splicedpareto.training._settings import DivergedError, FitResult, FitSettings

__all__ = [
    "DivergedError",
    "FitResult",
    "FitSettings",
    "SequenceDataset",
    "ShuffledBatches",
    "epoch_seed",
    "fit",
]
