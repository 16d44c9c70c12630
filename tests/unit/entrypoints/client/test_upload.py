"""Import into a running service."""

import json

import pytest

from entrypoints.client.http import Client
from entrypoints.client.upload import Gap, Upload


@pytest.fixture
def file(tmp_path):
    def write(*records, name="tasks.ndjson"):
        path = tmp_path / name
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return write


def tasks(count):
    return [{"task_id": f"t{number}"} for number in range(count)]


def take(request, body):
    return 202, {"count": len(json.loads(body)["tasks"])}


def judge(bad):
    """Take the good ones; a batch of bad ones alone is refused."""

    def answer(request, body):
        records = json.loads(body)["tasks"]
        errors = [
            {"pointer": f"/tasks/{place}/status", "code": "invalid", "detail": "Invalid enum value."}
            for place, record in enumerate(records)
            if record["task_id"] in bad
        ]
        taken = len(records) - len(errors)
        return (202 if taken else 422), {"count": taken, "errors": errors[:100], "code": "c", "detail": "d"}

    return answer


async def run(script, *files, batch_size=10, in_flight=4, patience=0.2):
    positions = []
    client = Client(script.url, patience_seconds=patience, connections=in_flight)
    upload = Upload(client, batch_size=batch_size, in_flight=in_flight)
    async with client:
        await upload.run(files, lambda records, position: positions.append((records, position)))
    return upload, positions


async def test_every_record_is_sent_once_and_acknowledged(script, file):
    script.answers = [take]
    path = file(*tasks(95))
    upload, positions = await run(script, path)
    sent = [record["task_id"] for *_, body in script.requests for record in json.loads(body)["tasks"]]
    assert sorted(sent) == sorted(record["task_id"] for record in tasks(95))
    assert (upload.acknowledged, upload.refused, upload.gaps, upload.failure) == (95, 0, (), None)
    assert max(positions) == (95, path.stat().st_size)
    method, path, query, _ = script.requests[0]
    assert (method, path, query) == ("POST", "/api/v1/translation/tasks/batch", {"on_error": "continue"})


async def test_progress_never_goes_back_where_answers_overtake_each_other(script, file):
    script.answers = ["reset", take]
    path = file(*tasks(95))
    _, positions = await run(script, path, patience=30)
    assert positions == sorted(positions)
    assert positions[-1] == (95, path.stat().st_size)


async def test_refused_records_are_named_by_line_and_the_others_go_on(script, file):
    script.answers = [judge({"t3", "t17"})]
    upload, _ = await run(script, file(*tasks(30)))
    assert (upload.acknowledged, upload.refused, upload.gaps) == (28, 2, ())
    assert sorted((r.line, r.detail) for r in upload.refusals) == [
        (4, "status: Invalid enum value."),
        (18, "status: Invalid enum value."),
    ]


async def test_a_field_is_named_once(script, file):
    error = {"pointer": "/tasks/0/status", "code": "missing", "detail": "`status` is missing."}
    script.answers = [(422, {"errors": [error], "code": "c", "detail": "d"})]
    upload, _ = await run(script, file(*tasks(1)))
    assert [refusal.detail for refusal in upload.refusals] == ["`status` is missing."]


async def test_a_batch_of_bad_records_alone_is_named_too(script, file):
    script.answers = [judge({"t0", "t1", "t2"})]
    upload, _ = await run(script, file(*tasks(3)))
    assert (upload.acknowledged, sorted(r.line for r in upload.refusals)) == (0, [1, 2, 3])


async def test_refusals_beyond_those_an_answer_lists_are_counted(script, file):
    script.answers = [judge({f"t{number}" for number in range(150)})]
    upload, _ = await run(script, file(*tasks(200)), batch_size=200)
    assert (upload.acknowledged, upload.refused) == (50, 150)
    assert "50 more records of lines 1-200" in upload.refusals[-1].detail


async def test_two_faults_of_one_record_are_one_refusal(script, file):
    errors = [{"pointer": "/tasks/0/status", "detail": "a"}, {"pointer": "/tasks/0/priority", "detail": "b"}]
    script.answers = [(202, {"count": 1, "errors": errors})]
    upload, _ = await run(script, file(*tasks(2)))
    assert (upload.acknowledged, upload.refused, upload.refusals[0].detail) == (1, 1, "status: a")


@pytest.mark.parametrize("status", [400, 413])
async def test_a_request_refused_as_a_whole_is_taken_apart(script, file, status):
    def answer(request, body):
        records = json.loads(body)["tasks"]
        if any(record["task_id"] == "t6" for record in records):
            return status, {"code": "malformed_body", "detail": "Something in here cannot be read."}
        return take(request, body)

    script.answers = [answer]
    upload, _ = await run(script, file(*tasks(10)))
    assert (upload.acknowledged, upload.refused, upload.gaps) == (9, 1, ())
    assert (upload.refusals[0].line, upload.refusals[0].detail) == (7, "Something in here cannot be read.")


async def test_unreadable_lines_are_refused_without_asking(script, file):
    script.answers = [take]
    upload, _ = await run(script, file({"task_id": "a"}, "nonsense", {"task_id": "b"}))
    assert (upload.acknowledged, upload.refused, upload.refusals[0].line) == (2, 1, 2)


async def test_a_service_that_comes_back_loses_nothing(script, file):
    script.answers = [take, "reset", (503, {}), "reset", (429, {}), take]
    upload, _ = await run(script, file(*tasks(100)), patience=30)
    assert (upload.acknowledged, upload.gaps) == (100, ())


async def test_each_request_has_a_key_of_its_own_however_often_it_is_sent(script, file):
    script.answers = [take, "reset", (503, {}), take]
    await run(script, file(*tasks(30)), in_flight=1, patience=30)
    first, *second, third = script.keys
    assert len(second) == 3
    assert len({first, third, *second}) == 3
    assert None not in script.keys


async def test_halves_of_a_request_are_requests_of_their_own(script, file):
    script.answers = [(413, {"code": "payload_too_large", "detail": "Large."}), take]
    await run(script, file(*tasks(10)))
    assert len(set(script.keys)) == 3


async def test_a_service_that_stays_away_ends_the_run_and_the_rest_is_named(script, file):
    script.answers = [take, take, (503, {"code": "buffer_full", "detail": "Full."})]
    first, second = file(*tasks(100)), file(*tasks(5), name="more.ndjson")
    upload, _ = await run(script, first, second, in_flight=1)
    assert upload.acknowledged == 20
    assert upload.gaps == (
        Gap(file=str(second), first=1, last=None),
        Gap(file=str(first), first=21, last=None),
    )
    assert "answers 503: Full" in str(upload.failure)


async def test_an_answer_that_makes_no_sense_ends_the_run(script, file):
    script.answers = [(403, {"code": "forbidden", "detail": "Not you."})]
    upload, _ = await run(script, file(*tasks(10)))
    assert (upload.acknowledged, upload.gaps[0].first) == (0, 1)
    assert "403: Not you" in str(upload.failure)


async def test_a_proxy_that_refuses_one_large_record_does_not_keep_the_others(script, file):
    script.answers = [lambda _, body: (413, ["too large"]) if b"t6" in body else take(_, body)]
    upload, _ = await run(script, file(*tasks(10)))
    assert (upload.acknowledged, upload.gaps) == (9, ())
    assert (upload.refusals[0].line, upload.refusals[0].detail) == (7, "refused with status 413")


async def test_a_file_that_is_named_twice_is_sent_once_and_one_that_is_gone_ends_nothing(script, file):
    script.answers = [take]
    path, empty = file(*tasks(3)), file(name="empty.ndjson")
    upload, _ = await run(script, path, empty, path, empty, batch_size=2)
    assert (upload.acknowledged, upload.gaps) == (3, ())
    gone = path.with_name("gone.ndjson")
    upload, _ = await run(script, gone, path)
    assert (upload.acknowledged, upload.refused, upload.gaps) == (3, 1, ())
    assert upload.refusals[0].detail == "the file cannot be read on from here: No such file or directory"
