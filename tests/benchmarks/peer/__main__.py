"""``python -m tests.benchmarks.peer --port PORT --data-dir FOLDER``: the peer, serving."""

import argparse
from pathlib import Path

import uvicorn

from tests.benchmarks.peer.app import create_app

parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peer")
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--data-dir", type=Path, required=True)
options = parser.parse_args()
options.data_dir.mkdir(parents=True, exist_ok=True)
uvicorn.run(
    create_app(options.data_dir / "peer.db"),
    host="127.0.0.1",
    port=options.port,
    loop="uvloop",
    http="httptools",
    access_log=False,
    log_level="warning",
)
