"""Lists: the rows that a check allows, as a condition of the query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

from doorward import Filter
from doorward.django.access import current_access
from doorward.types import ActionName

__all__ = ["VisibleManager", "VisibleQuerySet"]

M = TypeVar("M", bound=models.Model)


class VisibleQuerySet(models.QuerySet[M]):
    """Querysets that show each user what he may see.

    Example:
        >>> class Invoice(models.Model):  # doctest: +SKIP
        ...     objects = VisibleQuerySet.as_manager()
        >>> Invoice.objects.visible_to(request.user).filter(state="open")  # doctest: +SKIP
    """

    def visible_to(self, user: Any, action: ActionName = "view") -> VisibleQuerySet[M]:
        """The rows on which a check allows the action: one subquery, on whatever database runs it.

        Policies, facts and the user are those of the moment when it is called; rows are those of the
        moment when the query runs. So call it for each request, and keep no queryset. Whatever is put
        beside it with ``|`` is as wide as it is itself. In ``async`` views call it by
        ``sync_to_async`` where finding the principal asks the database.

        Args:
            user: What :class:`doorward.django.Access` finds a principal by. Nobody sees nothing.

        Raises:
            doorward.FilterError: What columns cannot tell, or an action that is not declared. There is
                never a wider list instead.
        """
        access = current_access()
        filters = access.filters(user, action, self.model)
        if filters is None:
            return self.none()
        rows = Rows(filters, *access.table_name(self.model))
        return self.filter(pk__in=Visible(rows, self.model._meta.pk))


class VisibleManager(models.Manager[M]):
    """``VisibleQuerySet.as_manager()``, with its types."""

    def get_queryset(self) -> VisibleQuerySet[M]:
        return VisibleQuerySet(self.model, using=self._db)

    def visible_to(self, user: Any, action: ActionName = "view") -> VisibleQuerySet[M]:
        """See :meth:`VisibleQuerySet.visible_to`."""
        return self.get_queryset().visible_to(user, action)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Which rows of a table, for either sort of database. One is equal to itself alone, so that Django
    takes no two callers' for the same."""

    filters: dict[bool, Filter]
    table: str
    id: str


class Visible(models.Expression):
    """The ids of those rows, as a subquery: its SQL is written when it is known for which database."""

    def __init__(self, rows: Rows, id: models.Field[Any, Any] | None) -> None:
        super().__init__(output_field=id)
        self.rows = rows

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        # Any other database's vendor is a ValueError that lists these.
        dialect = cast(Literal["sqlite", "postgresql", "mysql"], connection.vendor)
        filter = self.rows.filters[connection.features.has_native_uuid_field]
        sql = filter.to_sql(dialect, "visible", placeholders="percent")

        def quoted(name: str) -> str:
            return connection.ops.quote_name(name).replace("%", "%%")

        selected = f"{quoted('visible')}.{quoted(self.rows.id)}"
        table = f"{quoted(self.rows.table)} {quoted('visible')}"
        return f"(SELECT {selected} FROM {table} WHERE {sql.condition})", sql.parameters
