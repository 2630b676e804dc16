"""Does a test fail for every formula that is written down wrongly?

Each mutation changes one formula in a scratch copy of the source, never in the tree itself, and
runs the tests that should notice, up to the first failure. A mutation that survives is a missing
test. `docs/mutations.md` holds the table.

    python benchmarks/mutation_check.py
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from _network_mutations import ROWS as OF_NETWORKS

ROOT = Path(__file__).parent.parent
# Imported once, before the children are forked; the source under test is not among them.
LIBRARIES = ("hypothesis", "mpmath", "scipy.integrate", "scipy.stats", "scoringrules")


class Mutation(NamedTuple):
    """A formula, what becomes of it, and which tests should notice.

    Attributes:
        formula: What it says.
        file: Below ``src``.
        right: Text that the file holds once.
        wrong: What stands there instead.
        tests: Files below ``tests``, blanks between them.
        only: Which of their tests, as pytest's ``-k`` takes it.
    """

    formula: str
    file: str
    right: str
    wrong: str
    tests: str
    only: str


def of_core(formula: str, file: str, right: str, wrong: str, tests: str, only: str) -> Mutation:
    """A mutation of the core, whose files and tests are named in short."""
    files = " ".join(f"splicedpareto/test_{name}.py" for name in tests.split())
    return Mutation(formula, f"splicedpareto/{file}", right, wrong, files, only)


LOOKUP, ROWS = "distributions/_lookup.py", "distributions/_row_kernels.py"
HAZARDS, DISTRIBUTIONS = (
    "distributions/_hazard_kernels.py",
    "distributions/_distribution_kernels.py",
)
BINS, TAILS, DISTRIBUTION = (
    "distributions/_bins.py",
    "distributions/_tails.py",
    "distributions/_distribution.py",
)
KERNELS, FUNCTIONALS = "distributions/_kernels.py", "distributions/_functionals.py"
PARAMETERS, SBP = "distributions/_parameters.py", "distributions/spliced_binned_pareto.py"
EXPECTATIONS, CENSORED = "distributions/_expectations.py", "distributions/censored.py"
DISCRETIZED, NORMAL = "distributions/discretized.py", "distributions/_normal.py"
OBJECTIVES, RULES = "objectives.py", "scoring_rules.py"

MUTATIONS = [
    of_core(*row)
    for row in (
        (
            "log_prob, body: log π − log w",
            BINS,
            "self._lookups(entry).log_probs(entry) - pick(self._widths, number).log()",
            "self._lookups(entry).log_probs(entry)",
            "density",
            "density_is_scipys",
        ),
        (
            "log_prob, tail: −log σ − (1 + ξ) L",
            TAILS,
            "(self.scale.log() + (1 + self.concentration) * hazard)",
            "(self.scale.log() + (1 - self.concentration) * hazard)",
            "density",
            "density_is_scipys",
        ),
        (
            "log_prob, tail: log p",
            DISTRIBUTION,
            "in_tail = tail.log_mass + tail.log_density(excess)",
            "in_tail = tail.log_density(excess)",
            "density",
            "density_is_scipys",
        ),
        (
            "cdf, body",
            BINS,
            "below = self.below + density * (value - self.left)",
            "below = self.below - density * (value - self.left)",
            "density",
            "probabilities_are_scipys",
        ),
        (
            "sf, body: d + ρ (e − x)",
            BINS,
            "self.above + density * (self.right - value)",
            "self.above + density * (value - self.left)",
            "density",
            "probabilities_are_scipys",
        ),
        (
            "sums from the right, not 1 − c",
            LOOKUP,
            "_pick_or_zero(self.from_right, last - 1 - after) / self.total",
            "1 - pick(self.from_left, after) / self.total",
            "rows",
            "digits",
        ),
        (
            "gradient of a log-probability: 1{i = k} − π",
            LOOKUP,
            "gradient = weights * (-pull / total)",
            "gradient = weights * (pull / total)",
            "rows",
            "lookups_and",
        ),
        (
            "gradient of the sums beside a bin: the bins before",
            LOOKUP,
            "scatter_add_(-1, before, -falls)",
            "scatter_add_(-1, (before + 1).clamp(max=last), -falls)",
            "rows",
            "lookups_and",
        ),
        (
            "gradient of the sums beside a bin: the bins after",
            LOOKUP,
            "(after + 1).clamp(max=last)",
            "after",
            "rows",
            "lookups_and",
        ),
        (
            "gradient of the sums beside a bin: the softmax's own",
            LOOKUP,
            "(to_below * below + to_above * above)",
            "(to_below * below - to_above * above)",
            "rows",
            "lookups_and",
        ),
        (
            "rows: sums after a block from the right",
            ROWS,
            "sums[1, r, block] = running\n",
            "sums[1, r, block] = total[r] - sums[0, r, block] - of_block\n",
            "rows",
            "digits",
        ),
        (
            "rows: the entries after one, within its block",
            ROWS,
            "above += weights[i] if i > at else",
            "above += weights[i] if i >= at else",
            "rows",
            "digits",
        ),
        (
            "rows: the entries before one, within its block",
            ROWS,
            "below += weights[i] if i < at else",
            "below += weights[i] if i <= at else",
            "rows",
            "digits",
        ),
        (
            "rows: the block that holds a mass",
            ROWS,
            "passed += (there < level) | (exceed & (there == level))",
            "passed += there <= level",
            "rows",
            "entry_found or end_of_a_block",
        ),
        (
            "rows: a mass exceeded, not reached",
            ROWS,
            "reached = (running > level) | ((running == level) & (not exceed))",
            "reached = running >= level",
            "rows",
            "entry_found",
        ),
        (
            "rows: a mass reached by the block's sum alone",
            ROWS,
            "if reachable and weights[first + at] > 0:",
            "if reachable and weights[first + at] < 0:",
            "rows",
            "all_of_the_mass",
        ),
        (
            "rows: gradient of a log-probability",
            ROWS,
            "height -= to_log_prob[r, s]",
            "height += to_log_prob[r, s]",
            "rows",
            "lookups_and",
        ),
        (
            "rows: gradient of the sums, the entries before",
            ROWS,
            "steps[before[r, s]] -= to_below[r, s] / total[r]",
            "steps[before[r, s] + 1] -= to_below[r, s] / total[r]",
            "rows",
            "lookups_and",
        ),
        (
            "rows: gradient of the sums, the entries after",
            ROWS,
            "steps[after[r, s] + 1] +=",
            "steps[after[r, s]] +=",
            "rows",
            "lookups_and",
        ),
        (
            "rows: gradient of the sums, the softmax's own",
            ROWS,
            "- to_above[r, s] * above[r, s]",
            "+ to_above[r, s] * above[r, s]",
            "rows",
            "lookups_and",
        ),
        (
            "exponential: the rest of log 2",
            ROWS,
            "series -= series * (exponent * _LN_2_REST)",
            "series -= series * (exponent * _NOTHING)",
            "rows",
            "exponential",
        ),
        (
            "exponential: the series",
            ROWS,
            "(1 / math.factorial(n)) for n in range(1, 8)",
            "(1 / math.factorial(min(n, 6))) for n in range(1, 8)",
            "rows",
            "exponential",
        ),
        (
            "rows: the largest of negative logits",
            ROWS,
            "whole(whole(bits >> whole(sign)) & whole(magnitude))",
            "whole(0)",
            "rows",
            "largest",
        ),
        (
            "distribution kernels: density of the body",
            DISTRIBUTIONS,
            "log_total[r] - log_width",
            "log_total[r]",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: density of a tail, (1 + ξ) L",
            DISTRIBUTIONS,
            "(1 + np.float64(concentration[side, r])) * hazard",
            "(1 - np.float64(concentration[side, r])) * hazard",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: density of a tail, log σ",
            DISTRIBUTIONS,
            "inside = math.log(scale[side, r]) + (",
            "inside = (",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: density of a tail, log p",
            DISTRIBUTIONS,
            "else log_mass[side, r] - inside",
            "else -inside",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: nothing past the end",
            DISTRIBUTIONS,
            "= -math.inf if past_end else",
            "= 0.0 if past_end else",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: the bin of a value on an edge",
            DISTRIBUTIONS,
            "edges[e, found + half] <= value",
            "edges[e, found + half] < value",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: probability below, within its bin",
            DISTRIBUTIONS,
            "below += density * (value[r, s] - left)",
            "below += density * (right - value[r, s])",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: probability above, within its bin",
            DISTRIBUTIONS,
            "above += density * (right - value[r, s])",
            "above += density * (value[r, s] - left)",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: the smaller probability",
            DISTRIBUTIONS,
            "is_below, smaller = below < above, min(below, above)",
            "is_below, smaller = True, below",
            "compiled_distribution",
            "keep_their_digits",
        ),
        (
            "distribution kernels: probability beyond an excess",
            DISTRIBUTIONS,
            "math.exp(log_mass[side, r] - hazard)",
            "math.exp(-hazard)",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: excess over a threshold",
            DISTRIBUTIONS,
            "value - threshold[UPPER, r] if side else",
            "threshold[UPPER, r] - value if side else",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: hazard of a level",
            DISTRIBUTIONS,
            "hazard = log_mass[side, r] - log_beyond",
            "hazard = -log_beyond",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: quantile of a tail, σ E",
            DISTRIBUTIONS,
            "excess = scale[side, r] * excess_of(",
            "excess = excess_of(",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: quantile of a tail, its side",
            DISTRIBUTIONS,
            "(excess if in_upper else -excess)",
            "excess",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: quantile of the body, from its side",
            DISTRIBUTIONS,
            "mass - (above if side else below)",
            "mass - below",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: quantile of the body, its end",
            DISTRIBUTIONS,
            "value = right - step if side else left + step",
            "value = left + step",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: quantile of the body, in its bounds",
            DISTRIBUTIONS,
            "quantile[r, s] = _between(value, threshold[LOWER, r], threshold[UPPER, r])",
            "quantile[r, s] = value",
            "compiled_distribution",
            "between_the_thresholds",
        ),
        (
            "distribution kernels: NaN shares",
            DISTRIBUTIONS,
            "share = 0.0 if share < 0 else share",
            "share = share if share > 0 else 0.0",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: mass left for the bin at a threshold",
            DISTRIBUTIONS,
            "mass[side, r] - beside[r, side]",
            "mass[side, r]",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: thresholds from either side",
            DISTRIBUTIONS,
            "edges[e, bin_ + 1] - step if side else",
            "edges[e, bin_] + step if side else",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: thresholds past each other",
            DISTRIBUTIONS,
            "threshold[UPPER, r] = max(threshold[LOWER, r], threshold[UPPER, r])",
            "threshold[UPPER, r] += 0",
            "compiled_distribution",
            "past_each_other",
        ),
        (
            "distribution kernels: tied scale",
            DISTRIBUTIONS,
            "math.exp(log_mass - log_density) if",
            "math.exp(log_mass + log_density) if",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: a tail without mass has a scale",
            DISTRIBUTIONS,
            "if log_mass > -math.inf else 1.0",
            "if log_mass > -math.inf else 0.0",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: density at a quantile splice",
            DISTRIBUTIONS,
            "log_prob - math.log(width))",
            "log_prob)",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: masses of an edge splice",
            DISTRIBUTIONS,
            "log_mass[side, r] = rows[r, outside] - log_total[r]",
            "log_mass[side, r] = rows[r, bin_ + 1] - log_total[r]",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "distribution kernels: density at an edge splice",
            DISTRIBUTIONS,
            "log_density = log_prob - math.log(",
            "log_density = log_prob + math.log(",
            "compiled_distribution",
            "answers_are",
        ),
        (
            "second gradient: the weights move",
            LOOKUP,
            "weights, total = logits.softmax(-1), torch.ones_like(total)",
            "weights, total = logits.detach().softmax(-1), torch.ones_like(total)",
            "gradients",
            "second",
        ),
        (
            "log_sf, tail: log p − L",
            TAILS,
            "return self.log_mass - self.hazard(excess)",
            "return self.log_mass + self.hazard(excess)",
            "density",
            "probabilities_are_scipys",
        ),
        (
            "log_cdf above: log1p(−p e^−L)",
            DISTRIBUTION,
            "torch.log1p(-torch.where(small, 0, complement))",
            "torch.log1p(torch.where(small, 0, complement))",
            "density",
            "probabilities_are_scipys",
        ),
        (
            "icdf, body",
            BINS,
            "self.left + (self.right - self.left) * _share(cdf - self.below, self.log_prob)",
            "self.left + _share(cdf - self.below, self.log_prob)",
            "density",
            "quantiles_of_the_body",
        ),
        (
            "isf, body",
            BINS,
            "self.right - (self.right - self.left) * _share(",
            "self.left + (self.right - self.left) * _share(",
            "density",
            "quantiles_of_the_body",
        ),
        (
            "icdf and isf, tail: τ + σ E",
            TAILS,
            "return self.scale * hazard_inverse(torch.where(empty",
            "return hazard_inverse(torch.where(empty",
            "density",
            "quantiles_of_the_tails",
        ),
        (
            "isf with its own level, not 1 − q",
            SBP,
            "self._quantile(rest, level, safe_log(rest), safe_log(level), shape)",
            "self._quantile(rest, 1 - rest, safe_log(rest), safe_log(1 - rest), shape)",
            "density",
            "quantiles_of_the_tails",
        ),
        (
            "lower threshold, from the left",
            BINS,
            "self.left(first) + step[..., :1]",
            "self.right(first) - step[..., :1]",
            "density",
            "thresholds_are",
        ),
        (
            "upper threshold, from the right",
            BINS,
            "masses - torch.cat([below, above], -1)",
            "masses - torch.cat([below, below], -1)",
            "density",
            "thresholds_are",
        ),
        (
            "gradient through the thresholds",
            BINS,
            "torch.cat([below, above], -1), log_prob)",
            "torch.cat([below, above], -1), log_prob).detach()",
            "gradients",
            "thresholds_pull",
        ),
        (
            "tied scale: p / ρ(τ)",
            PARAMETERS,
            "log_mass - at.log_density",
            "log_mass + at.log_density",
            "density",
            "tied_scales_make",
        ),
        (
            "edge splice: masses from the softmax",
            BINS,
            "left, right = self._lookups(both).log_probs(",
            "right, left = self._lookups(both).log_probs(",
            "density",
            "density_is_scipys and edge",
        ),
        (
            "interval: 1 − outside",
            DISTRIBUTION,
            "complement = torch.log1p(-torch.where(mostly, outside, 0))",
            "complement = torch.log1p(torch.where(mostly, outside, 0))",
            "consistency",
            "intervals_add_up or half_open",
        ),
        (
            "interval in a tail: σ + ξ z",
            TAILS,
            "scale = self.scale + self.concentration * start",
            "scale = self.scale - self.concentration * start",
            "consistency",
            "interval_keeps_its_digits or intervals_add_up",
        ),
        (
            "interval in the body: whole bins between",
            BINS,
            "several = last.number > first.number\n",
            "several = last.number > first.number + 1\n",
            "consistency",
            "intervals_add_up or narrow",
        ),
        (
            "mean, body",
            FUNCTIONALS,
            "(mass * (body.left + body.right) / 2)",
            "(mass * body.left)",
            "functionals",
            "mean_is_the_integral",
        ),
        (
            "mean, lower tail",
            FUNCTIONALS,
            "- lower.integral_beyond(zero, 1)",
            "+ lower.integral_beyond(zero, 1)",
            "functionals",
            "mean_is_the_integral",
        ),
        (
            "variance, body",
            FUNCTIONALS,
            "(left.square() + left * right + right.square()) / 3",
            "(left.square() + right.square()) / 2",
            "functionals",
            "variance_is",
        ),
        (
            "variance, tail: 2σ² / (1 − ξ)(1 − 2ξ)",
            TAILS,
            "self.scale / (1 - 2 * concentration)",
            "self.scale / (1 - concentration)",
            "functionals",
            "variance_is",
        ),
        (
            "entropy, body",
            FUNCTIONALS,
            "total = -(mass * safe_log(",
            "total = (mass * safe_log(",
            "functionals",
            "entropy_is",
        ),
        (
            "entropy, tail: log σ + 1 + ξ − log p",
            FUNCTIONALS,
            "tail.scale.log() + 1 + tail.concentration - log_mass",
            "tail.scale.log() + 1 - log_mass",
            "functionals",
            "entropy_is",
        ),
        (
            "stop-loss, body: trapezoids",
            FUNCTIONALS,
            "return (start + stop) / 2",
            "return stop",
            "functionals",
            "expected_excesses_are_integrals",
        ),
        (
            "stop-loss, tail: / (1 − ξ)",
            TAILS,
            "rest * hazard).exp() * self.scale / rest",
            "rest * hazard).exp() * self.scale",
            "functionals",
            "expected_excesses_are_integrals",
        ),
        (
            "mean excess, tail: (σ + ξ z) / (1 − ξ)",
            TAILS,
            "mean = (self.scale + self.concentration * excess) / (",
            "mean = (self.scale - self.concentration * excess) / (",
            "functionals",
            "expected_excesses_are_integrals",
        ),
        (
            "expected shortfall from the far tail",
            FUNCTIONALS,
            "threshold + sign * kept /",
            "threshold - sign * kept /",
            "functionals",
            "expected_shortfalls_are",
        ),
        (
            "CRPS, body: (F0² + F0 F1 + F1²) / 3",
            FUNCTIONALS,
            "(start.square() + start * stop + stop.square()) / 3",
            "(start.square() + stop.square()) / 2",
            "functionals",
            "crps_is_the_integral",
        ),
        (
            "CRPS, outside the body: 2 p E(ξ − 1, L)",
            TAILS,
            "integral = excess - power * self.integral_within(excess, 1)",
            "integral = excess - self.integral_within(excess, 1)",
            "functionals",
            "crps_is_the_integral",
        ),
        (
            "CRPS, tail: p² σ / (2 − ξ)",
            TAILS,
            "hazard_inverse(self.hazard(excess), self.concentration - power)",
            "hazard_inverse(self.hazard(excess), self.concentration - 1)",
            "functionals",
            "crps_is_the_integral",
        ),
        (
            "CRPS finite below ξ = 2",
            TAILS,
            "finite = self.concentration < power\n",
            "finite = self.concentration < 1\n",
            "functionals",
            "crps_is_finite",
        ),
        (
            "tw-CRPS: the upper bound",
            FUNCTIONALS,
            "area_to_upper_threshold(distribution, start, 2)"
            " - area_to_upper_threshold(distribution, stop, 2)",
            "area_to_upper_threshold(distribution, start, 2)",
            "functionals",
            "bounded_scores",
        ),
        (
            "tw-CRPS: the lower bound",
            FUNCTIONALS,
            "area_to_lower_threshold(distribution, stop, 2)"
            " - area_to_lower_threshold(distribution, start, 2)",
            "area_to_lower_threshold(distribution, stop, 2)",
            "functionals",
            "threshold_weighted",
        ),
        (
            "pinball",
            EXPECTATIONS,
            "torch.where(error > 0, level * error, -rest * error)",
            "torch.where(error > 0, rest * error, -level * error)",
            "functionals",
            "pinball_loss_is",
        ),
        (
            "clamped mean",
            FUNCTIONALS,
            "total = total - torch.where(no_low",
            "total = total + torch.where(no_low",
            "functionals",
            "clamped_mean",
        ),
        (
            "mode: p / σ of a tail",
            FUNCTIONALS,
            "(tail.log_mass - tail.scale.log()).exp()",
            "(tail.log_mass + tail.scale.log()).exp()",
            "functionals",
            "mode",
        ),
        (
            "mode: of equals the first",
            FUNCTIONALS,
            "number = torch.cat(heights, -1).argmax(-1, keepdim=True)",
            "number = heights[0].shape[-1] + 1 - torch.cat(heights, -1).flip(-1)"
            ".argmax(-1, keepdim=True)",
            "functionals",
            "mode",
        ),
        (
            "end points: τ − σ / ξ",
            SBP,
            "(upper.threshold + high)",
            "(upper.threshold - high)",
            "functionals",
            "end_points",
        ),
        ("tail index: 1 / ξ", SBP, "1 / torch.where(c > 0", "torch.where(c > 0", "functionals",
         "tail_index"),
        (
            "kernel h: log1p(t) / t",
            HAZARDS,
            "TWO_ARTANH = tuple(2 / odd for",
            "TWO_ARTANH = tuple(2 / odd**2 for",
            "kernels",
            "hazard_and_its",
        ),
        (
            "kernel h: its slope",
            HAZARDS,
            "(4 * ratio * slope / longer - series)",
            "(2 * ratio * slope / longer - series)",
            "kernels",
            "hazard_and_its",
        ),
        (
            "kernel k: expm1(t) / t",
            HAZARDS,
            "SINH = tuple(1 / math.factorial(odd)",
            "SINH = tuple(1 / math.factorial(odd + 1)",
            "kernels",
            "inverse_and_its",
        ),
        (
            "kernel k: its slope",
            HAZARDS,
            "math.exp(half) * (series / 2 + half * slope)",
            "math.exp(half) * (series / 2 + slope)",
            "kernels",
            "inverse_and_its",
        ),
        (
            "L: the quotient",
            HAZARDS,
            "return math.log1p(argument) / concentration, False",
            "return math.log1p(argument), False",
            "kernels",
            "hazard_and_its",
        ),
        (
            "L: slope of the quotient in ξ",
            HAZARDS,
            "slope = u / (1 + argument) - math.log1p",
            "slope = u - math.log1p",
            "kernels",
            "hazard_and_its",
        ),
        (
            "L: slope in σ",
            HAZARDS,
            "per_unit, -per_unit * u",
            "per_unit, per_unit * u",
            "kernels",
            "machine_code",
        ),
        (
            "E: the quotient",
            HAZARDS,
            "return math.expm1(argument) / concentration\n",
            "return math.exp(argument) / concentration\n",
            "kernels",
            "inverse_and_its",
        ),
        (
            "E: slope of the quotient in ξ",
            HAZARDS,
            "slope = (h * math.exp(argument) - math.expm1(argument) / shape)",
            "slope = (h - math.expm1(argument) / shape)",
            "kernels",
            "inverse_and_its",
        ),
        (
            "E at infinite hazard: −1 / ξ",
            HAZARDS,
            "return -1 / concentration if",
            "return 1 / concentration if",
            "kernels",
            "infinite_hazard",
        ),
        (
            "L by operators: the series",
            KERNELS,
            "return _power_series(TWO_ARTANH",
            "return 2 * _power_series(TWO_ARTANH",
            "kernels",
            "machine_code",
        ),
        (
            "E by operators: the series",
            KERNELS,
            "return half.exp() * _power_series",
            "return argument.exp() * _power_series",
            "kernels",
            "machine_code",
        ),
        (
            "L by operators: switch to the quotient",
            KERNELS,
            "quotient = argument.masked_fill(replaced, 1).log1p()",
            "quotient = argument.masked_fill(replaced, 1).log()",
            "kernels",
            "machine_code",
        ),
        (
            "E by operators: switch to the quotient",
            KERNELS,
            "quotient = argument.expm1()",
            "quotient = argument.exp()",
            "kernels",
            "machine_code",
        ),
        (
            "E by operators at infinite hazard: −1 / ξ",
            KERNELS,
            "end = (-1 / concentration",
            "end = (1 / concentration",
            "kernels",
            "machine_code",
        ),
        (
            "L past the end: infinite",
            TAILS,
            "return hazard.masked_fill(past_end, math.inf)",
            "return hazard.masked_fill(past_end, 0)",
            "edge_inputs density",
            "",
        ),
        (
            "sampling: which tail",
            SBP,
            "is_lower = uniform < lower.exp()",
            "is_lower = uniform < upper.exp()",
            "sampling",
            "draws_have_the",
        ),
        (
            "sampling: exponential hazard",
            SBP,
            "torch.where(is_upper, upper - hazard, 0)",
            "torch.where(is_upper, upper - 2 * hazard, 0)",
            "sampling",
            "draws_have_the or rare_draws",
        ),
        (
            "sampling: a fresh exponential",
            SBP,
            "hazard = torch.empty_like(uniform).exponential_(generator=generator)",
            "hazard = -torch.rand_like(uniform).log()",
            "sampling torch_contract",
            "generator_repeats or deeper_than",
        ),
        (
            "affine: scales",
            SBP,
            "None if given is None else given * scale",
            "None if given is None else given",
            "consistency",
            "affine_maps",
        ),
        (
            "affine: location",
            SBP,
            "+ loc.expand(batched)[..., None]",
            "- loc.expand(batched)[..., None]",
            "consistency",
            "affine_maps",
        ),
        (
            "censoring: atom below",
            CENSORED,
            "at_low = self.base.log_cdf(self.low)",
            "at_low = self.base.log_sf(self.low)",
            "censored",
            "masses_and_density",
        ),
        (
            "censoring: interval up to the bound",
            CENSORED,
            "stop = torch.where(empty | (upper >= self.high), math.inf, upper)",
            "stop = torch.where(empty | (upper > self.high), math.inf, upper)",
            "censored",
            "interval_mass",
        ),
        (
            "censoring: CRPS beyond the bounds",
            CENSORED,
            "missed = (at - self.high).clamp(min=0) + (self.low - at)",
            "missed = (at - self.high).clamp(min=0) - (self.low - at)",
            "censored",
            "crps",
        ),
        (
            "discretizing: (k − ½, k + ½]",
            DISCRETIZED,
            "log_prob_interval(self.base, whole - 0.5, whole + 0.5)",
            "log_prob_interval(self.base, whole - 1, whole)",
            "discretized",
            "mass_is_that or beyond_a_bound",
        ),
        (
            "discretizing: cdf from the right",
            DISCRETIZED,
            "return self.base.cdf(self._value(value).floor() + 0.5)",
            "return self.base.cdf(self._value(value).ceil() + 0.5)",
            "discretized",
            "continuous_from",
        ),
        (
            "discretizing: ranked probability score",
            DISCRETIZED,
            "(cdf - at_most).square().sum(0) + missed",
            "(cdf - at_most).square().sum(0)",
            "discretized",
            "crps",
        ),
        (
            "Gaussian CRPS: Φ(√2 z) / √π",
            NORMAL,
            "whole = ndtr(math.sqrt(2) * finite) / math.sqrt(math.pi)",
            "whole = ndtr(finite) / math.sqrt(math.pi)",
            "gaussian scoring_rules",
            "crps or scoringrules",
        ),
        (
            "composite: the bins' term",
            OBJECTIVES,
            "loss = -distribution.bins.log_density(",
            "loss = distribution.bins.log_density(",
            "objectives",
            "cross_entropy",
        ),
        (
            "composite: the tails' term",
            OBJECTIVES,
            "loss = loss - torch.where(exceeds, tail.log_density(",
            "loss = loss + torch.where(exceeds, tail.log_density(",
            "objectives",
            "cross_entropy",
        ),
        (
            "composite: thresholds detached",
            OBJECTIVES,
            "(upper, columns - upper.threshold.detach()),",
            "(upper, columns - upper.threshold),",
            "objectives",
            "do_not_pull",
        ),
        (
            "composite of intervals: whole outermost bins",
            OBJECTIVES,
            "bins, *_with_whole_outermost_bins(bins.edges, start, stop)",
            "bins, start, stop",
            "objectives",
            "binned_mass or no_slope",
        ),
        (
            "composite of intervals: share of a tail",
            OBJECTIVES,
            "share * torch.where(counts, log_part, 0)",
            "torch.where(counts, log_part, 0)",
            "objectives",
            "binned_mass or no_slope",
        ),
        (
            "exact likelihood",
            OBJECTIVES,
            "_masked(-dist.log_prob(value), mask, None)",
            "_masked(dist.log_prob(value), mask, None)",
            "objectives",
            "exact_losses",
        ),
        (
            "exact likelihood: the trap is refused",
            OBJECTIVES,
            'dist.splice == "edge" or dist.has_tied_scales',
            'dist.splice == "edge" or True',
            "objectives",
            "are_refused",
        ),
        (
            "CRPS loss",
            OBJECTIVES,
            "_masked(dist.crps(value), mask, None)",
            "_masked(-dist.crps(value), mask, None)",
            "objectives",
            "crps_loss_is",
        ),
        (
            "masked targets cost nothing",
            OBJECTIVES,
            "else torch.where(mask, loss, 0)",
            "else loss",
            "objectives",
            "masked",
        ),
        (
            "log score",
            RULES,
            "return -dist.log_prob(value)",
            "return dist.log_prob(value)",
            "scoring_rules",
            "scoringrules",
        ),
        (
            "quantile score: q − 1",
            RULES,
            "(level - 1) * error",
            "-level * error",
            "scoring_rules",
            "pinball",
        ),
        (
            "mid-distribution function",
            RULES,
            "(dist.cdf_below(value) + dist.cdf(value)) / 2",
            "dist.cdf(value)",
            "scoring_rules",
            "mid_distribution",
        ),
        (
            "randomized transform",
            RULES,
            "below + share * (at_most - below)",
            "at_most + share * (at_most - below)",
            "scoring_rules",
            "uniform",
        ),
        (
            "lattice CRPS",
            RULES,
            "(cdf[..., :-1] - reached).square().sum(-1) + missed",
            "(cdf[..., :-1] - reached).abs().sum(-1) + missed",
            "scoring_rules",
            "lattice",
        ),
        (
            "P-P error",
            RULES,
            "- level).abs().mean()",
            "- level).mean().abs()",
            "scoring_rules",
            "pp_error",
        ),
    )
]  # fmt: skip
MUTATIONS += [Mutation(*row) for row in OF_NETWORKS]


def run_tests(scratch: str, mutation: Mutation, report: str) -> None:
    """Run the tests of one mutation in this process, which then ends."""
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and each takes its time
    sys.path.insert(0, f"{scratch}/src")
    files = [f"tests/{name}" for name in mutation.tests.split()]
    with Path(report).open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        options = ["-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
        # Hypothesis would rewrite its own assertions, had it not been imported already.
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        pytest.main([*options, "-k", mutation.only, *files])


def killer(mutation: Mutation) -> str | None:
    """Name of the first test that fails under a mutation, or None."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(ROOT / "src", f"{scratch}/src")
        path = Path(scratch) / "src" / mutation.file
        text = path.read_text()
        if text.count(mutation.right) != 1:
            raise SystemExit(
                f"{mutation.formula}: {mutation.file} must hold {mutation.right!r} once, and "
                f"holds it {text.count(mutation.right)} times."
            )
        path.write_text(text.replace(mutation.right, mutation.wrong))
        report = f"{scratch}/report"
        context = multiprocessing.get_context("fork")
        child = context.Process(target=run_tests, args=(scratch, mutation, report))
        child.start()
        child.join()
        said = Path(report).read_text()
    found = re.search(r"^FAILED \S+/test_(\S+)", said, re.MULTILINE)
    if found is None and not re.search(r"\d+ passed", said):
        raise SystemExit(f"{mutation.formula}: the tests did not run:\n{said}")
    return found and found[1]


def main() -> None:
    """Print the table; exit 1 where a mutation survives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="formulas that hold this text")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in LIBRARIES:
        importlib.import_module(name)
    chosen = [m for m in MUTATIONS if arguments.only in m.formula]
    print("| formula | right | mutation | killed by |\n|---|---|---|---|")
    survivors = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for mutation, test in zip(chosen, pool.map(killer, chosen), strict=True):
            survivors += test is None
            cells = [mutation.right, mutation.wrong, test or ""]
            right, wrong, name = (" ".join(c.split()).replace("|", "\\|") for c in cells)
            verdict = f"`{name}`" if test else "**survives**"
            print(f"| {mutation.formula} | `{right}` | `{wrong}` | {verdict} |", flush=True)
    print(f"\n{len(chosen)} mutations, {survivors} survive")
    raise SystemExit(survivors > 0)


if __name__ == "__main__":
    main()
