"""FastAPI: the example over a real socket, and small applications that try to get by."""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi_app.app import Base, Invoice, create_app
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doorward import Caller, Document, Portal, StaffId, Tenant
from doorward.fastapi import Checks, Guard, UncheckedError
from doorward.types import LevelName, StateName

CLIENTS = {"ann": "C1", "ben": "C1", "eve": "C1", "cyd": "C2"}
PLAIN_500 = (500, b"Internal Server Error")


@contextmanager
def served(app: FastAPI) -> Generator[str, None, None]:
    """Serves an application on a port of its own."""
    # Said to be TCP: asyncio then waits with no small packet for more.
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        yield "http://127.0.0.1:{}".format(listening.getsockname()[1])
        server.should_exit = True
        thread.join()


@pytest.fixture(params=["sqlite", "postgres"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FastAPI]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/portal.db"
    else:
        address: str = request.getfixturevalue("postgres")
        url = address.replace("postgresql:", "postgresql+psycopg:", 1)
    app = create_app(url)
    yield app
    Base.metadata.drop_all(app.state.database)
    app.state.database.dispose()


@pytest.fixture
def browser(app: FastAPI) -> Iterator[httpx.Client]:
    with served(app) as url, httpx.Client(base_url=url, timeout=60) as browser:
        yield browser


def sign_in(browser: httpx.Client, contact: str) -> dict[str, str]:
    answer = browser.post("/sessions", json={"contact": contact})
    assert answer.status_code == 200
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def told(answer: httpx.Response) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """All that a caller gets to see of an answer, but for the time of day."""
    headers = [header for header in answer.headers.raw if header[0].lower() != b"date"]
    return answer.status_code, answer.content, headers


# The example.


def test_a_list_is_what_the_check_allows(app: FastAPI, browser: httpx.Client) -> None:
    states: tuple[StateName, ...] = ("sent", "draft", "paid", "deleted")
    levels: tuple[LevelName, ...] = ("client", "invited", "own")
    of_each = product(["acme", "globex"], ["C1", "C2"], states, levels, [True, False])
    with Session(app.state.database) as database:
        for number, (tenant, client, state, level, visible) in enumerate(of_each):
            row = Invoice(number=f"R{number}", tenant=tenant, client=client, cents=1)
            row.state, row.level, row.visible = state, level, visible
            database.add(row)
        database.commit()
        rows = list(database.scalars(select(Invoice)))
    assert len(rows) == 103
    for contact, client in CLIENTS.items():
        session = sign_in(browser, contact)
        listed = [it["number"] for it in browser.get("/invoices", headers=session).json()]
        checked = [
            row.number
            for row in rows
            if browser.get(f"/invoices/{row.number}", headers=session).status_code == 200
        ]
        expected = {
            row.number
            for row in rows
            if contact != "eve"
            and (row.tenant, row.client, row.visible) == ("acme", client, True)
            and row.state in ("sent", "paid")
            and (row.level == "client" or (contact, row.number) == ("ann", "I2"))
        }
        assert listed == sorted(checked) and set(listed) == expected
        assert contact == "eve" or expected


def test_what_is_hidden_looks_like_what_is_missing(browser: httpx.Client) -> None:
    session = sign_in(browser, "cyd")
    for method, page in [("GET", ""), ("GET", "/text"), ("GET", "/buttons"), ("POST", "/pay")]:
        missing = told(browser.request(method, f"/invoices/none{page}", headers=session))
        assert missing[:2] == (404, b'{"detail":"Not Found"}')
        for number in ("I1", "I2", "I3", "I4", "I5", "I7"):
            hidden = browser.request(method, f"/invoices/{number}{page}", headers=session)
            assert told(hidden) == missing
    strangers = {told(browser.get(f"/invoices/{number}"))[:2] for number in ("I1", "none")}
    assert len(strangers) == 1 and strangers.pop()[0] == 401


def test_a_refusal_on_what_may_be_viewed_says_why_to_people(browser: httpx.Client) -> None:
    session = sign_in(browser, "ann")
    assert browser.post("/invoices/I1/pay", headers=session).json()["state"] == "paid"
    again = browser.post("/invoices/I1/pay", headers=session)
    assert (again.status_code, again.json()) == (403, {"detail": "This is paid."})
    buttons = browser.get("/invoices/I1/buttons", headers=session).json()
    assert "pay" not in buttons and "download" in buttons
    assert "pay" in browser.get("/invoices/I2/buttons", headers=session).json()
    text = browser.get("/invoices/I1/text", headers=session)
    assert text.text == "Invoice I1\n120.00 EUR\n"


def test_a_step_up_is_a_challenge(browser: httpx.Client) -> None:
    session = sign_in(browser, "eve")
    answer = browser.get("/invoices/I1", headers=session)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Please change your password first."}
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="change_password"'
    assert answer.headers["www-authenticate"] == challenge
    # Signing in again would not help here, and nothing tells that it is there.
    missing = told(browser.get("/invoices/none", headers=session))
    for number in ("I2", "I3", "I6"):
        assert told(browser.get(f"/invoices/{number}", headers=session)) == missing


def test_a_revocation_ends_a_session(app: FastAPI, browser: httpx.Client) -> None:
    session = sign_in(browser, "ben")
    assert browser.get("/invoices/I1", headers=session).status_code == 200
    with app.state.tenant.write_as_system() as tx:
        tx.revoke("ben")
    assert browser.get("/invoices/I1", headers=session).status_code == 404
    assert browser.get("/invoices", headers=session).json() == []
    assert browser.post("/sessions", json={"contact": "ben"}).status_code == 401
    assert browser.post("/sessions", json={"contact": "nobody"}).status_code == 401


def test_requests_at_once_do_not_mix(app: FastAPI, browser: httpx.Client) -> None:
    sessions = {contact: sign_in(browser, contact) for contact in ("ann", "ben", "cyd")}
    allowed = {"ann": {"I1", "I2", "I5"}, "ben": {"I1", "I5"}, "cyd": {"I6"}}
    numbers = ["I1", "I2", "I3", "I5", "I6", "I7", "none"]

    async def asks() -> None:
        limits = httpx.Limits(max_connections=40)
        async with httpx.AsyncClient(
            base_url=browser.base_url, limits=limits, timeout=60
        ) as client:

            async def ask(contact: str, number: str, page: str) -> None:
                answer = await client.get(f"/invoices/{number}{page}", headers=sessions[contact])
                expected = 200 if number in allowed[contact] else 404
                assert (contact, number, answer.status_code) == (contact, number, expected)
                assert expected == 404 or number in answer.text

            async def listing(contact: str) -> None:
                answer = await client.get("/invoices", headers=sessions[contact])
                assert {it["number"] for it in answer.json()} == allowed[contact]

            asked = [ask(*it) for it in product(allowed, numbers, ["", "/text"] * 4)]
            await asyncio.gather(*asked, *(listing(contact) for contact in list(allowed) * 8))

    asyncio.run(asks())


def test_refusals_are_documented(app: FastAPI, browser: httpx.Client) -> None:
    paths = browser.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for operation in operations.values():
            documented = {"401", "403", "404"} <= set(operation["responses"])
            assert documented == (path != "/sessions"), path
    detail = paths["/invoices/{number}/pay"]["post"]["responses"]["404"]["content"]
    assert "detail" in detail["application/json"]["schema"]["properties"]
    # Asked again, nothing has changed, nor is it in anybody's way.
    assert browser.get("/openapi.json").json()["paths"] == paths
    assert browser.get("/docs").status_code == browser.get("/redoc").status_code == 200
    assert browser.get("/docs/oauth2-redirect").status_code == 200


# Applications of a few lines.


@dataclass
class Sheet:
    id: str


@dataclass
class Small:
    """An application with a tenant of one client, and a guard. The header `as` says who calls."""

    app: FastAPI
    guard: Guard
    tenant: Tenant

    def client(self, raises: bool = False) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=raises)
        return httpx.AsyncClient(transport=transport, base_url="http://small.example")

    def ask(
        self,
        method: str,
        path: str,
        caller: str = "ann",
        *,
        headers: dict[str, str] | None = None,
        raises: bool = False,
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with self.client(raises) as client:
                return await client.request(method, path, headers={"as": caller, **(headers or {})})

        return asyncio.run(ask())

    def get(self, path: str, caller: str = "ann") -> httpx.Response:
        return self.ask("GET", path, caller)

    def requires(self, action: Any) -> Any:
        return Depends(self.guard.require(action, Sheet))


SHEETS = {id: Sheet(id) for id in ("I1", "I2", "I3")}


def load_sheet(id: str) -> Sheet | None:
    return SHEETS.get(id)


@pytest.fixture
def small() -> Small:
    acme = Portal().create_tenant("acme", "invoicing")
    with acme.write_as_system() as tx:
        client = tx.create_client("C1")
        for contact in ("ann", "ben"):
            tx.create_contact(contact, client, email=f"{contact}@c1.example")
            tx.enable(contact)
            tx.set_password(contact)
        tx.put_document(Document(acme.document("I1"), "invoice", client=client, state="sent"))
        tx.put_document(Document(acme.document("I2"), "invoice", client=client, state="draft"))
        tx.put_document(Document(acme.document("I3"), "invoice", client=client, state="paid"))
        tx.create_staff("uma")

    async def calling(connection: HTTPConnection) -> Caller:
        name = connection.headers["as"]
        if name == "uma":
            return Caller.staff(StaffId("acme", "uma"))
        access = acme.access(name)
        if access is None:
            raise HTTPException(401)
        return Caller.contact(
            acme.contact(name),
            credential_version=access[2],
            epoch=access[3],
            authenticated_by="password",
        )

    guard = Guard(caller=calling, tenant=lambda: acme)
    guard.register(Sheet, load=load_sheet, resource=lambda sheet: acme.document(sheet.id))
    app = FastAPI()
    guard.install(app)
    return Small(app, guard, acme)


def failed(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.content) == PLAIN_500


def test_a_forgotten_check_fails(small: Small) -> None:
    app, router = small.app, APIRouter(prefix="/sub")
    below = FastAPI()

    def secret() -> str:
        return "secret"

    async def secret_soon() -> str:
        return "secret"

    async def secret_response(request: Request) -> Response:
        return Response("secret")

    class Wrong(Exception):
        pass

    @app.exception_handler(Wrong)
    async def handle(request: Request, error: Exception) -> Response:
        return Response("secret")

    def wrong() -> None:
        raise Wrong

    app.get("/plain")(secret)
    app.get("/async")(secret_soon)
    app.get("/moved")(lambda: RedirectResponse("/elsewhere"))
    app.get("/empty", status_code=204)(lambda: None)
    app.get("/handled")(wrong)
    app.head("/plain")(secret)
    app.options("/plain")(secret)
    app.add_route("/route", secret_response)
    below.get("/plain")(secret)
    app.mount("/below", below)
    app.mount("/files", StaticFiles(directory=Path(__file__).parent))
    router.get("/plain")(secret)
    app.include_router(router)
    paths = ["/plain", "/async", "/moved", "/empty", "/handled", "/route", "/sub/plain"]
    for path in [*paths, "/below/plain", "/below/docs", "/files/conftest.py"]:
        assert failed(small.get(path)), path
    for method in ("HEAD", "OPTIONS"):
        assert small.ask(method, "/plain").status_code == 500
    # Errors are as they were, and what leads to them.
    assert small.get("/none").status_code == 404
    assert small.ask("POST", "/plain").status_code == 405
    assert small.get("/plain/").status_code == 307
    assert small.get("/plain/").headers["location"] == "http://small.example/plain"
    assert small.get("/below").status_code == 307
    assert small.get("/below/plain/?page=2").status_code == 307


def test_nothing_is_sent_or_done_after_a_forgotten_check(small: Small) -> None:
    done: list[str] = []

    def transaction() -> Iterator[None]:
        try:
            yield
        except UncheckedError:
            done.append("rolled back")
            raise

    @small.app.get("/stream", dependencies=[Depends(transaction)])
    async def stream(tasks: BackgroundTasks) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            done.append("streamed")
            yield "secret"

        tasks.add_task(done.append, "in the background")
        return StreamingResponse(lines())

    sent: list[Message] = []

    async def run() -> None:
        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        scope = http_scope("/stream")
        with pytest.raises(UncheckedError, match="nothing was checked by test_fastapi.*stream") as error:
            await small.app(scope, receive, send)
        assert "/stream" not in str(error.value)

    asyncio.run(run())
    assert done == ["rolled back"]
    assert [it.get("status") for it in sent] == [500, None]
    assert sent[1]["body"] == PLAIN_500[1]


def http_scope(path: str, **more: Any) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"small.example"), (b"as", b"ann")],
        **more,
    }


def test_checked_streams_and_their_tasks_go_on(small: Small) -> None:
    done: list[str] = []

    @small.app.get("/sheets/{id}")
    async def stream(tasks: BackgroundTasks, sheet: Sheet = small.requires("view")) -> Any:
        async def lines() -> AsyncIterator[str]:
            yield sheet.id
            yield "\n"

        tasks.add_task(done.append, "done")
        return StreamingResponse(lines(), background=tasks)

    assert small.get("/sheets/I1").text == "I1\n" and done == ["done"]


@pytest.mark.parametrize("kind", ["before", "after"])
def test_other_middleware_is_no_way_round(small: Small, kind: str) -> None:
    guarded, app = small, FastAPI()

    async def passes(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await call_next(request)

    def add() -> None:
        app.add_middleware(BaseHTTPMiddleware, dispatch=passes)
        app.add_middleware(GZipMiddleware, minimum_size=1)

    if kind == "before":
        add()
    guarded.guard.install(app)
    if kind == "after":
        add()
        app.add_middleware(CORSMiddleware, allow_origins=["http://c1.example"])
    app.get("/plain")(lambda: "secret")
    app.get("/sheets/{id}")(checked_sheet(small))
    guarded.app = app
    assert failed(guarded.get("/plain"))
    assert guarded.get("/sheets/I1").json() == "I1" and guarded.get("/sheets/I2").status_code == 404
    asked = {"Origin": "http://c1.example", "Access-Control-Request-Method": "GET"}
    preflight = guarded.ask("OPTIONS", "/plain", headers=asked)
    assert preflight.status_code == (200 if kind == "after" else 405)


@pytest.mark.parametrize("instead", [200, None])
def test_who_swallows_the_error_sends_nothing_else(small: Small, instead: int | None) -> None:
    class Swallows:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            with suppress(UncheckedError):
                await self.app(scope, receive, send)
            if instead is not None:
                with suppress(UncheckedError):
                    await send({"type": "http.response.start", "status": instead})
            with suppress(UncheckedError):
                await send({"type": "http.response.body", "body": b"secret"})

    app = FastAPI()
    app.add_middleware(Swallows)
    small.guard.install(app)
    app.get("/plain")(lambda: "secret")
    assert failed(Small(app, small.guard, small.tenant).get("/plain"))


def test_who_makes_another_error_of_it_does_not_hide_it(small: Small) -> None:
    small.app.get("/plain")(lambda: "secret")

    @small.app.exception_handler(RuntimeError)
    def handle(request: Request, error: Exception) -> Response:
        return Response("secret")

    with pytest.raises(UncheckedError):
        small.ask("GET", "/plain", raises=True)


def checked_sheet(small: Small) -> Callable[..., str]:
    def show(sheet: Sheet = small.requires("view")) -> str:
        return sheet.id

    return show


def test_what_is_declared_open_answers(small: Small) -> None:
    app, open = small.app, Depends(small.guard.open)
    router = APIRouter(dependencies=[open])
    router.get("/about")(lambda: "open")
    app.include_router(router)
    app.get("/health", dependencies=[open])(lambda: "open")
    app.mount("/files", small.guard.open_app(StaticFiles(directory=Path(__file__).parent)))
    app.get("/plain")(lambda: "secret")
    for path in ("/about", "/health", "/files/conftest.py", "/docs", "/openapi.json"):
        assert small.get(path).status_code == 200, path
    assert failed(small.get("/plain"))
    assert "401" not in app.openapi()["paths"]["/health"]["get"]["responses"]


def test_a_refusal_that_is_ignored_fails(small: Small) -> None:
    app, asking = small.app, Depends(small.guard.checks)

    @app.get("/caught/{id}")
    def caught(id: str, checks: Checks = asking) -> str:
        try:
            checks.require("view", id)
        except HTTPException:
            pass
        # Another that is allowed does not make up for it.
        checks.require("view", "I1")
        return "secret"

    @app.get("/asked/{id}")
    def asked(id: str, checks: Checks = asking) -> bool:
        return checks.allows("view", id)

    assert small.get("/caught/I1").status_code == 200 and failed(small.get("/caught/I2"))
    with pytest.raises(UncheckedError, match="a refusal was ignored by .*caught"):
        small.ask("GET", "/caught/I2", raises=True)
    assert [small.get(f"/asked/{id}").json() for id in ("I1", "I2")] == [True, False]


@pytest.mark.parametrize("declared", [True, False])
def test_a_handler_that_redirects_says_so(small: Small, declared: bool) -> None:
    small.app.get("/sheets/{id}")(checked_sheet(small))

    @small.app.exception_handler(404)
    async def to_the_start(request: Request, error: Exception) -> Response:
        if declared:
            await small.guard.open(request)
        return RedirectResponse("/", 303)

    assert small.get("/sheets/I2").status_code == (303 if declared else 500)


def test_checks_of_threads_count(small: Small) -> None:
    @small.app.get("/sync/{id}")
    def sync(id: str, checks: Annotated[Checks, Depends(small.guard.checks)]) -> str:
        thread = threading.Thread(target=checks.require, args=("view", id))
        thread.start()
        thread.join()
        return id

    @small.app.get("/lists")
    def lists(checks: Annotated[Checks, Depends(small.guard.checks)]) -> list[Any]:
        listed = [it.id for it in checks.list("view", "invoice")]
        page, total, after = checks.page("view", "invoice", limit=1)
        kept = checks.keep("view", Sheet, SHEETS.values())
        return [listed, [it.id for it in page], total, after and after.id, [it.id for it in kept]]

    @small.app.get("/nothing")
    def nothing(checks: Annotated[Checks, Depends(small.guard.checks)]) -> list[Sheet]:
        return checks.keep("view", Sheet, [])

    @small.app.get("/unasked")
    def unasked(checks: Annotated[Checks, Depends(small.guard.checks)]) -> str:
        return "secret"

    assert small.get("/sync/I1").json() == "I1"
    assert small.get("/lists").json() == [["I1", "I3"], ["I1"], 2, "I1", ["I1", "I3"]]
    assert small.get("/nothing").json() == []
    assert failed(small.get("/unasked"))


def test_only_the_forgetful_fail_at_once(small: Small) -> None:
    @small.app.get("/checked/{id}/{number}")
    async def checked(number: int, sheet: Sheet = small.requires("view")) -> str:
        await asyncio.sleep(0.001 * (number % 3))
        return sheet.id

    @small.app.get("/sync/{id}/{number}")
    def sync(number: int, sheet: Sheet = small.requires("view")) -> str:
        return sheet.id

    @small.app.get("/forgotten/{id}/{number}")
    async def forgotten(id: str, number: int) -> str:
        await asyncio.sleep(0.001 * (number % 3))
        return id

    async def asks() -> list[tuple[str, int]]:
        async with small.client() as client:

            async def ask(path: str, number: int) -> tuple[str, int]:
                answer = await client.get(f"{path}/{number}", headers={"as": "ann"})
                return path, answer.status_code

            paths = ["/checked/I1", "/forgotten/I1", "/sync/I1", "/checked/I2"]
            return await asyncio.gather(*(ask(*it) for it in product(paths, range(25))))

    expected = {"/checked/I1": 200, "/forgotten/I1": 500, "/sync/I1": 200, "/checked/I2": 404}
    assert all(expected[path] == status for path, status in asyncio.run(asks()))


def test_all_ways_to_a_404_look_the_same(small: Small) -> None:
    app, asking = small.app, Depends(small.guard.checks)

    class Note(Sheet):
        pass

    async def load_note(id: str) -> Note:
        if id == "none":
            raise HTTPException(404, "there is no such note", {"x-note": "none"})
        return Note(id)

    small.guard.register(Note, load=load_note, resource=lambda it: small.tenant.document(it.id))
    app.get("/sheets/{id}")(checked_sheet(small))

    @app.get("/notes/{id}")
    def note(id: str, note: Note = Depends(small.guard.require("view", Note))) -> None:
        raise HTTPException(404, "its picture is lost")

    @app.get("/inside/{id}")
    def inside(id: str, checks: Checks = asking) -> None:
        checks.require("view", id)

    @app.get("/denied/{id}")
    def denied(id: str, checks: Checks = asking) -> None:
        checks.tenant.require(checks.caller, "view", id)

    @app.get("/written/{id}")
    def written(id: str, checks: Checks = asking) -> None:
        with checks.write() as tx:
            tx.disable("ben")

    def answers() -> set[tuple[int, bytes]]:
        hidden = [f"/{page}/I2" for page in ("sheets", "notes", "inside", "denied", "written")]
        missing = [f"/{page}/none" for page in ("sheets", "notes", "inside", "denied", "routes")]
        every = {str(told(small.get(path))) for path in hidden + missing}
        assert len(every) == 1, every
        return {told(small.get(path))[:2] for path in hidden}

    assert answers() == {(404, b'{"detail":"Not Found"}')}
    assert small.get("/notes/I1").json() == {"detail": "its picture is lost"}

    @app.exception_handler(404)
    def page(request: Request, error: Exception) -> Response:
        return JSONResponse("nothing here", 404)

    app.middleware_stack = None
    assert small.get("/notes/I2").json() == "nothing here"
    assert answers() == {(404, b'"nothing here"')}


def test_writes_are_authorised(small: Small) -> None:
    @small.app.post("/disable/{id}")
    def disable(id: str, checks: Annotated[Checks, Depends(small.guard.checks)]) -> str:
        with checks.write() as tx:
            tx.revoke(id)
        return "done"

    assert small.ask("POST", "/disable/ben", "ann").status_code == 404
    assert small.ask("POST", "/disable/ben", "uma").json() == "done"
    # A rule that any actor keeps to is the host's to tell.
    assert failed(small.ask("POST", "/disable/ben", "uma"))


def test_a_403_says_what_people_may_know(small: Small, caplog: pytest.LogCaptureFixture) -> None:
    asking = Depends(small.guard.checks)

    @small.app.post("/sheets/{id}")
    def pay(sheet: Sheet = small.requires("pay")) -> None:
        raise AssertionError

    @small.app.post("/inside/{id}")
    def inside(id: str, checks: Checks = asking) -> None:
        checks.require("pay", id)

    with caplog.at_level(logging.INFO, "doorward.fastapi"):
        for page in ("sheets", "inside"):
            answer = small.ask("POST", f"/{page}/I3")
            assert (answer.status_code, answer.json()) == (403, {"detail": "This is paid."})
    assert caplog.messages == ["refused to pay: STATE_PAID"] * 2


def test_the_challenge_is_the_same_for_what_endpoints_raise(small: Small) -> None:
    with small.tenant.write_as_system() as tx:
        tx.require_password_change("ann")
    small.app.get("/sheets/{id}")(checked_sheet(small))

    @small.app.get("/denied/{id}")
    def denied(id: str, checks: Annotated[Checks, Depends(small.guard.checks)]) -> None:
        checks.tenant.require(checks.caller, "view", id)

    answers = [small.get(f"/{page}/I1") for page in ("sheets", "denied")]
    assert [it.status_code for it in answers] == [401, 401]
    assert len({it.headers["www-authenticate"] for it in answers}) == 1


def test_what_a_loader_raises_stays_as_it_is(small: Small) -> None:
    class Gone(Sheet):
        pass

    def load(id: str) -> Gone:
        raise HTTPException(410, "gone") if id == "I1" else KeyError(id)

    small.guard.register(Gone, load=load, resource=lambda it: small.tenant.document(it.id))
    require = small.guard.require("view", Gone)
    small.app.get("/gone/{id}", dependencies=[Depends(require)])(lambda: None)
    assert small.get("/gone/I1").json() == {"detail": "gone"}
    assert failed(small.get("/gone/I9"))
    # Who is not signed in does not come so far.
    assert small.get("/gone/I1", "nobody").status_code == 401


def test_mistakes_are_found_at_the_start(small: Small) -> None:
    with pytest.raises(ValueError, match="`pai` is no action"):
        small.guard.require("pai", Sheet)  # type: ignore[call-overload]  # pyright: ignore
    with pytest.raises(ValueError, match="`pai` is no action"):
        small.guard.require("pai")  # type: ignore[call-overload]  # pyright: ignore
    with pytest.raises(ValueError, match="`Small` is not registered"):
        small.guard.require("view", Small)
    with pytest.raises(ValueError, match="`Sheet` is registered already"):
        small.guard.register(Sheet, load=load_sheet, resource=lambda sheet: sheet.id)


def test_a_resource_that_is_none_is_not_the_portal(small: Small) -> None:
    class Lost(Sheet):
        pass

    small.guard.register(Lost, load=Lost, resource=lambda lost: None)
    for model, expected in ((Lost, 500), (None, 200)):
        path = f"/{expected}/{{id}}" if model else "/portal"
        require = small.guard.require("log_in", model) if model else small.guard.require("log_in")
        small.app.get(path, dependencies=[Depends(require)])(lambda: "in")
    assert failed(small.get("/500/I1"))
    assert small.get("/portal").json() == "in"


def test_a_guard_that_is_not_installed_answers_nobody(small: Small) -> None:
    small.app = FastAPI()
    small.app.get("/sheets/{id}")(checked_sheet(small))
    small.app.mount("/files", small.guard.open_app(StaticFiles(directory=Path(__file__).parent)))
    assert failed(small.get("/sheets/I1")) and failed(small.get("/files/conftest.py"))


def test_mounted_applications_may_have_a_guard_of_their_own(small: Small) -> None:
    below = FastAPI()
    small.guard.install(below)
    below.get("/sheets/{id}")(checked_sheet(small))
    below.get("/plain")(lambda: "secret")
    small.app.mount("/below", below)
    assert small.get("/below/sheets/I1").json() == "I1"
    assert small.get("/below/docs").status_code == 200
    assert failed(small.get("/below/plain"))
    assert "404" in below.openapi()["paths"]["/sheets/{id}"]["get"]["responses"]


def test_routers_sub_dependencies_and_overrides(small: Small) -> None:
    require = small.guard.require("view", Sheet)

    def title(sheet: Annotated[Sheet, Depends(require)]) -> str:
        return f"Sheet {sheet.id}"

    router = APIRouter(prefix="/sheets/{id}", dependencies=[Depends(small.guard.require("view", Sheet))])
    router.get("/title")(lambda title=Depends(title): title)
    router.get("/bare")(lambda: "bare")
    outer = APIRouter(prefix="/outer")
    outer.include_router(router)
    small.app.include_router(outer)
    assert small.get("/outer/sheets/I1/title").json() == "Sheet I1"
    assert small.get("/outer/sheets/I1/bare").json() == "bare"
    assert small.get("/outer/sheets/I2/bare").status_code == 404
    responses = small.app.openapi()["paths"]["/outer/sheets/{id}/bare"]["get"]["responses"]
    assert {"200", "401", "403", "404"} <= set(responses)
    small.app.dependency_overrides[load_sheet] = lambda: Sheet("I3")
    assert small.get("/outer/sheets/I2/title").json() == "Sheet I3"


def test_what_a_host_documents_stays(small: Small) -> None:
    mine: dict[int | str, dict[str, Any]] = {404: {"description": "Not here."}}
    small.app.get("/sheets/{id}", responses=mine)(checked_sheet(small))
    responses = small.app.openapi()["paths"]["/sheets/{id}"]["get"]["responses"]
    assert responses["404"]["description"] == "Not here." and "403" in responses


def connect(app: FastAPI, path: str) -> list[Message]:
    """What a web socket is told, up to its first text."""
    sent: list[Message] = []

    async def run() -> None:
        arriving: Iterator[Message] = iter([{"type": "websocket.connect"}])

        async def receive() -> Message:
            return next(arriving, {"type": "websocket.disconnect", "code": 1000})

        async def send(message: Message) -> None:
            sent.append(message)

        extensions: dict[str, dict[str, str]] = {"websocket.http.response": {}}
        await app(
            http_scope(path, type="websocket", scheme="ws", subprotocols=[], extensions=extensions),
            receive,
            send,
        )

    asyncio.run(run())
    return sent


def test_web_sockets_are_checked_before_they_open(small: Small) -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("secret")

    small.app.websocket("/sheets/{id}", dependencies=[small.requires("pay")])(talk)
    small.app.websocket("/open", dependencies=[Depends(small.guard.open)])(talk)
    small.app.websocket("/forgotten")(talk)
    for path in ("/sheets/I1", "/open"):
        assert [it["type"] for it in connect(small.app, path)] == ["websocket.accept", "websocket.send"]
    for number, status in (("I2", 404), ("I3", 403), ("none", 404)):
        answer = connect(small.app, f"/sheets/{number}")
        assert answer[0]["type"] == "websocket.http.response.start"
        assert answer[0]["status"] == status
    assert connect(small.app, "/sheets/I2") == connect(small.app, "/sheets/none")
    with pytest.raises(UncheckedError):
        connect(small.app, "/forgotten")


def test_servers_log_what_was_forgotten_and_no_path(
    small: Small, caplog: pytest.LogCaptureFixture
) -> None:
    @small.app.get("/people/{name}")
    def forgotten(name: str) -> str:
        return name

    with served(small.app) as url, caplog.at_level(logging.ERROR, "uvicorn.error"):
        answer = httpx.get(f"{url}/people/ann@c1.example", headers={"as": "ann"})
    assert failed(answer)
    assert "nothing was checked by test_fastapi." in caplog.text
    assert "forgotten" in caplog.text and "c1.example" not in caplog.text
