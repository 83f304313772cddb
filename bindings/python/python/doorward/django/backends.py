"""Django's permissions, decided by policies."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from doorward.django.access import current_access

__all__ = ["Backend"]


class Backend:
    """An authentication backend that answers ``user.has_perm(perm, obj)``. It signs nobody in.

    ``"billing.pay_invoice"`` asks for the action ``pay`` on an instance of the model ``Invoice`` of the
    app ``billing``: what is before ``_invoice`` is the action. Any other codename is an action as it
    stands, as in ``"billing.pay"``; so is a permission without an app, as in ``"pay"``.

    Without an object there is nothing to decide about: it answers ``False``, as for objects of models
    without a ``Row``, and other backends are asked. What is refused about any other object, no later
    backend is asked: it raises ``PermissionDenied``, of which ``has_perm`` makes ``False``. So put it
    first in ``AUTHENTICATION_BACKENDS``.

    Django asks no backend about active superusers: their ``has_perm`` is always true. ``require``,
    ``visible_to`` and the template tag ask the policies, which know no superusers. So where
    ``has_perm`` decides, keep superusers out of the portal; ``GuardMiddleware`` fails their views, in
    which nothing was checked.

    There is no ``with_perm`` and no ``has_module_perms``: principals are found from users, not users
    from principals, and permissions for a whole app are not the policies'.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        return None

    async def aauthenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        return None

    def get_user(self, user_id: Any) -> None:
        return None

    async def aget_user(self, user_id: Any) -> None:
        return None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Whether a user may do something with an object.

        Raises:
            PermissionDenied: He may not, whatever later backends say.
        """
        access = current_access()
        if not access.guards(obj):
            return False
        action = action_of(perm, obj)
        if action is None or not access.allows(user_obj, action, obj):
            raise PermissionDenied
        return True

    async def ahas_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return await sync_to_async(self.has_perm)(user_obj, perm, obj)


def action_of(perm: str, obj: Any) -> str | None:
    """The action that a permission stands for; ``None`` for one of another app than the object's."""
    label, dot, codename = perm.rpartition(".")
    if dot and label != obj._meta.app_label:
        return None
    return codename.removesuffix(f"_{obj._meta.model_name}") if dot else codename
