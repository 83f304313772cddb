"""``{% load doorward %}``: buttons for those who may press them."""

from __future__ import annotations

from typing import TypeAlias, cast

from django import template
from django.db import models
from django.template.context import Context

from doorward import Entity
from doorward.django.access import current_access
from doorward.types import ActionName

register = template.Library()

KEY = "doorward"
Known: TypeAlias = dict[str, dict[int, tuple[models.Model, list[Entity]]]]


@register.simple_tag(takes_context=True)
def allowed(context: Context, action: ActionName, row: models.Model | None) -> bool:
    """Whether the request's user may do something with a row; not with ``None``.

    The context needs ``request``. A page of many rows and buttons finds out once who asks, and what a
    row is once for its buttons.

    Example: ``{% allowed "pay" invoice as may_pay %}{% if may_pay %}…{% endif %}``
    """
    if row is None:
        return False
    access = current_access()
    # Kept alive along with its identity; and for one rendering alone: what is shown is not written.
    known = cast(Known, context.render_context).setdefault(KEY, {})
    if (kept := known.get(id(row))) is None:
        kept = known[id(row)] = (row, access.entities(row))
    return access.allows(context["request"].user, action, row, entities=kept[1])
