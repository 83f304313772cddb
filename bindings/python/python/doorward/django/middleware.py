"""A guard against views that forgot to ask."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseServerError
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from doorward.django._asked import Asked, asking
from doorward.django.access import current_access

__all__ = ["GuardMiddleware", "open_to_all"]

logger = logging.getLogger("doorward.django")
View = TypeVar("View", bound=Callable[..., Any])
Response = HttpResponseBase


def open_to_all(view: View) -> View:
    """A view that anybody may see, so that it need not check anything. The view itself stays as it is.

    For a class: ``@method_decorator(open_to_all, name="dispatch")``.
    """
    opened: Callable[..., Any]
    if iscoroutinefunction(view):  # pyright: ignore[reportDeprecated]

        async def opened_async(*args: Any, **named: Any) -> Any:
            return await view(*args, **named)

        opened = opened_async
    else:

        def opened_sync(*args: Any, **named: Any) -> Any:
            return view(*args, **named)

        opened = opened_sync
    setattr(opened, "doorward_open_to_all", True)
    return cast(View, wraps(view)(opened))


class GuardMiddleware:
    """Fails a view that answered below 400 without having checked anything, unless it is open to all.

    What counts is a question to the policies, whatever the answer: ``visible_to``, ``require``, the
    template tag, and ``has_perm`` about an object with a ``Row``. Redirects need one as well: they end
    writes, and lead to files. Only one to the login page (``LOGIN_URL``) is let through. A response
    that is streamed has to have asked before its first part.

    The answer is an empty page with status 500. What the view has written before stays: the guard finds
    mistakes, and shows nothing; it undoes nothing. Put it last in ``MIDDLEWARE``, next to the views.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], Response | Awaitable[Response]]
    ) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response | Awaitable[Response]:
        if self.is_async:
            return self._answer(request)
        with asking() as asked:
            response = cast(Response, self.get_response(request))
        return guarded(request, response, asked)

    async def _answer(self, request: HttpRequest) -> Response:
        with asking() as asked:
            response = await cast("Awaitable[Response]", self.get_response(request))
        return guarded(request, response, asked)


def guarded(request: HttpRequest, response: Response, asked: Asked) -> Response:
    """The response, or a failure in its place."""
    if response.status_code >= 400 or asked.checked or _is_open(request) or _is_to_login(response):
        return response
    match = request.resolver_match
    # The view, and not the address, which may name a row or carry a secret.
    logger.error("%s answered without a check", match.view_name if match else "a middleware")
    failure = HttpResponseServerError()
    # What is not sent is closed with what is: closing it here would end the request.
    closers: list[Any] = vars(response)["_resource_closers"]
    vars(failure)["_resource_closers"].extend(closers)
    return failure


def _is_open(request: HttpRequest) -> bool:
    match = request.resolver_match
    if match is None:
        return False
    if getattr(match.func, "doorward_open_to_all", False):
        return True
    listed = current_access().open_to_all
    return match.view_name in listed or f"{match.namespace}:" in listed


def _is_to_login(response: Response) -> bool:
    if response.status_code != 302:
        return False
    login, to = urlsplit(resolve_url(settings.LOGIN_URL)), urlsplit(response.headers["Location"])
    return (login.scheme, login.netloc, login.path) == (to.scheme, to.netloc, to.path)
