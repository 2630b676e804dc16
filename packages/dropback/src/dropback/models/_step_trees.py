"""Sum boosted trees over all steps of a run in one walk of each tree.

Of the columns of a step all but a few are its play's, and those few rise or fall by a yard with
each yard of the run. So the steps that reach a node are a range, which a question of the play
sends on whole and a question of the step splits in two. A library that predicts rows walks from
the root once for each step: of 2021, 36 steps a play at most, it took three times as long.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dropback.tracking._compiled import compiled, one_layout

if TYPE_CHECKING:
    from typing import Self

    import numpy.typing as npt

    from dropback._arrays import Flags, Floats, Integers
    from dropback.data._features import FeatureMatrix

_LEAF: Final = -1


@dataclass(frozen=True)
class StepTrees:
    """Trees of a binary booster whose last columns are those of a step.

    Nodes of all trees are numbered from 0 to ``M``.

    Attributes:
        roots: Node of the root of each tree, shape ``(T,)``.
        children: Nodes to the left and right of each node, -1 at a leaf, shape ``(M, 2)``.
        column: Column that a node asks for, shape ``(M,)``.
        threshold: Less goes left, shape ``(M,)``; at a leaf what it adds to the log odds.
        missing_left: Whether a missing number goes left, shape ``(M,)``.
        base: Log odds before the first tree.
    """

    roots: Integers
    children: Integers
    column: Integers
    threshold: Floats
    missing_left: Flags
    base: float

    @classmethod
    def of(cls, booster: Any) -> Self:  # noqa: ANN401  # xgboost ships no types
        """Read the trees of an XGBoost model of objective ``binary:logistic``."""
        # XGBoost documents its JSON as the stable form of a model.
        learner = json.loads(booster.save_raw("json"))["learner"]
        trees = learner["gradient_booster"]["model"]["trees"]
        sizes = [len(tree["left_children"]) for tree in trees]
        roots = np.cumsum([0, *sizes])[:-1]

        def joined(name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
            return np.concatenate([np.asarray(tree[name], dtype) for tree in trees])

        children = np.column_stack(
            [joined(f"{side}_children", np.int64) for side in ("left", "right")]
        )
        numbered = children + np.repeat(roots, sizes)[:, None]
        # A probability; from XGBoost 3.1 on in a list, one for each target.
        share = float(np.ravel(json.loads(learner["learner_model_param"]["base_score"]))[0])
        return cls(
            roots,
            np.where(children == _LEAF, _LEAF, numbered),
            joined("split_indices", np.int64),
            # Compared with columns of the same precision.
            joined("split_conditions", np.float32).astype(np.float64),
            joined("default_left", bool),
            float(np.log(share / (1 - share))),
        )

    def log_odds(
        self,
        features: FeatureMatrix,
        at_zero: Floats,
        rising: Flags,
        runs: Integers,
        counts: Integers,
    ) -> Floats:
        """Log odds of each step, shape ``(N, R)``; 0 beyond those of a play.

        Args:
            features: Of the plays, shape ``(N, F)``: the first columns.
            at_zero: Columns of a step at a run of 0, shape ``(N, C)``: those after them.
            rising: Whether each of these gains or loses a yard with a yard of the run, ``(C,)``.
            runs: Whole yards of each step, increasing, shape ``(R,)``.
            counts: Number of steps of each play, from the first, shape ``(N,)``.
        """
        before = np.searchsorted(runs, np.arange(runs[0], runs[-1] + 2))
        return _sum_trees(
            one_layout(features),
            at_zero,
            rising,
            before,
            runs[0],
            counts,
            len(runs),
            self.roots,
            self.children,
            self.column,
            self.threshold,
            self.missing_left,
            self.base,
        )


@compiled
def _goes_left(value: float, threshold: float, missing_left: bool) -> bool:
    """Where the steps of a play go by a column of the play."""
    return missing_left if np.isnan(value) else value < threshold


@compiled
def _first_beyond(gap: float, rises: bool) -> int:
    """Least run of the steps that go to the other side than the steps before them.

    A column that rises is less than the threshold up to a gap; one that falls is so from there on.
    """
    return int(np.ceil(gap)) if rises else int(np.floor(-gap)) + 1


@compiled
def _add_trees(
    change: Floats,
    waiting: Integers,
    end: int,
    own: FeatureMatrix,
    at_zero: Floats,
    rising: Flags,
    before: Integers,
    first: int,
    roots: Integers,
    children: Integers,
    column: Integers,
    threshold: Floats,
    missing_left: Flags,
) -> None:
    """Add to `change` what the trees add from a step on to that and all later ones of a play."""
    for root in roots:
        waiting[0, 0], waiting[0, 1], waiting[0, 2] = root, 0, end
        pending = 1
        while pending > 0:
            pending -= 1
            node, low, high = waiting[pending]
            while children[node, 0] != _LEAF:
                asked = column[node]
                if asked < len(own):
                    left = _goes_left(own[asked], threshold[node], missing_left[node])
                    node = children[node, 0 if left else 1]
                    continue
                asked -= len(own)
                split = _first_beyond(threshold[node] - at_zero[asked], rising[asked])
                place = before[min(max(split - first, 0), len(before) - 1)]
                head = children[node, 0 if rising[asked] else 1]
                tail = children[node, 1 if rising[asked] else 0]
                if low < place < high:
                    waiting[pending, 0], waiting[pending, 1], waiting[pending, 2] = (
                        tail,
                        place,
                        high,
                    )
                    pending += 1
                    high = place
                node = tail if place <= low else head
            change[low] += threshold[node]
            change[high] -= threshold[node]


@compiled
def _sum_trees(
    features: FeatureMatrix,
    at_zero: Floats,
    rising: Flags,
    before: Integers,
    first: int,
    counts: Integers,
    steps: int,
    roots: Integers,
    children: Integers,
    column: Integers,
    threshold: Floats,
    missing_left: Flags,
    base: float,
) -> Floats:
    """See `StepTrees.log_odds`; `before` counts steps of fewer yards than `first`, and so on."""
    total = np.zeros((len(features), steps))
    change = np.empty(steps + 1)
    waiting = np.empty((len(column) + 1, 3), np.int64)
    for play in range(len(features)):
        change[:] = 0.0
        change[0] = base
        _add_trees(
            change, waiting, counts[play], features[play], at_zero[play], rising, before, first,
            roots, children, column, threshold, missing_left,
        )  # fmt: skip
        running = 0.0
        for step in range(counts[play]):
            running += change[step]
            total[play, step] = running
    return total
