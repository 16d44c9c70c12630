"""Every test of a storage backend's contract, for ``from persistence_contract.suite import *``."""

from persistence_contract.abilities import *
from persistence_contract.conditional_writes import *
from persistence_contract.expiring import *
from persistence_contract.migrating import *
from persistence_contract.query import *
from persistence_contract.query_at_random import *
from persistence_contract.rewriting import *
from persistence_contract.storage_backend import *
from persistence_contract.unique_fields import *
from persistence_contract.wire import *
