"""Views that ask, and views that forget to."""

from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseNotModified,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect
from django.template import engines
from django.urls import URLPattern, URLResolver, include, path
from django.utils.decorators import method_decorator
from django.views import View
from django_host.models import Book

from doorward.django import arequire, open_to_all, require

closed: list[str] = []


class Closing(BytesIO):
    def close(self) -> None:
        closed.append("file")
        super().close()


def forgets(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("the secret of a client")
    response.set_cookie("secret", "1")
    return response


async def forgets_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the secret of a client")


def streams(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        # Too late: the response has begun.
        yield ", ".join(str(it.pk) for it in Book.objects.visible_to(request.user))

    return StreamingHttpResponse(parts())


def streams_checked(request: HttpRequest) -> StreamingHttpResponse:
    visible = Book.objects.visible_to(request.user)
    return StreamingHttpResponse(f"{it.pk}\n" for it in visible.iterator())


async def streams_async(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        yield "the secret of a client"

    return StreamingHttpResponse(parts())


def downloads(request: HttpRequest) -> FileResponse:
    return FileResponse(Closing(b"the secret of a client"))


def redirects(request: HttpRequest) -> HttpResponse:
    return redirect("https://files.example/secret")


def redirects_to_login(request: HttpRequest) -> HttpResponse:
    return redirect("/login/?next=/forgets/")


def redirects_near_login(request: HttpRequest) -> HttpResponse:
    return redirect("//files.example/login/")


def unmodified(request: HttpRequest) -> HttpResponse:
    return HttpResponseNotModified()


def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


def refuses(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def lists(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(Book.objects.visible_to(request.user).count()))


def counts(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(Book.objects.visible_to(request.user, "lent").count()))


async def lists_async(request: HttpRequest) -> HttpResponse:
    visible = await sync_to_async(Book.objects.visible_to)(request.user)
    return HttpResponse(str(await visible.acount()))


def requires(request: HttpRequest, pk: str, action: str) -> HttpResponse:
    require(request, action, get_object_or_404(Book, pk=pk))
    return HttpResponse("done")


async def requires_async(request: HttpRequest, pk: str, action: str) -> HttpResponse:
    await arequire(request, action, await sync_to_async(get_object_or_404)(Book, pk=pk))
    return HttpResponse("done")


BUTTONS = """{% load doorward %}{% for book in books %}{% allowed "view" book as a %}\
{% allowed "lend" book as b %}{% allowed "all" book as c %}{% allowed "burn" book as d %}\
{% allowed "kept" book as e %}{{ book.pk }}:{{ a }}{{ b }}{{ c }}{{ d }}{{ e }}
{% endfor %}"""


def buttons(request: HttpRequest) -> HttpResponse:
    template = engines["django"].from_string(BUTTONS)
    books = Book.objects.select_related("shelf").order_by("pk")
    return HttpResponse(template.render({"books": books}, request))


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Tells all that it was told, as some hosts do."""
    return HttpResponse(str(exception), status=404)


class Open(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("open")


opened = method_decorator(open_to_all, name="dispatch")(Open).as_view()
wrapped = login_required(open_to_all(forgets))


def listed(request: HttpRequest) -> HttpResponse:
    return HttpResponse("open")


def paths(*views: Callable[..., Any]) -> list[URLPattern]:
    return [path(f"{it.__name__}/", it) for it in views]


urlpatterns: list[URLPattern | URLResolver] = [
    *paths(forgets, forgets_async, streams, streams_checked, streams_async, downloads),
    *paths(redirects, redirects_to_login, redirects_near_login, unmodified),
    *paths(fails, refuses, lists, lists_async, counts, buttons),
    path("requires/<pk>/<action>/", requires),
    path("requires_async/<pk>/<action>/", requires_async),
    path("opened/", opened),
    path("wrapped/", wrapped),
    path("listed/", listed, name="listed"),
    path("listed-as-another/", listed, name="another"),
    path("of-a-namespace/", include(([path("", listed, name="it")], "open"))),
    path("login/", listed, name="login"),
]
handler404 = "django_host.urls.missing"
