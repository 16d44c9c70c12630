#!/usr/bin/env python3
"""A translation worker that may crash at any moment: run it again, and it goes on where it was.

It asks for the interrupted sessions, gets each one back with every task that is not finished, translates them, sends
the results in batches, and sets the session to completed. It keeps nothing of its own: a result that was answered is
stored and does not come back; one that was not is translated once more. Where the service is busy or away, it waits.

Usage: translation_worker.py [URL]        needs Python alone; URL is http://127.0.0.1:8080 by default
"""

import json
import sys
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

API = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080") + "/api/v1/translation"
BATCH = 50


def translated(task: dict) -> dict:
    """What is changed in a finished task. Put your engine here."""
    text = f"[{task['target_lang']}] {task['source_text']}"
    return {"task_id": task["task_id"], "status": "completed", "translated_text": text}


def call(method: str, path: str, body: object = None) -> dict:
    """One request, repeated for as long as the service is busy or away."""
    data = json.dumps(body).encode() if body else None
    while True:
        request = Request(API + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except HTTPError as error:
            if error.code == 409:  # another worker has finished this session
                return {"tasks": []}
            if error.code not in (429, 503):
                sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")
            pause, cause = float(error.headers.get("Retry-After", 1)), error
        except (OSError, HTTPException, json.JSONDecodeError) as error:  # refused, reset, cut off
            pause, cause = 1, error
        print(f"{method} {path}: {cause}; again in {pause:g} s", file=sys.stderr)
        time.sleep(pause)


while sessions := call("GET", "/recovery/incomplete-sessions?consistency=strong")["items"]:
    for session in sessions:
        key = quote(session["session_id"], safe="")
        while tasks := call("POST", f"/recovery/restore/{key}")["tasks"]:
            for begin in range(0, len(tasks), BATCH):
                call("PATCH", "/tasks/batch", {"tasks": [translated(task) for task in tasks[begin : begin + BATCH]]})
        call("PATCH", f"/sessions/{key}", {"status": "completed"})
        print(f"{session['session_id']}: completed", flush=True)
