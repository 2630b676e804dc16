"""From files and an address to what is served."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from dropback.errors import RequestError
from dropback.live import PlayPredictor
from dropback.service._app import LOOPBACK_NAMES, Service
from dropback.service._keys import KeyRing, read_keys
from dropback.service._library import PlayLibrary
from dropback.service._scores import ScoreTable, join_score_tables
from dropback.workflows import read_scores

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dropback.live import Engine
    from dropback.service._settings import ServiceSettings

__all__ = ["configure"]


def configure(
    *,
    run: Path | None,
    engine: Engine | None,
    scores: Sequence[Path],
    plays: Path | None,
    keys: Path | None,
    settings: ServiceSettings,
) -> Service:
    """Read what is to be served.

    Args:
        run: Run folder with play networks, or a folder that ``dropback export`` made.
        engine: See `PlayPredictor.load`.
        scores: Files of play scores.
        plays: Canonical folder of tracking plays.
        keys: File of API keys.
        settings: Where the service will listen.

    Raises:
        RequestError: An address beyond loopback without keys, or nothing to serve.
        RunError: A run without play networks.
        ReaderError: A file that is not what it should be.
        TrackingError: A folder without plays.
    """
    loopback = _is_loopback(settings.host)
    if not loopback and keys is None:
        raise RequestError(
            f"--host {settings.host} lets other machines ask, which needs --keys: make a file "
            "with 'dropback keys add'."
        )
    if run is None and not scores and plays is None:
        raise RequestError(
            "There is nothing to serve: name a run with play networks, --scores or --plays."
        )
    return Service(
        predictor=None if run is None else PlayPredictor.load(run, engine=engine),
        scores=ScoreTable(join_score_tables([read_scores(path) for path in scores]))
        if scores
        else None,
        library=None if plays is None else PlayLibrary(plays),
        keys=None if keys is None else KeyRing(read_keys(keys)),
        hosts=LOOPBACK_NAMES if loopback else None,
        limits=settings.limits,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
