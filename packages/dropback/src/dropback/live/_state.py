"""A live play as bytes, so that it can go on in another process."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dropback.errors import LiveError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pack", "unpack"]

_FORMAT: Final = 1


def pack(facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
    """Facts and arrays as the bytes of one ``.npz``, without anything that runs when read."""
    content = io.BytesIO()
    described = json.dumps({"format": _FORMAT, **facts}).encode()
    letters = np.frombuffer(described, np.uint8)
    np.savez(content, allow_pickle=False, facts=letters, **arrays)
    return content.getvalue()


def unpack(state: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `pack` was given.

    Raises:
        LiveError: Other bytes, or those of another version.
    """
    try:
        with np.load(io.BytesIO(state), allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        version = facts.pop("format")
    except Exception as error:  # a zip file can be damaged in a dozen ways, each with its class
        raise LiveError(
            f"A state must be what `LivePlay.state` gave, got other bytes ({error})."
        ) from None
    if version != _FORMAT:
        raise LiveError(
            f"A state must be of format {_FORMAT}, got {version!r}: start the play anew."
        )
    return facts, arrays
