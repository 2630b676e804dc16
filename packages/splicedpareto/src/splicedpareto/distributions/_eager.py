"""Where machine code may stand in for torch's operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["differentiate", "flat", "is_eager", "must_be_traced"]

_TYPES = (Tensor, Parameter)
_DTYPES = (torch.float32, torch.float64)


def is_eager(*tensors: Tensor) -> bool:
    """Tell whether tensors are plain numbers in memory that reverse mode alone looks at.

    False while a graph is traced, compiled or exported, within `torch.func`'s transforms and
    forward-mode differentiation, for other devices than the CPU, for half precision and for
    subclasses of tensors. There torch's own operators are the one way.
    """
    if torch.compiler.is_compiling() or forward_ad._current_level >= 0:  # noqa: SLF001 - no public test
        return False
    transform, trace = torch._C._functorch.peek_interpreter_stack(), torch._C._get_tracing_state()  # noqa: SLF001 - likewise
    if transform is not None or trace is not None:
        return False
    return all(
        type(tensor) in _TYPES
        and tensor.dtype in _DTYPES
        and tensor.is_cpu
        and not torch._C._functorch.is_legacy_batchedtensor(tensor)  # noqa: SLF001 - no public test
        for tensor in tensors
    )


def flat(tensor: Tensor) -> NDArray[Any]:
    """A tensor's numbers as a flat array, which shares its memory where that is contiguous."""
    numbers: NDArray[Any] = tensor.detach().contiguous().numpy().reshape(-1)
    return numbers


def must_be_traced(gradients: Sequence[Tensor]) -> bool:
    """Tell whether a backward pass is to be differentiated itself, or maps many gradients."""
    return torch.is_grad_enabled() or not is_eager(*gradients)


def differentiate(
    function: Callable[..., tuple[Tensor, ...]],
    inputs: Sequence[Tensor],
    gradients: Sequence[Tensor],
) -> list[Tensor | None]:
    """Walk back through a function of torch's operators, worked out again.

    Args:
        function: From `inputs` to as many tensors as there are `gradients`.
        inputs: Inputs as the forward pass saved them.
        gradients: Gradients of its results.

    Returns:
        The gradient of each input that requires one, itself differentiable.
    """
    moving = [tensor for tensor in inputs if tensor.requires_grad]
    traced = torch.is_grad_enabled()
    with torch.enable_grad():
        outputs = function(*inputs)
    found = iter(torch.autograd.grad(outputs, moving, gradients, create_graph=traced))
    return [next(found) if tensor.requires_grad else None for tensor in inputs]
