"""Doorward for Django: lists, checks, buttons and a guard, from one declaration.

A host declares in one place what its rows are to the policies, and names it in the setting
``DOORWARD``::

    # portal/access.py
    access = Access(
        engine=engine,
        principal=principal,
        rows=[
            Row(Client, "Client"),
            Row(Contact, "Contact", ["client"]),
            Row(Invoice, "Invoice", ["client", "owner", "shared_with"]),
        ],
    )

    # settings.py
    DOORWARD = "portal.access.access"

What a check is told of a row and what a list asks of its table come of the same declaration, so that
the two cannot come apart. Then ``Invoice.objects.visible_to(user)`` selects what ``user`` may view,
``user.has_perm("portal.pay_invoice", invoice)`` and ``{% allowed "pay" invoice as may_pay %}`` decide
about a row, :func:`require` answers with 403 or 404, and :class:`GuardMiddleware` fails views that asked
nothing.
"""

from doorward.django.access import Access, Principal, Row
from doorward.django.backends import Backend
from doorward.django.middleware import GuardMiddleware, open_to_all
from doorward.django.querysets import VisibleManager, VisibleQuerySet
from doorward.django.shortcuts import arequire, require

__all__ = [
    "Access",
    "Backend",
    "GuardMiddleware",
    "Principal",
    "Row",
    "VisibleManager",
    "VisibleQuerySet",
    "arequire",
    "open_to_all",
    "require",
]
