from __future__ import annotations

import json

from entrypoints.http.openapi.document import document
from tests.integration.http.running import Running, running
from tests.integration.http.tour import EXAMPLES, PROBLEMS, Linking, stumble, walk


async def test_the_examples_of_the_description_are_what_the_service_answers() -> None:
    async with running(objects=Linking()) as service:
        assert await walk(service) == json.loads(EXAMPLES.read_bytes()), "`make openapi` records the examples anew"
        assert await stumble(service) == json.loads(PROBLEMS.read_bytes()), "`make openapi` records the examples anew"


async def test_the_service_describes_itself(service: Running) -> None:
    status, found, _ = await service.get("/openapi.json")
    assert (status, found) == (200, json.loads(json.dumps(document("0.0.0"))))
