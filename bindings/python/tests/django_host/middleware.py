"""Signs readers in by a header: the tests' own."""

from collections.abc import Callable

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject
from asgiref.sync import iscoroutinefunction
from django_host.models import Reader
from typing import Any


def found(request: HttpRequest) -> Any:
    name = request.headers.get("Reader")
    return Reader.objects.get(pk=name) if name else AnonymousUser()


@sync_and_async_middleware
def sign_in(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def put(request: HttpRequest) -> None:
        setattr(request, "user", SimpleLazyObject(lambda: found(request)))

    def middleware(request: HttpRequest) -> HttpResponse:
        put(request)
        return get_response(request)

    async def amiddleware(request: HttpRequest) -> HttpResponse:
        put(request)
        return await get_response(request)

    return amiddleware if iscoroutinefunction(get_response) else middleware
