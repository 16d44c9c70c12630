"""MinIO and other stores that speak S3."""
