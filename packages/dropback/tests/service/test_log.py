import json
import logging
import threading
import time
from datetime import datetime

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dropback.service import _logs
from dropback.service._logs import json_logging, log
from examples import service as example


def lines(capsys):
    written = capsys.readouterr().err.splitlines()
    return [json.loads(line) for line in written if line.startswith("{")]


def test_every_line_is_an_object_and_the_last_is_written_before_the_end(capsys):
    with json_logging():
        log.info("request", extra={"fields": {"status": 200, "path": '/a"\n'}})
        try:
            int("why")
        except ValueError:
            log.exception("failed")
    first, second = lines(capsys)
    assert first.keys() == {"time", "level", "event", "status", "path"}
    assert (first["event"], first["level"], first["status"]) == ("request", "info", 200)
    assert first["path"] == '/a"\n'
    assert datetime.fromisoformat(first["time"]).timestamp() == pytest.approx(time.time(), abs=5)
    assert second["trace"].endswith("base 10: 'why'")


def test_lines_beyond_the_bound_are_dropped_and_hold_nothing_up(capsys, monkeypatch):
    monkeypatch.setattr(_logs, "_WAITING_LINES", 3)
    stuck = threading.Event()

    class Stuck:
        """Becomes text when the test allows it."""

        def __str__(self):
            stuck.wait(10)
            return "stuck"

    with json_logging():
        log.info("line", extra={"fields": {"number": Stuck()}})
        time.sleep(0.1)  # the writer has taken it
        for number in range(5):
            log.info("line", extra={"fields": {"number": number}})
        stuck.set()
    assert [line["number"] for line in lines(capsys)] == ["stuck", 0, 1, 2]


def test_after_the_service_nothing_is_written(capsys):
    with json_logging():
        pass
    log.info("quiet")
    assert lines(capsys) == []


def test_a_socket_that_is_refused_is_logged_as_a_request_and_as_no_error(service, capsys):
    with json_logging(), example.listening(service) as address, pytest.raises(InvalidStatus):
        connect(f"{address.live}/none", proxy=None)
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["status"]) == ("request", "info", 404)


def test_below_its_level_nothing_is_written(capsys):
    with json_logging(logging.WARNING):
        log.info("request")
    assert lines(capsys) == []


def test_a_line_that_cannot_be_written_is_dropped_and_the_rest_is_not(capsys):
    with json_logging():
        log.info("bad", extra={"fields": {"path": "\ud800"}})
        log.info("good")
    assert [line["event"] for line in lines(capsys)] == ["good"]
