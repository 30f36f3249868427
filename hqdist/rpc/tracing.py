"""Spans of OpenTelemetry, if `opentelemetry-api` is installed; nothing otherwise.

Where they go is the matter of whoever runs the process: without an SDK and an exporter they go nowhere, and none are
made.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

try:
    from opentelemetry import propagate, trace
except ImportError:
    _installed = False
else:
    _installed = True

#: The headers of the W3C's trace context.
HEADERS = ("traceparent", "tracestate")


@contextmanager
def client_span(name: str, attributes: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], ...]]:
    """A span around a call; gives the headers by which the called one makes its own a part of it."""
    if not _wanted():
        yield ()
        return
    tracer = trace.get_tracer("hqdist")
    with tracer.start_as_current_span(name, kind=trace.SpanKind.CLIENT, attributes=dict(attributes)):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        yield tuple((key, value) for key, value in headers.items() if key in HEADERS)


class ServerSpan:
    """A span from now until it is ended, within the one that the headers of a call tell of."""

    def __init__(self, name: str, headers: Mapping[str, str]) -> None:
        """Begin it.

        Args:
            name: Of the span.
            headers: Of the call, those of `HEADERS` among them.
        """
        self._span: Any = None
        if _wanted():
            tracer, caller = trace.get_tracer("hqdist"), propagate.extract(headers)
            self._span = tracer.start_span(name, context=caller, kind=trace.SpanKind.SERVER)

    def end(self, attributes: Mapping[str, Any], error: BaseException | None) -> None:
        """End it, with what is known by then."""
        if self._span is None:
            return
        self._span.set_attributes(attributes)
        if error is not None:
            self._span.record_exception(error)
            self._span.set_status(trace.StatusCode.ERROR, str(error))
        self._span.end()


def _wanted() -> bool:
    """Whether somebody has said where spans go."""
    return _installed and not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
