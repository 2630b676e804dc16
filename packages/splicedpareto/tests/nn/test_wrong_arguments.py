"""What a network, a head or a layer cannot take is told in a sentence that names it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from splicedpareto.contrib import (
    GaussianMixtureHead,
    HybridParetoHead,
    QuantileParetoHead,
    StudentTHead,
)
from splicedpareto.nn import (
    AffineTransformedHead,
    DistributionHead,
    DistributionNetwork,
    GaussianHead,
    MixtureHead,
    MovingBinsHead,
    ResidualMLP,
    SequenceEncoder,
    SplicedBinnedParetoHead,
    Standardize,
    TemporalConvolution,
)


def test_inputs_of_another_width_are_refused() -> None:
    network = ResidualMLP(3, 8)
    with pytest.raises(ValueError, match=r"inputs must have 3 columns, .* got shape \(5, 4\)"):
        network(torch.zeros(5, 4))
    with pytest.raises(TypeError, match=r"inputs must be a tensor, got builtins\.list"):
        network([[0.0, 1.0, 2.0]])
    standardize = Standardize(3)
    with pytest.raises(ValueError, match=r"inputs must have shape \(N, 3\), got \(5, 4\)"):
        standardize.fit(torch.zeros(5, 4))
    with pytest.raises(ValueError, match=r"weight must have shape \(5,\), one for each row"):
        standardize.fit(torch.zeros(5, 3), torch.ones(4))


@pytest.mark.parametrize(
    "head",
    [
        GaussianHead(8),
        SplicedBinnedParetoHead(8, torch.arange(6.0)),
        MovingBinsHead(SplicedBinnedParetoHead(8, torch.arange(6.0))),
        AffineTransformedHead(GaussianHead(8)),
        MixtureHead(8, [0.0, GaussianHead(8)]),
        StudentTHead(8),
        GaussianMixtureHead(8),
        HybridParetoHead(8),
        QuantileParetoHead(8, torch.tensor([0.1, 0.5, 0.9]), torch.arange(3.0)),
    ],
    ids=lambda head: type(head).__name__,
)
def test_raw_parameters_of_another_kind_are_refused(head: DistributionHead) -> None:
    raw = head.raw_parameters(torch.zeros(5, 8))
    with pytest.raises(ValueError, match=rf"raw must have shape \(\*B, {raw.shape[-1]}\), one"):
        head.distribution(raw[..., 1:])
    with pytest.raises(TypeError, match=r"raw must be floating-point, got torch\.int64"):
        head.distribution(raw.long())
    with pytest.raises(TypeError, match=r"raw must be a tensor, got numpy.ndarray"):
        head.distribution(raw.detach().numpy())


def test_a_network_is_of_two_modules() -> None:
    with pytest.raises(TypeError, match=r"head must be a torch\.nn\.Module, got 3"):
        DistributionNetwork(ResidualMLP(3, 8), 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": torch.tensor([1, 2])}, "weights must be 2 positive probabilities"),
        ({"weights": 1.0}, "weights must be a list, got 1.0"),
        ({"from_origin": 1}, "from_origin must be a list, got 1"),
        ({"components": 0.0}, "components must be a list, got 0.0"),
    ],
    ids=str,
)
def test_what_is_no_list_of_a_mixture_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        MixtureHead(8, **{"components": [0.0, GaussianHead(8)]} | settings)


@pytest.mark.parametrize(
    "build", [TemporalConvolution, partial(SequenceEncoder, static_features=0)]
)
def test_sizes_of_a_convolution_must_be_whole_numbers(build: Callable[..., nn.Module]) -> None:
    for name in ("in_features", "channels", "levels", "kernel_size"):
        settings = {"in_features": 3, "channels": 4, "levels": 2, "kernel_size": 3} | {name: "a"}
        if build is not TemporalConvolution:
            settings |= {"width": 4}
        with pytest.raises((TypeError, ValueError), match="must be a whole number, at least 1"):
            build(**settings)


def test_what_a_sequence_encoder_reads_has_its_shape() -> None:
    encoder = SequenceEncoder(3, 2, channels=4, width=4, levels=1)
    sequences, lengths = torch.zeros(2, 5, 3), torch.tensor([5, 3])
    for call in (encoder, encoder.states):
        with pytest.raises(ValueError, match=r"static must have shape \(2, 2\), .* got \(2,\)"):
            call(sequences, lengths, torch.zeros(2))
    with pytest.raises(TypeError, match="lengths must be a tensor, got"):
        encoder.states(sequences, None)
    with pytest.raises(ValueError, match=r"sequences must have shape \(B, T, F\) and lengths"):
        encoder.fit_standardization(sequences, lengths[:1])
    with pytest.raises(ValueError, match=r"weight must have shape \(2,\), one for each sequence"):
        encoder.fit_standardization(sequences, lengths, weight=torch.ones(3))
    with pytest.raises(ValueError, match=r"history must have shape \(B, \d+\), got \(2, 1\)"):
        encoder.step(torch.zeros(2, 3), torch.zeros(2, 1))
    with pytest.raises(ValueError, match=r"batch must be a whole number, at least 0, got 1\.5"):
        encoder.begin(1.5)
