"""Write ``ops/openapi.json``, the API's description as it was last agreed on: a part of ``make openapi``."""

import json
from pathlib import Path

from entrypoints.http.openapi.document import document
from entrypoints.version import VERSION

text = json.dumps(document(VERSION), indent=1) + "\n"
Path(__file__).with_name("openapi.json").write_text(text, encoding="utf-8")
