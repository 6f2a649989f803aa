"""A sink that speaks OTLP logs (http/protobuf) by the OpenTelemetry SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from strongroom.domain.errors import SinkUnavailable
from strongroom.telemetry.audit import lines
from strongroom.telemetry.audit.shipping import time_of

_MOST: Final = 512
"""Records of one request, as the SDK's own batches."""

_SCOPE: Final = InstrumentationScope("strongroom.audit")
_COPIED: Final = ("operationName", "resourceId", "resultType", "callerIpAddress", "correlationId")


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """``endpoint``: the whole URL, as ``https://collector:4318/v1/logs``. ``ca_file``: PEM. ``replica``: who sends."""

    endpoint: str
    replica: str = ""
    ca_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0


class OtlpLogs:
    """Exports lines as log records: the body is the line, so that chains can be verified from what was received."""

    linger: Final = 0.0

    def __init__(self, settings: OtlpSettings) -> None:
        self._resource = Resource({"service.name": "strongroom", "service.instance.id": settings.replica})
        self._exporter = OTLPLogExporter(
            endpoint=settings.endpoint,
            certificate_file=str(settings.ca_file) if settings.ca_file else None,
            headers=settings.headers,
            timeout=settings.timeout,
        )

    def send(self, texts: list[bytes]) -> None:
        """See ``Sink``. Raises SinkUnavailable."""
        for start in range(0, len(texts), _MOST):
            batch = [self._record(text) for text in texts[start : start + _MOST]]
            if self._exporter.export(batch) is not LogRecordExportResult.SUCCESS:
                raise SinkUnavailable("the OTLP receiver of audit records did not take them")

    def _record(self, text: bytes) -> ReadableLogRecord:
        line = lines.read(text)
        at = int(time_of(text) * 1e9)
        failed = line.record.get("resultType") == "Failure"
        place: dict[str, str | int] = {"chain": line.position.chain, "sequence": line.position.sequence}
        record = LogRecord(
            timestamp=at,
            observed_timestamp=at,
            severity_number=SeverityNumber.WARN if failed else SeverityNumber.INFO,
            body=text.decode().rstrip("\n"),
            attributes=place | {key: line.record[key] for key in _COPIED if key in line.record},
            event_name="strongroom.audit",
        )
        return ReadableLogRecord(record, self._resource, _SCOPE)
