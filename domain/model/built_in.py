"""The collections that every instance of the service has."""

from __future__ import annotations

from domain.model.files import FILES
from domain.model.logs import LOGS
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS

BUILT_IN = (SESSIONS, TASKS, FILES, USERS, LOGS)
