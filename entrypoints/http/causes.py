"""Why a problem comes about: what ``/problems/{code}`` says beyond its title, by the code of the error class."""

from __future__ import annotations

from collections.abc import Mapping

CAUSES: Mapping[str, str] = {
    # the request
    "invalid_request": (
        "What arrived is not a request that can be carried out; the detail names the part that is wrong."
    ),
    "malformed_body": (
        "The body is not UTF-8 JSON, ends early, is not gzip although it says so, or holds what no record may: NUL, "
        "half of a surrogate pair, NaN, hundreds of digits, too many levels."
    ),
    "invalid_parameter": (
        "A query parameter, a word of the address or a header is unknown here, or has a value that it cannot have. "
        "Nothing is passed over silently, so that a misspelt filter never looks like an empty list."
    ),
    "invalid_cursor": "The cursor was edited, or comes from a list with other filters or another order.",
    "body_too_slow": (
        "The body paused, came too slowly, or took longer than `server.body_seconds`; a body on its way holds memory "
        "that others need."
    ),
    "invalid_records": (
        "The body is JSON, but some of its records are not as their collection declares: a field is missing, "
        "unknown, of another type, too long, or not one of its words. All records were judged: `errors` names up to "
        "100 at once. Nothing was taken; only of a stream of NDJSON the lines before stay, and `accepted` counts "
        "them."
    ),
    "digest_mismatch": (
        "Bytes were lost or changed on their way, or the digest is of something else. Only content whose SHA-256 is "
        "the one that was sent is kept."
    ),
    "payload_too_large": (
        "One request may carry as many records and bytes as `limits` says at `GET /`. This one has more, or gzip "
        "data that grows beyond measure."
    ),
    "unsupported_media_type": (
        "`Content-Type` or `Content-Encoding` is missing, or names a form that is not read at this address."
    ),
    # who asks
    "unauthenticated": (
        "`[auth]` of the configuration asks for a credential. There is none in the headers, or more than one, or it is "
        "unknown, expired or revoked; which of these is told to nobody. Addresses that do not exist answer the same."
    ),
    "missing_scope": (
        "A key may do what its scopes say: a right, in every collection or in one. None of those of this key covers "
        "what was asked for."
    ),
    "foreign_origin": (
        'With `auth.mode = "off"` whoever reaches the address may everything, and a browser reaches it for every page '
        "that is open on the machine. So no request is carried out that a browser sends for a page of another origin, "
        "nor one whose `Host` is another name than `localhost` or a loopback address: a page may have its own name "
        "lead here (DNS rebinding). Programs that are no browsers send neither `Origin` nor `Sec-Fetch-Site`."
    ),
    "credential_in_address": (
        "The address holds a key or a token, or a parameter that is called like one. Proxies, logs and histories keep "
        "addresses."
    ),
    "keys_unreachable": (
        "The backend that holds the API keys does not answer, and this key was not seen within the last hour, so that "
        "nobody can tell whether it is valid."
    ),
    # what it asks for
    "not_found": "The address is right, and what it names does not exist.",
    "route_not_found": "No part of the API has this path.",
    "method_not_allowed": "The path exists, but not with this method.",
    "record_not_found": (
        "No record with this key was acknowledged, or it was deleted. What is acknowledged and not yet flushed is "
        "found too: waiting does not help."
    ),
    "receipt_not_found": (
        "A receipt is the word that a 202 answer gave, `instance.collection.epoch.first-last`. This one was cut, "
        "edited, or never given."
    ),
    "receipt_elsewhere": (
        "Receipts are kept by the instance that gave them, and its number is their first part. This one was given by "
        "another instance, or on another data folder."
    ),
    "object_not_found": (
        "The content was removed behind the service's back, or replaced in the moment it was asked for."
    ),
    "key_not_found": "No API key with this id was made over the backend that holds the keys.",
    "dead_letter_not_found": (
        "The id is `collection.sequence.revision` of a record that a backend refused. This one was edited, or its "
        "letter was replayed or purged meanwhile. A replay that is refused again is a letter with another id."
    ),
    "unknown_collection": "The address names a collection that this service does not have.",
    # the state it meets
    "conflict": "What the request builds on is no longer so, or not yet; the detail says how it is.",
    "write_conflict": "Others changed the record between its reading and its writing, several times in a row.",
    "value_taken": (
        "A field of this collection has another value in every record, like the e-mail address of a user. Those are "
        "compared by their normal form, so that capital letters, or another way to write the same character, make no "
        "difference; the first write that was stored has it, and a deleted record gives it up."
    ),
    "upload_offset_mismatch": (
        "The upload is further than this request believes, or not so far: a piece was kept whose answer was lost, or "
        "another request goes on with it at the same time."
    ),
    "upload_incomplete": (
        "The content was not put yet, or not all of it: what is to be put by a link must be there before the upload is "
        "completed."
    ),
    "upload_not_found": (
        "The upload was ended, or nothing came for 24 hours, or the address is not the one that its beginning was "
        "answered with. The file that it became stays where it is."
    ),
    "checksum_mismatch": "The bytes of this request changed on their way, or the checksum is that of others.",
    "protocol_version_unknown": (
        "Resumable uploads follow the tus protocol, whose requests name its version; `Tus-Version` says what is spoken."
    ),
    "object_exists": "Objects are written once; another request has just stored one under the same name.",
    "version_stale": (
        "Of two versions of a record the one with the later `updated_at` stays. This one is earlier than the stored "
        "one, and would change nothing."
    ),
    "outranked_by_delete": (
        "A delete is a version like any other: of two versions of a record the one with the later `updated_at` stays. "
        "The delete is the later one, and the record stays deleted."
    ),
    "frame_quarantined": (
        "The record was acknowledged, and its bytes in the journal are not those that were written: the disk, or "
        "somebody, has changed them since. What is left is set aside in the journal's quarantine."
    ),
    "not_replayable": (
        "The journal's frame was damaged on disk, so that only the number of the record is known. What is left of its "
        "bytes is set aside in the journal's quarantine."
    ),
    "session_finished": "A session that is completed, failed or cancelled has no unfinished work to give back.",
    "idempotency_key_in_progress": (
        "The same key came again before its first request was answered: sent twice at once, or again after the "
        "connection was lost."
    ),
    "idempotency_key_reused": (
        "An `Idempotency-Key` names one request for 24 hours. The same key came to this address with other records, "
        "parameters or conditions; nothing of it was taken."
    ),
    "precondition_failed": (
        "Someone changed the record since the version that `If-Match` names was read, or it is gone. Nothing was "
        "written."
    ),
    "range_not_satisfiable": "`Range` begins behind the last byte of the file, or the file is empty.",
    "ability_missing": (
        "The API describes more than every backend can do. The one that keeps this collection, or this release, "
        "lacks what was asked for."
    ),
    "keyring_missing": "The configuration names no keys, so that nothing is encrypted that could be looked at.",
    # the service
    "unavailable": "The service starts, stops, or waits for something that it needs. Nothing of the request was taken.",
    "buffer_full": (
        "More came in than the backend stores, for long enough to fill `buffer.max_bytes`: it is slow, down, or held "
        "back. What is acknowledged is safe; what would not be is refused."
    ),
    "quota_exceeded": (
        "A key, an address without a valid key, or a key's questions about one session may come so many times in any "
        "minute (`[quotas]`). `RateLimit` says what is left and when more will be; batches of records are not counted."
    ),
    "slow_down": (
        "More came in than the backend stores, for long enough to pass the soft mark (`buffer.soft_share`, "
        "`buffer.soft_age_seconds`). The client that has most waiting is asked first, so that the others need not be."
    ),
    "search_incomplete": (
        "The index is being filled from the backend, or it was away for so long that the journal no longer keeps what "
        "it lacks (`search.max_lag_bytes`). Searches would miss records that are stored, so none is answered."
    ),
    "replaying": (
        "After a start the journal of the run before is read once. Until then a read might miss what is acknowledged "
        "there."
    ),
    "flush_incomplete": (
        "The backend did not store everything in the time that was given: it is slow, down, or held back for a move. "
        "The records stay acknowledged, and are stored as soon as it can."
    ),
    "journal_full": "An acknowledgement needs room in the journal, and its disk (or its Redis) has none.",
    "journal_failed": (
        "The disk reported an error while the journal was made durable. Nobody knows what it kept then, so nothing "
        "more is acknowledged on it, and the process stops with exit code 70."
    ),
    "dead_letters_full": (
        "So many records were refused that their store has reached its bound. Nothing is discarded to make room: the "
        "collection waits, and its journal takes records until that is full too."
    ),
    "journal_unreachable": (
        "The acknowledgement of the shared buffer in Redis did not come: it went down, stands still, or the network "
        "between was cut. Whether it kept the records before is not known."
    ),
    "journal_refused": (
        "Redis is down, loads its data, became a read-only replica, cannot write its own disk, or misses a replica or "
        "a setting that acknowledgements need. It said so before it kept anything."
    ),
    "lease_lost": "This worker did not renew its lease of a partition in time, and another one drains it.",
    "audit_failed": (
        "The disk under the service's log is full, or who read it is gone. What administrators do, and what takes "
        "records out, is refused until a line can be written; records are taken, and reads are answered."
    ),
    "draining": "A stop was asked for: requests that are on their way are finished, and no new records are taken.",
    "deadline_exceeded": "The answer took longer than it may.",
    "query_timeout": (
        "No index serves this filter and order, so that the backend had too much to read for the deadline."
    ),
    "internal_error": "This is a bug of the service, not of the request; the log has it under the `request_id`.",
    # its backends
    "backend_error": (
        "The storage backend failed in a way that has no better name; the log has its own words. Where all records "
        "fail alike, the collection pauses: nobody knows that they are to blame."
    ),
    "backend_unavailable": (
        "The storage backend is gone, refuses connections, or does not answer in time. Batches are taken all the "
        "same; what must be read from it cannot be answered."
    ),
    "backend_contended": "Another process has locked the data for longer than the service waits.",
    "backend_exhausted": "The storage backend has no disk space or memory left, and takes no more writes.",
    "schema_mismatch": (
        "The backend's tables were made by another release or changed by hand, or its user may not do what the "
        "service must."
    ),
    "record_refused": (
        "The backend does not take this one record, although it keeps the declared rules. Its neighbours are stored."
    ),
    "invalid_record": (
        "The record was acknowledged by another release, or before its collection was declared anew; when it was to be "
        "stored it broke a rule that had come meanwhile. Its neighbours are stored."
    ),
    "statement_too_large": (
        "The server, or a proxy in front of it, takes smaller packets than it said. The records are split, and only "
        "one that is too large by itself is refused."
    ),
    "backend_corrupt": (
        "The storage backend reports damage in its files. Nothing is written to it, lest the damage spread."
    ),
    "decryption_failed": (
        "The stored text of an encrypted value is not what this service has written for this field of this record: it "
        "was changed, or copied from another place. Or it was encrypted under a key that the keyring does not have any "
        "more. No part of it is shown."
    ),
    # its start
    "start_failure": "Something that the service needs at its start is not as it must be; the detail names it.",
    "invalid_configuration": (
        "The file, an environment variable or an option sets a key that does not exist, or to a value that it cannot "
        "have. Unknown keys are refused, so that a typing error does not pass for a default."
    ),
    "unknown_backend": (
        "A backend is named that is not configured, or a type that is neither built in nor brought by an installed "
        "package, or that package is broken."
    ),
    "data_folder_unusable": (
        "The data folder is a file, cannot be made, or cannot be written by the user of the service."
    ),
    "data_folder_locked": "One process at a time serves a data folder, and one does already.",
    "address_in_use": "Another process listens there already, perhaps an earlier start of this service.",
}
