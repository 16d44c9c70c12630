"""What a store that speaks S3 is told by the configuration."""

from __future__ import annotations

import msgspec

from domain.model.secret import Secret


class MinioSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the bucket is, and who may enter it."""

    endpoint: str  # host, or host:port
    bucket: str  # must exist; it is for this service alone
    access_key: Secret
    secret_key: Secret
    public_endpoint: str = ""  # what links name in the place of `endpoint`
    region: str = "us-east-1"
    tls: bool = True  # encrypted, and the certificate names the host
    ca_file: str = ""  # of the authority that is trusted; none: those that the system knows
    connect_seconds: float = 5.0
    read_seconds: float = 30.0  # for each answer, or part of one
