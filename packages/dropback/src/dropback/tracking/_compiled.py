"""Compile functions of arrays with Numba, with a cache that no change of source leaves stale.

Numba finds compiled code again by the file that the function is in. It sees neither a constant nor
a callee that the file imports, and up to version 0.67 it takes a file of equal size and time for
unchanged, as an upgrade by an installer may leave it. So every function has a cache folder named by
a digest of all that it is compiled from: its bytecode, the constants that it reads, the digests of
the functions that it calls, and the versions of Numba and NumPy. Numba itself adds the types of
the arguments and the processor.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import os
from functools import cache
from pathlib import Path
from threading import Lock, Thread
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from dropback._arrays import Singles

_Function = TypeVar("_Function", bound="Callable[..., object]")

# Every operation is rounded as it is written: equal inputs give equal bits, whatever the layout of
# the arrays and the machine. Division by zero gives infinity or NaN, as in NumPy.
_OPTIONS: Final[dict[str, Any]] = {"error_model": "numpy", "nogil": True}

_CONSTANTS: Final = (bool, int, float, str, tuple, np.generic)

# Numba has no types; its settings are the variables of the environment that it documents.
_settings: Final[Any] = numba.config
_digests: Final[dict[object, str]] = {}
_lock: Final = Lock()


def compiled(function: _Function) -> _Function:
    """Compile a function at its first call for each set of dtypes and layouts.

    The result is kept beside the source, else in the user's cache, and serves later processes.
    While the function runs, other threads run too.

    Args:
        function: Of NumPy arrays and numbers, in the language that Numba knows. What it reads of
            its module must be defined above it: numbers, tuples, arrays, NumPy and functions that
            are themselves compiled by this one.

    Raises:
        TypeError: The function reads something else, whose changes the cache could not see.

    Example:
        >>> @compiled
        ... def total(values):
        ...     result = 0.0
        ...     for value in values:
        ...         result += value
        ...     return result
        >>> total(np.array([1.0, 2.5]))
        3.5
    """
    digest = _digest(function)
    folders = (root / f"compiled-{digest[:16]}" for root in _cache_roots(function))
    kernels = (_compiled_in(folder, function) for folder in folders)
    kernel = next((kernel for kernel in kernels if kernel), None) or njit(**_OPTIONS)(function)
    _digests[kernel] = digest
    result: _Function = kernel
    return result


@cache
def load_beside() -> None:
    """Have Numba load what its first call needs, 0.9 s of processor, beside what is done next."""
    Thread(target=_nothing, name="dropback-numba").start()


def one_layout(array: Singles) -> Singles:
    """An array contiguous and writable, a copy where it is not.

    A function is compiled once more for each layout, and once more for read-only arrays.
    """
    if array.flags.c_contiguous and array.flags.writeable:
        return array
    return np.array(array, np.float32, order="C")


def _digest(function: Callable[..., object]) -> str:
    """SHA-256 of all that a function is compiled from.

    Its bytecode is taken, not its source: that may have changed since Python read it.
    """
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__} {_OPTIONS}".encode())
    for code in _codes(function.__code__):
        digest.update(_of_code(code))
        for instruction in dis.get_instructions(code):
            if instruction.opname == "LOAD_GLOBAL" and not hasattr(builtins, instruction.argval):
                digest.update(_content(function, instruction.argval).encode())
    return digest.hexdigest()


def _of_code(code: CodeType) -> bytes:
    """What a function's own code, without that of functions in it, adds to its digest."""
    constants = [value for value in code.co_consts if not isinstance(value, CodeType)]
    return code.co_code + repr((constants, code.co_names, code.co_varnames)).encode()


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code and that of the functions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _content(function: Callable[..., object], name: str) -> str:
    """What a global name of a function adds to its digest."""
    value = function.__globals__.get(name)
    if value is np:
        return ""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes().hex()}"
    if isinstance(value, _CONSTANTS):
        return repr(value)
    if value in _digests:
        return _digests[value]
    raise TypeError(
        f"{function.__module__}.{function.__qualname__} reads {name}, which must be a number, "
        "tuple or array, NumPy or a compiled function, defined above it: a change of anything "
        f"else would not be seen. It is {value!r}."
    )


def _cache_roots(function: Callable[..., object]) -> Iterator[Path]:
    """Where compiled code may be kept, the first choice first."""
    if _settings.DISABLE_JIT:
        return
    if _settings.CACHE_DIR:
        yield Path(_settings.CACHE_DIR)
        return
    yield Path(function.__code__.co_filename).parent / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dropback"


def _compiled_in(folder: Path, function: Callable[..., object]) -> Any:  # noqa: ANN401 - Numba's
    """A dispatcher that keeps its code in a folder; None where that cannot be written."""
    # Numba reads the setting when a function is decorated. Should another thread decorate one of
    # its own meanwhile, that one is cached here too, to no harm.
    with _lock:
        before, _settings.CACHE_DIR = _settings.CACHE_DIR, str(folder)
        try:
            kernel = njit(cache=True, **_OPTIONS)(function)
        except RuntimeError:
            return None
        finally:
            _settings.CACHE_DIR = before
    # Where it cannot write, Numba silently takes another folder, that knows no digest.
    return kernel if kernel.stats.cache_path.startswith(str(folder)) else None


def _written(codegen: Callable[..., Any]) -> Callable[[Callable[..., object]], Any]:
    """Have Numba call instructions of the processor where a function says in Python what they do.

    Args:
        codegen: Takes Numba's context of types and the function's arguments, as
            ``numba.extending.intrinsic`` asks; compiled functions may call what it writes.
    """

    def decorate(function: Callable[..., object]) -> Any:  # noqa: ANN401 - Numba's
        result = function if _settings.DISABLE_JIT else intrinsic(codegen)
        _digests[result] = hashlib.sha256(
            b"".join(map(_of_code, _codes(codegen.__code__)))
        ).hexdigest()
        return result

    return decorate


def _write_places_of(_: Any, text: Any, at: Any, byte: Any) -> Any:  # noqa: ANN401 - Numba's
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        vector = ir.VectorType(ir.IntType(8), 64)
        start = builder.gep(array.data, [arguments[1]])
        block = builder.load(builder.bitcast(start, vector.as_pointer()), align=1)
        nothing, lanes = ir.Constant(vector, ir.Undefined), ir.VectorType(ir.IntType(32), 64)
        one = builder.insert_element(nothing, arguments[2], ir.Constant(ir.IntType(32), 0))
        wanted = builder.shuffle_vector(one, nothing, ir.Constant(lanes, [0] * 64))
        return builder.bitcast(builder.icmp_unsigned("==", block, wanted), ir.IntType(64))

    return types.uint64(text, at, byte), codegen


@_written(_write_places_of)
def places_of(text: NDArray[np.uint8], at: int, byte: int) -> np.uint64:
    """Which of the 64 bytes from one on are a byte, as bits, the first the lowest.

    Here and below text is contiguous, and as many bytes must be there.
    """
    return np.uint64(sum(int(text[at + n] == byte) << n for n in range(64)))


def _write_word_at(_: Any, text: Any, at: Any) -> Any:  # noqa: ANN401 - Numba's
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        start = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(start, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(text, at), codegen


@_written(_write_word_at)
def word_at(text: NDArray[np.uint8], at: int) -> np.uint64:
    """The eight bytes from one on as one number whose lowest byte comes first."""
    return np.uint64(int.from_bytes(text[at : at + 8].tobytes(), "little"))


def _write_lowest_bit(_: Any, bits: Any) -> Any:  # noqa: ANN401 - Numba's
    def codegen(_: Any, builder: Any, __: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(bits), codegen


@_written(_write_lowest_bit)
def lowest_bit(bits: np.uint64) -> int:
    """The place of the lowest bit that is set, from 0; there must be one."""
    return (int(bits) & -int(bits)).bit_length() - 1


@compiled
def _nothing() -> int:
    return 0
