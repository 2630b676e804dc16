"""Traces and metrics by OpenTelemetry, and the times of frames for Prometheus."""

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dropback.errors import RequestError
from dropback.service._telemetry import instrumented
from examples import service as example
from examples.live_sockets import opened


@pytest.fixture(scope="module")
def recorded():
    """What is exported, kept in memory: the providers can be set once in a process."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(MeterProvider([reader]))
    return spans, reader


def named(reader):
    """The instruments that have been used."""
    resources = reader.get_metrics_data().resource_metrics
    return {
        metric.name: metric
        for resource in resources
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_requests_and_frames_are_traced_and_measured(service, recorded):
    spans, reader = recorded
    with example.listening(service, telemetry=True) as address:
        assert address.get("/v1/passers?search=a").status_code == 200
        with opened(address) as feed:
            feed.start()
            for number in range(3):
                feed.push(number)
    found = {span.name: span for span in spans.get_finished_spans()}
    asked = found["GET /v1/passers"]
    assert asked.attributes["http.status_code"] == 200
    assert "search=a" not in asked.name
    # One span a socket, none a message.
    assert sum("live" in name for name in found) == 1
    instruments = named(reader)
    assert "http.server.duration" in instruments
    (frames,) = instruments["dropback.frame.duration"].data.data_points
    assert frames.count == 3


def test_the_times_of_frames_are_counted_for_prometheus(service):
    with example.listening(service) as address:
        with opened(address) as feed:
            feed.start()
            for number in range(2):
                feed.push(number)
        text = address.get("/metrics").text
    assert "dropback_frame_seconds_count 2.0" in text
    assert 'dropback_frame_seconds_bucket{le="30.0"} 2.0' in text


def test_without_the_extra_the_option_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("dropback.service._telemetry.find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"pip install 'dropback\[telemetry\]'"):
        instrumented(None, None)
