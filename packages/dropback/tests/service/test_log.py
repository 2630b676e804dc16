from __future__ import annotations

import json
import logging
import time
from datetime import datetime

import pytest

from dropback.service import _logs as logs
from dropback.service._logs import json_logging, note

log = logging.getLogger("dropback.service")


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_every_line_is_an_object_and_the_last_is_written_before_the_end(capsys):
    with json_logging():
        log.info("request", extra={"status": 200, "path": '/a"\n'})
        try:
            int("why")
        except ValueError:
            log.exception("failed")
    first, second = lines(capsys)
    assert (first["event"], first["level"], first["status"]) == ("request", "info", 200)
    assert first["path"] == '/a"\n'
    assert second["trace"].endswith("base 10: 'why'")


def test_lines_beyond_those_that_may_wait_are_lost_and_hold_nothing_up(capsys, monkeypatch):
    monkeypatch.setattr(logs, "_WAITING_LINES", 3)
    monkeypatch.setattr(logs, "_WRITE_EVERY_S", 60.0)
    with json_logging():
        for number in range(5):
            log.info("line", extra={"number": number})
    assert [line["number"] for line in lines(capsys)] == [0, 1, 2]


def test_after_it_nothing_is_written_for_the_service(capsys):
    with json_logging():
        pass
    log.info("quiet")
    assert lines(capsys) == []


def test_a_note_is_a_line_of_its_fields_and_a_record_for_other_handlers(capsys, caplog):
    with json_logging():
        note("request", {"status": 200, "path": '/a"\n'})
    (line,) = lines(capsys)
    assert line.keys() == {"time", "level", "event", "status", "path"}
    assert (line["event"], line["level"], line["path"]) == ("request", "info", '/a"\n')
    assert datetime.fromisoformat(line["time"]).timestamp() == pytest.approx(time.time(), abs=5)
    with caplog.at_level(logging.INFO, "dropback.service"):
        note("request", {"status": 404})
    assert caplog.records[0].fields == {"status": 404}
    assert "request" in caplog.text


def test_below_its_level_nothing_is_noted(capsys):
    with json_logging(logging.WARNING):
        note("request", {})
    assert lines(capsys) == []


def test_what_cannot_be_written_is_left_out_and_the_rest_is_not(capsys):
    with json_logging():
        note("bad", {"path": "\ud800"})
        note("good", {})
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line[:1] == "{"]
    assert [line["event"] for line in events] == ["good"]
