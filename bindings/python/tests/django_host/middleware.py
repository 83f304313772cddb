"""Signs readers in by a header."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject
from django_host.models import Reader


@sync_and_async_middleware
def sign_in(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def middleware(request: HttpRequest) -> Any:
        name = request.headers.get("Reader")
        found = SimpleLazyObject(
            lambda: Reader.objects.get(pk=name) if name else AnonymousUser()
        )
        setattr(request, "user", found)
        return get_response(request)

    async def middleware_async(request: HttpRequest) -> Any:
        return await middleware(request)

    is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
    return middleware_async if is_async else middleware
