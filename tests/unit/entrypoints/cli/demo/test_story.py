"""The reckoning of the demonstration: it must be able to say that something was lost."""

import msgspec
import pytest

from entrypoints.cli.demo.catalogue import INTERRUPTED, Catalogue, equal
from entrypoints.cli.demo.story import judged
from entrypoints.cli.demo.worker import Worker
from entrypoints.client.http import Client

WORK = {key: {"task_id": key} for key in "abcdefg"}


@pytest.fixture
def worker():
    worker = Worker(Client("http://127.0.0.1:1"))
    worker.acknowledged = {"a", "b"}
    worker.unanswered = [("c", "d"), ("e",)]
    return worker


def reckoning(worker, unfinished):
    return [(each.promised, each.kept) for each in judged(WORK, worker, {key: WORK[key] for key in unfinished})]


@pytest.mark.parametrize("unfinished", ["fg", "cdfg", "efg", "cdefg"])
def test_requests_without_an_answer_may_be_taken_or_not(worker, unfinished):
    assert reckoning(worker, unfinished) == [(2, 2), (2, 2), (2, 2)]


def test_an_acknowledged_task_that_is_unfinished_again_is_a_loss(worker):
    assert reckoning(worker, "afg")[0] == (2, 1)


def test_half_a_request_is_a_loss(worker):
    assert reckoning(worker, "cfg")[1] == (2, 1)


def test_an_unfinished_task_that_is_not_given_back_is_a_loss(worker):
    assert reckoning(worker, "f")[2] == (2, 1)


def test_the_bundled_records_are_whole_and_one_session_can_be_undone(tmp_path):
    catalogue = Catalogue()
    assert {task["session_id"] for task in catalogue.tasks.values()} == catalogue.sessions.keys()
    assert len(catalogue.work) == catalogue.sessions[INTERRUPTED]["total_tasks"]
    sessions, tasks = catalogue.write_unfinished(tmp_path)
    written = {task["task_id"]: task for task in map(msgspec.json.decode, tasks.read_bytes().splitlines())}
    assert {key for key, task in written.items() if not equal(catalogue.tasks[key], task)} == catalogue.work.keys()
    assert {written[key]["status"] for key in catalogue.work} == {"pending"}
    assert not any("translated_text" in written[key] for key in catalogue.work)
    assert len(sessions.read_bytes().splitlines()) == len(catalogue.sessions)


def test_a_stored_record_must_say_all_that_was_sent():
    sent = {"task_id": "t", "updated_at": "2025-01-01T00:00:00.000Z", "metadata": {"a": 1}}
    stored = sent | {"updated_at": "2025-01-01T00:00:00.000000Z", "revision": "1", "priority": 0}
    assert equal(sent, stored)
    for wrong in ({"updated_at": "2025-01-01T00:00:00.000001Z"}, {"metadata": {"a": 2}}):
        assert not equal(sent, stored | wrong)
    assert not equal(sent, {"task_id": "t"})
