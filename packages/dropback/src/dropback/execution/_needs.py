"""State what a task needs of the worker that runs it, and hold it to that."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What torch adds to the 145 MB of a process that reads files (x86-64, its build for CPUs).
_NETWORKS_BYTES: Final = 130_000_000

# Without it not even the threads of the readers begin, and a worker hangs.
_LEAST_ROOM_BYTES: Final = 100_000_000

_POWERS: Final = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}

# The smallest share that Ray counts, and what a process's limit on its memory can say.
_LEAST_SHARE: Final = 1e-4
_MOST_BYTES: Final = 2**63


@dataclass(frozen=True)
class Needs:
    """What each task of a command asks of an engine.

    Attributes:
        cores: Cores, above 0.
        memory_bytes: Most memory that a task may hold, 0 for no bound; an engine places it where
            so much is free, and a task that takes more fails alone.
        accelerators: GPUs; a fraction lets several members of an ensemble share one.
    """

    cores: float = 1.0
    memory_bytes: int = 0
    accelerators: float = 0.0

    def __post_init__(self) -> None:
        if not (self.cores > 0 and self.memory_bytes >= 0 and self.accelerators >= 0):
            raise RequestError(
                "A task must need more than 0 cores and no negative memory or accelerators, got "
                f"{self.cores}, {self.memory_bytes} and {self.accelerators}."
            )
        if self.cores < _LEAST_SHARE or 0 < self.accelerators < _LEAST_SHARE:
            raise RequestError(
                f"cores and accelerators must be {_LEAST_SHARE:g} or more, the least share that "
                f"engines count, got cores={self.cores:g} and accelerators={self.accelerators:g}."
            )
        if self.memory_bytes >= _MOST_BYTES:
            raise RequestError(
                f"memory= must be below {_MOST_BYTES / 1e9:.3g} GB, got "
                f"{self.memory_bytes / 1e9:.3g} GB: name what one task may hold, as memory=8GB."
            )
        if self.accelerators > 1 and not self.accelerators.is_integer():
            raise RequestError(
                f"accelerators above 1 must be whole, got {self.accelerators:g}: engines share one "
                "among tasks, not several."
            )


def parse_needs(text: str) -> Needs:
    """Needs from ``cores=1&memory=2GB&accelerators=0.25``; what is not named is the default.

    Raises:
        RequestError: Another name, or no number.

    Example:
        >>> parse_needs("memory=2GB&accelerators=0.25")
        Needs(cores=1.0, memory_bytes=2000000000, accelerators=0.25)
    """
    found = Needs()
    for name, value in parse_qsl(text, keep_blank_values=True):
        try:
            change = _READ[name](value)
        except (KeyError, ValueError) as error:
            raise RequestError(
                "After ? an executor takes cores, memory and accelerators, as in "
                f"ray?cores=1&memory=2GB&accelerators=0.25, got {name}={value}."
            ) from error
        found = replace(found, **change)
    return found


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([0-9.]+)\s*([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    if found is None:
        raise ValueError(text)
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].upper()])


_READ: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "cores": lambda text: {"cores": float(text)},
    "memory": lambda text: {"memory_bytes": _bytes(text)},
    "accelerators": lambda text: {"accelerators": float(text)},
}


def held_bytes() -> int:
    """What this process holds of the memory that `bounded_memory` limits; 0 where it does not."""
    if not sys.platform.startswith("linux"):
        return 0
    import resource

    # The sixth number is what the limit counts: pages of data and stacks.
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    return pages * resource.getpagesize()


def require_room(needs: Needs, held: int, *, networks: bool = False) -> None:
    """Refuse a bound that leaves a task no room beside what its worker holds already.

    Args:
        needs: The bound.
        held: Bytes that the worker holds.
        networks: Whether the task will load torch too.

    Raises:
        RequestError: It does not.
    """
    least = held + _NETWORKS_BYTES * networks + _LEAST_ROOM_BYTES
    if held and 0 < needs.memory_bytes < least:
        raise RequestError(
            f"memory= must leave a task room, got {needs.memory_bytes / 1e6:,.0f} MB: a worker "
            f"process holds {(least - _LEAST_ROOM_BYTES) / 1e6:,.0f} MB before it begins; ask for "
            f"{ceil(least / 1e8) / 10:.1f} GB or more."
        )


@contextmanager
def bounded_memory(needs: Needs) -> Iterator[None]:
    """Hold this worker process to the memory that its task asked for, on Linux.

    What a task takes beyond it fails as an allocation of that process, not of its neighbors.

    Raises:
        RequestError: The process holds nearly as much before the task begins.
    """
    if not needs.memory_bytes or not sys.platform.startswith("linux"):
        yield
        return
    import resource

    require_room(needs, held_bytes())
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (needs.memory_bytes, before[1]))
    try:
        yield
    finally:
        # The next task of an engine's worker may be of another command.
        resource.setrlimit(resource.RLIMIT_DATA, before)
