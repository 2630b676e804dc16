"""Send traces and metrics by OpenTelemetry: the extra ``telemetry``.

Where they go is said by the environment variables that OpenTelemetry documents, such as
``OTEL_EXPORTER_OTLP_ENDPOINT``. What the service counts itself stays at ``/metrics``.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from dropback.errors import RequestError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from dropback.service._metrics import Metrics


def instrumented(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """The application, of whose requests and live frames spans and times are recorded.

    Args:
        app: The application.
        metrics: Times the frames.

    Raises:
        RequestError: The extra is not installed.
    """
    if find_spec("opentelemetry.instrumentation.asgi") is None:
        raise RequestError(
            "--telemetry needs OpenTelemetry: install it with pip install 'dropback[telemetry]'."
        )
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # noqa: PLC0415

    _set_up()
    from opentelemetry.metrics import get_meter  # noqa: PLC0415

    meter = get_meter("dropback")
    metrics.frame_taken = meter.create_histogram(
        "dropback.frame.duration", "s", "From a live frame's message to its answer."
    ).record
    # A span for each message of a socket would cost more than the message.
    wrapped: ASGIApp = OpenTelemetryMiddleware(app, exclude_spans=["receive", "send"])
    return wrapped


def _set_up() -> None:
    """Export by OTLP, unless a program around the service has set up something else."""
    from opentelemetry import metrics, trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.name": "dropback"})  # OTEL_SERVICE_NAME replaces it
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        tracers = TracerProvider(resource=resource)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(tracers)
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        metrics.set_meter_provider(MeterProvider([reader], resource=resource))
