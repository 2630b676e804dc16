"""torch's transforms take the law apart and give the same numbers."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from splicedpareto import objectives
from splicedpareto.distributions import Censored, Discretized, SplicedBinnedPareto

BINS = 6
EDGES = torch.linspace(-3, 5, BINS + 1)
VALUE = torch.tensor([-9.0, -2.0, 0.3, 4.1, 12.0])
METHODS = ("log_prob", "cdf", "log_sf", "crps")


def raw_parameters(rows: int = 5) -> Tensor:
    """Unbounded numbers, one row a distribution."""
    return torch.randn(rows, BINS + 4, generator=torch.Generator().manual_seed(4))


def law(raw: Tensor) -> SplicedBinnedPareto:
    """Law of unbounded numbers, checked as torch's default says."""
    logits, shapes, scales = raw.split([BINS, 2, 2], -1)
    shapes, scales = 0.5 * shapes.tanh(), nn.functional.softplus(scales)
    return SplicedBinnedPareto(
        logits, EDGES, shapes[..., 0], shapes[..., 1], scales[..., 0], scales[..., 1]
    )


# Within vmap torch itself copies the operands of a sorted search, and says so once.
@pytest.mark.filterwarnings("ignore:torch.searchsorted")
@pytest.mark.parametrize("method", [*METHODS, "icdf", "isf"])
def test_vmap_gives_the_batch(method: str) -> None:
    raw, value = raw_parameters(), VALUE.sigmoid() if "i" in method[0] else VALUE
    mapped = torch.vmap(lambda r, v: getattr(law(r), method)(v))(raw, value)
    torch.testing.assert_close(mapped, getattr(law(raw), method)(value))


def test_vmap_over_edges_gives_the_batch() -> None:
    edges = EDGES + torch.arange(5.0)[:, None]
    logits = raw_parameters()[:, :BINS]

    def density(logits: Tensor, edges: Tensor, value: Tensor) -> Tensor:
        return SplicedBinnedPareto(logits, edges, 0.1, 0.2).log_prob(value)

    mapped = torch.vmap(density)(logits, edges, VALUE)
    torch.testing.assert_close(mapped, density(logits, edges, VALUE))


def test_vmap_of_bad_parameters_is_refused() -> None:
    scales = torch.tensor([1.0, -1.0])
    with pytest.raises(ValueError, match="lower_scale must be positive"):
        torch.vmap(lambda s: SplicedBinnedPareto(torch.zeros(BINS), EDGES, 0.1, 0.1, s).mean)(
            scales
        )


def test_vmap_draws_differ_between_rows() -> None:
    draws = torch.vmap(lambda r: law(r).sample((3,)), randomness="different")(raw_parameters())
    assert draws.unique().numel() == 15


@pytest.mark.parametrize("method", METHODS)
def test_gradients_of_each_sample_are_its_own(method: str) -> None:
    raw = raw_parameters()
    each = torch.vmap(torch.func.grad(lambda r, v: getattr(law(r), method)(v)))(raw, VALUE)
    raw.requires_grad_()
    (together,) = torch.autograd.grad(getattr(law(raw), method)(VALUE).sum(), raw)
    torch.testing.assert_close(each, together)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # in torch's own jvp
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobians_agree(mode: str) -> None:
    jacobian = torch.func.jacfwd if mode == "forward" else torch.func.jacrev
    raw = raw_parameters()[0].double()
    actual = jacobian(lambda r: law(r).log_prob(VALUE.double()))(raw)
    expected = torch.autograd.functional.jacobian(lambda r: law(r).log_prob(VALUE.double()), raw)
    torch.testing.assert_close(actual, expected)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # in torch's own jvp
@pytest.mark.parametrize("method", ["log_prob", "cdf", "sf"])
def test_second_gradients_in_forward_mode_are_those_in_reverse_mode(method: str) -> None:
    raw, weight = raw_parameters()[0].double(), torch.arange(1.0, 6).double()

    def total(raw: Tensor) -> Tensor:
        return (weight * getattr(law(raw), method)(VALUE.double())).sum()

    expected = torch.autograd.functional.hessian(total, raw)
    torch.testing.assert_close(torch.func.hessian(total)(raw), expected)


CALLS = {
    **{m: (lambda raw, value, m=m: getattr(law(raw), m)(value)) for m in METHODS},
    "icdf": lambda raw, value: law(raw).icdf(value.sigmoid()),
    "mean": lambda raw, _: law(raw).mean,
    "composite_nll": lambda raw, value: objectives.composite_nll(law(raw), value),
    "composite_interval_nll": lambda raw, value: objectives.composite_interval_nll(
        law(raw), value.floor(), value.floor() + 1
    ),
    "whole_numbers": lambda raw, value: Discretized(Censored(law(raw), -20.0, 30.0)).log_prob(
        value.round()
    ),
}


@pytest.fixture
def _keeps_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let distributions check their arguments afterwards as before.

    torch turns the checks off for the whole process when it first compiles.
    """
    monkeypatch.setattr(Distribution, "_validate_args", Distribution._validate_args)


@pytest.mark.usefixtures("_keeps_validation")
@pytest.mark.parametrize("name", CALLS)
def test_compiled_graph_is_whole_and_gives_the_same(name: str) -> None:
    torch.compiler.reset()
    compiled = torch.compile(CALLS[name], fullgraph=True, backend="aot_eager")
    raw = raw_parameters().requires_grad_()
    result = compiled(raw, VALUE)
    expected = CALLS[name](raw, VALUE)
    torch.testing.assert_close(result, expected)
    actual_gradient = torch.autograd.grad(result.sum(), raw)[0]
    torch.testing.assert_close(actual_gradient, torch.autograd.grad(expected.sum(), raw)[0])


# A torch.compile call before it changes what an export sees, so each exports in a process of its
# own, on inputs other than those it was traced with.
CLEAN_PROCESS = """
    import sys, warnings
    warnings.simplefilter("ignore")
    import numpy as np
    import onnxruntime
    import torch
    from tests.splicedpareto.test_transforms import CALLS, VALUE, raw_parameters

    class Model(torch.nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, raw, value):
            return CALLS[self.name](raw, value)

    torch.set_num_threads(1)
    rows = torch.export.Dim("rows", min=2, max=64)
    shapes = {"raw": {0: rows}, "value": {0: rows}}
    traced = raw_parameters(5), VALUE
    fresh = raw_parameters(8).flip(0) * 0.7, torch.linspace(-8, 11, 8)
    for name in sys.argv[1:]:
        model = Model(name).eval()
        exported = torch.export.export(model, traced, dynamic_shapes=shapes)
        torch.testing.assert_close(exported.module()(*fresh), model(*fresh))
        # Of the graph above, not traced again, and as it is: both would take half a minute.
        program = torch.onnx.export(exported, dynamo=True, verbose=False, optimize=False)
        session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
        feeds = {i.name: x.numpy() for i, x in zip(session.get_inputs(), fresh)}
        (result,) = session.run(None, feeds)
        np.testing.assert_allclose(result, model(*fresh).numpy(), rtol=2e-5, atol=2e-5)
        print("exported", name)
"""


@pytest.mark.slow
@pytest.mark.parametrize("names", [("log_prob", "cdf"), ("icdf", "whole_numbers")])
def test_exported_and_onnx_graphs_give_the_same_on_fresh_inputs(names: tuple[str, ...]) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", textwrap.dedent(CLEAN_PROCESS), *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split("\n")[-1 - len(names) : -1] == [f"exported {n}" for n in names], (
        done.stderr[-2000:]
    )
