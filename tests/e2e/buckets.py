"""Services that keep their files in a bucket of a test's own."""

from __future__ import annotations

from adapters.minio.settings import MinioSettings
from tests.servers import Minio


def bucket_of(minio: Minio, *, port: int | None = None) -> MinioSettings:
    """A new bucket, empty; ``port``: of a way around to its store."""
    found = minio.settings(port=port)
    minio.create(found.bucket)
    return found


def settings_of_bucket(bucket: MinioSettings) -> dict[str, str]:
    """The environment of a service that keeps its files there."""
    said = {
        "TYPE": "s3",
        "ENDPOINT": bucket.endpoint,
        "BUCKET": bucket.bucket,
        "ACCESS_KEY": bucket.access_key.reveal(),
        "SECRET_KEY": bucket.secret_key.reveal(),
        "TLS": "false",
    }
    return {f"PERSISTENCE__OBJECTS__{name}": value for name, value in said.items()}
