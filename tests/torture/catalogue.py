"""How services like this one have failed, and what keeps each failure out of this one.

F01-F15 are failures of pending logs, F20-F29 of delivery, F30-F35 of streams, F40-F45 of clients of MySQL, each seen
in the field; the other letters are faults that can be brought about: of the service (S), the network (N), the
database (D), Redis (R), the disk (K), poison (P), and crowds of clients (T). An answer is a test
(``folder/file.py::test``), or a row of ``make torture`` by its name, or by what its names begin with. What has no
answer says why.
"""

from __future__ import annotations

import msgspec

JOURNAL = "integration/journal/test_failure_catalogue.py"
FLUSH = "unit/domain/services/test_flush.py"
MYSQL = "integration/mysql"
POSTGRES = "integration/postgres"
CONTRACT = "contract/persistence_contract"
HTTP = "integration/http"
REDIS = "integration/redis/test_shared_buffer.py"


class Failure(msgspec.Struct, frozen=True):
    """One line of the catalogue."""

    what: str
    tests: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    missing: str = ""  # why there is no answer, or not a whole one


FAILURES = {
    "F01": Failure(
        "answered before the fsync (Vector #22489)",
        (f"{JOURNAL}::test_f01_what_was_answered_survives_whatever_was_not_synced",),
        ("power-cuts", "mutations"),
    ),
    "F02": Failure(
        "a new file lost: its directory, or an ancestor, was not fsynced (Vector PR #25766, #25779)",
        (
            f"{JOURNAL}::test_f02_the_very_first_answer_survives_with_all_its_folders",
            f"{JOURNAL}::test_f02_folders_that_a_killed_process_made_are_made_durable_by_the_next",
        ),
        ("power-cuts", "mutations"),
    ),
    "F03": Failure(
        "a crash during a roll: writer and reader wait for each other for ever (Vector PR #25768)",
        (f"{JOURNAL}::test_f03_a_power_cut_anywhere_in_a_roll_leaves_a_log_that_goes_on",),
    ),
    "F04": Failure(
        "a file removed before the read position was durable (Vector PR #25570)",
        (f"{JOURNAL}::test_f04_a_power_cut_anywhere_in_a_commit_leaves_everything_that_waits",),
    ),
    "F05": Failure(
        "counters drift from the files after a crash (Vector #21683, PR #25845)",
        (f"{JOURNAL}::test_f05_depth_is_what_the_files_say_after_any_crash",),
    ),
    "F06": Failure(
        "one damaged frame blocks everything behind it (Vector #17644, Telegraf #18528)",
        (
            f"{JOURNAL}::test_f06_damaged_frames_are_set_aside_and_everything_behind_them_is_served",
            "integration/test_damaged_journal.py"
            "::test_the_records_of_a_damaged_frame_stand_in_the_dead_letters_and_the_others_are_stored",
        ),
    ),
    "F07": Failure(
        "a log that cannot be opened is wiped (VictoriaMetrics #702, #4720)",
        (f"{JOURNAL}::test_f07_a_start_that_fails_removes_and_changes_nothing",),
        ("journal-read-only",),
    ),
    "F08": Failure(
        "the start loads the whole backlog (Vector #26035, Fluent Bit #5166)",
        (f"{JOURNAL}::test_f08_a_start_reads_the_last_segment_and_little_else",),
        ("full-restart",),
    ),
    "F09": Failure(
        "wrap-around hidden by tiny numbers in the tests (Vector #19759)",
        (f"{JOURNAL}::test_f09_sequences_and_segment_ids_beyond_32_bits",),
    ),
    "F10": Failure(
        "another configuration at the restart deletes the backlog (Fluent Bit #2246)",
        (
            f"{JOURNAL}::test_f10_another_configuration_at_the_restart_keeps_the_backlog",
            "e2e/test_starting.py::test_a_wrong_configuration_is_refused_by_the_name_of_its_key",
        ),
    ),
    "F11": Failure(
        "truncation off by one: never shrinks, or the last entries come again (Telegraf #16696, #16500)",
        (f"{JOURNAL}::test_f11_the_log_shrinks_to_what_waits_and_sends_nothing_twice",),
    ),
    "F12": Failure(
        "tiny writes with one sync each (Telegraf #18085)",
        (f"{JOURNAL}::test_f12_concurrent_appends_share_their_syncs",),
    ),
    "F13": Failure(
        "a record larger than a segment kills the process or vanishes (Vector's disk buffer)",
        (f"{JOURNAL}::test_f13_a_frame_larger_than_a_segment_is_refused_and_harms_nothing",),
    ),
    "F14": Failure(
        "the source's position advanced before the data was durable (Fluent Bit #6995)",
        (f"{JOURNAL}::test_f14_reading_moves_nothing_and_only_a_commit_does",),
        ("killed-before-commit",),
    ),
    "F15": Failure(
        "a failed fsync is tried again and succeeds (PostgreSQL, 2018)",
        (
            f"{JOURNAL}::test_f15_a_failed_fsync_is_never_tried_again_and_its_frames_are_never_answered",
            "unit/entrypoints/test_lifespan.py::test_a_failed_fsync_of_an_append_ends_the_process_with_70",
        ),
        ("journal-sync-fails",),
    ),
    "F20": Failure(
        "one bad row fails innocent requests (ClickHouse #86651, Kafka Connect JDBC #380)",
        (f"{FLUSH}::test_poison_is_isolated_and_its_neighbours_are_stored",),
    ),
    "F21": Failure(
        "retries run out in an outage and everything is dropped or dead-lettered (Kafka Connect JDBC #964)",
        (f"{FLUSH}::test_an_outage_is_waited_out_and_harms_no_record",),
        ("database-", "no-sessions-", "wire-"),
    ),
    "F22": Failure(
        "a partial failure sends the whole batch again and duplicates it (Connect PR #4400, #2757)",
        (
            f"{FLUSH}::test_a_write_whose_reply_was_lost_is_repeated_without_effect",
            f"{CONTRACT}/wire.py::test_a_write_whose_answer_was_lost_is_repeated_without_effect",
        ),
        ("replies-lost-", "executed-then-late-"),
    ),
    "F23": Failure(
        "removed although its last send failed during the shutdown (OpenTelemetry Collector #6771, #6020)",
        (
            "e2e/test_stopping.py::"
            "test_a_stop_that_cannot_flush_in_time_ends_with_75_and_the_next_start_applies_the_rest",
            "unit/entrypoints/test_lifespan.py::test_rows_that_a_hurry_leaves_stay_in_the_journal_for_the_next_start",
        ),
    ),
    "F24": Failure(
        "routes changed in an outage drop data or stop for ever (Prometheus #12559, #10264, #6095)",
        (
            f"{FLUSH}::test_who_waits_goes_on_waiting_when_another_drain_takes_over",
            f"{FLUSH}::test_a_batch_broken_off_behind_its_watermark_is_not_taken_for_damage",
            "e2e/test_reload.py::test_backends_are_swapped_under_load_without_a_closed_window",
            "e2e/test_copy.py::test_a_switch_that_is_killed_leaves_the_service_where_the_file_says",
        ),
    ),
    "F25": Failure(
        "a flush at the shutdown that never ran (ClickHouse PR #114839): judged by content, not by the log",
        ("e2e/test_stopping.py::test_a_stop_under_load_flushes_everything_and_ends_with_0",),
    ),
    "F26": Failure(
        "state half changed where memory ended (ClickHouse PR #114839)",
        (
            "unit/domain/services/test_push_path.py::"
            "test_memory_that_ends_at_any_line_of_the_push_path_leaves_no_half_of_a_batch",
        ),
    ),
    "F27": Failure(
        "the first hours of a long outage overwritten (OpenTelemetry Collector contrib #48635)",
        (
            "unit/domain/services/test_buffer.py::test_a_full_buffer_refuses_and_names_what_waits",
            "unit/domain/services/test_buffer.py::test_room_returns_when_records_are_stored",
        ),
        ("outage-",),
    ),
    "F28": Failure(
        "a batching stage in front of the durable queue loses its content (OpenTelemetry Collector #12711)",
        ("e2e/test_kill_loop.py::test_nothing_acknowledged_is_lost_when_the_process_is_killed_under_load",),
        ("service-killed", "killed-before-commit"),
    ),
    "F29": Failure(
        "all places for retries taken, and intake stalls in silence (Fluent Bit #9115, #4378)",
        (
            f"{FLUSH}::test_flush_names_what_stays_when_the_backend_is_down",
            "unit/domain/services/test_breaker.py::test_all_lanes_of_a_backend_wait_for_one_probe_and_lose_nothing",
        ),
    ),
    "F30": Failure(
        "trimmed entries stay pending (Redis #6199)",
        (f"{REDIS}::test_the_watermark_frees_exactly_what_it_has_passed",),
        ("shared-",),
    ),
    "F31": Failure(
        "a trim that removes nothing (Redis #14656)",
        (f"{REDIS}::test_the_watermark_frees_exactly_what_it_has_passed",),
    ),
    "F32": Failure(
        "a removed consumer takes its pending entries along",
        (f"{REDIS}::test_a_lease_has_one_holder_and_goes_to_another_when_it_ends",),
    ),
    "F33": Failure(
        "a worker that never reads pending entries (TaskIQ Redis #130)",
        (f"{REDIS}::test_a_lease_has_one_holder_and_goes_to_another_when_it_ends",),
        ("shared-worker-killed",),
    ),
    "F34": Failure(
        "a slow worker's entries are claimed while it lives (Redis #13956)",
        (f"{REDIS}::test_a_former_owner_moves_no_watermark_and_frees_nothing",),
    ),
    "F35": Failure(
        "a stream that is gone: NOGROUP on every read",
        (f"{REDIS}::test_a_log_that_redis_lost_begins_again_with_numbers_that_were_never_given",),
    ),
    "F40": Failure(
        "an upsert that the driver takes apart, a statement a row (aiomysql #968, asyncmy #116)",
        (
            f"{MYSQL}/test_upsert.py::test_a_batch_is_one_statement_and_nothing_else",
            "unit/adapters/mysql/test_bulk.py::test_a_batch_is_one_statement",
        ),
    ),
    "F41": Failure(
        "a cancelled call leaves its answer to the next user of the connection (asyncmy #103, #100)",
        (
            f"{MYSQL}/test_session.py::test_a_cancelled_call_never_leaves_its_answer_to_another",
            f"{POSTGRES}/test_pool.py::test_a_cancelled_block_ends_its_session_and_its_statement",
        ),
    ),
    "F42": Failure(
        "a session keeps the state that its last user gave it (aiomysql #462)",
        (
            f"{MYSQL}/test_session.py::test_a_session_whose_settings_do_not_hold_is_not_used",
            f"{MYSQL}/test_transactions.py::test_repeatable_reads_see_one_snapshot_and_the_next_transaction_does_not",
            f"{POSTGRES}/test_sessions.py::test_every_session_is_told_how_to_be",
        ),
    ),
    "F43": Failure(
        "deadlocks of upserts (MySQL #52020, #98324, #116459)",
        (
            f"{MYSQL}/test_upsert.py::test_sorted_batches_of_many_writers_do_not_wait_for_each_other_in_circles",
            f"{POSTGRES}/test_bulk.py::test_concurrent_batches_of_the_same_keys_never_wait_for_each_other_in_a_circle",
        ),
        ("overlapping-writers-",),
    ),
    "F44": Failure(
        "a statement beyond max_allowed_packet looks like an outage and is repeated for ever",
        (
            f"{MYSQL}/test_upsert.py::test_a_batch_beyond_the_packet_is_several_statements_and_one_transaction",
            "unit/adapters/mysql/test_bulk.py::"
            "test_a_large_row_goes_alone_and_one_that_no_packet_holds_is_refused_by_its_place",
        ),
    ),
    "F45": Failure(
        "waiting for a lock in vain undoes the statement alone, and a commit keeps the rest",
        (f"{MYSQL}/test_transactions.py::test_waiting_for_a_lock_in_vain_leaves_nothing_of_the_transaction",),
        ("rows-locked-",),
    ),
    "S1": Failure("the service killed", rows=("service-killed", "worker-killed")),
    "S2": Failure(
        "killed between fsync and commit, and between commit and watermark",
        ("integration/test_confluence.py::test_a_crash_between_commit_and_watermark_repeats_a_batch_without_effect",),
        ("killed-before-commit", "killed-before-watermark"),
    ),
    "S3": Failure("the service stopped and continued", rows=("service-stopped",)),
    "S4": Failure(
        "SIGTERM under load, twice, and in a start",
        (
            "e2e/test_stopping.py::test_a_stop_under_load_flushes_everything_and_ends_with_0",
            "unit/entrypoints/test_stop.py::test_work_is_finished_unless_there_is_a_hurry",
            "e2e/test_stopping_hard.py::test_a_second_signal_waits_for_nothing",
            "e2e/test_stopping_hard.py::test_a_kill_amid_the_last_flush_loses_nothing_and_is_told_by_the_next_start",
            "e2e/test_stopping_hard.py::test_a_stop_during_the_replay_of_a_former_run_loses_nothing",
        ),
    ),
    "S5": Failure(
        "the kernel ends it for want of memory",
        ("unit/domain/services/test_pending.py::test_the_memory_that_waiting_frames_take_is_near_their_weight",),
        missing="no control group can be counted on; that memory is bounded is what keeps the kernel away",
    ),
    "S6": Failure("no more descriptors", rows=("descriptors",)),
    "S7": Failure(
        "the event loop held up",
        (f"{HTTP}/test_server.py::test_a_gzip_bomb_is_413_before_it_is_inflated",),
    ),
    "N1": Failure("a slow network", rows=("wire-slow-",)),
    "N2": Failure(
        "connections reset in the middle of a batch",
        (f"{CONTRACT}/wire.py::test_a_cut_wire_is_an_outage_and_its_end_the_end_of_it",),
        ("wire-cut-",),
    ),
    "N3": Failure("executed, and the reply lost", rows=("replies-lost-", "executed-then-late-")),
    "N4": Failure("packets vanish", rows=("wire-black-hole-",)),
    "N5": Failure(
        "some packets lost", rows=("wire-slow-", "wire-black-hole-"), missing="TCP makes of it what these rows do"
    ),
    "N6": Failure(
        "Redis out of reach, the database not",
        (f"{REDIS}::test_a_redis_that_hangs_costs_no_more_than_the_deadline",),
        ("shared-redis-stopped",),
    ),
    "D1": Failure(
        "the database killed in the middle of batches",
        ("integration/servers/test_kills.py::test_no_batch_is_partial_and_none_that_was_confirmed_is_missing",),
        ("database-killed-",),
    ),
    "D2": Failure(
        "the database frozen",
        (f"{MYSQL}/test_pool.py::test_a_frozen_server_holds_nobody_longer_than_the_deadline",),
        ("database-stopped-",),
    ),
    "D3": Failure(
        "the database read-only",
        (f"{MYSQL}/test_backend.py::test_a_server_that_takes_no_writes_is_unavailable_until_it_does",),
        ("database-read-only-",),
    ),
    "D4": Failure(
        "the database's disk full",
        ("e2e/test_full_disk.py::test_a_store_without_room_delays_records_and_makes_no_dead_letter_of_them",),
        ("database-full-",),
    ),
    "D5": Failure(
        "deadlocks and waits for locks",
        (
            f"{MYSQL}/test_transactions.py::"
            "test_of_two_that_wait_for_each_other_one_is_contended_and_nothing_of_it_stays",
        ),
        ("rows-locked-", "overlapping-writers-"),
    ),
    "D6": Failure("sessions killed, and no more to be had", rows=("sessions-killed-", "no-sessions-")),
    "D7": Failure(
        "errors 1020, 1153, 1205, 2006, 2013 and all others",
        (
            "unit/adapters/mysql/test_errors.py::test_each_number_is_translated_with_its_cause",
            "unit/adapters/postgres/test_errors.py::test_each_code_has_its_meaning",
        ),
    ),
    "D8": Failure(
        "a schema of another release",
        (
            f"{MYSQL}/test_schema.py::test_a_database_of_another_release_is_refused",
            f"{POSTGRES}/test_schema.py::test_a_database_of_a_newer_release_or_of_other_files_is_refused",
        ),
    ),
    "D9": Failure("a failover to a copy that lacks the last second", missing="the journal forgets what was stored"),
    "R1": Failure(
        "Redis killed, and back empty",
        (f"{REDIS}::test_a_log_that_redis_lost_begins_again_with_numbers_that_were_never_given",),
    ),
    "R2": Failure(
        "Redis frozen",
        (f"{REDIS}::test_a_redis_that_hangs_costs_no_more_than_the_deadline",),
        ("shared-redis-stopped",),
    ),
    "R3": Failure(
        "Redis out of memory",
        (f"{REDIS}::test_without_memory_an_append_is_refused_and_what_frees_memory_goes_on",),
        ("shared-redis-full",),
    ),
    "R4": Failure(
        "a consumer dies with entries in its hands",
        (f"{REDIS}::test_a_lease_has_one_holder_and_goes_to_another_when_it_ends",),
        ("shared-worker-killed",),
    ),
    "R5": Failure(
        "a Redis that forgets or evicts",
        (f"{REDIS}::test_a_redis_that_promises_too_little_is_refused_with_the_setting",),
    ),
    "K1": Failure(
        "the journal's disk full",
        (
            "e2e/test_full_disk.py::"
            "test_a_full_disk_is_answered_503_and_what_was_acknowledged_is_there_when_there_is_room",
        ),
        ("journal-full",),
    ),
    "K2": Failure(
        "an fsync that fails once",
        ("integration/journal/test_nth_call.py::test_the_nth_call_fails_for_every_n",),
        ("journal-sync-fails",),
    ),
    "K3": Failure(
        "a torn tail, and damage in the middle",
        (
            "integration/journal/test_crash_matrix.py::test_the_last_segment_cut_at_any_byte_of_its_last_three_frames",
            "integration/journal/test_crash_matrix.py::test_any_byte_of_a_frame_flipped",
        ),
    ),
    "K4": Failure(
        "a journal that cannot be written",
        ("e2e/test_starting.py::test_a_data_folder_on_a_read_only_file_system_is_refused",),
        ("journal-read-only",),
    ),
    "P1": Failure(
        "poison first, in the middle, last, and everywhere",
        (
            f"{FLUSH}::test_poison_is_isolated_and_its_neighbours_are_stored",
            f"{MYSQL}/test_upsert.py::test_the_record_to_blame_is_named_where_the_server_tells_and_its_batch_is_absent",
            f"{POSTGRES}/test_bulk.py::test_a_record_that_cannot_be_held_is_named_and_its_batch_is_whole_or_absent",
        ),
    ),
    "P2": Failure(
        "a kill while poison is being isolated",
        (
            "unit/domain/services/test_error_classes.py::"
            "test_a_kill_amid_the_isolation_of_poison_makes_no_letter_twice_and_loses_no_neighbour",
        ),
    ),
    "T1": Failure(
        "a client that ignores 429",
        (
            "unit/domain/services/test_admission.py::"
            "test_a_greedy_client_meets_the_mark_first_and_is_taken_again_when_its_records_are_stored",
        ),
        ("overload",),
    ),
    "T2": Failure("everybody tries again after an outage", rows=("outage-overflowing-",)),
    "T3": Failure(
        "one Idempotency-Key many times at once",
        (
            "integration/http/test_idempotency.py::test_fifty_at_once_are_one_execution",
            "e2e/test_idempotency.py::test_of_many_at_once_one_instance_does_it",
        ),
    ),
}
