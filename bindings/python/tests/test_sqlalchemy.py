"""SQLAlchemy: the example over HTTP, conditions that select what a check allows, narrowed sessions."""

import json
import pickle
import random
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid5
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import sqlalchemy as sa
from sqlalchemy import func, orm, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
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
        yield server.server_port
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
    f'resource has owner && [Contact::"{CONTACTS[0].id}", Contact::"{CONTACTS[1].id}"].contains(resource.owner)',
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
    status: Mapped[str] = mapped_column("state")
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


def invoices() -> TableMapping:
    columns: dict[str, Any] = {
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
    }
    related = {
        "watchers": RelatedTable("watchers", "invoice", ColumnMapping("contact", "text")),
        "tags": RelatedTable("tags", "invoice", ColumnMapping("word", "text")),
    }
    readers = RelatedTable("readers", "folder", column(READERS.c.contact))
    folders = TableMapping(
        "Folder",
        ColumnMapping("id", "integer"),
        columns={
            "closed": ColumnMapping("closed", "boolean"),
            "name": ColumnMapping("name", "text"),
        },
        related={"readers": RelatedTable("readers", "folder", ColumnMapping("contact", "uuid_hex"))},
    )
    assert readers.element == ColumnMapping("contact", "uuid_hex", "absent")
    # A parent's client may be missing: where policies do not look, nothing may refuse it.
    parents = TableMapping(
        "Invoice", ColumnMapping("id", "integer"), columns={"title": column(Invoice.heading)}, related=related
    )
    joined = {
        "folder": JoinedTable(column(Invoice.folder_id), "folders", folders),
        "parent": JoinedTable(column(Invoice.parent_id), "invoices", parents),
    }
    return mapping(Invoice, "Invoice", columns, related=related, joined=joined)
