"""The collections that every instance of the service has."""

from __future__ import annotations

from domain.model.api_keys import API_KEYS
from domain.model.files import FILES
from domain.model.logs import LOGS
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS

BUILT_IN = (SESSIONS, TASKS, FILES, USERS, LOGS)
STORED = (*BUILT_IN, API_KEYS)
"""All that have tables: those that are served, and the keys."""
