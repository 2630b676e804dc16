"""Sockets of feeds, as tests hold them."""

import json
from contextlib import contextmanager

import msgspec
from websockets.sync.client import connect

from examples import service as example

FRAMES = example.frames()


class Socket:
    """A live socket that speaks JSON."""

    def __init__(self, raw):
        self.raw = raw

    def ask(self, message):
        self.raw.send(message if isinstance(message, bytes | str) else json.dumps(message))
        return self.answer()

    def answer(self):
        """The answer, which is in the form of the message."""
        answer = self.raw.recv(timeout=10)
        return msgspec.msgpack.decode(answer) if isinstance(answer, bytes) else json.loads(answer)

    def start(self):
        answer = self.ask(example.START)
        assert answer["type"] == "started", answer
        return answer["token"]

    def push(self, number):
        answer = self.ask(example.frame_message(number, FRAMES[number]))
        assert answer["type"] == "forecast", answer
        return answer


@contextmanager
def opened(address, **more):
    with connect(address.live, compression=None, proxy=None, **more) as raw:
        yield Socket(raw)


def problem(answer, status, *, fatal=False):
    assert (answer["type"], answer["status"], answer["fatal"]) == ("problem", status, fatal)
    return answer["detail"]
