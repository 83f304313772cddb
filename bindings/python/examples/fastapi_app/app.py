"""A small portal of invoices: rows in a database of the host's, decisions by doorward.

From the folder ``bindings/python/examples``, on SQLite::

    uvicorn --factory fastapi_app.app:create_app

and on PostgreSQL with ``DATABASE_URL=postgresql+psycopg://…`` before it. Then::

    curl localhost:8000/sessions --json '{"contact": "ann"}'
    curl localhost:8000/invoices -H 'Authorization: Bearer …'

What calls what is at http://localhost:8000/docs. It wants ``fastapi``, ``uvicorn`` and ``sqlalchemy``, and
``psycopg`` for PostgreSQL.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from doorward import Caller, ClientId, Document, DocumentId, Portal, Tenant
from doorward.fastapi import Checks, Guard
from doorward.types import LevelName, StateName


class Base(DeclarativeBase):
    pass


class Invoice(Base):
    """A row, which stays in the host's database: doorward is shown it with each question."""

    __tablename__ = "invoices"

    number: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    client: Mapped[str]
    cents: Mapped[int]
    state: Mapped[StateName]
    level: Mapped[LevelName] = mapped_column(default="client")
    visible: Mapped[bool] = mapped_column(default=True)

    def document(self) -> Document:
        """What decisions read. Lists and single invoices are decided on the same."""
        return Document(
            DocumentId(self.tenant, self.number),
            "invoice",
            client=ClientId(self.tenant, self.client),
            state=self.state,
            level=self.level,
            visible=self.visible,
            amount=(self.cents, "EUR"),
        )


class Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    number: str
    cents: int
    state: str


# What a request brings along.


def our_tenant(request: Request) -> Tenant:
    tenant: Tenant = request.app.state.tenant
    return tenant


def signed_in(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> Caller:
    caller: Caller | None = request.app.state.sessions.get(bearer.credentials)
    if caller is None:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    return caller


def open_database(request: Request) -> Iterator[Session]:
    with Session(request.app.state.database, expire_on_commit=False) as database:
        yield database


Database = Annotated[Session, Depends(open_database)]


def load_invoice(number: str, request: Request, database: Database) -> Invoice | None:
    # What is checked stays as it is until it is changed.
    return database.get(Invoice, number, with_for_update=request.method == "POST")


guard = Guard(caller=signed_in, tenant=our_tenant)
guard.register(Invoice, load=load_invoice, resource=Invoice.document)

Asking = Annotated[Checks, Depends(guard.checks)]

router = APIRouter()


@router.get("/invoices")
def list_invoices(checks: Asking, database: Database) -> list[Shown]:
    # The database narrows the rows down to the tenant's and decides nothing: which of them are shown
    # comes of the check that guards each of them. `checks.list` knows what is stored in doorward
    # alone, and these rows are not: kept in both places, they would differ one day.
    ours = select(Invoice).where(Invoice.tenant == checks.tenant.id).order_by(Invoice.number)
    rows = checks.keep("view", Invoice, database.scalars(ours))
    return [Shown.model_validate(row) for row in rows]


@router.get("/invoices/{number}")
def show_invoice(invoice: Annotated[Invoice, Depends(guard.require("view", Invoice))]) -> Shown:
    return Shown.model_validate(invoice)


@router.get("/invoices/{number}/buttons")
def list_buttons(
    invoice: Annotated[Invoice, Depends(guard.require("view", Invoice))], checks: Asking
) -> list[str]:
    """What a page about the invoice offers."""
    decisions = checks.tenant.actions(checks.caller, invoice.document())
    return [action for action, decision in decisions.items() if decision.allowed]


@router.post("/invoices/{number}/pay")
def pay_invoice(
    invoice: Annotated[Invoice, Depends(guard.require("pay", Invoice))], database: Database
) -> Shown:
    invoice.state = "paid"
    database.commit()
    return Shown.model_validate(invoice)


@router.get("/invoices/{number}/text")
async def download_invoice(
    invoice: Annotated[Invoice, Depends(guard.require("download", Invoice))],
) -> StreamingResponse:
    lines = [f"Invoice {invoice.number}\n", f"{invoice.cents / 100:.2f} EUR\n"]

    async def write() -> AsyncIterator[str]:
        for line in lines:
            yield line

    return StreamingResponse(write(), media_type="text/plain")


@router.post("/sessions", dependencies=[Depends(guard.open)])
def sign_in(
    contact: Annotated[str, Body(embed=True)],
    request: Request,
    tenant: Annotated[Tenant, Depends(our_tenant)],
) -> dict[str, str]:
    """Believes whoever comes: a host asks for the password here."""
    access = tenant.access(contact)
    if access is None:
        raise HTTPException(401)
    _, _, version, epoch = access
    # Both stay in the session: raised by a reset or a revocation, they end it.
    caller = Caller.contact(
        tenant.contact(contact),
        credential_version=version,
        epoch=epoch,
        authenticated_by="password",
    )
    if not tenant.allows(caller, "log_in", None):
        raise HTTPException(401)
    token = secrets.token_urlsafe()
    request.app.state.sessions[token] = caller
    return {"token": token}


def create_app(database_url: str | None = None) -> FastAPI:
    database_url = database_url or os.environ.get("DATABASE_URL", "sqlite:///portal.db")
    app = FastAPI(title="Invoices")
    guard.install(app)
    app.include_router(router)
    app.state.sessions = {}
    app.state.tenant = create_tenant()
    app.state.database = create_engine(database_url)
    Base.metadata.create_all(app.state.database)
    with Session(app.state.database) as database:
        if database.scalar(select(Invoice).limit(1)) is None:
            database.add_all(invoices())
            database.commit()
    return app


def create_tenant() -> Tenant:
    """Who there is. A host keeps ``tenant.to_json()``, and restores the tenant from it."""
    acme = Portal(host_owned_documents=True).create_tenant("acme", "invoicing")
    with acme.write_as_system() as tx:
        for client, contacts in {"C1": ["ann", "ben", "eve"], "C2": ["cyd"]}.items():
            tx.create_client(client)
            for contact in contacts:
                tx.create_contact(contact, client, email=f"{contact}@{client.lower()}.example")
                tx.enable(contact)
                tx.set_password(contact)
        # Sent to one of several colleagues.
        invited = Document(acme.document("I2"), "invoice", client=acme.client("C1"))
        tx.invite(invited, "ann")
        # Her password was told to her on the telephone.
        tx.require_password_change("eve")
    return acme


def invoices() -> list[Invoice]:
    def invoice(number: str, client: str, state: StateName, tenant: str = "acme") -> Invoice:
        return Invoice(number=number, tenant=tenant, client=client, cents=12_000, state=state)

    personal, hidden = invoice("I2", "C1", "sent"), invoice("I3", "C1", "sent")
    personal.level = "invited"
    hidden.visible = False
    return [
        invoice("I1", "C1", "sent"),
        personal,
        hidden,
        invoice("I4", "C1", "draft"),
        invoice("I5", "C1", "paid"),
        invoice("I6", "C2", "sent"),
        # The same database serves another tenant.
        invoice("I7", "C1", "sent", tenant="globex"),
    ]
