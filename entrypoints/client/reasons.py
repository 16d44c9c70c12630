"""Why a connection brought no answer, in words."""

from __future__ import annotations

import os

import aiohttp

from entrypoints.client.failures import NotTheService, ServiceUnreachable

_OTHER_NAME = (62, 64)  # OpenSSL: the certificate is for another host, or another address


def of_connection(url: str, error: aiohttp.ClientError) -> ServiceUnreachable:
    """What to tell of a connection that brought no answer: one line, whatever the other end has sent."""
    match error:
        case aiohttp.ClientResponseError():  # bytes that are no HTTP
            return NotTheService(url)
        case aiohttp.ClientPayloadError():
            return ServiceUnreachable(f"the answer of {url} broke off")
        case aiohttp.ClientConnectorError() | aiohttp.InvalidURL():
            return ServiceUnreachable(f"{url} cannot be reached: {_reason(error)}")
        case _:
            hint = "; its address may be one with https://" if url.startswith("http:") else ""
            return ServiceUnreachable(f"{url} closes the connection without an answer{hint}")


def _reason(error: aiohttp.ClientConnectorError | aiohttp.InvalidURL) -> str:
    match error:
        case aiohttp.InvalidURL():
            return "that is no address"
        case aiohttp.ClientConnectorDNSError():
            return "there is no such host"
        case aiohttp.ClientConnectorCertificateError():
            if getattr(error.certificate_error, "verify_code", 0) in _OTHER_NAME:
                return "its TLS certificate is for another name, which --url has to give"
            return "its TLS certificate is not trusted here (SSL_CERT_FILE names its authority)"
        case aiohttp.ClientSSLError():
            return "no TLS is spoken there (an http:// address?)"
        case _:
            return os.strerror(error.errno) if error.errno and error.errno > 0 else "the connection failed"
