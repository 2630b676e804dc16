"""Fit networks whose forward pass is a distribution. `fit` needs the extra ``train``."""

from splicedpareto.training._batches import SequenceDataset as SequenceDataset
from splicedpareto.training._batches import ShuffledBatches as ShuffledBatches
from splicedpareto.training._batches import epoch_seed as epoch_seed
from splicedpareto.training._fit import fit as fit
from splicedpareto.training._settings import DivergedError as DivergedError
from splicedpareto.training._settings import FitResult as FitResult
from splicedpareto.training._settings import FitSettings as FitSettings

__all__ = [
    "DivergedError",
    "FitResult",
    "FitSettings",
    "SequenceDataset",
    "ShuffledBatches",
    "epoch_seed",
    "fit",
]
