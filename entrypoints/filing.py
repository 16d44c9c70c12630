"""How files are kept, by the configuration; none of it does I/O."""

from __future__ import annotations

from functools import partial

from adapters.localdisk.object_store import LocalDiskObjectStore
from domain.errors import missing_driver
from domain.model.files import FILES
from domain.services.buffer import BufferManager
from domain.services.changes import ChangeService
from domain.services.file_links import FileLinks
from domain.services.files import FileService
from domain.services.orphans import OrphanSweeper
from domain.services.query import QueryService
from domain.services.schema import Schemas
from domain.services.uploads import UploadService
from domain.services.whereabouts import Whereabouts
from entrypoints.backends import Backends
from entrypoints.http.upload import Uploads
from entrypoints.sections import ObjectSettings
from entrypoints.settings import Settings
from entrypoints.store_watch import OpenableObjectStore, StoreWatch
from ports.ambient import Clock, Ids, Observer
from ports.dead_letters import DeadLetters


class Filing:
    """Everything that files need."""

    def __init__(
        self,
        backends: Backends,
        schemas: Schemas,
        changes: ChangeService,
        query: QueryService,
        buffer: BufferManager,
        dead_letters: DeadLetters,
        ids: Ids,
        observer: Observer,
        clock: Clock,
        objects: OpenableObjectStore | None = None,
    ) -> None:
        """``objects``: instead of the store that is configured. Raises StartFailure."""
        settings = backends.settings
        self.uploads = Uploads(settings.objects.parallel_uploads)
        self.files: FileService | None = None  # None: none are kept here
        self.resumable: UploadService | None = None
        self.links: FileLinks | None = None
        objects = objects or build_objects(settings)
        if objects is None:
            self.watch = StoreWatch(None, None, lambda: None, observer)
            return
        limits, of_all = settings.objects.limits, bool(settings.shared_partitions)
        self.files = FileService(objects, schemas, changes, query, lambda: buffer.instance, ids, clock, limits)
        self.resumable = UploadService(objects, self.files, ids, clock)
        self.links = FileLinks(objects, query, self.resumable, clock)
        whereabouts = Whereabouts(objects, partial(backends.place, FILES.name), clock)
        sweeper = OrphanSweeper(objects, query, dead_letters, clock, self.resumable, whereabouts)
        self.watch = StoreWatch(objects, sweeper, lambda: None if of_all else buffer.instance, observer)


def build_objects(settings: Settings) -> OpenableObjectStore | None:
    """The object store; None where files are off. Raises StartFailure."""
    if settings.files_are_off:
        return None
    if settings.objects.type == "local":
        return LocalDiskObjectStore(settings.objects_folder)
    return _bucket(settings.objects)


def _bucket(objects: ObjectSettings) -> OpenableObjectStore:
    try:
        from adapters.minio.object_store import MinioObjectStore
        from adapters.minio.settings import MinioSettings
    except ModuleNotFoundError as error:
        raise missing_driver("objects.type", error, "s3") from error
    assert objects.access_key is not None and objects.secret_key is not None  # noqa: S101, PT018  # settings say so
    return MinioObjectStore(
        MinioSettings(
            endpoint=objects.endpoint,
            bucket=objects.bucket,
            access_key=objects.access_key,
            secret_key=objects.secret_key,
            public_endpoint=objects.public_endpoint,
            region=objects.region,
            tls=objects.tls,
            ca_file=objects.ca_file,
            connect_seconds=objects.connect_seconds,
            read_seconds=objects.read_seconds,
        )
    )
