"""Filters: the rows that a database selects are those that a check allows."""

import pickle
import sqlite3
from pathlib import Path

import pytest

from doorward import (
    ColumnMapping,
    Engine,
    Entity,
    EntityUid,
    Filter,
    FilterError,
    PolicyBundle,
    TableMapping,
)
from doorward.filters import And, Column, Compare, Exists, JoinedTable, Like, Or, RelatedTable

SCHEMA = """
entity Reader = { branch: String, level: Long };
entity Shelf = { closed: Bool };
entity Book = { branch: String, title: String, shelf: Shelf, owner?: Reader, reserved_by: Set<Reader> };
action read, lend appliesTo { principal: Reader, resource: Book };
"""
POLICIES = """
@id("branch")
permit (principal, action == Action::"read", resource)
when { resource.branch == principal.branch && resource.title like "A*" };
@id("owner")
permit (principal, action, resource) when { resource has owner && resource.owner == principal };
@id("reserved")
permit (principal, action, resource) when { resource.reserved_by.contains(principal) };
@id("closed")
forbid (principal, action, resource) when { resource.shelf.closed && principal.level < 3 };
"""
SHELVES = TableMapping(
    "Shelf", ColumnMapping("id", "integer"), columns={"closed": ColumnMapping("closed", "boolean")}
)
BOOKS = TableMapping(
    "Book",
    ColumnMapping("id", "integer"),
    columns={
        "branch": ColumnMapping("branch", "text"),
        "title": ColumnMapping("ti%tle", "text"),
        "owner": ColumnMapping("owner", "text", nulls="absent"),
    },
    related={
        "reserved_by": RelatedTable("reservations", "book", ColumnMapping("reader", "text"))
    },
    joined={"shelf": JoinedTable(ColumnMapping("shelf", "integer"), "shelves", SHELVES)},
)
READERS = [
    Entity("Reader", f"r{branch}{level}", {"branch": branch, "level": level})
    for branch in ("north", "o'sun")
    for level in (1, 3)
]
TITLES = ("Ada", "ada", "A%", "Be*la", "", "A\u00e9")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(PolicyBundle(POLICIES, SCHEMA), all_inline=True)


@pytest.fixture(scope="module")
def database() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.executescript("""
        CREATE TABLE shelves (id INTEGER PRIMARY KEY, closed BOOLEAN NOT NULL);
        CREATE TABLE books (id INTEGER PRIMARY KEY, branch TEXT COLLATE NOCASE NOT NULL,
            "ti%tle" TEXT COLLATE NOCASE NOT NULL, shelf INTEGER NOT NULL, owner TEXT);
        CREATE TABLE reservations (book INTEGER NOT NULL, reader TEXT NOT NULL);
        INSERT INTO shelves VALUES (1, FALSE), (2, TRUE);
    """)
    books = [
        (branch, title, shelf, owner)
        for branch in ("north", "NORTH", "o'sun")
        for title in TITLES
        for shelf in (1, 2)
        for owner in (None, "rnorth1", "ro'sun3")
    ]
    database.executemany(
        'INSERT INTO books (branch, "ti%tle", shelf, owner) VALUES (?, ?, ?, ?)', books
    )
    database.execute("INSERT INTO reservations SELECT id, 'ro''sun1' FROM books WHERE id % 3 = 0")
    database.execute("INSERT INTO reservations SELECT id, 'ro''sun1' FROM books WHERE id % 9 = 0")
    return database


def checked(
    engine: Engine, database: sqlite3.Connection, reader: Entity, action: str
) -> list[int]:
    """The books that a check of each row allows."""
    own = [] if reader in engine else [reader]
    reserved: dict[int, set[EntityUid]] = {}
    for book, by in database.execute("SELECT book, reader FROM reservations"):
        reserved.setdefault(book, set()).add(EntityUid("Reader", by))
    allowed: list[int] = []
    rows = 'SELECT b.id, branch, "ti%tle", shelf, closed, owner FROM books b JOIN shelves s ON s.id = shelf'
    for book, branch, title, shelf, closed, owner in database.execute(rows + " ORDER BY b.id"):
        shelf = Entity("Shelf", str(shelf), {"closed": bool(closed)})
        attributes = {
            "branch": branch,
            "title": title,
            "shelf": shelf.uid,
            "reserved_by": reserved.get(book, set()),
        }
        if owner is not None:
            attributes["owner"] = EntityUid("Reader", owner)
        row = Entity("Book", str(book), attributes)
        if engine.allows(reader, action, row, entities=[*own, row, shelf]):
            allowed.append(book)
    return allowed


def selected(database: sqlite3.Connection, filter: Filter) -> list[int]:
    condition, parameters = filter.to_sql("sqlite", "b")
    rows = database.execute(f"SELECT id FROM books AS b WHERE {condition} ORDER BY id", parameters)
    return [book for (book,) in rows]


@pytest.mark.parametrize("action", ["read", "lend"])
@pytest.mark.parametrize("reader", READERS, ids=lambda it: it.id)
def test_what_is_selected_is_what_is_allowed(
    engine: Engine, database: sqlite3.Connection, reader: Entity, action: str
) -> None:
    filter = engine.filter(reader, action, BOOKS, entities=[reader])
    found = selected(database, filter)
    assert found == checked(engine, database, reader, action)
    assert 0 < len(found) < 108 or (reader.id, action) == ("rnorth3", "lend")


def test_a_checker_asks_the_same(database: sqlite3.Connection) -> None:
    policies = PolicyBundle(POLICIES, SCHEMA)
    engine = Engine(policies, facts=READERS, host_owned=["Book", "Shelf"])
    for reader in READERS:
        filter = engine.checker(reader).filter("read", BOOKS)
        assert filter == engine.filter(reader, "read", BOOKS)
        assert selected(database, filter) == checked(engine, database, reader, "read")


def test_all_and_none() -> None:
    engine = Engine(
        PolicyBundle('permit (principal, action == Action::"read", resource);', SCHEMA),
        all_inline=True,
    )
    everything = engine.filter('Reader::"r"', "read", BOOKS, entities=READERS[:1])
    nothing = engine.filter('Reader::"r"', "lend", BOOKS, entities=READERS[:1])
    assert everything.is_all and not everything.is_none and everything.predicate is None
    assert nothing.is_none and not nothing.is_all and nothing.predicate is None
    assert nothing.to_sql("postgresql", "b") == ("(1 = 0)", ())


def test_a_condition_can_be_read(engine: Engine) -> None:
    reader = READERS[1]
    lend = engine.filter(reader, "lend", BOOKS, entities=[reader]).predicate
    assert isinstance(lend, And) and isinstance(lend.parts[-1], Or)
    owned, reserved = lend.parts[-1].parts
    assert owned == Compare(Column("owner", "text"), "=", "rnorth3")
    names = (Column("reader", "text"), ("rnorth3",))
    exists = Exists("reservations", "book", Column("id", "integer"), names, False)
    assert reserved == exists
    assert "rnorth3" not in repr(lend)
    read = engine.filter(reader, "read", BOOKS, entities=[reader]).predicate
    assert isinstance(read, And) and isinstance(read.parts[-1], Or)
    branch = read.parts[-1].parts[0]
    assert isinstance(branch, And)
    assert Like(Column("ti%tle", "text"), ("A", None), False) in branch.parts


def test_parameters_are_written_as_a_driver_wants_them(engine: Engine) -> None:
    reader = READERS[1]
    filter = engine.filter(reader, "read", BOOKS, entities=[reader])
    native = filter.to_sql("postgresql", "b")
    assert "rnorth3" not in repr(native) and "rnorth3" in native.parameters
    percent = filter.to_sql("postgresql", "b", placeholders="percent")
    assert '"ti%tle"' in native.condition and "$1" in native.condition
    assert '"ti%%tle"' in percent.condition and "$" not in percent.condition
    assert percent.condition.count("%s") == len(percent.parameters)
    assert native.parameters == percent.parameters
    question = filter.to_sql("sqlite", "b", placeholders="question")
    assert question.condition.count("?") == len(question.parameters)
    with pytest.raises(ValueError, match="sqlite, postgresql, mysql, mariadb"):
        filter.to_sql("oracle", "b")  # type: ignore[arg-type] # pyright: ignore


def test_uuids_are_bound_as_the_column_keeps_them() -> None:
    schema = "entity Reader; entity Book = { owner: Reader }; action read appliesTo { principal: Reader, resource: Book };"
    policies = PolicyBundle(
        "permit (principal, action, resource) when { resource.owner == principal };", schema
    )
    engine = Engine(policies, all_inline=True)
    reader = EntityUid("Reader", "6f2d8f5e-51a4-4b9f-8d6d-0f4f3b2a1c00")
    for holds, bound in (("uuid", reader.id), ("uuid_hex", reader.id.replace("-", ""))):
        column = ColumnMapping("owner", "uuid_hex" if holds == "uuid_hex" else "uuid")
        books = TableMapping("Book", ColumnMapping("id", "integer"), columns={"owner": column})
        filter = engine.filter(reader, "read", books, entities=[Entity("Reader", reader.id)])
        assert filter.to_sql("sqlite", "b").parameters == (bound,)
        (native,) = filter.to_sql("postgresql", "b").parameters
        assert str(native) == reader.id and not isinstance(native, str)


def test_what_cannot_be_asked_is_an_error_that_names_the_clause(engine: Engine) -> None:
    reader = READERS[0]
    partly = TableMapping(
        "Book", ColumnMapping("id", "integer"), columns={"branch": ColumnMapping("branch", "text")}
    )
    with pytest.raises(FilterError, match="title|owner|reserved_by|shelf") as raised:
        engine.filter(reader, "read", partly, entities=[reader])
    assert raised.value.help
    wrong = TableMapping(
        "Book", ColumnMapping("id", "integer"), columns={"branch": ColumnMapping("b", "integer")}
    )
    with pytest.raises(FilterError, match="branch"):
        wrong.check(engine.policies)
    with pytest.raises(FilterError, match="two places"):
        column = ColumnMapping("owner", "text")
        TableMapping(
            "Book",
            ColumnMapping("id", "integer"),
            columns={"owner": column},
            related={"owner": RelatedTable("t", "o", column)},
        )
    with pytest.raises(FilterError, match="schema|request|appliesTo"):
        engine.filter('Shelf::"s"', "read", BOOKS)
    with pytest.raises(ValueError, match="text, integer, boolean, uuid, uuid_hex, milliseconds"):
        ColumnMapping("id", "float")  # type: ignore[arg-type] # pyright: ignore


def test_mappings_that_lead_through_many_tables_are_refused() -> None:
    mapping = TableMapping("Book", ColumnMapping("id", "integer"))
    with pytest.raises(FilterError, match="too many tables"):
        for _ in range(100):
            joined = {"next": JoinedTable(ColumnMapping("next", "integer"), "books", mapping)}
            mapping = TableMapping("Book", ColumnMapping("id", "integer"), joined=joined)


def test_mappings_are_read_from_files(tmp_path: Path) -> None:
    text = "type: Book\nid: { column: id, holds: integer }\ncolumns:\n  branch: { column: b, holds: text }\n"
    assert TableMapping.from_text(text).type == "Book"
    path = tmp_path / "books.yaml"
    path.write_text(text, encoding="utf-8")
    assert TableMapping.load(path).type == "Book"
    with pytest.raises(FilterError, match=r"mapping.yaml: line 2"):
        TableMapping.from_text(text.replace("integer", "number"))
    with pytest.raises(FilterError, match="none.yaml"):
        TableMapping.load(tmp_path / "none.yaml")


def test_columns_are_values() -> None:
    column = ColumnMapping("owner", "text", nulls="absent")
    assert pickle.loads(pickle.dumps(column)) == column
    assert len({column, ColumnMapping("owner", "text", "absent")}) == 1
    assert repr(column) == 'ColumnMapping("owner", "text", nulls="absent")'
