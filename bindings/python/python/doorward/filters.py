"""Conditions on a host's own tables: what a :class:`doorward.Filter` is made of.

Values are left out of every ``repr``: ids may name people.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias, Union
from uuid import UUID

from doorward._core import ColumnMapping, TableMapping

__all__ = [
    "And",
    "Column",
    "Compare",
    "CompareColumns",
    "Exists",
    "Holds",
    "In",
    "Joined",
    "JoinedTable",
    "Like",
    "Null",
    "Nulls",
    "Or",
    "Predicate",
    "RelatedTable",
    "Sql",
    "SqlValue",
]

Holds: TypeAlias = Literal["text", "integer", "boolean", "uuid", "uuid_hex", "milliseconds"]
"""How a column keeps its values.

``uuid`` is PostgreSQL's type, and text with hyphens elsewhere; ``uuid_hex`` is text without, as Django
and SQLAlchemy keep UUIDs in SQLite and MySQL. Ids of entities are UUIDs with hyphens and in small letters
in both: whatever else a policy compares with is another id. ``milliseconds`` are integers: of a moment since 1970 in
UTC, or of a duration.
"""

Nulls: TypeAlias = Literal["never", "absent", "refused"]
"""What ``NULL`` means: the column has none; the attribute, which is optional, is not there; or the row
is not whole, and shown to nobody."""

SqlValue: TypeAlias = Union[str, int, bool, UUID]
"""A value to be bound."""


class Sql(NamedTuple):
    """A condition for a ``WHERE``, in parentheses of its own, and what its parameters are."""

    condition: str
    parameters: tuple[SqlValue, ...]

    def __repr__(self) -> str:
        return f"Sql({self.condition!r}, {len(self.parameters)} parameters)"


class RelatedTable(NamedTuple):
    """A set, as rows of another table: a row for each element.

    Attributes:
        table: Its name.
        owner: Its column that names the resource, by the id that it has in its own table.
        element: Its column of the elements.
    """

    table: str
    owner: str
    element: ColumnMapping


class JoinedTable(NamedTuple):
    """An entity that a column names, with its row in another table of the host's.

    Attributes:
        column: The column that names it.
        table: The other table's name.
        mapping: How that keeps its rows.
    """

    column: ColumnMapping
    table: str
    mapping: TableMapping


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name, and how its values are bound."""

    name: str
    holds: Holds


@dataclass(frozen=True, slots=True)
class And:
    """All of them are true."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them is true."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """A column compares so with a value. Texts compare by their characters."""

    column: Column
    operator: Literal["=", "<>", "<", "<=", ">", ">="]
    value: SqlValue = field(repr=False)


@dataclass(frozen=True, slots=True)
class CompareColumns:
    """A column compares so with another of the same row."""

    column: Column
    operator: Literal["=", "<>", "<", "<=", ">", ">="]
    other: Column


@dataclass(frozen=True, slots=True)
class In:
    """What stands in a column is one of these; negated: none of them, and not ``NULL``."""

    column: Column
    values: tuple[SqlValue, ...] = field(repr=False)
    negated: bool


@dataclass(frozen=True, slots=True)
class Null:
    """Nothing stands in a column; negated: something does."""

    column: Column
    negated: bool


@dataclass(frozen=True, slots=True)
class Like:
    """A text has this shape: texts, and ``None`` for any text; negated: it is there and has another."""

    column: Column
    pattern: tuple[str | None, ...] = field(repr=False)
    negated: bool


@dataclass(frozen=True, slots=True)
class Exists:
    """Another table has a row whose ``owner`` is this row's ``id``; negated: it has none.

    ``element`` is a column of the other table and the values of which it holds one; ``None`` for any row.
    """

    table: str
    owner: str
    id: Column
    element: tuple[Column, tuple[SqlValue, ...]] | None = field(repr=False)
    negated: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """The row of another table whose ``id`` the column ``named_by`` holds is there and meets a condition,
    if there is one; negated: there is no such row."""

    table: str
    id: Column
    named_by: Column
    condition: Predicate | None
    negated: bool


Predicate: TypeAlias = Union[And, Or, Compare, CompareColumns, In, Null, Like, Exists, Joined]
"""A condition on a row. What is neither true nor false, as what compares with ``NULL``, is not true."""
