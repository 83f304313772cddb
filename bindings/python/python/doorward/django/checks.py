"""What is wrong with a host's declaration, told by ``manage.py check`` before anything is served."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from doorward import Error as DoorwardError
from doorward.django.access import current_access

__all__ = ["check_access"]

BACKEND = "doorward.django.Backend"


def check_access(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Checks the setting ``DOORWARD`` and all that it declares.

    Returns:
        ``doorward.E001``: the setting names no ``Access``. ``doorward.E002``: a row cannot be derived
        from its model. ``doorward.E003``: the engine cannot be made, or a row does not fit its schema.
        ``doorward.W001``: a backend before ours may allow what policies refuse.
    """
    found: list[CheckMessage] = []
    backends = list(settings.AUTHENTICATION_BACKENDS)
    if BACKEND in backends[1:]:
        hint = "Put it first: what it refuses, no later backend is asked."
        found.append(Warning(f"{BACKEND} is not the first backend", hint=hint, id="doorward.W001"))
    try:
        access = current_access()
    except ImproperlyConfigured as error:
        return [*found, Error(str(error), id="doorward.E001")]
    try:
        tables = access.tables
    except ImproperlyConfigured as error:
        return found + [Error(it, id="doorward.E002") for it in error.args]
    try:
        policies = access.engine().policies
    except (DoorwardError, OSError) as error:
        return [*found, Error(f"the engine cannot be made: {error}", id="doorward.E003")]
    for table in tables.values():
        try:
            table.check(policies)
        except DoorwardError as error:
            found.append(Error(error.message, hint=error.help, obj=table.model, id="doorward.E003"))
    return found
