"""What views call."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest

from doorward import Denied
from doorward.django.access import current_access
from doorward.types import ActionName

__all__ = ["arequire", "require"]


def require(
    request: HttpRequest, action: ActionName, row: models.Model, *, view: ActionName = "view"
) -> None:
    """Lets a request go on only if its user may do this with a row.

    Args:
        view: The action that lets somebody know that the row is there.

    Raises:
        PermissionDenied: He may not, but may view the row, or may do it once he has signed in again or
            given a second factor: HTTP 403. Its ``__cause__`` is a
            :class:`doorward.Denied`, whose ``decision`` tells a handler of 403 why, and what it would
            take, as in ``decision.step_up``.
        Http404: He may not even view it: the same as where ``get_object_or_404`` finds none.
        ImproperlyConfigured: The model has no ``Row``.
    """
    access = current_access()
    decision = access.check(request.user, action, row)
    if decision is not None and decision.allowed:
        return
    if decision is not None and access.is_disclosed(request.user, action, row, view):
        raise PermissionDenied from Denied(decision)
    raise Http404(f"No {row._meta.object_name} matches the given query.")


arequire = sync_to_async(require)
"""The same for views that are ``async``."""
