"""Describe the sockets and the event stream of live plays as AsyncAPI 3.0, from their structs."""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from dropback import __version__
from dropback.live.feeds import _messages as live
from dropback.service._sockets import SUBPROTOCOL
from dropback.service._watch import WatchParameters

_REF: Final = "#/components/schemas/{name}"
# Which answer follows which request.
_REPLIES: Final[dict[type[msgspec.Struct], type[msgspec.Struct]]] = {
    live.StartMessage: live.StartedMessage,
    live.FrameMessage: live.ForecastMessage,
    live.ReleaseMessage: live.ReleasedMessage,
    live.OutcomeMessage: live.ScoredMessage,
    live.WithdrawMessage: live.WithdrawnMessage,
    live.ResumeMessage: live.ResumedMessage,
}


def asyncapi_document(*, keyed: bool, root_path: str = "") -> dict[str, Any]:
    """The document; see `openapi_document` for the arguments."""
    requests, answers, watched = (
        get_args(of) for of in (live.LiveRequest, live.LiveAnswer, live.WatchMessage)
    )
    everything = list(dict.fromkeys((*requests, *answers, *watched)))
    _, schemas = msgspec.json.schema_components(everything, ref_template=_REF)
    channels = {
        "live": _channel(
            "/v1/live", "Feed live plays, one at a time on a socket.", (*requests, *answers)
        ),
        "watch": _channel(
            "/v1/watch",
            "Watch live plays or the scoreboard: a WebSocket, or the same messages as Server-Sent "
            "Events of a GET request, each named by its type.",
            watched,
        ),
    }
    (parameters,) = msgspec.json.schema_components([WatchParameters])[1].values()
    channels["watch"]["bindings"] = {
        "ws": {
            "query": {"type": "object", "properties": parameters["properties"]},
            "bindingVersion": "0.1.0",
        }
    }
    operations: dict[str, Any] = {}
    for request, answer in _REPLIES.items():
        operations[_tag(request)] = {
            "action": "receive",
            "channel": {"$ref": "#/channels/live"},
            "summary": _summary(request),
            "messages": [_channel_message("live", request)],
            "reply": {
                "channel": {"$ref": "#/channels/live"},
                "messages": [_channel_message("live", of) for of in (answer, live.ProblemMessage)],
            },
        }
    operations["watch"] = {
        "action": "send",
        "channel": {"$ref": "#/channels/watch"},
        "summary": "What a watcher is sent.",
        "messages": [_channel_message("watch", of) for of in watched],
    }
    server: dict[str, Any] = {"host": "localhost:8080", "protocol": "ws"}
    if root_path:
        server["pathname"] = root_path
    if keyed:
        server["security"] = [{"$ref": "#/components/securitySchemes/key"}]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "dropback",
            "version": __version__,
            "description": f"Live plays, version {live.LIVE_VERSION}, subprotocol {SUBPROTOCOL}. "
            "Text frames hold JSON and binary frames MessagePack of the same messages.",
            "license": {"name": "MIT", "url": "https://opensource.org/license/mit"},
        },
        "defaultContentType": "application/json",
        "servers": {"this": server},
        "channels": channels,
        "operations": operations,
        "components": {
            "schemas": schemas,
            "messages": {_tag(of): _message(of) for of in everything},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _channel(address: str, description: str, messages: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "messages": {_tag(of): {"$ref": f"#/components/messages/{_tag(of)}"} for of in messages},
    }


def _channel_message(channel: str, of: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/channels/{channel}/messages/{_tag(of)}"}


def _message(of: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        "name": _tag(of),
        "summary": _summary(of),
        "payload": {"$ref": _REF.format(name=of.__name__)},
    }


def _tag(of: type[msgspec.Struct]) -> str:
    return str(of.__struct_config__.tag)


def _summary(of: type[msgspec.Struct]) -> str:
    return (of.__doc__ or "").partition("\n")[0]
