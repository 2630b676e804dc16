from __future__ import annotations

import json
import logging

from dropback.service import server
from dropback.service.server import json_logging

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
    monkeypatch.setattr(server, "_WAITING_LINES", 3)
    monkeypatch.setattr(server, "_WRITE_EVERY_S", 60.0)
    with json_logging():
        for number in range(5):
            log.info("line", extra={"number": number})
    assert [line["number"] for line in lines(capsys)] == [0, 1, 2]


def test_after_it_nothing_is_written_for_the_service(capsys):
    with json_logging():
        pass
    log.info("quiet")
    assert lines(capsys) == []
