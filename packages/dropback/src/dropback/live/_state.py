"""Write the state of a live play as bytes, and read it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dropback.errors import LiveError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_FORMAT: Final = 5


def pack_state(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Facts, as JSON, and arrays in one ``.npz``."""
    text = json.dumps({"format": _FORMAT, **facts}).encode()
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, facts=np.frombuffer(text, np.uint8), **arrays)
    return content.getvalue()


def unpack_state(state: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The facts and the arrays of `pack_state`.

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
