"""What a host declares: its engine, who asks, and what its rows are to the policies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils.module_loading import import_string

from doorward import Decision, Engine, Entity, EntityUid, Filter
from doorward.django._asked import asked
from doorward.django._tables import NotDerivable, Row, Table, derive_tables, name_of
from doorward.types import ActionName, Circumstances

__all__ = ["Access", "Principal", "Row", "current_access"]

logger = logging.getLogger("doorward.django")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what is known of it.

    Args:
        who: An instance of a model that has a :class:`Row`, an entity that is not stored, or the name
            of one that is.
        context: The circumstances.
        entities: Further rows that are not stored, as far as policies read them.
    """

    who: models.Model | Entity | EntityUid = field(repr=False)
    context: Circumstances | None = field(default=None, repr=False)
    entities: Iterable[Entity] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal, as an engine is asked about it."""

    uid: EntityUid
    context: Circumstances | None = field(repr=False)
    entities: tuple[Entity, ...] = field(repr=False)


class Access:
    """A host's declaration, which the setting ``DOORWARD`` names by its dotted path.

    Args:
        engine: Gives the engine, each time that one is needed: keep it with ``functools.cache``, which
            makes one in each worker process.
        principal: Tells who asks, by what views call a user; ``None`` is nobody, to whom nothing is
            allowed. It is called once for each request and user object under ``GuardMiddleware``, and
            each time elsewhere. What a session knows, a middleware of the host's puts on the user
            before. Users who are not active, the anonymous one too, are nobody without asking it.
        rows: What the rows of models are to the policies. All of them are host-owned types.
        open_to_all: Views that need no check, by name as in ``"login"``, or all of a namespace as in
            ``"admin:"``: see :class:`doorward.django.GuardMiddleware`.

    Example:
        >>> access = Access(engine=engine, principal=principal, rows=[])  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        engine: Callable[[], Engine],
        principal: Callable[[Any], Principal | None],
        rows: Iterable[Row],
        open_to_all: Iterable[str] = (),
    ) -> None:
        self.engine = engine
        self.open_to_all = frozenset(open_to_all)
        self._principal = principal
        self._rows = tuple(rows)

    @cached_property
    def tables(self) -> dict[type[models.Model], Table]:
        """The tables of the rows, by model. Derived when models are loaded, which may be later.

        Raises:
            ImproperlyConfigured: Its arguments tell all that cannot be derived.
        """
        try:
            return derive_tables(self._rows)
        except NotDerivable as error:
            raise ImproperlyConfigured(*error.args) from None

    def guards(self, what: object) -> bool:
        """Whether something is an instance of a model that has a row here."""
        return isinstance(what, models.Model) and what._meta.concrete_model in self.tables

    def entities(self, row: models.Model) -> list[Entity]:
        """A row as policies read it, last, after those that it leads to."""
        return self._table(row).entities(row)

    def check(
        self,
        user: Any,
        action: ActionName,
        row: models.Model,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> Decision | None:
        """Decides about a row, as it stands in memory: ask before a form puts its values there.

        Args:
            entities: What :meth:`entities` told of the row, where that is known.

        Returns:
            The decision; ``None`` where nobody asks, or the row has no id yet: a refusal as well.

        Raises:
            ImproperlyConfigured: The model has no row here.
        """
        table = self._table(row)
        asked_for = self._question(user, table, row, entities)
        if asked_for is None:
            return None
        caller, uid, entities = asked_for
        decision = self.engine().check(caller.uid, action, uid, caller.context, entities=entities)
        if decision.code == "UNKNOWN_ACTION":
            logger.warning("%s: the schema declares no such action: %s", table.type, action)
        return decision

    def allows(
        self,
        user: Any,
        action: ActionName,
        row: models.Model,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> bool:
        """Whether :meth:`check` allows it."""
        decision = self.check(user, action, row, entities=entities)
        return decision is not None and decision.allowed

    def is_disclosed(
        self, user: Any, action: ActionName, row: models.Model, view: ActionName = "view"
    ) -> bool:
        """Whether a refusal may be told, since the user may ``view`` the row, or a step up is all that
        is missing."""
        asked_for = self._question(user, self._table(row), row, None)
        if asked_for is None:
            return False
        caller, uid, entities = asked_for
        return self.engine().is_disclosed(
            caller.uid, action, uid, view, caller.context, entities=entities
        )

    def filters(
        self, user: Any, action: ActionName, model: type[models.Model]
    ) -> dict[bool, Filter] | None:
        """Which rows of a model's table a check allows now: for databases that have a type for UUIDs,
        and for others. ``None`` where nobody asks.

        Raises:
            doorward.FilterError: What columns cannot tell, or an action that is not declared.
            ImproperlyConfigured: The model has no row here.
        """
        table = self._table(model)
        asked().checked = True
        caller = self._caller(user)
        if caller is None:
            return None
        engine = self.engine()
        return {
            native: engine.filter(
                caller.uid,
                action,
                table.mapping(native),
                caller.context,
                entities=caller.entities,
            )
            for native in (True, False)
        }

    def table_name(self, model: type[models.Model]) -> tuple[str, str]:
        """The table of a model that has a row, and the column of its ids."""
        table = self._table(model)
        return table.model._meta.db_table, name_of(table.id.field)

    def _table(self, of: type[models.Model] | models.Model) -> Table:
        # Not the type of it, which may be lazy, as `request.user` is.
        meta = getattr(of, "_meta", None)
        table = self.tables.get(meta.concrete_model) if meta else None
        if table is None:
            what = meta.label if meta else type(of).__name__
            raise ImproperlyConfigured(f"{what} has no row in the setting DOORWARD")
        return table

    def _question(
        self, user: Any, table: Table, row: models.Model, known: Iterable[Entity] | None
    ) -> tuple[Caller, EntityUid, list[Entity]] | None:
        asked().checked = True
        caller = self._caller(user)
        if caller is None or row.pk is None:
            return None
        entities: list[Entity] = []
        for entity in (*caller.entities, *(table.entities(row) if known is None else known)):
            # Told twice, but never two things of one: that the engine refuses.
            if entity not in entities:
                entities.append(entity)
        return caller, table.uid(row.pk), entities

    def _caller(self, user: Any) -> Caller | None:
        """Who asks. Found out once for each request and user object."""
        known = asked().callers
        if (kept := known.get(id(user))) is not None:
            return kept[1]
        caller = self._find_caller(user)
        known[id(user)] = (user, caller)
        return caller

    def _find_caller(self, user: Any) -> Caller | None:
        if user is None or not getattr(user, "is_active", True):
            return None
        principal = self._principal(user)
        if principal is None:
            return None
        who = principal.who
        if isinstance(who, EntityUid):
            return Caller(who, principal.context, tuple(principal.entities))
        own = [who] if isinstance(who, Entity) else self.entities(who)
        return Caller(own[-1].uid, principal.context, (*own, *principal.entities))


def current_access() -> Access:
    """What the setting ``DOORWARD`` names.

    Raises:
        ImproperlyConfigured: It names no :class:`Access`.
    """
    path = getattr(settings, "DOORWARD", None)
    if not isinstance(path, str):
        raise ImproperlyConfigured("the setting DOORWARD is to name an Access by its dotted path")
    try:
        access = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"DOORWARD cannot be imported: {error}") from error
    if not isinstance(access, Access):
        raise ImproperlyConfigured(f"DOORWARD names no Access: {path}")
    return access
