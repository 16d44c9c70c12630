"""Addresses with a signature in their query (AWS Signature Version 4), which a store takes in the place of a key.

The driver's own ones sign nothing but the host. Here every header that the request must have is signed too, so that who
has a link to put an object can neither put another size, nor put it in the place of one that is there.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from urllib.parse import SplitResult, quote, urlunsplit

from minio.helpers import BaseURL

from adapters.minio.settings import MinioSettings
from domain.errors import InvalidConfiguration
from domain.model.links import Link, Validity

_ALGORITHM = "AWS4-HMAC-SHA256"


def public_url(settings: MinioSettings, method: str, name: str) -> SplitResult:
    """Where clients reach an object. Raises InvalidConfiguration."""
    endpoint = settings.public_endpoint or settings.endpoint
    try:
        base = BaseURL(f"{'https' if settings.tls else 'http'}://{endpoint}", settings.region)
        return base.build(method=method, region=settings.region, bucket_name=settings.bucket, object_name=name)
    except ValueError as error:
        raise InvalidConfiguration(f"objects.public_endpoint: {endpoint!r} is no host with a port: {error}.") from error


def signed_link(
    settings: MinioSettings,
    method: str,
    name: str,
    valid: Validity,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Link:
    """A link to an object; ``headers``: those that the request must have beside ``Host``.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    url, must = public_url(settings, method, name), dict(headers or {})
    signed = dict(sorted({"host": url.netloc, **{name.lower(): value for name, value in must.items()}}.items()))
    moment = valid.since.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{settings.region}/s3/aws4_request"
    text = _query(
        {
            **(query or {}),
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{settings.access_key.reveal()}/{scope}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(valid.seconds),
            "X-Amz-SignedHeaders": ";".join(signed),
        }
    )
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    request = f"{method}\n{url.path}\n{text}\n{lines}\n{';'.join(signed)}\nUNSIGNED-PAYLOAD"
    to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    signature = hmac.new(_key(settings, scope), to_sign.encode(), sha256).hexdigest()
    return Link(
        method=method,
        url=urlunsplit(url._replace(query=f"{text}&X-Amz-Signature={signature}")),
        headers=must,
        expires_at=valid.since + timedelta(seconds=valid.seconds),
    )


def _query(values: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='-_.~')}={quote(values[name], safe='-_.~')}" for name in sorted(values))


def _key(settings: MinioSettings, scope: str) -> bytes:
    key = f"AWS4{settings.secret_key.reveal()}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
