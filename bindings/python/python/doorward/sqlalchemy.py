"""Filters in SQLAlchemy 2: a condition for a query, and sessions that show a caller only what is his.

Needs the extra ``doorward[sqlalchemy]``::

    from doorward.sqlalchemy import condition

    visible = engine.filter(contact, "view", INVOICES)
    invoices = session.scalars(select(Invoice).where(condition(visible, Invoice)))
"""

from __future__ import annotations

import copy
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, Union, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm.util import AliasedClass
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from doorward._core import ColumnMapping, Filter, TableMapping
from doorward._errors import FilterError
from doorward.filters import (
    And,
    Column,
    Compare,
    CompareColumns,
    Exists,
    Holds,
    In,
    Joined,
    JoinedTable,
    Like,
    Null,
    Or,
    Predicate,
    RelatedTable,
    SqlValue,
)

__all__ = ["CALLER", "UNGUARDED", "Rows", "column", "condition", "guard", "mapping"]

CALLER = "doorward.caller"
"""Where a guarded session keeps its caller: ``session.info[CALLER]``."""

UNGUARDED = "doorward_unguarded"
"""The execution option of a host's own query, which a guarded session leaves as it is."""

Rows: TypeAlias = Union[type[Any], "AliasedClass[Any]", sa.FromClause]
"""Where rows come from: a mapped class, an ``aliased`` one, a ``Table`` or an alias of it."""


def condition(filter: Filter, rows: Rows) -> sa.ColumnElement[bool]:
    """Which rows a check allows, as a condition for a ``WHERE``.

    It selects what :meth:`Filter.to_sql` does, in SQLite, PostgreSQL, MySQL and MariaDB. Texts compare
    by their characters whatever a column's collation, and every value is bound: statements are cached
    by their shape. A column of SQLAlchemy's ``Uuid`` is compared as that type keeps it.

    Columns are found by their names in the database. Other tables are found by name in the
    ``MetaData`` of the rows' own table, in its schema or else in the only one that has such a table;
    one that is not declared there is written by its name, as :meth:`Filter.to_sql` does.

    Args:
        filter: What :meth:`Engine.filter` told, by a mapping of these rows.
        rows: What the query selects from.

    Raises:
        FilterError: There is no such column or more than one, or more than one such table.

    Example:
        >>> select(Invoice).where(condition(visible, Invoice))  # doctest: +SKIP
    """
    if filter.predicate is None:
        return sa.true() if filter.is_all else sa.false()
    return _Source.of(rows).write(filter.predicate)


def guard(
    sessions: orm.sessionmaker[Any] | type[orm.Session] | orm.Session,
    filters: Mapping[type[Any], Callable[[Any], Filter | None]],
) -> None:
    """Narrows what sessions load of some classes to what the session's caller may see.

    Each ORM ``SELECT`` of such a class has the condition of its filter, which is made anew for each
    statement: joins, aliases, subqueries, counts, eager loads, ``Session.get``. Relations that are loaded
    later have the condition of the statement that they belong to. To a refresh, a row that the caller may
    no longer see is gone, as one that was deleted is (``ObjectDeletedError``). Without a caller in
    ``session.info[CALLER]``, or where there is no filter, there are no rows.

    What cannot be narrowed raises :class:`FilterError`: raw SQL, tables of these classes that are named
    other than by the class, full joins, and statements that insert, update or delete there, since a
    filter of what may be seen does not say what may be changed. Every statement is looked at as it is
    written in the end, so what SQLAlchemy's criteria miss is refused as well: select from the class, and
    join its aliases by relationships. A host's own query says so::

        session.execute(statement, execution_options={UNGUARDED: True})

    A session is for one caller: what it holds already, as from a query of the host's own, is handed
    out again without a query. Not narrowed are a flush, ``Session.connection()``, and raw SQL in hints
    and operators; rows of a ``secondary`` table are as visible as what they lead to.

    Args:
        sessions: A ``sessionmaker``, a class of sessions, or one session.
        filters: By mapped class, what makes the filter for a caller, of a mapping of that class. It
            stands for its subclasses too.

    Raises:
        FilterError: A class inherits from another, which is to be given instead, or it is kept in
            more than one table.

    Example:
        >>> guard(Session, {Invoice: lambda checker: checker.filter("view", INVOICES)})  # doctest: +SKIP
        >>> session = Session(info={CALLER: engine.checker(contact)})  # doctest: +SKIP
    """
    event.listen(sessions, "do_orm_execute", _Guard(filters).narrow)


def column(attribute: orm.InstrumentedAttribute[Any] | sa.Column[Any]) -> ColumnMapping:
    """How a mapped attribute's column, or a table's, keeps its values.

    ``NULL`` where it is allowed means that the attribute is absent. What the type does not tell,
    such as milliseconds in integers, and enumerations, is declared with :class:`ColumnMapping`.

    Raises:
        FilterError: It is no column of a type that tells.
    """
    found: Any = attribute
    if isinstance(attribute, orm.InstrumentedAttribute):
        found = next(iter(getattr(attribute.property, "columns", [])), None)
    if not _is_column(found):
        raise FilterError(f"{attribute} is no column")
    return ColumnMapping(found.name, _holds(found), "absent" if found.nullable else "never")


def mapping(
    model: type[Any],
    type: str,
    attributes: Mapping[str, orm.InstrumentedAttribute[Any] | ColumnMapping],
    *,
    related: Mapping[str, RelatedTable] | None = None,
    joined: Mapping[str, JoinedTable] | None = None,
) -> TableMapping:
    """Where the rows of an entity type stand, by a mapped class: see :func:`column`.

    Args:
        model: The class; its primary key is the entity's id.
        type: The entity type.
        attributes: By Cedar's names.

    Raises:
        FilterError: A primary key of several columns, or an attribute that :func:`column` refuses.

    Example:
        >>> mapping(Invoice, "Invoice", {"client": Invoice.client_id})  # doctest: +SKIP
    """
    key = _mapper(model).primary_key
    if len(key) != 1:
        raise FilterError(f"{model.__name__} has a primary key of several columns")
    columns = {
        name: it if isinstance(it, ColumnMapping) else column(it) for name, it in attributes.items()
    }
    id = ColumnMapping(key[0].name, _holds(key[0]))
    return TableMapping(
        type, id, columns=columns, related=dict(related or {}), joined=dict(joined or {})
    )


def _is_column(found: object) -> bool:
    return isinstance(found, sa.Column)


def _holds(column: Any) -> Holds:
    of = column.type
    if isinstance(of, sa.Boolean):
        return "boolean"
    if isinstance(of, sa.Integer):
        return "integer"
    if isinstance(of, sa.Uuid) and of.native_uuid:
        return "uuid_hex"
    # `CHAR` is padded, and an `Enum` keeps names or values.
    if isinstance(of, sa.String) and not isinstance(of, (sa.CHAR, sa.NCHAR, sa.Enum)):
        return "text"
    raise FilterError(
        f"the type of {column.table.name}.{column.name} does not tell how it keeps values",
        "declare it as a `ColumnMapping`",
    )


def _mapper(model: object) -> orm.Mapper[Any]:
    found: Any = sa.inspect(model, raiseerr=False)
    if not getattr(found, "is_mapper", False):
        raise TypeError(f"{model!r} is no mapped class")
    mapper: orm.Mapper[Any] = found
    return mapper


class _Source:
    """What rows are selected from, with its columns by their names in the database."""

    def __init__(self, name: str, columns: Iterable[tuple[str, Any]], table: object) -> None:
        self.name = name
        self.columns: dict[str, list[Any]] = {}
        for key, expression in columns:
            self.columns.setdefault(key, []).append(expression)
        self.table = table

    @classmethod
    def of(cls, rows: Rows) -> _Source:
        found: Any = sa.inspect(rows, raiseerr=False)
        if getattr(found, "is_mapper", False) or getattr(found, "is_aliased_class", False):
            # By attributes, which the ORM adapts to aliases and to hierarchies of tables. Columns that
            # are equal, as the keys of a hierarchy are, have one.
            mapper: orm.Mapper[Any] = found.mapper
            columns = (
                (name, getattr(rows, attribute.key))
                for attribute in mapper.column_attrs
                for name in {str(it.name) for it in attribute.columns if _is_column(it)}
            )
            return cls(mapper.class_.__name__, columns, mapper.local_table)
        if isinstance(rows, sa.FromClause):
            table = rows.element if isinstance(rows, sa.Alias) else rows
            return cls.of_table(rows, getattr(table, "name", "the table"), table)
        raise TypeError(f"{rows!r} is neither a mapped class nor a table")

    @classmethod
    def of_table(cls, rows: sa.FromClause, name: str, table: Any) -> _Source:
        return cls(name, ((str(it.name), it) for it in cast("Any", rows.columns)), table)

    def find(self, name: str) -> Any:
        found = self.columns.get(name, [])
        if len(found) != 1:
            raise FilterError(
                f"{self.name} has {'more than one' if found else 'no'} column {name}",
                "mappings name columns as the database does",
            )
        return found[0]

    def write(self, predicate: Predicate) -> sa.ColumnElement[bool]:
        match predicate:
            case And(parts):
                return sa.and_(*map(self.write, parts))
            case Or(parts):
                return sa.or_(*map(self.write, parts))
            case Compare(column, "=" | "<>" as comparison, value):
                return self.among(column, (value,), negated=comparison == "<>")
            case Compare(column, comparison, value):
                bound = sa.literal(value, self.type(column))
                return _COMPARISONS[comparison](self.operand(column), bound)
            case CompareColumns(column, comparison, beside):
                return _COMPARISONS[comparison](self.operand(column), self.operand(beside))
            case In(column, values, negated):
                return self.among(column, values, negated=negated)
            case Null(column, negated):
                return self.null(column, negated=negated)
            case Like(column, pattern, negated):
                return self.like(column, pattern, negated=negated)
            case Exists(table, owner, id, element, negated):
                names = [owner] if element is None else [owner, element[0].name]
                inner, other = self.other(table, names)
                conditions = [other.operand(Column(owner, id.holds)) == self.operand(id)]
                if element is not None:
                    conditions.append(other.among(*element, negated=False))
                return _exists(inner, conditions, negated=negated)
            case Joined(table, id, named_by, condition, negated):
                names = [id.name, *(() if condition is None else _names(condition))]
                inner, other = self.other(table, names)
                conditions = [other.operand(id) == self.operand(named_by)]
                if condition is not None:
                    conditions.append(other.write(condition))
                return _exists(inner, conditions, negated=negated)

    def other(self, name: str, columns: Iterable[str]) -> tuple[sa.FromClause, _Source]:
        """Another table, or this one once more, under a name that nothing else has."""
        table: Any = self.declared(name)
        if table is None:
            written: list[Any] = [sa.column(column) for column in sorted(set(columns))]
            table = sa.table(name, *written)
        inner = table.alias()
        return inner, self.of_table(inner, name, table)

    def declared(self, name: str) -> Any:
        own = self.table
        if not isinstance(own, sa.Table):
            return None
        tables = [table for table in own.metadata.tables.values() if table.name == name]
        found = [table for table in tables if table.schema == own.schema] or tables
        if len(found) > 1:
            raise FilterError(
                f"more than one schema has a table {name}", f"keep it in the schema of {own.name}"
            )
        return found[0] if found else None

    def operand(self, column: Column) -> sa.ColumnElement[Any]:
        """A column as it compares: by its type here, whatever rules of its own the host's has."""
        found = self.find(column.name)
        if column.holds == "text":
            return _Characters(found)
        if column.holds in ("uuid", "uuid_hex") and not isinstance(found.type, sa.Uuid):
            return (_UuidCharacters if column.holds == "uuid" else _HexCharacters)(found)
        return sa.type_coerce(found, self.type(column))

    def type(self, column: Column) -> TypeEngine[Any]:
        """How values of a column are bound."""
        match column.holds:
            case "text":
                return sa.Text()
            case "boolean":
                return sa.Boolean()
            case "integer" | "milliseconds":
                # Of 64 bits: PostgreSQL is told the type of each value.
                return sa.BigInteger()
            case "uuid" | "uuid_hex":
                of = self.find(column.name).type
                if isinstance(of, sa.Uuid):
                    # SQLAlchemy's own type knows how each database keeps it.
                    return sa.Uuid(native_uuid=of.native_uuid)
                return _UuidText(column.holds)

    def null(self, column: Column, *, negated: bool) -> sa.ColumnElement[bool]:
        found = sa.type_coerce(self.find(column.name), sa.Text())
        return found.is_not(None) if negated else found.is_(None)

    def among(
        self, column: Column, values: tuple[SqlValue, ...], *, negated: bool
    ) -> sa.ColumnElement[bool]:
        if not values:
            return self.null(column, negated=True) if negated else sa.false()
        operand, of = self.operand(column), self.type(column)
        unkept = [value for value in values if isinstance(value, str) and "\0" in value]
        kept = [value for value in values if value not in unkept]
        parts: list[sa.ColumnElement[bool]] = [
            _Unkept(operand, operand == sa.literal(value, of)) for value in unkept
        ]
        if len(kept) == 1:
            parts.append(operand == sa.literal(kept[0], of))
        elif kept:
            listed = sa.bindparam(None, kept, of, unique=True, expanding=True)
            parts.append(operand.in_(listed))
        found = sa.or_(*parts)
        return ~found if negated else found

    def like(
        self, column: Column, pattern: tuple[str | None, ...], *, negated: bool
    ) -> sa.ColumnElement[bool]:
        found = self.find(column.name)
        likes: sa.ColumnElement[bool] = _Likes(found, sa.literal(pattern, _Pattern()))
        if any("\0" in piece for piece in pattern if piece is not None):
            likes = _UnkeptPattern(_Characters(found), likes)
        return _Unlike(found, likes) if negated else likes


def _exists(
    rows: sa.FromClause, conditions: list[sa.ColumnElement[bool]], *, negated: bool
) -> sa.ColumnElement[bool]:
    one = sa.select(sa.literal_column("1", sa.Integer())).select_from(rows).where(*conditions)
    # Whatever encloses it, only these rows are its own.
    found = _OtherRows(one.correlate_except(rows).exists())
    return ~found if negated else found


_COMPARISONS: dict[str, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _names(predicate: Predicate) -> Iterator[str]:
    """The columns of a table's own that a condition reads."""
    match predicate:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _names(part)
        case CompareColumns(column, _, other):
            yield from (column.name, other.name)
        case Exists(id=column) | Joined(named_by=column):
            yield column.name
        case Compare(column=column) | In(column=column) | Null(column=column) | Like(column=column):
            yield column.name


# What databases write in their own ways. The elements hold no values but bound ones, and have no
# state: so statements are cached by their shape, and the ORM can adapt them.


class _UuidText(TypeDecorator[UUID]):
    """How a column that is no ``Uuid`` keeps UUIDs, as its mapping says."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, holds: Holds) -> None:
        super().__init__()
        self.holds = holds

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.Uuid() if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return value.hex if self.holds == "uuid_hex" else str(value)


class _Pattern(TypeDecorator[tuple[Union[str, None], ...]]):
    """A shape of texts, as a pattern of the database's."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str | None, ...] | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return "".join(
                "*" if piece is None else re.sub(r"[*?[]", r"[\g<0>]", piece) for piece in value
            )
        return "".join(
            "%" if piece is None else re.sub(r"[%_!]", r"!\g<0>", piece) for piece in value
        )


class _Characters(FunctionElement[str]):
    """A text by its characters, whatever the column's collation or type."""

    inherit_cache = True
    type = sa.Text()


class _UuidCharacters(_Characters):
    """The same of a UUID, which PostgreSQL does not keep as a text."""

    inherit_cache = True


class _HexCharacters(_UuidCharacters):
    """The same of a UUID without hyphens, which MariaDB's own type has."""

    inherit_cache = True


class _Likes(FunctionElement[bool]):
    """A text has the shape of a pattern."""

    inherit_cache = True


class _Unlike(FunctionElement[bool]):
    """A text is there and another condition, that it has a shape, is false."""

    inherit_cache = True


class _Unkept(FunctionElement[bool]):
    """A comparison with a text that has a NUL: PostgreSQL keeps none, and takes no such parameter."""

    inherit_cache = True


class _UnkeptPattern(_Unkept):
    """The same of a shape, at whose NUL SQLite's pattern would end."""

    inherit_cache = True


def _sql(compiler: SQLCompiler, element: FunctionElement[Any], **options: Any) -> list[str]:
    return [compiler.process(part, **options) for part in element.clauses]


@compiles(_Characters, "sqlite")
def _(element: _Characters, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = _sql(compiler, element, **options)
    return f"{text} COLLATE BINARY"


@compiles(_Characters, "postgresql")
def _(element: _Characters, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = _sql(compiler, element, **options)
    return f"{text}::text"


@compiles(_UuidCharacters, "postgresql")
def _(element: _UuidCharacters, compiler: SQLCompiler, **options: Any) -> str:
    (uuid,) = _sql(compiler, element, **options)
    return uuid


@compiles(_Characters, "mysql", "mariadb")
def _(element: _Characters, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = _sql(compiler, element, **options)
    return f"BINARY CONVERT({text} USING utf8mb4)"


@compiles(_HexCharacters, "mysql", "mariadb")
def _(element: _HexCharacters, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = _sql(compiler, element, **options)
    return f"BINARY REPLACE(CONVERT({text} USING utf8mb4), '-', '')"


@compiles(_Likes, "postgresql", "mysql", "mariadb")
def _(element: _Likes, compiler: SQLCompiler, **options: Any) -> str:
    found, pattern = element.clauses
    text = compiler.process(_Characters(found), **options)
    return f"({text} LIKE {compiler.process(pattern, **options)} ESCAPE '!')"


@compiles(_Likes, "sqlite")
def _(element: _Likes, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = _sql(compiler, element, **options)
    # GLOB, since SQLite's LIKE takes capitals for small letters. It ends a text at a NUL: one that has
    # any is neither like a pattern nor unlike it.
    return f"({text} GLOB {pattern} AND instr({text}, char(0)) = 0)"


@compiles(_Unlike)
def _(element: _Unlike, compiler: SQLCompiler, **options: Any) -> str:
    _, likes = element.clauses
    return f"(NOT {compiler.process(likes, **options)})"


@compiles(_Unlike, "sqlite")
def _(element: _Unlike, compiler: SQLCompiler, **options: Any) -> str:
    text, likes = _sql(compiler, element, **options)
    return f"(NOT {likes} AND instr({text}, char(0)) = 0)"


@compiles(_Unkept)
def _(element: _Unkept, compiler: SQLCompiler, **options: Any) -> str:
    _, comparison = element.clauses
    return f"({compiler.process(comparison, **options)})"


@compiles(_Unkept, "postgresql")
@compiles(_UnkeptPattern, "sqlite")
def _(element: _Unkept, compiler: SQLCompiler, **options: Any) -> str:
    operand, _ = element.clauses
    text = compiler.process(operand, **options)
    # False; and neither true nor false where nothing stands.
    return f"({text} <> {text})"


class _OtherRows(FunctionElement[bool]):
    """Whether there are rows of another table: what a condition asks, and nobody sees."""

    inherit_cache = True


class _Visible(FunctionElement[bool]):
    """A condition, and a column of the rows that it is on."""

    inherit_cache = True

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        # Pickled rows take no criteria along: a session that is guarded adds its own.
        return sa.true, ()


@compiles(_OtherRows)
def _(element: _OtherRows, compiler: SQLCompiler, **options: Any) -> str:
    watch = compiler if isinstance(compiler, _Watch) else None
    if watch is not None:
        watch.depth += 1
    (exists,) = _sql(compiler, element, **options)
    if watch is not None:
        watch.depth -= 1
    return exists


@compiles(_Visible)
def _(element: _Visible, compiler: SQLCompiler, **options: Any) -> str:
    condition, key = element.clauses
    if isinstance(compiler, _Watch):
        compiler.narrowed.add((compiler.level(), cast("Any", key).table))
    return f"({compiler.process(condition, **options)})"


class _Watch:
    """What a database's compiler is told beside: which tables a statement reads, and which are narrowed.

    SQLAlchemy's criteria miss what a ``SELECT`` names in a function or a window alone, and know nothing
    of tables that are no classes. So what is written in the end is looked at.
    """

    stack: list[Any]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.depth = 0
        self.levels: list[object] = []
        self.read: dict[tuple[int, Any], str] = {}
        self.narrowed: set[tuple[int, Any]] = set()
        self.changed: set[str] = set()
        self.is_raw = False
        self.is_full = False
        # It writes at once.
        self.compiler.__init__(*arguments, **options)

    @property
    def compiler(self) -> Any:
        # The compilers have no types.
        return super()

    def level(self) -> int:
        """Which ``SELECT`` is being written."""
        entry = self.stack[-1] if self.stack else None
        known = next((at for at, it in enumerate(self.levels) if it is entry), None)
        if known is None:
            self.levels.append(entry)
        return len(self.levels) - 1 if known is None else known

    def visit_table(self, table: Any, asfrom: bool = False, **options: Any) -> Any:
        if asfrom and self.depth == 0:
            alias = options.get("enclosing_alias")
            is_alias = alias is not None and alias.element is table
            self.read[self.level(), alias if is_alias else table] = table.name
        return self.compiler.visit_table(table, asfrom=asfrom, **options)

    def visit_join(self, join: Any, *arguments: Any, **options: Any) -> Any:
        # It shows the rows of either side that its condition keeps out.
        self.is_full = self.is_full or join.full
        return self.compiler.visit_join(join, *arguments, **options)

    def visit_insert(self, statement: Any, *arguments: Any, **options: Any) -> Any:
        self.changed.add(statement.table.name)
        return self.compiler.visit_insert(statement, *arguments, **options)

    def visit_update(self, statement: Any, *arguments: Any, **options: Any) -> Any:
        self.changed.add(statement.table.name)
        return self.compiler.visit_update(statement, *arguments, **options)

    def visit_delete(self, statement: Any, *arguments: Any, **options: Any) -> Any:
        self.changed.add(statement.table.name)
        return self.compiler.visit_delete(statement, *arguments, **options)

    def visit_textclause(self, text: Any, *arguments: Any, **options: Any) -> Any:
        self.is_raw = True
        return self.compiler.visit_textclause(text, *arguments, **options)

    def visit_column(self, column: Any, *arguments: Any, **options: Any) -> Any:
        # `*` and `1` are raw as well, in `count(*)`.
        if column.is_literal and not re.fullmatch(r"\*|\w+", str(column.name)):
            self.is_raw = True
        return self.compiler.visit_column(column, *arguments, **options)


# How many shapes of statements a guard remembers.
_SHAPES_MAX = 1000
# What it remembers of a shape that it does not know: nothing, which is no answer.
_UNSEEN: Any = object()


class _Guard:
    """What narrows the statements of sessions."""

    def __init__(self, filters: Mapping[type[Any], Callable[[Any], Filter | None]]) -> None:
        self.filters = dict(filters)
        self.names: set[str] = set()
        # The shapes of statements that were looked at, and what is against them.
        self.known: dict[object, str | None] = {}
        for model in filters:
            mapper = _mapper(model)
            if mapper.inherits is not None:
                raise FilterError(
                    f"{model.__name__} inherits from {mapper.inherits.class_.__name__}",
                    "guard that class: its queries load this one too",
                )
            tables = {table for it in mapper.self_and_descendants for table in it.tables}
            table = tables.pop()
            if tables or not isinstance(table, sa.Table):
                raise FilterError(
                    f"{model.__name__} is kept in more than one table", "select with `condition`"
                )
            self.names.add(table.name.casefold())

    def narrow(self, execution: orm.ORMExecuteState) -> None:
        if execution.execution_options.get(UNGUARDED) is True:
            return
        statement: Any = execution.statement
        if execution.is_orm_statement and execution.is_select:
            statement = self.narrowed(statement, execution)
        bind = execution.session.get_bind(**execution.bind_arguments)
        # Rows that are written one by one are named by the mapper: there is nothing yet to look at.
        is_bulk = execution.is_orm_statement and (
            execution.is_insert or isinstance(execution.parameters, list)
        )
        why = self.refusal(statement, bind.dialect, is_bulk=is_bulk)
        if why is not None:
            raise FilterError(
                f"a guarded session refuses a statement: {why}",
                "select mapped classes, or say by the option `UNGUARDED` that it is the host's own",
            )
        execution.statement = statement

    def narrowed(self, statement: Any, execution: orm.ORMExecuteState) -> Any:
        caller = execution.session.info.get(CALLER)
        asked_for = [it.payload for it in execution.user_defined_options if isinstance(it, _AskedFor)]
        # Relations are loaded with the criteria of the statement that they belong to.
        if caller is None or not any(by is self and it is caller for by, it in asked_for):
            criteria = (
                orm.with_loader_criteria(model, self.is_visible(model, caller), include_aliases=True)
                for model in self.filters
            )
            statement = statement.options(_AskedFor((self, caller)), *criteria)
        if execution.is_column_load and execution.bind_mapper is not None:
            # What is loaded once more has no criteria.
            for model in self.filters:
                if execution.bind_mapper.isa(_mapper(model)):
                    statement = statement.where(self.is_visible(model, caller))
        return statement

    def is_visible(self, model: type[Any], caller: object) -> sa.ColumnElement[bool]:
        filter = None if caller is None else self.filters[model](caller)
        is_visible = sa.false() if filter is None else condition(filter, model)
        mapper = _mapper(model)
        key = mapper.get_property_by_column(mapper.primary_key[0]).key
        return _Visible(is_visible, getattr(model, key))

    def refusal(self, statement: Any, dialect: Dialect, *, is_bulk: bool) -> str | None:
        """What of a statement is not narrowed. Its values do not matter, so each shape is looked at once."""
        cached = statement._generate_cache_key()
        key = None if cached is None else (dialect.name, is_bulk, cached.key)
        # Another thread may forget what is known at any moment.
        known: str | None = self.known.get(key, _UNSEEN)
        if known is not _UNSEEN:
            return known
        if isinstance(statement, sa.DDLElement):
            why: str | None = "it changes tables"
        elif is_bulk and isinstance(statement, sa.UpdateBase):
            table: Any = statement.table
            why = self.change_of(table.name)
            parts = (it for it in visitors.iterate(statement) if it is not statement)
            for part in parts:
                if isinstance(part, (sa.SelectBase, sa.UpdateBase, sa.TextClause, sa.ColumnClause)):
                    why = why or self.look(part, dialect)
        else:
            why = self.look(statement, dialect)
        if key is not None:
            if len(self.known) >= _SHAPES_MAX:
                self.known.clear()
            self.known[key] = why
        return why

    def look(self, statement: Any, dialect: Dialect) -> str | None:
        watching: Any = copy.copy(dialect)
        compilers = (_Watch, watching.statement_compiler)
        watching.statement_compiler = type("_WatchedCompiler", compilers, {})
        watch: _Watch = statement.compile(dialect=watching)
        if watch.is_raw:
            return "raw SQL cannot be narrowed"
        for name in watch.changed:
            if (why := self.change_of(name)) is not None:
                return why
        for rows, name in watch.read.items():
            if name.casefold() in self.names and (watch.is_full or rows not in watch.narrowed):
                return f"nothing narrows what it reads from {name}"
        return None

    def change_of(self, table: str) -> str | None:
        if table.casefold() not in self.names:
            return None
        return f"a filter does not say which rows of {table} may be changed"


class _AskedFor(orm.UserDefinedOption):
    """By which guard, and for whom, a statement was narrowed. It is handed on to relations."""

    propagate_to_loaders = True
    payload: tuple[object, object]

    def __reduce__(self) -> tuple[type[_AskedFor], tuple[object]]:
        # Pickled rows take nobody along.
        return _AskedFor, ((None, None),)
