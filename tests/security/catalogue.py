"""What hostile callers try, what they get for it, and the tests that prove it.

A test is ``folder/file.py::test`` below ``tests/``. What has no answer, or not a whole one, says why.
"""

from __future__ import annotations

import msgspec

HTTP = "integration/http"
ACCESS, BAD, SERVER = f"{HTTP}/test_access.py", f"{HTTP}/test_bad_input.py", f"{HTTP}/test_server.py"
LASTING, AUDIT = f"{HTTP}/test_lasting.py", "unit/entrypoints/cli/test_audit.py"
KEYS, QUOTAS, TLS = f"{HTTP}/test_keys.py", f"{HTTP}/test_quotas.py", f"{HTTP}/test_tls.py"
FILES, SENSITIVE, IDEMPOTENCY = f"{HTTP}/test_files.py", f"{HTTP}/test_sensitive.py", f"{HTTP}/test_idempotency.py"
E2E_ACCESS, ENCRYPTION = "e2e/test_access.py", "e2e/test_encryption.py"
API_KEYS, SEALING = "unit/domain/services/test_api_keys.py", "unit/domain/services/test_sealing.py"
TOKENS, AES = "unit/adapters/jwt/test_authenticator.py", "unit/adapters/keyring/test_aes.py"
SECRETS, PROBES = "unit/entrypoints/test_secret_rules.py", "unit/entrypoints/http/test_worker_probes.py"
MATRIX = f"{E2E_ACCESS}::test_every_operation_is_refused_without_a_key_and_by_another_scope_and_let_in_by_its_own"


class Attempt(msgspec.Struct, frozen=True):
    """One line of the catalogue."""

    what: str
    answer: str
    tests: tuple[str, ...] = ()
    missing: str = ""  # why there is no answer, or not a whole one


ATTEMPTS = {
    "S1": Attempt(
        "any address but the two probes without a credential, one that does not exist among them",
        "401 with `WWW-Authenticate`, the body unread, the connection closed",
        (
            f"{ACCESS}::test_without_a_credential_only_the_two_probes_are_answered",
            f"{ACCESS}::test_an_unknown_address_answers_a_stranger_like_a_known_one",
            f"{ACCESS}::test_a_stranger_who_waits_for_a_word_learns_of_no_address_by_it",
            f"{ACCESS}::test_who_is_refused_is_told_before_their_body_is_read",
            f"{ACCESS}::test_who_waits_for_a_word_before_the_body_hears_of_the_refusal_first",
            MATRIX,
        ),
    ),
    "S2": Attempt(
        "what belongs to another tenant",
        "a deployment is one trust domain: keys have scopes for rights and collections, 403 names the missing one",
        (
            f"{ACCESS}::test_a_scope_for_one_collection_opens_that_one_alone",
            f"{ACCESS}::test_how_far_a_session_is_belongs_to_it_and_nothing_else_of_its_tasks_does",
            f"{ACCESS}::test_a_restore_needs_both_collections_that_it_shows",
            f"{ACCESS}::test_a_search_needs_the_right_to_read_what_it_looks_into",
            MATRIX,
        ),
    ),
    "S3": Attempt(
        "a page cursor that was edited, or comes from another list",
        "400; what it holds is checked like any filter, and gives nothing that a filter would not",
        (f"{BAD}::test_an_edited_or_borrowed_cursor_is_400",),
    ),
    "S4": Attempt(
        "members of a record that are no fields, or that nobody may send",
        "422 naming them; of a patch 422 and nothing changed",
        (f"{BAD}::test_what_breaks_a_declared_rule_is_422_with_its_place", f"{BAD}::test_bad_patches_change_nothing"),
    ),
    "S5": Attempt(
        "sensitive fields without the scope `pii`",
        "absent in single records, lists and answers to writes; 403 to filter or sort by them",
        (
            f"{SENSITIVE}::test_a_single_record_lacks_them_without_the_scope_and_has_them_with_it",
            f"{SENSITIVE}::test_lists_lack_them_and_refuse_to_name_them",
            f"{SENSITIVE}::test_answers_to_writes_lack_them_too",
        ),
    ),
    "S6": Attempt(
        "tokens without algorithm, signed by a public key, by others, for others, for ever, of another kind",
        "401 each, without a word about which",
        (
            f"{TOKENS}::test_what_is_not_a_tokens_issuers_word_is_refused",
            f"{TOKENS}::test_a_token_whose_exp_is_no_number_is_refused",
            f"{TOKENS}::test_an_issuer_that_would_let_others_in_is_refused",
            "e2e/test_tokens.py::test_a_token_is_let_in_as_far_as_its_scopes_say",
        ),
    ),
    "S7": Attempt(
        "guessing keys, by their answers' time too",
        "256 bits of chance; the SHA-256 is kept and compared in constant time, for an unknown id with nothing",
        (
            f"{ACCESS}::test_what_is_no_credential_lets_nobody_in",
            f"{KEYS}::test_only_a_digest_of_a_key_is_stored",
            "architecture/test_source.py::test_digests_are_compared_in_constant_time",
            f"{API_KEYS}::test_a_flood_of_guesses_is_bounded_and_holds_no_known_key_up",
            f"{QUOTAS}::test_a_made_up_id_costs_its_address_before_the_store_of_the_keys_is_asked",
            f"{QUOTAS}::test_a_flood_of_made_up_ids_from_one_address_keeps_no_new_key_of_another_out",
        ),
        "no test measures times, which are never asserted here: one holds that no digest is compared by `==`",
    ),
    "S8": Attempt(
        "a key or a token in an address; a key that another instance has revoked",
        "400, and nothing repeats it; 401 within five seconds",
        (
            f"{ACCESS}::test_a_key_in_the_address_is_an_error_that_nothing_repeats",
            f"{KEYS}::test_what_is_refused_for_its_parameters_is_told_of_without_them",
            f"{E2E_ACCESS}::test_a_key_that_one_instance_revokes_is_refused_by_the_other",
        ),
    ),
    "S9": Attempt(
        "a credential that was valid a moment ago",
        "looked up again within five seconds, also on the way: an answer that has begun is cut; while the keys' "
        "backend is away, what was known holds an hour",
        (
            f"{API_KEYS}::test_a_key_that_is_revoked_elsewhere_is_refused_within_five_seconds",
            f"{API_KEYS}::test_while_the_store_is_away_keys_stay_as_they_were_known_for_an_hour",
            f"{ACCESS}::test_a_stream_ends_where_its_key_is_revoked_and_what_was_taken_before_stays",
            f"{LASTING}::test_an_answer_is_cut_where_the_key_of_its_reader_is_revoked",
            f"{LASTING}::test_an_answer_that_has_not_begun_is_a_401",
            f"{LASTING}::test_a_file_is_not_taken_where_the_key_of_its_sender_is_revoked",
            f"{LASTING}::test_a_body_that_comes_slowly_is_not_taken_where_the_key_of_its_sender_is_revoked",
        ),
    ),
    "S10": Attempt(
        "filter values of other types, numbers beyond all columns",
        "400 naming the parameter, before any backend sees them",
        (f"{BAD}::test_a_bad_list_parameter_is_400_and_named",),
    ),
    "S11": Attempt(
        "SQL in sort keys, field names and operators",
        "400: they come from the declared collection, never from the text",
        (f"{BAD}::test_a_bad_list_parameter_is_400_and_named", f"{BAD}::test_other_bad_words_are_named"),
    ),
    "S12": Attempt(
        "paths into JSON documents, with wildcards and quotes",
        "400: no path into an object is taken at all",
        (f"{BAD}::test_a_bad_list_parameter_is_400_and_named",),
    ),
    "S13": Attempt(
        "wildcards and regular expressions in filters",
        "`contains` and `prefix` are literals on every backend; there are no regular expressions",
        ("integration/mysql/test_literals.py::test_values_in_conditions_mean_themselves",),
    ),
    "S14": Attempt(
        "a second statement through any text; a server that asks for files",
        "values are parameters or literals of a fuzzed encoder; second statements and local files are switched off",
        (
            "integration/mysql/test_session.py::test_a_second_statement_is_refused",
            "integration/mysql/test_session.py::test_it_is_the_flag_that_keeps_a_second_statement_out",
            "integration/mysql/test_literals.py::test_values_in_conditions_mean_themselves",
            "unit/test_floors.py::test_no_dependency_is_below_its_floor",
        ),
    ),
    "S15": Attempt(
        "pages and filters beyond all measure",
        "400; a statement has five seconds, then 504 naming the missing index",
        (
            f"{BAD}::test_a_bad_list_parameter_is_400_and_named",
            "integration/sqlite/test_durability.py"
            "::test_a_statement_beyond_its_deadline_names_the_missing_index_and_leaves_the_connection_clean",
        ),
    ),
    "S16": Attempt(
        "bodies and heads that are too large, or that two readers would end at different places",
        "413, 400, and the connection closed",
        (
            f"{SERVER}::test_a_body_beyond_the_limit_is_413_however_it_is_framed",
            f"{SERVER}::test_broken_http_is_400_and_closed",
            f"{HTTP}/test_connections.py::test_a_head_that_never_ends_is_not_kept",
            f"{LASTING}::test_head_of_an_export_is_a_head_alone",
        ),
    ),
    "S17": Attempt(
        "little gzip that becomes much; other codings",
        "413 before it is inflated, 401 first for strangers, 415",
        (
            f"{SERVER}::test_a_gzip_bomb_is_413_before_it_is_inflated",
            f"{SERVER}::test_broken_gzip_is_400",
            f"{BAD}::test_a_wrong_content_type_is_415_with_the_header_to_send",
        ),
    ),
    "S18": Attempt(
        "JSON that is deep, endless, half a character, or no JSON",
        "400, never 500",
        (f"{BAD}::test_what_is_no_acceptable_json_is_400",),
    ),
    "S19": Attempt(
        "ids of files that look like paths",
        "400; the name of an object is our own hash, below a folder's descriptor, and no link is followed",
        (f"{FILES}::test_ids_that_look_like_paths_or_other_ids_are_refused", f"{FILES}::test_odd_ids_are_just_ids"),
    ),
    "S20": Attempt(
        "writing to another tenant's id",
        "a deployment is one trust domain; of users nobody gets another one's address",
        (f"{HTTP}/test_users.py::test_an_address_is_taken_however_it_is_written_and_the_problem_names_the_field",),
    ),
    "S21": Attempt(
        "files that a browser would run",
        "sent as bytes, with `nosniff`, an encoded name, and a policy that lets nothing run",
        (f"{FILES}::test_what_a_browser_might_run_is_sent_as_bytes", f"{FILES}::test_a_name_of_any_text_is_one_header"),
    ),
    "S22": Attempt(
        "archives that unpack elsewhere",
        "no archive is ever unpacked",
        ("architecture/test_source.py::test_no_archive_is_unpacked",),
    ),
    "S23": Attempt(
        "requests that name a backend, a bucket or an address",
        "400: they come from the configuration alone, and unknown parameters are refused everywhere",
        (f"{BAD}::test_an_unknown_parameter_is_400_everywhere",),
    ),
    "S24": Attempt(
        "having the service fetch an address",
        "no request names one; the keys of token issuers come from where the configuration says, without redirects",
        (
            f"{TOKENS}"
            "::test_an_issuer_that_was_never_reached_is_no_reason_to_refuse_for_good_and_redirects_are_not_followed",
        ),
    ),
    "S25": Attempt(
        "forged `X-Forwarded-For`",
        "believed of listed proxies alone, from the right",
        ("unit/entrypoints/http/test_proxies.py::test_the_nearest_address_that_is_no_trusted_proxy_is_the_callers",),
    ),
    "S26": Attempt(
        "one request too many: of a stranger, of a key, about one session",
        "429 with `Retry-After`, `RateLimit` and `RateLimit-Policy`, counted by all instances together",
        (
            f"{QUOTAS}::test_one_request_too_many_is_429_with_the_time_of_the_next_chance",
            f"{QUOTAS}::test_questions_about_one_session_are_few",
            f"{QUOTAS}::test_a_session_is_one_however_it_is_named",
            f"{QUOTAS}::test_lists_that_hide_a_session_among_others_are_as_few",
            f"{QUOTAS}::test_who_guesses_keys_is_stopped_and_a_good_key_from_there_is_not",
            "e2e/test_tracing.py::test_who_is_not_let_in_leaves_no_span_whatever_they_ask_for",
            f"{PROBES}::test_guesses_are_counted_and_stopped",
            f"{QUOTAS}::test_a_key_in_the_address_counts_like_a_guess",
            "unit/entrypoints/http/test_patterns.py::test_an_evil_text_is_judged_in_no_time",
            "contract/test_rate_limiter.py::test_in_no_stretch_of_time_are_there_more_than_the_limit",
            "contract/test_rate_limiter.py::test_two_instances_count_together",
        ),
    ),
    "S27": Attempt(
        "the same while the counter is away",
        "each instance grants its part, at least one; a gauge and a line say so",
        (
            "unit/domain/services/test_quotas.py"
            "::test_each_of_several_instances_takes_its_part_while_the_counter_is_away",
            "unit/domain/services/test_quotas.py::test_a_counter_that_is_away_is_asked_once_a_second_and_found_again",
            "unit/domain/services/test_quotas.py"
            "::test_what_was_refused_while_the_counter_was_away_is_asked_again_when_it_is_back",
        ),
    ),
    "S28": Attempt(
        "batches without end",
        "not counted, but bounded: bytes of one caller on their way, of all, and the buffer; uploads by their number; "
        "senders and readers by how long they may take",
        (
            f"{QUOTAS}::test_batches_and_probes_are_not_counted",
            f"{QUOTAS}::test_one_caller_does_not_hold_all_the_memory_for_bodies",
            f"{SERVER}::test_all_bodies_together_are_bounded",
            f"{FILES}::test_one_caller_does_not_take_all_the_uploads",
            f"{LASTING}::test_a_body_below_the_minimum_rate_is_given_up",
            f"{LASTING}::test_a_body_that_pauses_above_the_minimum_rate_is_taken",
            f"{LASTING}::test_who_takes_nothing_of_an_answer_is_cut",
            f"{LASTING}::test_who_asks_for_more_and_more_and_takes_nothing_is_cut",
        ),
    ),
    "S29": Attempt(
        "idempotency keys: odd, with another body, of another caller, twice at once",
        "400, 422, another key, 409",
        (
            f"{IDEMPOTENCY}::test_what_is_no_key_is_refused",
            f"{IDEMPOTENCY}::test_a_key_with_another_request_is_refused",
            f"{IDEMPOTENCY}::test_fifty_at_once_are_one_execution",
            f"{ACCESS}::test_one_caller_cannot_take_the_idempotency_key_of_another",
        ),
    ),
    "S30": Attempt(
        "line breaks and terminal sequences in names, addresses and headers",
        "one JSON line, escaped and bounded",
        (
            "unit/adapters/telemetry/test_logs.py::test_text_from_outside_never_breaks_or_colours_a_line",
            f"{SERVER}::test_bytes_that_are_no_text_in_a_header_are_named_without_harm",
        ),
    ),
    "S31": Attempt(
        "secrets in logs, metrics, problems, journals and databases; values of records in what a store says of them",
        "none: searched for by a whole run with recognisable ones",
        (
            f"{E2E_ACCESS}::test_no_secret_stands_in_logs_metrics_or_problems",
            f"{ENCRYPTION}::test_no_plaintext_is_kept_anywhere",
            f"{ENCRYPTION}::test_neither_the_buffer_that_instances_share_nor_its_worker_sees_a_plaintext",
            "integration/mysql/test_refusals.py::test_a_refusal_names_what_refuses_and_repeats_no_value",
            "integration/mysql/test_refusals.py::test_a_statement_that_is_not_understood_is_not_repeated",
            "integration/postgres/test_refusals.py::test_a_refusal_names_what_refuses_and_repeats_no_value",
            "integration/opensearch/test_backend.py"
            "::test_an_index_that_was_made_otherwise_refuses_its_records_and_no_others",
            "integration/redis/test_backend.py::test_what_was_sent_is_not_repeated_where_a_command_is_unknown",
        ),
        "of what a trigger of the database's owner says, all before the first quote is kept: it may name a value",
    ),
    "S32": Attempt(
        "metrics, documentation and the system's addresses from the public side",
        "404 where `[admin] port` gives operators a listener of their own; a key everywhere",
        (
            "e2e/test_admin_listener.py::test_the_public_listener_has_nothing_for_operators_and_theirs_has_everything",
            f"{PROBES}::test_each_address_asks_for_the_right_that_it_asks_for_in_the_api",
        ),
    ),
    "S33": Attempt(
        "making it fail, to learn from its errors",
        "a problem with an id and no detail; `Server` is empty",
        (
            f"{HTTP}/test_system.py::test_a_bug_is_a_500_that_tells_nothing_and_a_traceback_in_the_log",
            f"{SERVER}::test_every_answer_says_what_nobody_shall_make_of_it",
            f"{PROBES}::test_every_answer_says_what_nobody_shall_make_of_it",
        ),
    ),
    "S34": Attempt(
        "TLS 1.2, clear text, endless handshakes, certificates of others; of databases, Redis, buckets, OpenSearch too",
        "refused; a handshake counts as a connection, and those that never end leave half of the places to others; "
        "every backend is asked for its name, and no address can switch that off",
        (
            f"{TLS}::test_tls_1_2_is_refused_unless_it_is_asked_for",
            f"{TLS}::test_clear_text_gets_no_answer",
            f"{HTTP}/test_connections.py::test_who_never_ends_a_handshake_takes_no_place_from_others",
            f"{HTTP}/test_connections.py::test_a_crowd_at_once_never_holds_more_than_the_bound",
            f"{HTTP}/test_connections.py::test_of_a_crowd_those_who_came_last_stay",
            f"{HTTP}/test_connections.py::test_whoever_comes_and_asks_is_served_where_all_places_are_taken_by_the_idle",
            f"{TLS}::test_half_a_renewal_serves_nobody_and_is_told_once",
            f"{PROBES}::test_it_speaks_tls_where_the_service_does",
            "integration/mysql/test_tls.py::test_the_certificate_of_another_host_is_refused",
            "integration/postgres/test_start.py"
            "::test_tls_is_used_where_the_certificate_names_the_host_and_refused_where_it_does_not",
            "integration/redis/test_tls.py::test_a_strange_host_or_authority_is_refused_and_no_password_is_told",
            "integration/minio/test_tls.py::test_a_strange_host_or_authority_gets_no_object",
            "integration/opensearch/test_connection.py::test_what_is_wrong_with_tls_is_said",
        ),
    ),
    "S35": Attempt(
        "moving an encrypted value to another row, field or collection",
        "an error that is counted, never the plaintext",
        (
            f"{SEALING}::test_a_ciphertext_in_another_place_is_refused_and_counted",
            f"{SEALING}::test_a_ciphertext_of_another_collection_is_refused",
            f"{AES}::test_a_value_of_another_place_or_key_is_refused",
        ),
    ),
    "S36": Attempt(
        "telling equal encrypted values apart, or finding one",
        "ciphertexts differ; equality is by a keyed digest under a key of its own",
        (
            f"{SEALING}::test_equal_values_have_different_ciphertexts_and_one_blind",
            f"{SEALING}::test_equal_values_are_asked_for_by_their_blind",
            f"{AES}::test_equal_values_are_found_by_what_tells_nothing_else",
            "unit/domain/services/test_caching.py"
            "::test_no_guess_of_what_was_asked_meets_the_key_of_an_answer_about_encrypted_values",
        ),
    ),
    "S37": Attempt(
        "exchanging keys while serving, retiring one that is needed, starting without the keys",
        "old values are read and encrypted anew in the background; a refusal; exit 78 without the file; where that "
        "lacks a key, its values are refused and counted, and a warning names the key",
        (
            f"{ENCRYPTION}::test_what_was_written_before_and_under_other_keys_is_encrypted_anew_while_clients_write",
            f"{ENCRYPTION}::test_a_wrong_key_shows_nothing_and_the_right_one_everything",
            "unit/domain/services/test_rewrapping.py::test_a_write_that_comes_meanwhile_stays",
            "unit/domain/services/test_rewrapping.py::test_what_cannot_be_read_is_counted_and_left",
            "unit/entrypoints/test_encryption.py::test_a_reload_takes_no_other_key_under_a_known_name",
        ),
    ),
    "S38": Attempt(
        "one nonce twice",
        "96 bits of chance under data keys that are left long before they meet",
        (
            f"{AES}::test_of_a_million_encryptions_no_two_have_one_nonce",
            f"{AES}::test_a_data_key_is_left_after_so_many_uses",
        ),
    ),
    "S39": Attempt(
        "other methods, other protocols, no host",
        "405 with `Allow`, 400",
        (
            f"{BAD}::test_unknown_addresses_are_404_and_unknown_methods_405_with_allow",
            f"{SERVER}::test_broken_http_is_400_and_closed",
        ),
    ),
    "S40": Attempt(
        "a page of another origin; cookies",
        "no header lets one in, and no cookie is looked at; where nobody has to authenticate, 403 for what a browser "
        "sends for such a page, and for a `Host` that is no loopback one",
        (
            f"{ACCESS}::test_no_answer_lets_other_origins_in",
            f"{ACCESS}::test_where_nobody_authenticates_no_page_of_others_may_ask",
            f"{ACCESS}::test_where_nobody_authenticates_programs_and_own_pages_ask_as_before",
            f"{ACCESS}::test_where_the_network_is_protected_any_name_is_good_and_no_page_of_others_is",
            f"{ACCESS}::test_what_is_no_credential_lets_nobody_in",
        ),
    ),
    "S41": Attempt(
        "traversal and control characters in ids",
        "400",
        (f"{BAD}::test_an_impossible_id_in_the_address_is_400",),
    ),
    "S42": Attempt("fences that are guessed", "there are no leases yet", (), "leases come with recovery by many"),
    "S43": Attempt("claim tokens of others", "there are no leases yet", (), "leases come with recovery by many"),
    "S44": Attempt(
        "default and empty passwords, short secrets, keys and configurations that others may read",
        "exit 78, naming the key and never its value",
        (
            f"{SECRETS}::test_a_secret_that_everybody_knows_is_refused",
            f"{SECRETS}::test_secrets_in_a_file_that_is_open_to_others_are_refused",
            "e2e/test_tokens.py::test_a_secret_that_could_be_guessed_ends_the_start",
            f"{TLS}::test_files_that_cannot_be_used_end_the_start_with_a_sentence",
            f"{ENCRYPTION}::test_keys_that_others_can_read_end_the_start",
            "unit/domain/model/test_secret.py::test_nobody_but_the_owner_has_rights_to_a_file_of_secrets",
        ),
    ),
    "S45": Attempt(
        "dependencies with known holes",
        "floors that a test knows, hashes for all of them, a bill of materials by `make security`",
        (
            "unit/test_floors.py::test_no_dependency_is_below_its_floor",
            "security/test_advisories.py::test_a_known_hole_fails_with_its_name_and_its_cure",
            "security/test_advisories.py::test_what_the_index_knows_nothing_about_is_not_called_sound_nor_does_it_fail",
        ),
        "advisories are asked for where the package index serves them, or osv.dev is reached "
        "(`make security AUDIT='--vulnerability-service osv'`); what was not asked is said",
    ),
    "S46": Attempt(
        "whatever a generator thinks of",
        "the service keeps to its description, for every operation with and without keys and scopes",
        (f"{HTTP}/test_schemathesis.py::test_the_service_keeps_to_its_description_whatever_is_sent", MATRIX),
    ),
    "S47": Attempt(
        "reading or exchanging a backup",
        "what is encrypted in the database is encrypted in its backups",
        (f"{ENCRYPTION}::test_no_plaintext_is_kept_anywhere",),
        "the service makes no backups of its own yet",
    ),
    "S48": Attempt(
        "administrative actions that nobody remembers",
        "one line each, with who did it and what came of it; while the log cannot be written, nothing is done (503), "
        "and data goes on",
        (
            f"{KEYS}::test_what_administrators_do_is_told_with_who_did_it_and_what_came_of_it",
            f"{KEYS}::test_who_takes_records_out_of_the_service_is_told_of",
            "unit/adapters/telemetry/test_logs.py::test_what_administrators_do_is_written_however_little_is_wanted",
            "unit/entrypoints/cli/test_keys.py::test_what_is_done_to_keys_leaves_the_line_that_a_service_leaves",
            f"{AUDIT}::test_an_export_leaves_one_once_records_were_taken_out",
            f"{AUDIT}::test_a_copy_leaves_one",
            f"{AUDIT}::test_a_migration_leaves_one_and_a_look_none",
            f"{AUDIT}::test_keys_of_encrypted_fields_leave_one_each_also_where_no_configuration_can_be_read_yet",
            f"{AUDIT}::test_who_interrupts_a_command_that_has_changed_something_leaves_one_too",
            "e2e/test_command_line.py::test_a_key_of_whose_making_no_line_can_be_left_is_not_shown",
            f"{KEYS}::test_what_cannot_be_written_down_is_not_done",
            "e2e/test_logs.py::test_while_the_log_takes_nothing_administrators_do_nothing_and_data_goes_on",
        ),
        "the action whose line is the first that cannot be written is not undone: its answer says so, and shows no "
        "key. Nobody knows what a reader does with lines that it has taken",
    ),
}
