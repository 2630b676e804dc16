"""``POST /v1/plays:score``: a whole play in, its distribution and score out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from dropback.live import PlayFrames
from dropback.service._codec import PLAY_MEDIA_TYPE, decode_play
from dropback.service._forecasts import point_forecast, situation_of
from dropback.service._json_frames import cut_frames, frame_array, read_frames
from dropback.service._messages import ScoreRequest, ScoreResponse
from dropback.service._operations import JSON, Operation, json_response
from dropback.service._problems import ServiceError
from dropback.service._requests import decode, read_body

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from starlette.requests import Request
    from starlette.responses import Response

    from dropback.service._inference import Inference
    from dropback.service._settings import Limits

__all__ = ["ScoreRoutes"]

_requests = msgspec.json.Decoder(ScoreRequest)


class _ScoreOutline(ScoreRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request whose frames have not been read."""

    frames: None  # type: ignore[assignment]  # cut out


_outlines = msgspec.json.Decoder(_ScoreOutline)


class ScoreRoutes:
    """The handler of whole plays.

    Args:
        inference: What forecasts; None where the service has no networks.
        limits: Of the service.
    """

    def __init__(self, inference: Inference | None, limits: Limits) -> None:
        self._inference, self._limits = inference, limits

    def operations(self) -> list[Operation]:
        """What is served."""
        return [
            Operation(
                "POST",
                "/v1/plays:score",
                self.score,
                "Forecast a play at its release, and score it where yards are given",
                ScoreResponse,
                bodies={
                    JSON: ScoreRequest,
                    PLAY_MEDIA_TYPE: "The binary form of a play, version 1.",
                },
                problems=(408, 413, 415, 422, 503),
            )
        ]

    async def score(self, request: Request) -> Response:
        """Answer ``/v1/plays:score``."""
        if self._inference is None:
            raise ServiceError(
                503, "This service has no tracking networks: start it with a run that has."
            )
        # Before the body: a busy service says so at the cost of a header.
        self._inference.require_room()
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in {JSON, PLAY_MEDIA_TYPE}:
            raise ServiceError(
                415, f"The Content-Type must be {JSON} or {PLAY_MEDIA_TYPE}, got {media_type!r}."
            )
        body = await read_body(request, self._limits)
        if media_type == JSON:
            play, yards = self._from_json(body)
        else:
            play, yards = decode_play(body, most_frames=self._limits.frames)
        forecast = await self._inference.score(play)
        return json_response(
            ScoreResponse(
                point_forecast(forecast), None if yards is None else forecast.score(yards)
            )
        )

    def _from_json(self, body: bytes) -> tuple[PlayFrames, int | None]:
        most = self._limits.frames
        frames: NDArray[np.float32] | None = None
        message: ScoreRequest | _ScoreOutline
        cut = cut_frames(body)
        if cut is not None:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                message = _outlines.decode(cut[0])
                frames = read_frames(cut[1], most_frames=most)
        if frames is None:  # another form of the same, or what is to be refused in a sentence
            message = decode(_requests, body)
            if len(message.frames) > most:
                raise ServiceError(
                    413, f"A play must have 1 to {most} frames, got {len(message.frames)}."
                )
            frames = frame_array(message.frames)
        play = PlayFrames(situation_of(message.situation), frames, message.target_slot)
        return play, message.yards
