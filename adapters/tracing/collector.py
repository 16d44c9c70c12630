"""The way to the collector: OTLP over HTTP, each call with a deadline."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter

from domain.errors import InvalidConfiguration

CALL_SECONDS = 5.0


def exporter_to(url: str, headers: Mapping[str, str], ca_file: str) -> SpanExporter:
    """``ca_file``: certificate of the authority that is trusted; empty for those that the library knows.

    Raises InvalidConfiguration.
    """
    if ca_file and not os.access(ca_file, os.R_OK):
        raise InvalidConfiguration(f"tracing.ca_file: {ca_file} cannot be read.")
    session = requests.Session()
    session.trust_env = False  # proxies and logins of the environment are for others
    return OTLPSpanExporter(
        endpoint=url,
        certificate_file=ca_file or None,
        headers=headers,
        timeout=CALL_SECONDS,
        compression=Compression.NoCompression,
        session=session,
    )


def resource_of(service: str, version: str) -> Resource:
    """What all spans of this process have in common."""
    host = socket.gethostname()
    return Resource(
        {
            "service.name": service,
            "service.version": version,
            "service.instance.id": f"{host}:{os.getpid()}",
            "host.name": host,
            "process.pid": os.getpid(),
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.language": "python",
        }
    )
