"""A portal for invoices in a few pages of HTTP: rows in the host's database, contacts in the engine.

Run it, and ask as one of the contacts::

    python examples/sqlalchemy_app/app.py sqlite:///portal.db
    curl -H 'X-Contact: ann' http://127.0.0.1:8000/invoices

Any URL of SQLAlchemy's will do, as ``postgresql+psycopg://localhost/portal``. ``X-Contact`` stands for the
host's own sign-in, which is not shown here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid5
from wsgiref.simple_server import make_server

from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    sessionmaker,
)

from doorward import Engine, Entity, EntityUid, PolicyBundle
from doorward.filters import RelatedTable
from doorward.sqlalchemy import column, condition, mapping

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Base(DeclarativeBase):
    pass


class Share(Base):
    __tablename__ = "invoice_shares"

    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoices.id"), primary_key=True)
    contact: Mapped[str] = mapped_column(primary_key=True)


class Invoice(Base):
    __tablename__ = "invoices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    client: Mapped[str]
    state: Mapped[str]
    total_cents: Mapped[int]
    shares: Mapped[list[Share]] = relationship()

    def row(self) -> Entity:
        """What the policies read of it."""
        return Entity(
            "Invoice",
            str(self.id),
            {
                "client": EntityUid("Client", self.client),
                "state": self.state,
                "total_cents": self.total_cents,
                "shared_with": {EntityUid("Contact", share.contact) for share in self.shares},
            },
        )


# The same for lists: where the columns are.
INVOICES = mapping(
    Invoice,
    "Invoice",
    {"client": Invoice.client, "state": Invoice.state, "total_cents": Invoice.total_cents},
    related={"shared_with": RelatedTable("invoice_shares", "invoice_id", column(Share.contact))},
)


def portal() -> Engine:
    """Policies and contacts. A host of many would load its contacts from where they are kept."""
    policies = PolicyBundle.load(Path(__file__).parent / "policies")
    INVOICES.check(policies)

    def contact(id: str, client: str, limit_cents: int | None = None) -> Entity:
        attributes = {
            "client": EntityUid("Client", client),
            "pays": limit_cents is not None,
            "limit_cents": limit_cents or 0,
        }
        return Entity("Contact", id, attributes)

    contacts = [contact("ann", "C1", 50_000), contact("ben", "C1"), contact("cyd", "C2", 1_000)]
    return Engine(policies, facts=contacts, host_owned=["Invoice"])


def seed(session: Session) -> None:
    """Invoices of two clients, in every state."""
    names = UUID("6f2d8f5e-51a4-4b9f-8d6d-0f4f3b2a1c00")
    for client in ("C1", "C2"):
        for state in ("draft", "sent", "paid"):
            for total_cents in (900, 90_000):
                id = uuid5(names, f"{client} {state} {total_cents}")
                invoice = Invoice(id=id, client=client, state=state, total_cents=total_cents)
                if client == "C2" and total_cents == 900:
                    invoice.shares = [Share(contact="ben"), Share(contact="cyd")]
                session.add(invoice)
    session.commit()


class Refused(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class Pages:
    """Who asks is a contact of the engine's; which invoices there are, the database knows."""

    def __init__(self, engine: Engine, sessions: sessionmaker[Session]) -> None:
        self.engine = engine
        self.sessions = sessions

    def list(self, caller: EntityUid) -> object:
        """All that the caller may view, and nothing else is ever read."""
        visible = self.engine.filter(caller, "view", INVOICES)
        query = select(Invoice).where(condition(visible, Invoice)).order_by(Invoice.id)
        with self.sessions() as session:
            return [shown(invoice) for invoice in session.scalars(query)]

    def show(self, caller: EntityUid, id: str) -> object:
        with self.sessions() as session:
            return shown(self.find(session, caller, "view", id))

    def pay(self, caller: EntityUid, id: str) -> object:
        with self.sessions.begin() as session:
            invoice = self.find(session, caller, "pay", id)
            invoice.state = "paid"
            return shown(invoice)

    def find(self, session: Session, caller: EntityUid, action: str, id: str) -> Invoice:
        """An invoice with which the caller may do so.

        Raises:
            Refused: He may not: 403 where he may view it, and otherwise 404, as where there is none.
        """
        try:
            invoice = session.get(Invoice, UUID(id))
        except ValueError:
            invoice = None
        if invoice is None:
            raise Refused(HTTPStatus.NOT_FOUND)
        row = invoice.row()
        if not self.engine.allows(caller, action, row, entities=[row]):
            told = self.engine.is_disclosed(caller, action, row, "view", entities=[row])
            raise Refused(HTTPStatus.FORBIDDEN if told else HTTPStatus.NOT_FOUND)
        return invoice

    def answer(self, environ: WSGIEnvironment) -> object:
        caller = EntityUid("Contact", environ.get("HTTP_X_CONTACT", ""))
        if caller not in self.engine:
            raise Refused(HTTPStatus.UNAUTHORIZED)
        match environ["REQUEST_METHOD"], environ["PATH_INFO"].strip("/").split("/"):
            case "GET", ["invoices"]:
                return self.list(caller)
            case "GET", ["invoices", id]:
                return self.show(caller, id)
            case "POST", ["invoices", id, "pay"]:
                return self.pay(caller, id)
            case _:
                raise Refused(HTTPStatus.NOT_FOUND)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        try:
            status, body = HTTPStatus.OK, self.answer(environ)
        except Refused as refused:
            status, body = refused.status, {"error": refused.status.phrase}
        start(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]


def shown(invoice: Invoice) -> dict[str, object]:
    return {"id": str(invoice.id), "state": invoice.state, "total_cents": invoice.total_cents}


def create_app(url: str) -> Pages:
    """The pages on a database, which is filled if it is empty."""
    database = create_engine(url)
    Base.metadata.create_all(database)
    sessions = sessionmaker(database)
    with sessions() as session:
        if session.scalars(select(Invoice).limit(1)).first() is None:
            seed(session)
    return Pages(portal(), sessions)


if __name__ == "__main__":
    with make_server("127.0.0.1", 8000, create_app(sys.argv[1])) as server:
        server.serve_forever()
