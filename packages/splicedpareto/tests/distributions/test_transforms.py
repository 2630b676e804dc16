"""torch's transforms take the distribution apart and give the same numbers."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from splicedpareto import objectives
from splicedpareto.distributions import Censored, Discretized, SplicedBinnedPareto
from splicedpareto.distributions._parameters import Splice

BINS = 6
EDGES = torch.linspace(-3, 5, BINS + 1)
VALUE = torch.tensor([-9.0, -2.0, 0.3, 4.1, 12.0])
METHODS = ("log_prob", "cdf", "log_sf", "crps")


def raw_parameters(rows: int = 5) -> Tensor:
    """Unbounded numbers, one row a distribution."""
    return torch.randn(rows, BINS + 4, generator=torch.Generator().manual_seed(4))


def distribution(raw: Tensor) -> SplicedBinnedPareto:
    """Distribution of unbounded numbers, checked as torch's default says."""
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
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            mapped = torch.vmap(lambda r, v: getattr(distribution(r), method)(v))(raw, value)
        torch.testing.assert_close(mapped, getattr(distribution(raw), method)(value))


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
    draws = torch.vmap(lambda r: distribution(r).sample((3,)), randomness="different")(
        raw_parameters()
    )
    assert draws.unique().numel() == 15


@pytest.mark.parametrize("method", METHODS)
def test_gradients_of_each_sample_are_its_own(method: str) -> None:
    raw = raw_parameters()
    each = torch.vmap(torch.func.grad(lambda r, v: getattr(distribution(r), method)(v)))(raw, VALUE)
    raw.requires_grad_()
    (together,) = torch.autograd.grad(getattr(distribution(raw), method)(VALUE).sum(), raw)
    torch.testing.assert_close(each, together)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # in torch's own jvp
@pytest.mark.parametrize("splice", ["quantile", "edge"])
@pytest.mark.parametrize("method", [*METHODS, "stop_loss"])
@pytest.mark.sample(3)
def test_second_gradients_are_those_of_differences(method: str, splice: Splice) -> None:
    edges = EDGES.double() if splice == "quantile" else EDGES[2:].double()
    logits = raw_parameters()[0, :BINS].double()

    def total(logits: Tensor) -> Tensor:
        dist = SplicedBinnedPareto(logits, edges, 0.1, 0.2, 2.0, 1.0, splice=splice)
        return (VALUE * getattr(dist, method)(VALUE.double())).sum()

    first, step = torch.func.jacrev(total), 1e-6 * torch.eye(len(logits), dtype=torch.float64)
    expected = torch.stack([(first(logits + h) - first(logits - h)) / 2e-6 for h in step])
    for second in (first, torch.func.jacfwd(total)):
        torch.testing.assert_close(
            torch.func.jacrev(second)(logits), expected, rtol=1e-5, atol=1e-7
        )
    torch.testing.assert_close(torch.func.hessian(total)(logits), expected, rtol=1e-5, atol=1e-7)


CALLS = {
    **{m: (lambda dist, value, m=m: getattr(dist, m)(value)) for m in METHODS},
    "icdf": lambda dist, value: dist.icdf(value.sigmoid()),
    "mean": lambda dist, _: dist.mean,
    "composite_nll": objectives.composite_nll,
    "composite_interval_nll": lambda dist, value: objectives.composite_interval_nll(
        dist, value.floor(), value.floor() + 1
    ),
    "whole_numbers": lambda dist, value: Discretized(Censored(dist, -20.0, 30.0)).log_prob(
        value.round()
    ),
}


def call(names: Sequence[str], raw: Tensor, value: Tensor) -> dict[str, Tensor]:
    """Some of the calls above, of one distribution."""
    dist = distribution(raw)
    return {name: CALLS[name](dist, value) for name in names}


# Each graph takes seconds, so there are three, of which the smallest is not slow. What breaks a
# graph is found in tracing Python, which sees all calls; what compiles a backward pass then traces
# that of the two kinds of look-up.
GRAPHS = {
    "few": ("eager", ["log_prob", "icdf"]),
    "all": ("eager", list(CALLS)),
    "backward": ("aot_eager", ["log_prob", "icdf"]),
}
CASES = [
    pytest.param(graph, name, marks=[] if graph == "few" else pytest.mark.slow)
    for graph, (_, names) in GRAPHS.items()
    for name in names
]


@pytest.fixture(scope="module")
def compiled() -> Iterator[Callable[[str], Callable[[Tensor, Tensor], dict[str, Tensor]]]]:
    """All calls of a graph, compiled at once."""
    torch.compiler.reset()

    def compile_graph(name: str) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
        backend, names = GRAPHS[name]
        return torch.compile(partial(call, names), fullgraph=True, backend=backend)

    yield cache(compile_graph)
    # torch turns the checks of arguments off for the whole process when it first compiles.
    Distribution.set_default_validate_args(value=True)


# torch.compile instantiates the function itself.
@pytest.mark.filterwarnings("ignore:.*Function'> should not be instantiated")
@pytest.mark.parametrize(("graph", "name"), CASES)
def test_compiled_graph_is_whole_and_gives_the_same(graph: str, name: str, compiled) -> None:
    raw = raw_parameters().requires_grad_()
    result = compiled(graph)(raw, VALUE)[name]
    expected = call([name], raw, VALUE)[name]
    torch.testing.assert_close(result, expected)
    actual_gradient = torch.autograd.grad(result.sum(), raw)[0]
    torch.testing.assert_close(actual_gradient, torch.autograd.grad(expected.sum(), raw)[0])


# A torch.compile call before it changes what an export sees, so it exports in a process of its own,
# on inputs other than those it was traced with. One graph of one distribution, of the two kinds of
# look-up alone: each graph takes seconds.
CLEAN_PROCESS = """
    import warnings
    warnings.simplefilter("ignore")
    import numpy as np
    import onnxruntime
    import torch
    from test_transforms import VALUE, distribution, raw_parameters

    class Model(torch.nn.Module):
        def forward(self, raw, value):
            dist = distribution(raw)
            return {"log_prob": dist.log_prob(value), "icdf": dist.icdf(value.sigmoid())}

    torch.set_num_threads(1)
    rows = torch.export.Dim("rows", min=2, max=64)
    shapes = {"raw": {0: rows}, "value": {0: rows}}
    fresh = raw_parameters(8).flip(0) * 0.7, torch.linspace(-8, 11, 8)
    model = Model().eval()
    expected = model(*fresh)
    exported = torch.export.export(model, (raw_parameters(5), VALUE), dynamic_shapes=shapes)
    torch.testing.assert_close(exported.module()(*fresh), expected)
    # Of the graph above, not traced again, and as it is: both would take half a minute.
    program = torch.onnx.export(exported, dynamo=True, verbose=False, optimize=False)
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    feeds = {i.name: x.numpy() for i, x in zip(session.get_inputs(), fresh)}
    for (name, tensor), result in zip(expected.items(), session.run(None, feeds), strict=True):
        np.testing.assert_allclose(result, tensor.numpy(), rtol=2e-5, atol=2e-5, err_msg=name)
        print("exported", name)
"""


@pytest.mark.slow
def test_exported_and_onnx_graphs_give_the_same_on_fresh_inputs() -> None:
    for project in ("onnxruntime", "onnxscript"):
        pytest.importorskip(project, reason=f"{project} is not installed")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", textwrap.dedent(CLEAN_PROCESS)],
        cwd=Path(__file__).parent,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    names = ("log_prob", "icdf")
    assert done.stdout.split("\n")[-3:-1] == [f"exported {n}" for n in names], done.stderr[-2000:]
