"""SQLAlchemy: the example over HTTP, conditions that select what a check allows, narrowed sessions."""

import json
import pickle
import random
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias, cast
from uuid import UUID, uuid5
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import sqlalchemy as sa
from sqlalchemy import exc, func, orm, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import exc as orm_exc
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column, relationship
from sqlalchemy_app import app as example

from doorward import ColumnMapping, Engine, Entity, EntityUid, FilterError, PolicyBundle, TableMapping
from doorward.filters import And, CompareColumns, Exists, Joined, JoinedTable, Or, RelatedTable
from doorward.sqlalchemy import CALLER, UNGUARDED, Rows, column, condition, guard, mapping

IDS = UUID("6f2d8f5e-51a4-4b9f-8d6d-0f4f3b2a1c00")


def url_of(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> str:
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path}/host.db"
    address: str = request.getfixturevalue("postgres")
    return address.replace("postgresql:", "postgresql+psycopg:", 1)


# The example, as its users see it.


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(app: example.Pages) -> Generator[int, None, None]:
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[example.Pages]:
    pages = example.create_app(url_of(request, request.param, tmp_path))
    yield pages
    with pages.sessions() as session:
        database = session.get_bind()
    example.Base.metadata.drop_all(database)
    assert isinstance(database, sa.Engine)
    database.dispose()


def ask(port: int, contact: str, path: str, method: str = "GET") -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request(method, path, headers={"X-Contact": contact})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def test_the_example_lists_what_it_shows(app: example.Pages) -> None:
    with app.sessions() as session:
        rows = [invoice.row() for invoice in session.scalars(select(example.Invoice))]
    listed: dict[str, set[str]] = {}
    with served(app) as port:
        for contact in ("ann", "ben", "cyd"):
            status, body = ask(port, contact, "/invoices")
            listed[contact] = {invoice["id"] for invoice in body}
            assert status == 200 and len(body) == len(listed[contact])
            caller = EntityUid("Contact", contact)
            assert listed[contact] == {
                row.id for row in rows if app.engine.allows(caller, "view", row, entities=[row])
            }
            for row in rows:
                status, _ = ask(port, contact, f"/invoices/{row.id}")
                assert status == (200 if row.id in listed[contact] else 404)
    assert {contact: len(ids) for contact, ids in listed.items()} == {"ann": 4, "ben": 6, "cyd": 4}


def test_the_example_tells_a_refusal_only_to_whom_may_view(app: example.Pages) -> None:
    with app.sessions() as session:
        ids = {
            (it.client, it.state, it.total_cents): it.id for it in session.scalars(select(example.Invoice))
        }
    with served(app) as port:

        def pay(contact: str, *invoice: object) -> int:
            status, _ = ask(port, contact, f"/invoices/{ids[invoice]}/pay", "POST")  # type: ignore[index]
            return status

        assert pay("ann", "C1", "sent", 90_000) == 403  # over the limit
        assert pay("ben", "C1", "sent", 900) == 403  # pays nothing
        assert pay("ben", "C2", "sent", 900) == 403  # shared with him, to look at
        assert pay("ann", "C2", "sent", 900) == 404  # another client's
        assert pay("ann", "C1", "draft", 900) == 404
        assert pay("ann", "C1", "sent", 900) == 200
        assert pay("ann", "C1", "sent", 900) == 403  # paid by now
        assert ask(port, "nobody", "/invoices")[0] == 401
        for path in (f"/invoices/{IDS}", "/invoices/1", "/clients"):
            assert ask(port, "ann", path)[0] == 404


# The corpus: hostile rows, and a policy for each shape of a condition.

SCHEMA = """
entity Client;
entity Contact = { client: Client, title: String, limit: Long };
entity Folder = { closed: Bool, name: String, readers: Set<Contact> };
entity Invoice = {
  client: Client, title: String, note?: String, state: String, total: Long, paid: Long,
  due?: datetime, open: Bool, owner?: Contact, reviewer?: Contact, deleted: Bool,
  watchers: Set<Contact>, tags: Set<String>, folder?: Folder, parent?: Invoice,
};
action view appliesTo { principal: Contact, resource: Invoice };
"""
CONTACTS = [
    Entity(
        "Contact",
        str(uuid5(IDS, str(number))),
        {"client": EntityUid("Client", client), "title": title, "limit": limit},
    )
    for number, (client, title, limit) in enumerate(
        [("C1", "50%_off", 10), ("c1", "o'sun", 2**62), ("C'2", "", -5)]
    )
]
CONDITIONS = [
    "resource.client == principal.client",
    "resource.client != principal.client",
    "resource.title == principal.title",
    "resource.title != principal.title",
    "resource.title == resource.state",
    "resource.title != resource.state",
    "resource.total < principal.limit",
    "resource.total <= 10",
    "resource.total > principal.limit",
    "resource.total >= 4611686018427387904",
    "resource.paid < resource.total",
    "resource.paid == resource.total",
    "resource.total != 10",
    "resource.open",
    "!resource.open",
    "resource has note && resource.note == principal.title",
    "resource has note && resource.note != principal.title",
    "resource has note",
    "!(resource has note)",
    "resource has note && resource.note like \"*%*\"",
    "resource has note && !(resource.note like \"A*\")",
    '["A", "o\'sun", "50%_off"].contains(resource.title)',
    '!(["A", "o\'sun", "50%_off"].contains(resource.title))',
    '["sent", "Sent"].contains(resource.state)',
    "resource.state like \"s*\"",
    'resource.title == "nul\\0"',
    'resource.title != "nul\\0"',
    '["nul\\0", "A"].contains(resource.title)',
    '!(["nul\\0", "A"].contains(resource.title))',
    '!(["nul\\0", "\\0"].contains(resource.title))',
    'resource.title like "nul\\0*"',
    '!(resource.title like "nul\\0*")',
    'resource has note && !(resource.note like "*\\0")',
    *(f'resource.title like "{pattern}"' for pattern in (
        "", "*", "A", "a*", "*%_*", "*\\*", "[ab]*", "*]*", "*!*", "?*", "*\\\\*", "*\u00e9", "*\U0001f600*"
    )),
    *(f'!(resource.title like "{pattern}")' for pattern in ("*%_*", "[ab]*", "*!*", "?*", "A*", "*\\**")),
    "resource has owner && resource.owner == principal",
    "resource has owner && resource.owner != principal",
    "!(resource has owner)",
    "resource has owner && "
    f'[Contact::"{CONTACTS[0].id}", Contact::"{CONTACTS[1].id}"].contains(resource.owner)',
    "resource has reviewer && resource.reviewer == principal",
    "resource has reviewer && resource.reviewer != principal",
    "resource has owner && resource has reviewer && resource.owner.client == principal.client",
    "resource has due && resource.due < datetime(\"2026-01-02\")",
    "resource has due && resource.due == datetime(\"1969-12-31T23:59:59.999Z\")",
    "resource.watchers.contains(principal)",
    "!resource.watchers.contains(principal)",
    f'resource.watchers.containsAny([principal, Contact::"{CONTACTS[0].id}"])',
    f'resource.watchers.containsAll([principal, Contact::"{CONTACTS[0].id}"])',
    "resource.watchers.isEmpty()",
    "!resource.watchers.isEmpty()",
    'resource.tags.contains("A")',
    '!resource.tags.contains("A")',
    'resource.tags.containsAny(["%", "o\'sun"])',
    'resource.tags.contains("nul\\0")',
    '!resource.tags.contains("nul\\0")',
    "resource has folder && resource.folder.closed",
    "resource has folder && !resource.folder.closed",
    "resource has folder && resource.folder has closed",
    "resource has folder && !(resource.folder has closed)",
    'resource has folder && resource.folder.name like "A*"',
    "resource has folder && (resource.folder.closed || resource.folder.name == principal.title)",
    "resource has folder && resource.folder.readers.contains(principal)",
    "resource has folder && !resource.folder.readers.contains(principal)",
    'resource has parent && resource.parent.title like "A*"',
    "resource has parent && resource.parent.watchers.contains(principal)",
    "resource has parent && !(resource.parent.title == principal.title)",
]
TITLES = (
    *("A", "a", "50%_off", "50%_OFF", "50%xoff", "o'sun", "O'SUN", "", " ", "[ab]c", "ac", "!", "?x", "x"),
    *("*", "a*", "\\", "\u00e9", "e\u0301", "\u00c9", "\U0001f600!", "' OR 1=1 --", "%", "]", "\u01c5"),
)


class Base(orm.DeclarativeBase):
    pass


class Client(Base):
    __tablename__ = "clients"

    name: Mapped[str] = mapped_column("client", primary_key=True)
    invoices: Mapped[list["Invoice"]] = relationship(back_populates="client")


class Invoice(Base):
    """Its attributes have other names than its columns."""

    __tablename__ = "invoices"

    key: Mapped[int] = mapped_column("id", primary_key=True)
    client_name: Mapped[str | None] = mapped_column("client", sa.ForeignKey("clients.client"))
    heading: Mapped[str] = mapped_column("ti%tle")
    note: Mapped[str | None]
    status: Mapped[str] = mapped_column("state", key="key_of_state")
    total: Mapped[int] = mapped_column(sa.BigInteger)
    paid: Mapped[int] = mapped_column(sa.BigInteger)
    due: Mapped[int | None] = mapped_column("due_ms", sa.BigInteger)
    is_open: Mapped[bool] = mapped_column("open")
    owner: Mapped[UUID | None]
    # As a host keeps it that does not know the type.
    reviewer: Mapped[str | None] = mapped_column(
        sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    )
    deleted: Mapped[bool] = mapped_column(default=False)
    folder_id: Mapped[int | None]
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("invoices.id"))

    client: Mapped[Client | None] = relationship(back_populates="invoices")
    parent: Mapped["Invoice | None"] = relationship(remote_side=[key])


# Keys are not names here either. The watchers are in no metadata at all.
TABLE = sa.Table(
    "invoices",
    sa.MetaData(),
    *(sa.Column(it.name, it.type, key=f"key_{it.name}") for it in Invoice.__table__.columns),
)
TAGS = sa.Table("tags", Base.metadata, sa.Column("invoice", sa.Integer), sa.Column("word", sa.Text))
FOLDERS = sa.Table(
    "folders",
    Base.metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("closed", sa.Boolean),
    sa.Column("name", sa.Text),
)
READERS = sa.Table(
    "readers", Base.metadata, sa.Column("folder", sa.Integer), sa.Column("contact", sa.Uuid)
)

TABLES = {
    "sqlite": """
        CREATE TABLE invoices (id INTEGER PRIMARY KEY, client TEXT COLLATE NOCASE,
            "ti%tle" TEXT COLLATE NOCASE NOT NULL, note TEXT COLLATE RTRIM, state TEXT COLLATE NOCASE NOT NULL,
            total BIGINT NOT NULL, paid BIGINT NOT NULL, due_ms BIGINT, open BOOLEAN NOT NULL,
            owner CHAR(32), reviewer VARCHAR(36) COLLATE NOCASE, deleted BOOLEAN NOT NULL,
            folder_id INTEGER, parent_id INTEGER);
        CREATE TABLE watchers (invoice INTEGER NOT NULL, contact TEXT COLLATE NOCASE NOT NULL);
        CREATE TABLE tags (invoice INTEGER NOT NULL, word TEXT COLLATE NOCASE NOT NULL);
        CREATE TABLE folders (id INTEGER PRIMARY KEY, closed BOOLEAN NOT NULL, name TEXT COLLATE NOCASE NOT NULL);
        CREATE TABLE readers (folder INTEGER NOT NULL, contact CHAR(32) NOT NULL);
    """,
    # Of types that are no texts, as `citext` is none.
    "postgresql": """
        DROP TABLE IF EXISTS invoices, watchers, tags, folders, readers; DROP TYPE IF EXISTS state;
        CREATE TYPE state AS ENUM ('sent', 'Sent', 'A', '50%_off');
        CREATE TABLE invoices (id INTEGER PRIMARY KEY, client VARCHAR(20), "ti%tle" NAME NOT NULL, note TEXT,
            state STATE NOT NULL, total BIGINT NOT NULL, paid BIGINT NOT NULL, due_ms BIGINT,
            open BOOLEAN NOT NULL, owner UUID, reviewer UUID, deleted BOOLEAN NOT NULL,
            folder_id INTEGER, parent_id INTEGER);
        CREATE TABLE watchers (invoice INTEGER NOT NULL, contact NAME NOT NULL);
        CREATE TABLE tags (invoice INTEGER NOT NULL, word TEXT NOT NULL);
        CREATE TABLE folders (id INTEGER PRIMARY KEY, closed BOOLEAN NOT NULL, name TEXT NOT NULL);
        CREATE TABLE readers (folder INTEGER NOT NULL, contact UUID NOT NULL);
    """,
}


# Its elements may not be NULL, which a nullable column does not say.
READER = RelatedTable("readers", "folder", ColumnMapping("contact", "uuid_hex"))
RELATED = {
    "watchers": RelatedTable("watchers", "invoice", ColumnMapping("contact", "text")),
    "tags": RelatedTable("tags", "invoice", ColumnMapping("word", "text")),
}
INVOICES = mapping(
    Invoice,
    "Invoice",
    {
        "client": ColumnMapping("client", "text", "refused"),
        "title": Invoice.heading,
        "note": Invoice.note,
        "state": Invoice.status,
        "total": Invoice.total,
        "paid": Invoice.paid,
        "due": ColumnMapping("due_ms", "milliseconds", "absent"),
        "open": Invoice.is_open,
        "owner": Invoice.owner,
        "reviewer": ColumnMapping("reviewer", "uuid", "absent"),
        "deleted": Invoice.deleted,
    },
    related=RELATED,
    joined={
        "folder": JoinedTable(
            column(Invoice.folder_id),
            "folders",
            TableMapping(
                "Folder",
                ColumnMapping("id", "integer"),
                columns={
                    "closed": ColumnMapping("closed", "boolean"),
                    "name": ColumnMapping("name", "text"),
                },
                related={"readers": READER},
            ),
        )
    },
)
# Without the client: no row can refuse another row of the same table.
CHILDREN = mapping(
    Invoice,
    "Invoice",
    {"deleted": Invoice.deleted},
    joined={
        "parent": JoinedTable(
            column(Invoice.parent_id),
            "invoices",
            mapping(Invoice, "Invoice", {"title": Invoice.heading}, related=RELATED),
        )
    },
)

OWNED = mapping(Invoice, "Invoice", {"deleted": Invoice.deleted, "owner": Invoice.owner})


@dataclass
class Row:
    """An invoice, from which both the database and the check are told."""

    values: dict[str, Any]
    watchers: list[str] = field(default_factory=list[str])
    tags: list[str] = field(default_factory=list[str])

    def entity(self) -> Entity:
        it = self.values
        attributes: dict[str, Any] = {
            "title": it["ti%tle"],
            "state": it["state"],
            "total": it["total"],
            "paid": it["paid"],
            "open": it["open"],
            "deleted": it["deleted"],
            "watchers": {EntityUid("Contact", id) for id in self.watchers},
            "tags": set(self.tags),
        }
        optional = {
            "client": it["client"] and EntityUid("Client", it["client"]),
            "note": it["note"],
            "due": None if it["due_ms"] is None else moment(it["due_ms"]),
            "owner": it["owner"] and EntityUid("Contact", it["owner"]),
            "reviewer": it["reviewer"] and EntityUid("Contact", it["reviewer"]),
            "folder": it["folder_id"] and EntityUid("Folder", str(it["folder_id"])),
            "parent": it["parent_id"] and EntityUid("Invoice", str(it["parent_id"])),
        }
        attributes |= {name: value for name, value in optional.items() if value is not None}
        return Entity("Invoice", str(it["id"]), attributes)


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=milliseconds)


def corpus(dialect: str) -> list[Row]:
    """The same rows each time. PostgreSQL keeps no NUL."""
    choose = random.Random(7).choice
    nul = ("nul\0", "nul\0x", "\0") if dialect == "sqlite" else ()
    contacts = [it.id for it in CONTACTS]
    rows: list[Row] = []
    for id, title in enumerate((TITLES + nul) * 6, 1):
        values = {
            "id": id,
            # Nothing is missing in the parents of others.
            "client": choose(["C1", "c1", "C'2", "C1", None] if id > 4 else ["C1"]),
            "ti%tle": title,
            "note": choose([None, None, *TITLES, "A ", *nul]),
            "state": choose(["sent", "Sent", "A", "50%_off"]),
            "total": choose([10, 11, -5, 2**62, 0]),
            "paid": choose([10, 0, 2**62]),
            "due_ms": choose([None, -1, 0, 1_767_312_000_000, 1_767_311_999_999]),
            "open": choose([True, False]),
            "owner": choose([None, *contacts, str(IDS)]),
            "reviewer": choose([None, *contacts, str(IDS)]),
            "deleted": choose([True, False, False, False]),
            "folder_id": choose([None, 1, 2, 3, 99]),
            "parent_id": choose([None, 1, 2, 3, 4, id, 9999]),
        }
        # An element may stand there twice.
        watchers = choose([[], contacts, contacts[:1], contacts[:1] * 2, [contacts[1], str(IDS)]])
        tags = choose([[], ["A"], ["a"], ["%", "%", "x"], ["o'sun", *nul[:1]]])
        rows.append(Row(values, watchers, tags))
    return rows


FOLDER_ROWS = [(1, True, "A"), (2, False, "a1"), (3, False, "50%_off")]
READER_ROWS = [(1, CONTACTS[0].id), (1, CONTACTS[0].id), (2, CONTACTS[1].id), (3, str(IDS))]


@dataclass
class Database:
    engine: sa.Engine
    rows: list[Row]

    def selected(self, query: sa.Select[int]) -> set[int]:
        with self.engine.connect() as connection:
            found = list(connection.scalars(query))
        assert len(found) == len(set(found))
        return set(found)

    def checked(self, engine: Engine, contact: Entity) -> set[int]:
        """The rows that a check allows, with all that the host knows of them."""
        folders = [
            Entity(
                "Folder",
                str(id),
                {
                    "closed": closed,
                    "name": name,
                    "readers": {EntityUid("Contact", it) for of, it in READER_ROWS if of == id},
                },
            )
            for id, closed, name in FOLDER_ROWS
        ]
        entities: dict[int, Entity] = {row.values["id"]: row.entity() for row in self.rows}
        allowed: set[int] = set()
        for id, entity in entities.items():
            values: dict[str, Any] = self.rows[id - 1].values
            parent = entities.get(values["parent_id"])
            known = [entity, *([parent] if parent is not None and parent.id != entity.id else [])]
            known += [it for it in folders if it.id == str(values["folder_id"])]
            if engine.allows(contact, "view", entity, entities=known):
                allowed.add(id)
        return allowed

    def written(self, sql: tuple[str, tuple[Any, ...]]) -> set[int]:
        """The rows of a filter's own SQL, by the driver."""
        text, parameters = sql
        with self.engine.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute(f"SELECT i.id FROM invoices AS i WHERE {text}", parameters)
            return {id for (id,) in cursor.fetchall()}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    dialect: str = request.param
    engine = sa.create_engine(url_of(request, dialect, tmp_path_factory.mktemp("corpus")))
    mark = "?" if dialect == "sqlite" else "%s"

    def kept(id: str | None) -> str | None:
        return id.replace("-", "") if id is not None and dialect == "sqlite" else id

    rows = corpus(dialect)
    tables: dict[str, list[tuple[Any, ...]]] = {
        "invoices": [tuple({**it.values, "owner": kept(it.values["owner"])}.values()) for it in rows],
        "watchers": [(row.values["id"], it) for row in rows for it in row.watchers],
        "tags": [(row.values["id"], it) for row in rows for it in row.tags],
        "folders": list(FOLDER_ROWS),
        "readers": [(folder, kept(contact)) for folder, contact in READER_ROWS],
    }
    with engine.begin() as connection:
        cursor = connection.connection.cursor()
        for statement in TABLES[dialect].split(";"):
            if statement.strip():
                cursor.execute(statement)
        for table, values in tables.items():
            marks = ", ".join(mark for _ in values[0])
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
    yield Database(engine, rows)
    with engine.begin() as connection:
        for table in tables:
            connection.execute(sa.text(f"DROP TABLE {table}"))
    engine.dispose()


def engine_of(text: str, **options: Any) -> Engine:
    policies = f"""
        @id("it") permit (principal, action, resource) when {{ {text} }};
        @id("deleted") forbid (principal, action, resource) when {{ resource.deleted }};
    """
    hosts = ["Invoice", "Folder"]
    return Engine(PolicyBundle(policies, SCHEMA), facts=CONTACTS, host_owned=hosts, **options)


def mapping_of(text: str) -> TableMapping:
    return CHILDREN if "parent" in text else INVOICES


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_selects_what_a_check_allows(database: Database, text: str) -> None:
    engine = engine_of(text)
    alias, other = aliased(Invoice), TABLE.alias("invoices_again")
    queries: list[tuple[Rows, sa.Select[int]]] = [
        (Invoice, select(Invoice.key)),
        (alias, select(alias.key)),
        (TABLE, select(TABLE.c.key_id)),
        (other, select(other.c.key_id)),
    ]
    dialect: Any = database.engine.dialect.name
    whole = {row.values["id"] for row in database.rows if row.values["client"] is not None}
    with_nul = {
        row.values["id"]
        for row in database.rows
        if any("\0" in (row.values[name] or "") for name in ("ti%tle", "note"))
    }
    for contact in CONTACTS:
        filter = engine.filter(contact, "view", mapping_of(text))
        allowed = database.checked(engine, contact)
        placeholders: Any = "question" if dialect == "sqlite" else "percent"
        written = database.written(filter.to_sql(dialect, "i", placeholders=placeholders))
        for rows, query in queries:
            selected = database.selected(query.where(condition(filter, rows)))
            assert selected == written
            if mapping_of(text) is CHILDREN:
                selected &= whole
            assert selected <= allowed
            # SQLite cannot look behind a NUL for a shape: such a text has none, and not another.
            assert allowed - selected <= (with_nul if " like " in text else set())


def nodes(predicate: Any) -> Iterator[tuple[str, object]]:
    """The kinds of a condition's parts, with what is said of them beside."""
    match predicate:
        case And(parts) | Or(parts):
            yield type(predicate).__name__, None
            for part in parts:
                yield from nodes(part)
        case CompareColumns(operator=operator):
            yield "CompareColumns", operator
        case Joined(condition=within, negated=negated):
            yield "Joined", negated
            if within is not None:
                yield from nodes(within)
        case Exists(element=element, negated=negated):
            yield "Exists of one" if element else "Exists", negated
        case _:
            said = predicate.operator if hasattr(predicate, "operator") else predicate.negated
            yield type(predicate).__name__, said


def test_the_conditions_reach_every_kind_of_node() -> None:
    reached: set[tuple[str, object]] = set()
    for text, contact in product(CONDITIONS, CONTACTS):
        reached.update(nodes(engine_of(text).filter(contact, "view", mapping_of(text)).predicate))
    either = ("In", "Null", "Like", "Exists", "Exists of one", "Joined")
    assert reached >= {(node, negated) for node in either for negated in (True, False)}
    assert reached >= {("Compare", it) for it in ("=", "<>", "<", "<=", ">", ">=")}
    assert reached >= {("CompareColumns", it) for it in ("=", "<>", "<")}
    assert reached >= {("And", None), ("Or", None)}


def test_all_and_none() -> None:
    policies = "permit (principal, action, resource);", "forbid (principal, action, resource);"
    everything, nothing = (
        Engine(PolicyBundle(it, SCHEMA), facts=CONTACTS, host_owned=["Invoice", "Folder"]).filter(
            CONTACTS[0], "view", CHILDREN
        )
        for it in policies
    )
    assert everything.is_all and nothing.is_none
    assert str(condition(everything, Invoice)) == "true"
    assert str(condition(nothing, Invoice)) == "false"


def test_a_uuid_is_compared_as_its_type_keeps_it(database: Database) -> None:
    """Whatever a mapping says of a column that SQLAlchemy knows better."""
    mistaken = TableMapping(
        "Invoice",
        ColumnMapping("id", "integer"),
        columns={
            "owner": ColumnMapping("owner", "uuid", "absent"),
            "deleted": ColumnMapping("deleted", "boolean"),
        },
    )
    for operator in ("==", "!="):
        engine = engine_of(f"resource has owner && resource.owner {operator} principal")
        right, wrong = (
            condition(engine.filter(CONTACTS[0], "view", it), Invoice)
            for it in (OWNED, mistaken)
        )
        found = database.selected(select(Invoice.key).where(right))
        assert found and found == database.selected(select(Invoice.key).where(wrong))


def test_a_statement_is_cached_by_its_shape_and_not_with_its_values(database: Database) -> None:
    text = (
        "resource.client == principal.client || resource.title == principal.title"
        " || resource.watchers.contains(principal) || resource.total < principal.limit"
        " || (resource has owner && resource.owner == principal)"
        " || (resource has reviewer && resource.reviewer == principal)"
        " || (resource has note && !(resource.note like \"*\"))"
        " || (resource has folder && resource.folder.readers.contains(principal))"
    )
    engine = engine_of(text)
    cache: dict[Any, Any] = {}
    found: list[set[int]] = []
    with database.engine.connect().execution_options(compiled_cache=cache) as connection:
        for contact in [*CONTACTS, *CONTACTS]:
            filter = engine.filter(contact, "view", INVOICES)
            query = select(Invoice.key).where(condition(filter, Invoice))
            found.append(set(connection.scalars(query)))
            assert found[-1] == database.checked(engine, contact)
            assert len(cache) == 1
    assert found[:3] == found[3:] and len({frozenset(it) for it in found}) == 3
    shapes: dict[str, set[int]] = {}
    for pattern in ("A*", "*_*", "*\\*"):
        engine = engine_of(f'resource.title like "{pattern}"')
        with database.engine.connect().execution_options(compiled_cache=cache) as connection:
            filter = engine.filter(CONTACTS[0], "view", INVOICES)
            query = select(Invoice.key).where(condition(filter, Invoice))
            shapes[pattern] = set(connection.scalars(query))
        assert len(cache) == 2
        assert shapes[pattern] == database.checked(engine, CONTACTS[0])
    assert len({frozenset(it) for it in shapes.values()}) == 3


DIALECTS: list[Any] = [it.dialect() for it in cast("Any", (sqlite, postgresql, mysql))]


def test_no_value_is_written_into_the_text() -> None:
    engine = engine_of("resource.title == principal.title && resource.title like \"a'*\"")
    filter = engine.filter(CONTACTS[1], "view", INVOICES)
    for dialect in DIALECTS:
        assert "o'sun" not in str(select(Invoice).where(condition(filter, Invoice)).compile(dialect=dialect))


def test_texts_compare_by_their_characters_in_each_database() -> None:
    engine = engine_of(
        'resource.title == principal.title && !(resource.title like "a*") && resource.state != "nul\\0"'
    )
    found = condition(engine.filter(CONTACTS[0], "view", INVOICES), Invoice)
    written = {
        dialect.name: str(found.compile(dialect=dialect))
        for dialect in DIALECTS
    }
    assert "COLLATE BINARY =" in written["sqlite"] and "GLOB" in written["sqlite"]
    assert "::text =" in written["postgresql"] and "LIKE" in written["postgresql"]
    assert "(invoices.state::text <> invoices.state::text)" in written["postgresql"]
    assert "BINARY CONVERT(invoices.`ti%%tle` USING utf8mb4) =" in written["mysql"]
    assert "ESCAPE '!'" in written["mysql"]
    with pytest.raises(exc.CompileError):
        str(found)


def test_what_is_not_in_the_table_is_named() -> None:
    filter = engine_of("resource.open").filter(CONTACTS[0], "view", INVOICES)
    wrong = sa.Table("invoices", sa.MetaData(), sa.Column("other", sa.Text, key="client"))
    with pytest.raises(FilterError, match="invoices has no column client"):
        condition(filter, wrong)
    with pytest.raises(TypeError, match="neither a mapped class nor a table"):
        condition(filter, int)
    tagged = engine_of('resource.tags.contains("A")').filter(CONTACTS[0], "view", INVOICES)
    metadata = sa.MetaData()
    here = sa.Table("invoices", metadata, *(sa.Column(it.name, it.type) for it in Invoice.__table__.c))

    def columns() -> list[Any]:
        return [sa.Column("invoice", sa.Integer), sa.Column("word", sa.Text)]

    for schema in ("one", "other"):
        sa.Table("tags", metadata, *columns(), schema=schema)
    with pytest.raises(FilterError, match="more than one schema has a table tags"):
        condition(tagged, here)
    sa.Table("tags", metadata, *columns())
    assert "FROM tags AS" in str(condition(tagged, here).compile(dialect=DIALECTS[0]))


def test_a_mapping_is_made_of_what_types_tell() -> None:
    class Kept(orm.DeclarativeBase):
        pass

    class Odd(Kept):
        __tablename__ = "odd"

        a: Mapped[int] = mapped_column(primary_key=True)
        b: Mapped[int] = mapped_column(primary_key=True)
        moment: Mapped[datetime]
        padded: Mapped[str] = mapped_column(sa.CHAR(3))
        word: Mapped[str] = mapped_column(sa.Enum("x", "y"))
        doubled: Mapped[int] = orm.column_property(a + 1)

    assert column(Invoice.owner) == ColumnMapping("owner", "uuid_hex", "absent")
    assert column(Invoice.is_open) == ColumnMapping("open", "boolean")
    assert column(Invoice.heading) == ColumnMapping("ti%tle", "text")
    assert column(FOLDERS.c.id) == ColumnMapping("id", "integer")
    for attribute in (Odd.moment, Odd.padded, Odd.word):
        with pytest.raises(FilterError, match=f"odd.{attribute.key} does not tell"):
            column(attribute)
    with pytest.raises(FilterError, match="no column"):
        column(Odd.doubled)
    with pytest.raises(FilterError, match="primary key of several columns"):
        mapping(Odd, "Odd", {})


# Sessions that are narrowed.


class Payment(Base):
    """A hierarchy in one table, of which the subclass is asked for as well."""

    __tablename__ = "payments"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "payment"}

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    client: Mapped[str]
    secret: Mapped[str] = mapped_column(deferred=True)


class Refund(Payment):
    __mapper_args__ = {"polymorphic_identity": "refund"}


class Other(orm.DeclarativeBase):
    pass


class Again(Other):
    """What another part of the host made of the same table."""

    __table__ = sa.Table("payments", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))


class Note(Base):
    """Of no class that is guarded."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[int] = mapped_column(sa.ForeignKey("invoices.id"))
    invoice: Mapped[Invoice] = relationship()


OWN = "resource.client == principal.client"
MINE, OTHERS = 1, 2


class Host:
    """A database with an invoice and a payment of each of two clients, whose contacts are two."""

    def __init__(self) -> None:
        self.database = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        Base.metadata.create_all(self.database)
        self.sessions = orm.sessionmaker(self.database)
        schema = SCHEMA.replace("resource: Invoice", "resource: [Invoice, Payment]")
        policies = PolicyBundle(
            f"permit (principal, action, resource) when {{ {OWN} }};",
            schema + "entity Payment = { client: Client };",
        )
        self.engine = Engine(policies, facts=CONTACTS, host_owned=["Invoice", "Payment", "Folder"])
        self.filters: dict[type[Any], Callable[[Any], Any]] = {
            Invoice: lambda checker: checker.filter("view", INVOICES),
            Payment: lambda checker: checker.filter("view", PAYMENTS),
        }
        with self.sessions.begin() as session:
            for id, client in ((MINE, "C1"), (OTHERS, "C'2")):
                # Each is the other's parent.
                parent_id = OTHERS if id == MINE else MINE
                texts = {"client_name": client, "heading": "", "status": "sent"}
                numbers = {"total": id * 100, "paid": 0, "is_open": True, "parent_id": parent_id}
                session.add(Client(name=client))
                session.add(Invoice(key=id, **texts, **numbers))
                session.add(Refund(id=id, client=client, secret=f"secret {id}"))
                session.add(Note(id=id, invoice_id=id))
        guard(self.sessions, self.filters)

    def session(self, contact: Entity | None = CONTACTS[0]) -> Session:
        info = {} if contact is None else {CALLER: self.engine.checker(contact)}
        return self.sessions(info=info)


PAYMENTS = mapping(Payment, "Payment", {"client": Payment.client})


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.database.dispose()


A: Any = aliased(Invoice)
T: Any = Invoice.__table__
DDL: Any = sa.DDL
Made: TypeAlias = Callable[[], Any]


def plain(value: Any) -> Any:
    """Rows by their keys."""
    if isinstance(value, sa.Row):
        values: list[Any] = [plain(it) for it in cast("Any", value)]
        return values[0] if len(values) == 1 else tuple(values)
    if isinstance(value, Base):
        identity: Any = sa.inspect(value).identity
        return identity[0]
    return value


NARROWED: dict[str, tuple[Made, list[Any]]] = {
    "entity": (lambda: select(Invoice), [1]),
    "columns": (lambda: select(Invoice.key, Invoice.total), [(1, 100)]),
    "count": (lambda: select(func.count()).select_from(Invoice), [1]),
    "count of a column": (lambda: select(func.count(Invoice.key)), [1]),
    "sum": (lambda: select(func.sum(Invoice.total)), [100]),
    "alias": (lambda: select(A), [1]),
    "join": (lambda: select(Client).join(Client.invoices), ["C1"]),
    "outer join": (
        lambda: select(Client.name, Invoice.key).outerjoin(Invoice).order_by(Client.name),
        [("C'2", None), ("C1", 1)],
    ),
    "join to an alias": (lambda: select(Invoice).join(Invoice.parent.of_type(A)), []),
    "subquery": (lambda: select(select(Invoice.key).subquery()), [1]),
    "cte": (lambda: select(select(Invoice.key).cte()), [1]),
    "entity of a subquery": (lambda: select(aliased(Invoice, select(Invoice).subquery())), [1]),
    "scalar subquery": (
        lambda: select(
            Client.name,
            select(func.count(Invoice.key)).where(Invoice.client_name == Client.name).scalar_subquery(),
        ).order_by(Client.name),
        [("C'2", 0), ("C1", 1)],
    ),
    "in": (lambda: select(Client).where(Client.name.in_(select(Invoice.client_name))), ["C1"]),
    "exists": (
        lambda: select(Client).where(
            select(Invoice).where(Invoice.client_name == Client.name).exists()
        ),
        ["C1"],
    ),
    "any": (lambda: select(Client).where(Client.invoices.any()), ["C1"]),
    "not any": (lambda: select(Client).where(~Client.invoices.any()), ["C'2"]),
    "union": (lambda: sa.union_all(select(Invoice.key), select(Invoice.key)), [1, 1]),
    "from statement": (lambda: select(Invoice).from_statement(select(Invoice)), [1]),
    "or of the caller's own": (lambda: select(Invoice).where(sa.or_(sa.true(), Invoice.key > 0)), [1]),
    "subclass": (lambda: select(Refund), [1]),
    "with polymorphic": (lambda: select(orm.with_polymorphic(Payment, "*")), [1]),
    "not guarded": (lambda: select(Client).order_by(Client.name), ["C'2", "C1"]),
    "to a guarded one": (lambda: select(Note).join(Note.invoice), [1]),
    "function": (lambda: select(func.abs(-1)), [1]),
    "with a condition": (
        lambda: select(Invoice).where(
            condition(engine_of("resource has parent && resource.parent.title == \"\"").filter(
                CONTACTS[0], "view", CHILDREN), Invoice)
        ),
        [1],
    ),
}
REFUSED: dict[str, Made] = {
    "table": lambda: select(T),
    "table beside a class": lambda: select(Client, T.c.total),
    "join with a table": lambda: select(Client).join(T),
    "alias of a table": lambda: select(T.alias()),
    "table by name": lambda: select(sa.table("Invoices", sa.column("id"))),
    "table within": lambda: select(Client).where(Client.name.in_(select(T.c.client))),
    "entity of a table's subquery": lambda: select(aliased(Invoice, select(T).subquery())),
    "from a table's statement": lambda: select(Invoice).from_statement(select(T)),
    "union of tables": lambda: sa.union(select(T.c.id), select(T.c.id)),
    "text": lambda: sa.text("SELECT id FROM invoices"),
    "from text": lambda: select(Invoice).from_statement(sa.text("SELECT * FROM invoices")),
    "text that reaches out": lambda: select(Invoice).where(sa.text("1 = 0 OR 1 = 1")),
    "literal that reaches out": lambda: select(Invoice).where(sa.literal_column("1 = 0 OR 1 = 1")),
    "raw subquery": lambda: select(sa.literal_column("(SELECT max(total) FROM invoices)", sa.Integer())),
    "window": lambda: select(func.row_number().over(order_by=Invoice.total)),
    "filtered aggregate": lambda: select(func.count().filter(Invoice.total > 0)),
    "function in where": lambda: select(Client.name).where(func.lower(Invoice.client_name) == Client.name),
    "bare exists": lambda: select(sa.exists().where(Invoice.total > 100)),
    "alias by a condition": lambda: select(Invoice.key, A.key).join(A, A.parent_id == Invoice.key),
    "full join": lambda: select(Client.name, Invoice.key).join(Invoice, full=True),
    "full join from it": lambda: select(Invoice.key).join(Client, full=True),
    "another class of its table": lambda: select(Again),
    "update": lambda: sa.update(Invoice).values(total=1),
    "update from": lambda: sa.update(Client).values(name="x").where(Client.name == Invoice.client_name),
    "delete": lambda: sa.delete(Invoice),
    "delete of a subclass": lambda: sa.delete(Refund),
    "insert": lambda: sa.insert(Invoice).values(key=3),
    "insert from": lambda: sa.insert(Client).from_select(["client"], select(Invoice.client_name)),
    "window of its own within": lambda: select(
        Invoice.key, select(func.count().filter(Invoice.total > 0)).correlate(None).scalar_subquery()
    ),
    "core insert": lambda: sa.insert(T).values(id=3),
    "bulk insert": lambda: sa.insert(Invoice),
    "insert of a raw value": lambda: sa.insert(Client).values(name=sa.text("(SELECT 1)")),
    "core delete": lambda: sa.delete(T),
    "ddl": lambda: DDL("DROP TABLE invoices"),
}


@pytest.mark.parametrize("name", NARROWED)
def test_a_session_narrows(host: Host, name: str) -> None:
    made, expected = NARROWED[name]
    with host.session() as session:
        assert [plain(row) for row in session.execute(made())] == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_session_refuses_what_it_cannot_narrow(host: Host, name: str) -> None:
    with host.session() as session:
        for _ in range(2):
            with pytest.raises(FilterError, match="a guarded session refuses a statement"):
                session.execute(REFUSED[name]())
        # It is the host's own.
        options = {UNGUARDED: False}
        with pytest.raises(FilterError):
            session.execute(REFUSED[name](), execution_options=options)
    with host.sessions() as session:
        assert len(session.scalars(select(Invoice), execution_options={UNGUARDED: True}).all()) == 2


def test_the_hosts_own_queries_say_so(host: Host) -> None:
    with host.session() as session:
        everything: sa.Select[int] = select(Invoice.key).order_by(Invoice.key)
        assert session.scalars(everything, execution_options={UNGUARDED: True}).all() == [1, 2]
        assert session.scalars(everything.execution_options(**{UNGUARDED: True})).all() == [1, 2]
        assert session.scalars(everything).all() == [1]
        session.execute(sa.update(Invoice).values(paid=5), execution_options={UNGUARDED: True})


def test_without_a_caller_or_a_filter_there_are_no_rows(host: Host) -> None:
    host.filters[Payment] = lambda _: None
    sessions = orm.sessionmaker(host.database)
    guard(sessions, host.filters)
    with sessions() as session:
        assert session.scalars(select(Invoice)).all() == []
        assert session.get(Payment, MINE) is None
    with sessions(info={CALLER: host.engine.checker(CONTACTS[0])}) as session:
        assert [it.key for it in session.scalars(select(Invoice))] == [MINE]
        assert session.scalars(select(Payment)).all() == []
        assert session.scalar(select(func.count()).select_from(Refund)) == 0


def test_a_filter_that_cannot_be_made_is_an_error(host: Host) -> None:
    sessions = orm.sessionmaker(host.database)
    unmapped = TableMapping("Invoice", ColumnMapping("id", "integer"))
    guard(sessions, {Invoice: lambda checker: checker.filter("view", unmapped)})
    with sessions(info={CALLER: host.engine.checker(CONTACTS[0])}) as session:
        with pytest.raises(FilterError, match="client"):
            session.scalars(select(Invoice))


def test_relations_are_narrowed_however_they_are_loaded(host: Host) -> None:
    loads = (None, orm.joinedload, orm.selectinload, orm.subqueryload)
    for load in loads:
        with host.session() as session:
            query = select(Client).order_by(Client.name)
            if load is not None:
                query = query.options(load(Client.invoices).options(load(Invoice.parent)))
            found = session.scalars(query).unique().all()
            assert [[it.key for it in client.invoices] for client in found] == [[], [MINE]]
            # The parent is another client's.
            assert found[1].invoices[0].parent is None
    with host.session() as session:
        notes = session.scalars(select(Note).order_by(Note.id)).all()
        assert [note.invoice and note.invoice.key for note in notes] == [MINE, None]
    with host.session() as session:
        loaded = session.query(Client).filter_by(name="C'2").one()
        session.refresh(loaded, ["invoices"])
        assert loaded.invoices == []
        assert session.query(Invoice).count() == 1


def test_relations_of_the_hosts_own_rows_are_narrowed(host: Host) -> None:
    with host.session() as session:
        query = select(Client).where(Client.name == "C'2").execution_options(**{UNGUARDED: True})
        assert session.scalars(query).one().invoices == []
    with host.session() as session:
        # An option of the statement is one of all that it loads.
        query = query.options(orm.selectinload(Client.invoices))
        assert [it.key for it in session.scalars(query).one().invoices] == [OTHERS]


def test_get_asks_the_session_first(host: Host) -> None:
    with host.session() as session:
        assert session.get(Invoice, OTHERS) is None
        assert session.get(Invoice, MINE) is not None
        assert session.get(Refund, OTHERS) is None
        # What the host loaded for itself is in the session, which hands it out while it is in use.
        theirs = session.get(Invoice, OTHERS, execution_options={UNGUARDED: True})
        assert theirs is not None and session.get(Invoice, OTHERS) is theirs
        assert session.get(Invoice, OTHERS, populate_existing=True) is None


def test_a_row_that_may_no_longer_be_seen_is_gone(host: Host) -> None:
    with host.session() as session:
        mine = session.get_one(Invoice, MINE)
        payment = session.get_one(Payment, MINE)
        assert payment.secret == "secret 1"  # deferred
        session.refresh(mine)
        session.expire(mine)
        assert mine.total == 100
        with host.sessions.begin() as other:
            for changed in (
                sa.update(Invoice).values(client_name="C'2"),
                sa.update(Payment).values(client="C'2"),
            ):
                other.execute(changed, execution_options={UNGUARDED: True})
        with pytest.raises(exc.InvalidRequestError, match="Could not refresh instance"):
            session.refresh(mine)
        session.expire_all()
        with pytest.raises(orm_exc.ObjectDeletedError):
            _ = mine.total
        session.expire(payment, ["secret"])
        with pytest.raises(orm_exc.ObjectDeletedError):
            _ = payment.secret
        session.rollback()
        assert session.get(Invoice, MINE) is None


def test_a_flush_is_the_hosts_own(host: Host) -> None:
    with host.session() as session:
        mine = session.get_one(Invoice, MINE)
        mine.paid = 7
        session.commit()
        assert mine.paid == 7
        session.delete(mine)
        session.commit()
        assert session.scalars(select(Invoice)).all() == []


def test_two_callers_in_a_row_see_their_own(host: Host) -> None:
    for contact, expected in ((CONTACTS[0], [1]), (CONTACTS[2], [2]), (CONTACTS[1], []), (None, [])):
        with host.session(contact) as session:
            for _ in range(2):
                assert [it.key for it in session.scalars(select(Invoice))] == expected
                found = session.scalars(select(Client).options(orm.joinedload(Client.invoices))).unique()
                assert [it.key for client in found for it in client.invoices] == expected
            # Another caller in the same session sees no more, lazily either.
            if contact is CONTACTS[0]:
                client = session.get_one(Client, "C1")
                session.expire(client)
                session.info[CALLER] = host.engine.checker(CONTACTS[2])
                assert client.invoices == []


def test_facts_count_from_the_next_statement_on(host: Host) -> None:
    sessions = orm.sessionmaker(host.database)
    guard(sessions, {Invoice: lambda contact: host.engine.filter(contact, "view", INVOICES)})
    with sessions(info={CALLER: CONTACTS[0].uid}) as session:
        assert session.scalars(select(Invoice.key)).all() == [MINE]
        moved = {**CONTACTS[0].attributes, "client": EntityUid("Client", "C'2")}
        host.engine.apply([Entity("Contact", CONTACTS[0].id, moved)])
        assert session.scalars(select(Invoice.key)).all() == [OTHERS]


def test_guards_of_several_parts_of_a_host_go_together(host: Host) -> None:
    sessions = orm.sessionmaker(host.database)
    for model in (Invoice, Payment):
        guard(sessions, {model: host.filters[model]})
    with sessions(info={CALLER: host.engine.checker(CONTACTS[0])}) as session:
        assert [it.key for it in session.scalars(select(Invoice))] == [MINE]
        assert [it.id for it in session.scalars(select(Payment))] == [MINE]


def test_rows_are_pickled_without_their_caller(host: Host) -> None:
    with host.session() as session:
        text = pickle.dumps(session.get_one(Client, "C1"))
    with host.session(CONTACTS[2]) as session:
        client = session.merge(pickle.loads(text), load=False)
        assert client.invoices == []


def test_other_tables_of_the_same_host_are_written_as_ever(host: Host) -> None:
    with host.session() as session:
        session.execute(sa.insert(Client), [{"name": "C3"}, {"name": "C4"}])
        session.execute(sa.update(Client).where(Client.name == "C4").values(name="C5"))
        session.execute(sa.delete(Client).where(Client.name == "C3"))
        assert session.scalars(select(Client.name).order_by(Client.name)).all() == ["C'2", "C1", "C5"]
        unseen = sa.delete(Client).where(~Client.name.in_(select(Invoice.client_name)))
        session.execute(unseen, execution_options={"synchronize_session": False, UNGUARDED: True})


def test_what_cannot_be_guarded_is_refused_at_once() -> None:
    class Kept(orm.DeclarativeBase):
        pass

    class Parent(Kept):
        __tablename__ = "parents"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Child(Parent):
        __tablename__ = "children"
        id: Mapped[int] = mapped_column(sa.ForeignKey("parents.id"), primary_key=True)

    assert issubclass(Child, Parent)
    sessions = orm.sessionmaker[Session]()
    with pytest.raises(FilterError, match="Refund inherits from Payment"):
        guard(sessions, {Refund: lambda _: None})
    with pytest.raises(FilterError, match="Parent is kept in more than one table"):
        guard(sessions, {Parent: lambda _: None})
    with pytest.raises(TypeError, match="no mapped class"):
        guard(sessions, {int: lambda _: None})


def test_the_readme_says_what_runs() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    section = text.split("## SQLAlchemy\n")[1].split("\n## ")[0]
    code = section.split("```python\n")[1].split("```")[0]
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
