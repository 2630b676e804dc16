r"""Training objectives: losses of a distribution at targets, one per observation.

`log_prob` is the log of a density, and with the quantile splice and free scales its negative must
not be minimized: the thresholds move with the logits, so the fit can push mass that belongs to
the body into a tail, or out of it. On two heavy-tailed samples of 20,000 it put 2 % instead of
5 % above the upper splice and missed the .99 quantile by 40 %. The composite objectives train the
bins and the tails each by a likelihood of their own.

Every objective takes a boolean `mask`, True where the target is observed; the loss and its
gradient are zero elsewhere, whatever the target holds there. Reduction is the caller's.
"""

from splicedpareto.objectives._composite import (
    composite_censored_nll,
    composite_interval_nll,
    composite_nll,
)
from splicedpareto.objectives._crps import crps_censored_loss, crps_loss
from splicedpareto.objectives._exact import exact_interval_nll, exact_nll
from splicedpareto.objectives._parts import movement_nll
from splicedpareto.objectives._weights import weighted

__all__ = [
    "composite_censored_nll",
    "composite_interval_nll",
    "composite_nll",
    "crps_censored_loss",
    "crps_loss",
    "exact_interval_nll",
    "exact_nll",
    "movement_nll",
    "weighted",
]
