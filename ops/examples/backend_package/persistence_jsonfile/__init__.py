"""The backend type ``jsonfile``: its settings, and how it is built."""

from __future__ import annotations

from ports.backend_type import BackendContext, BackendSettings, BackendType, OpenableBackend


class JsonFileSettings(BackendSettings, frozen=True, kw_only=True):
    """What ``[backends.NAME]`` may say beside ``type = "jsonfile"``."""

    path: str = "{data_dir}/records.json"


def build(settings: JsonFileSettings, context: BackendContext) -> OpenableBackend:
    """Assign, and touch nothing: what is built is opened later."""
    from persistence_jsonfile.backend import JsonFileBackend

    return JsonFileBackend(context.path(settings.path))


JSON_FILE = BackendType(JsonFileSettings, build)
