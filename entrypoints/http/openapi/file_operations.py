"""What every operation on files and uploads takes, answers and may refuse."""

from __future__ import annotations

from collections.abc import Mapping

from domain import errors
from entrypoints.http import idempotency, tus
from entrypoints.http.handlers import files, links, uploads
from entrypoints.http.media import JSON, MERGE_PATCH, OCTETS
from entrypoints.http.openapi import parameters
from entrypoints.http.openapi.operation import BODY, CHANGE, KEYED, READ, Handler, Operation, Problems
from entrypoints.http.openapi.uploads import Link, Upload
from entrypoints.http.upload import FORM

UPLOAD: Problems = (
    errors.MalformedBody,
    errors.BodyTooSlow,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
    errors.InvalidRecords,
    errors.DigestMismatch,
    errors.PreconditionFailed,
    errors.WriteConflict,
    errors.Unavailable,
)
_UPLOADED = ("Tus-Resumable", "Upload-Offset", "Upload-Expires", "Content-Location")
_RESUMABLE: Problems = (
    errors.UploadNotFound,
    errors.UploadOffsetMismatch,
    errors.ChecksumMismatch,
    errors.ProtocolVersionUnknown,
    *UPLOAD,
    *CHANGE,
)

FILE_OPERATIONS: Mapping[Handler, Operation] = {
    files.create_file: Operation(
        tag="files",
        answer="changed",
        status=201,
        headers=("Location", "ETag"),
        bodies={OCTETS: "binary", FORM: "form"},
        parameters=(parameters.FILE_NAME, parameters.CONTENT_DIGEST),
        problems=(*UPLOAD, *CHANGE),
    ),
    files.put_file: Operation(
        tag="files",
        answer="changed",
        status=201,
        also={200: "changed"},
        headers=("Location", "ETag"),
        bodies={OCTETS: "binary"},
        parameters=(
            parameters.FILE_NAME,
            parameters.CONTENT_DIGEST,
            parameters.IF_MATCH,
            parameters.IF_NONE_THERE,
        ),
        problems=(*UPLOAD, *CHANGE),
    ),
    files.patch_file: Operation(
        tag="files",
        answer="changed",
        headers=("ETag", idempotency.REPLAYED),
        bodies={MERGE_PATCH: "changes", JSON: "changes"},
        parameters=(parameters.IF_MATCH, parameters.IDEMPOTENCY_KEY),
        problems=(
            errors.RecordNotFound,
            errors.PreconditionFailed,
            errors.WriteConflict,
            errors.VersionStale,
            errors.RecordRefused,
            *BODY,
            *CHANGE,
            *KEYED,
        ),
    ),
    files.file_content: Operation(
        tag="files",
        answer="binary",
        media="*/*",
        headers=("ETag", "Content-Disposition", "Repr-Digest"),
        parameters=(parameters.RANGE, parameters.IF_RANGE, parameters.IF_NONE_MATCH),
        also={206: "binary"},
        unchanged=True,
        problems=(
            errors.RecordNotFound,
            errors.ObjectNotFound,
            errors.RangeNotSatisfiable,
            errors.AbilityMissing,
            *READ,
        ),
    ),
    links.create_link: Operation(
        tag="files",
        answer=Link,
        status=201,
        bodies={JSON: "link"},
        problems=(
            errors.RecordNotFound,
            errors.ObjectNotFound,
            errors.PreconditionFailed,
            *BODY,
            *CHANGE,
        ),
    ),
    uploads.complete_upload: Operation(
        tag="files",
        answer="changed",
        headers=("Tus-Resumable", "ETag", "Content-Location"),
        problems=(errors.UploadIncomplete, errors.RecordNotFound, *_RESUMABLE),
    ),
    uploads.upload_abilities: Operation(
        tag="files", status=204, headers=("Tus-Resumable", "Tus-Version"), problems=(errors.AbilityMissing,)
    ),
    uploads.begin_upload: Operation(
        tag="files",
        status=201,
        headers=("Location", *_UPLOADED),
        parameters=(parameters.TUS, parameters.UPLOAD_LENGTH, parameters.UPLOAD_METADATA),
        problems=_RESUMABLE,
    ),
    uploads.upload_state: Operation(
        tag="files", answer=Upload, headers=("Upload-Length", *_UPLOADED), problems=_RESUMABLE
    ),
    uploads.append_upload: Operation(
        tag="files",
        status=204,
        headers=_UPLOADED,
        bodies={tus.OFFSET_OCTETS: "binary"},
        parameters=(parameters.TUS, parameters.UPLOAD_OFFSET, parameters.UPLOAD_CHECKSUM),
        problems=_RESUMABLE,
    ),
    uploads.end_upload: Operation(
        tag="files", status=204, headers=("Tus-Resumable",), parameters=(parameters.TUS,), problems=_RESUMABLE
    ),
    uploads.overridden_upload: Operation(
        tag="files",
        status=204,
        headers=("Tus-Resumable",),
        parameters=(parameters.TUS, parameters.OVERRIDE),
        problems=(errors.MethodNotAllowed, *_RESUMABLE),
    ),
}
