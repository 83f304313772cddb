"""FastAPI: dependencies that check, and a guard that fails the requests on which nothing was checked.

The host says once who calls, in which tenant, and how its rows are loaded and named; a route says what
it takes::

    guard = Guard(caller=signed_in, tenant=our_tenant)
    guard.register(Invoice, load=load_invoice, resource=Invoice.document)

    app = FastAPI()
    guard.install(app)


    @app.post("/invoices/{number}/pay")
    def pay(invoice: Annotated[Invoice, Depends(guard.require("pay", Invoice))]) -> str: ...

A refusal is told by the decision's disclosure: 403 with a sentence for people where the caller may view
the thing, else the very 404 of what is not there, though not in the very same time. The reason code goes
to the log alone. Where signing in again would allow it, the answer is the challenge of RFC 9470, which
clients of OAuth know: 401, and ``WWW-Authenticate`` with the decision's ``step_up`` as ``acr_values``.

The guard sees that something was asked before an answer starts, not that it was the right question.
"""

import builtins
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import Any, TypeVar, final, get_args, overload
from urllib.parse import quote

from fastapi import Depends, FastAPI, HTTPException, Request, Response, routing
from fastapi.dependencies.models import Dependant
from fastapi.responses import RedirectResponse
from starlette.datastructures import URL, Headers
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doorward import Caller, Decision, Denied, DocumentId, Tenant, Write, WriteError
from doorward.types import PortalAction, Resource

__all__ = ["Checks", "Guard", "UncheckedError"]

T = TypeVar("T")

_logger = logging.getLogger("doorward.fastapi")


class UncheckedError(RuntimeError):
    """A route was about to answer, and nothing had been checked, or :meth:`Checks.require` refused.

    The caller gets a plain 500. The error names the endpoint, and nothing of the request.
    """


@final
class Checks:
    """The questions of one request: its caller's, in its tenant. ``guard.checks`` gives it to a route.

    What is asked here counts for the guard. What is asked of :attr:`tenant` does not.

    Attributes:
        caller, tenant: What the host's dependencies gave.

    Example::

        @app.get("/invoices")
        def list_invoices(checks: Annotated[Checks, Depends(guard.checks)]) -> list[str]:
            return [id.id for id in checks.list("view", "invoice")]
    """

    def __init__(self, guard: "Guard", ledger: "_Ledger", caller: Caller, tenant: Tenant) -> None:
        self.caller = caller
        self.tenant = tenant
        self._guard = guard
        self._ledger = ledger

    def require(self, action: PortalAction, resource: Resource) -> Decision:
        """Goes on only if something is allowed. An answer below 400 after a refusal fails.

        Raises:
            HTTPException: It is refused: 401, 403 or 404.
        """
        decision = self.tenant.check(self.caller, action, resource)
        if decision.allowed:
            self._ledger.asked = True
            return decision
        self._ledger.refused = True
        disclosed = self.tenant.is_disclosed(self.caller, action, resource)
        _logger.info("refused to %s: %s", action, decision.code)
        raise _refusal(decision, self.tenant.message(decision) if disclosed else None)

    def allows(self, action: PortalAction, resource: Resource) -> bool:
        """Whether something is allowed, for a route that answers either way."""
        allowed = self.tenant.allows(self.caller, action, resource)
        self._ledger.asked = True
        return allowed

    def keep(self, action: PortalAction, model: type[T], rows: Iterable[T]) -> builtins.list[T]:
        """Those of the host's rows that the check allows, in their order."""
        resource = self._guard.resource_of(model)
        kept = [row for row in rows if self.tenant.allows(self.caller, action, resource(row))]
        self._ledger.asked = True
        return kept

    def list(self, action: PortalAction, kind: str) -> builtins.list[DocumentId]:
        """The stored documents of a kind that the check allows: see :meth:`doorward.Tenant.list`."""
        allowed = self.tenant.list(self.caller, action, kind)
        self._ledger.asked = True
        return allowed

    def page(
        self,
        action: PortalAction,
        kind: str,
        *,
        after: DocumentId | str | None = None,
        limit: int = 50,
    ) -> tuple[builtins.list[DocumentId], int, DocumentId | None]:
        """A page of such a list: see :meth:`doorward.Tenant.page`."""
        page = self.tenant.page(self.caller, action, kind, after=after, limit=limit)
        self._ledger.asked = True
        return page

    def write(self) -> Write:
        """Begins a write for the caller, who is authorised command by command.

        It waits for the tenant's write before: for routes of plain ``def``.

        Raises:
            WriteError: When the block ends, or in it. Where the caller may not do it, he is answered
                as for :class:`doorward.Denied`; the rules of writes are the host's to tell.
        """
        self._ledger.asked = True
        return self.tenant.write(self.caller)


@final
class Guard:
    """What a host says once about its callers and rows, and the dependencies that come of it.

    Args:
        caller: A dependency that tells who calls. It runs before anything is loaded, so that whoever
            is not signed in learns nothing of what there is.
        tenant: A dependency that tells in which tenant.

    Attributes:
        checks: A dependency that gives a route its :class:`Checks`, for what :meth:`require` cannot
            say: lists, questions about what a request only brings along, writes.
    """

    checks: Callable[..., Awaitable[Checks]]

    def __init__(
        self,
        *,
        caller: Callable[..., Caller] | Callable[..., Awaitable[Caller]],
        tenant: Callable[..., Tenant] | Callable[..., Awaitable[Tenant]],
    ) -> None:
        async def checks(
            connection: HTTPConnection,
            caller: Caller = Depends(caller),
            tenant: Tenant = Depends(tenant),
        ) -> Checks:
            return Checks(self, _ledger_of(connection.scope), caller, tenant)

        self.checks = checks
        self._models: dict[type[Any], _Model] = {}

    def register(
        self,
        model: type[T],
        *,
        load: Callable[..., T | None] | Callable[..., Awaitable[T | None]],
        resource: Callable[[T], Resource],
    ) -> None:
        """Says how things of a model are loaded, and what doorward knows them as.

        Args:
            load: A dependency that gives the thing of a request, or ``None``. An ``HTTPException``
                of 404 that it raises instead is replaced by the guard's, so that missing and hidden
                look the same.
            resource: Makes the resource of a thing. The ids are the thing's own, its tenant's too:
                then a row of another tenant that was loaded by mistake is refused. It runs on the
                event loop, and should wait for nothing.

        Raises:
            ValueError: The model is registered already.
        """
        if model in self._models:
            raise ValueError(f"`{model.__name__}` is registered already")
        self._models[model] = _Model(load, resource)

    @overload
    def require(
        self, action: PortalAction, model: None = None
    ) -> Callable[..., Awaitable[None]]: ...
    @overload
    def require(self, action: PortalAction, model: type[T]) -> Callable[..., Awaitable[T]]: ...
    def require(
        self, action: PortalAction, model: type[Any] | None = None
    ) -> Callable[..., Awaitable[Any]]:
        """A dependency that loads a thing, and gives it to the route if the caller may.

        Without a model the portal itself is asked about.

        Raises:
            ValueError: There is no such action, or the model is not registered: at once, not when
                a request comes.
        """
        if action not in get_args(PortalAction):
            raise ValueError(f"`{action}` is no action of a portal")
        if model is None:

            async def required(checks: Checks = Depends(self.checks)) -> None:
                checks.require(action, None)

            return required

        resource = self.resource_of(model)

        # Dependencies are solved in this order.
        async def loaded_and_required(
            checks: Checks = Depends(self.checks),
            loading: _Loading = Depends(_alike_missing()),
            loaded: Any = Depends(self._models[model].load),
        ) -> Any:
            loading.under_way = False
            if loaded is None:
                raise HTTPException(404)
            checks.require(action, resource(loaded))
            return loaded

        return loaded_and_required

    @staticmethod
    async def open(connection: HTTPConnection) -> None:
        """A dependency that declares a route open: it answers without a check.

        A handler of errors that answers a refusal with a redirect, to sign in say, awaits it too,
        with its request.
        """
        _ledger_of(connection.scope).open()

    @staticmethod
    def open_app(app: ASGIApp) -> ASGIApp:
        """Declares an application open that is to be mounted.

        Example::

            app.mount("/static", guard.open_app(StaticFiles(directory="static")))
        """

        async def opened(scope: Scope, receive: Receive, send: Send) -> None:
            _ledger_of(scope).open()
            await app(scope, receive, send)

        return opened

    def install(self, app: FastAPI) -> None:
        """Sets an application up: routes that checked nothing fail, refusals show in OpenAPI.

        Every answer below 400 needs a check, or a declaration that the route is open. Documentation
        of FastAPI's own is open, and so are redirects that only mend the last slash of an address.
        Mounted applications are guarded with the rest. Middleware that is added later lies outside
        and answers for itself: add ``CORSMiddleware`` later.

        :class:`doorward.Denied`, which names no resource, is answered as 404, or by the challenge
        where signing in again helps.
        """
        app.add_middleware(_Middleware)
        for error in (Denied, WriteError):
            app.add_exception_handler(error, _answer)
        documentation = {
            app.openapi_url,
            app.docs_url,
            app.swagger_ui_oauth2_redirect_url,
            app.redoc_url,
        }
        for route in app.routes:
            # Routes of the host are of a class of FastAPI's.
            if type(route) is Route and route.path in documentation:
                route.app = self.open_app(route.app)
        describe = app.openapi

        def openapi() -> dict[str, Any]:
            schema = describe()
            self._add_refusals(app, schema)
            return schema

        app.openapi = openapi  # type: ignore[method-assign]

    def resource_of(self, model: type[T]) -> Callable[[T], Resource]:
        """What makes the resource of a registered model's things.

        Raises:
            ValueError: The model is not registered.
        """
        if model not in self._models:
            raise ValueError(f"`{model.__name__}` is not registered")
        make = self._models[model].resource

        def resource(thing: T) -> Resource:
            made: Resource = make(thing)
            # It would stand for the portal itself.
            if made is None:
                raise TypeError(f"the resource of a `{model.__name__}` is None")
            return made

        return resource

    def _add_refusals(self, app: FastAPI, schema: dict[str, Any]) -> None:
        # Later versions of FastAPI keep included routers whole, and walk them with a function.
        walk: Any = getattr(routing, "iter_route_contexts", iter)
        for route in walk(app.routes):
            dependant = getattr(route, "dependant", None)
            if dependant is None or not self._asks(dependant):
                continue
            path = schema["paths"].get(route.path_format, {})
            for method in getattr(route, "methods", None) or ():
                responses = path.get(method.lower(), {}).get("responses", {})
                for status, response in _REFUSALS.items():
                    responses.setdefault(status, response)

    def _asks(self, dependant: Dependant) -> bool:
        return dependant.call is self.checks or any(map(self._asks, dependant.dependencies))


class _Model:
    def __init__(self, load: Callable[..., Any], resource: Callable[[Any], Resource]) -> None:
        self.load = load
        self.resource = resource


class _Ledger:
    """What came of the questions of one request.

    It lies in the request's scope, which threads share: what a thread sets in a context variable does
    not come back. What threads note at once does not undo each other.
    """

    asked = False
    refused = False

    def open(self) -> None:
        self.asked, self.refused = True, False

    @property
    def passes(self) -> bool:
        return self.asked and not self.refused


_LEDGER = "doorward.ledger"


def _ledger_of(scope: Scope) -> _Ledger:
    ledger = scope.get(_LEDGER)
    if not isinstance(ledger, _Ledger):
        raise RuntimeError("the guard is not installed: call `guard.install(app)`")
    return ledger


class _Middleware:
    """Raises in place of what a route would send, before any of it is sent.

    Raised there, the error also stops what was to follow: the rest of a stream, tasks in the
    background, and the transactions of dependencies that end with the request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        # An application that is mounted in a guarded one may be guarded itself.
        ledger: _Ledger = scope.setdefault(_LEDGER, _Ledger())
        unchecked: UncheckedError | None = None
        started = False

        async def send_checked(message: Message) -> None:
            nonlocal unchecked, started
            if message["type"] in _STARTS:
                answers = message.get("status", 101) < 400
                if answers and not ledger.passes and not _mends_slash(scope, message):
                    what = "a refusal was ignored" if ledger.refused else "nothing was checked"
                    unchecked = UncheckedError(f"{what} by {_name_endpoint(scope)}")
                    raise unchecked
                started = True
            elif unchecked is not None and not started:
                raise unchecked
            await send(message)

        try:
            await self.app(scope, receive, send_checked)
        except Exception:
            # Others may have made another error of it.
            if unchecked is None or started:
                raise
        if unchecked is not None and not started:
            raise unchecked


_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


def _mends_slash(scope: Scope, message: Message) -> bool:
    """Whether an answer is the router's, which redirects to the same address but for its last slash."""
    path: str = scope["path"]
    other = path.rstrip("/") if path.endswith("/") else path + "/"
    redirect = RedirectResponse(str(URL(scope={**scope, "path": other})))
    headers = Headers(raw=message.get("headers", []))
    return message.get("status") == redirect.status_code and all(
        headers.get(name) == redirect.headers[name] for name in ("location", "content-length")
    )


def _name_endpoint(scope: Scope) -> str:
    # Not its path: that may name a person.
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return "what answered before any route"
    name: str = getattr(endpoint, "__qualname__", type(endpoint).__qualname__)
    return f"{endpoint.__module__}.{name}"


class _Loading:
    under_way = True


def _alike_missing() -> Callable[[], AsyncIterator[_Loading]]:
    """A dependency around the host's loader, each time another: they are cached by what they are."""

    async def alike() -> AsyncIterator[_Loading]:
        loading = _Loading()
        try:
            yield loading
        except StarletteHTTPException as error:
            if loading.under_way and error.status_code == 404:
                raise HTTPException(404) from None
            raise

    return alike


def _refusal(decision: Decision, message: str | None) -> HTTPException:
    """The answer to a refusal. Without a message the thing is not disclosed."""
    if decision.step_up is not None:
        challenge = 'Bearer error="insufficient_user_authentication", acr_values="{}"'
        headers = {"WWW-Authenticate": challenge.format(quote(decision.step_up))}
        return HTTPException(401, message, headers)
    return HTTPException(404) if message is None else HTTPException(403, message)


async def _answer(request: Request, error: Exception) -> Response:
    """Answers a refusal by whatever handles the application's errors of that status."""
    decision = error.decision if isinstance(error, (Denied, WriteError)) else None
    if decision is None:
        raise error
    _logger.info("refused: %s", decision.code)
    refusal = _refusal(decision, None)
    handlers = request.app.exception_handlers
    keys = (refusal.status_code, *type(refusal).__mro__)
    response = next(handlers[key] for key in keys if key in handlers)(request, refusal)
    answered: Response = await response if isawaitable(response) else response
    return answered


def _describe(description: str) -> dict[str, Any]:
    detail = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
    return {"description": description, "content": {"application/json": {"schema": detail}}}


_REFUSALS = {
    "401": _describe("A newer or stronger sign-in is needed: see `WWW-Authenticate`."),
    "403": _describe("This may be viewed, and not done."),
    "404": _describe("There is no such thing, or it may not be viewed."),
}
