"""A process that reads what others have done only when it asks, as a busy one does."""

import pytest

from dropback.service._app import Service
from examples import service as example
from examples.live_sockets import opened, problem


class LaggingLog:
    """A log shared by two services, which hands events over when `applied` asks, never before."""

    state = "connected"

    def __init__(self, events):
        self.events, self.read = events, 0

    async def open(self, apply):
        self.apply = apply

    def append(self, event):
        self.events.append(event)

    async def applied(self):
        while self.read < len(self.events):
            self.read += 1
            self.apply(self.events[self.read - 1])

    async def close(self):
        pass


@pytest.fixture
def two(networks):
    events = []
    services = (
        Service(predictor=networks, log=LaggingLog(events), limits=example.SHORT_LIMITS)
        for _ in range(2)
    )
    with example.listening(next(services)) as one, example.listening(next(services)) as other:
        yield one, other


def released(feed):
    token = feed.start()
    feed.push(0)
    assert feed.ask({"type": "release"})["forecast"]["released"]
    return token


def test_an_outcome_at_once_at_another_process_is_scored(two):
    with opened(two[0]) as one, opened(two[1]) as other:
        token = released(one)
        assert other.ask({"type": "outcome", "yards": 3, "token": token})["revision"] == 1
        assert one.ask({"type": "outcome", "yards": 7, "token": token})["revision"] == 2


def test_a_socket_that_lost_its_play_scores_it_once_it_is_released_elsewhere(two):
    with opened(two[0]) as one, opened(two[1]) as other:
        token = one.start()
        one.push(0)
        assert other.ask({"type": "resume", "version": 2, "token": token})["type"] == "resumed"
        assert other.ask({"type": "release"})["forecast"]["released"]
        assert one.ask({"type": "outcome", "yards": 3})["revision"] == 1


def test_what_was_withdrawn_at_another_process_takes_no_outcome(two):
    with opened(two[0]) as one, opened(two[1]) as other:
        token = released(one)
        withdrawn = other.ask({"type": "withdraw", "token": token, "reason": "a penalty"})
        assert withdrawn["type"] == "withdrawn"
        answer = one.ask({"type": "outcome", "yards": 3, "token": token})
        assert "was withdrawn" in problem(answer, 409)
        answer = one.ask({"type": "outcome", "yards": 3})  # of its own socket, without the token
        assert "was withdrawn" in problem(answer, 409)
