"""Django: lists are checks on real rows, and views that forget to ask are found."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import re
import runpy
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import django
import httpx
import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.management import call_command
from django.db import connections, models
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext, override_settings

from doorward import Entity, FilterError
from doorward.django import Backend, Row

if TYPE_CHECKING:
    from portal.models import Contact

EXAMPLE = Path(__file__).parents[1] / "examples" / "django_app"
ALIASES = ("default", "postgres")
TITLES = (
    "", "a%b", "a%", "axb", "A%b", "a_b", "_b", "*?[x]", "*?[x]y", "o'hara", "O'HARA",
    "o''hara", 'say "it"', "%s", "%(a)s", "%%", "\\", "!", "stra\u00dfe", "STRASSE", "\u00e9", "e\u0301",
    "\U0001f600", "a\nb", " a", "a ", "NULL", "1",
)  # fmt: skip
BRANCHES = ("a%b", "o'hara", "\u00e9", "%s")


@pytest.fixture(scope="module")
def addresses(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """A new database of each sort that there is."""
    found = {"default": f"sqlite://{tmp_path_factory.mktemp('django') / 'portal.sqlite3'}"}
    with suppress(pytest.skip.Exception):
        server: str = request.getfixturevalue("postgres")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("CREATE DATABASE django")
        found["postgres"] = urlunsplit(urlsplit(server)._replace(path="/django"))
    return found


@pytest.fixture(scope="module", autouse=True)
def host(addresses: dict[str, str]) -> Iterator[None]:
    """Django, set up for the example and for the odd rows, with a database of each sort."""
    example = runpy.run_path(str(EXAMPLE / "settings.py"))
    chosen = {name: value for name, value in example.items() if name.isupper()}
    chosen["DATABASES"] = {name: example["database"](url) for name, url in addresses.items()}
    chosen["INSTALLED_APPS"] += ["django_host"]
    chosen["LOGGING_CONFIG"] = None
    sys.path.insert(0, str(EXAMPLE))
    try:
        settings.configure(**chosen)
        django.setup()
        for alias in addresses:
            call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
            fill_odd_rows(alias)
            fill_portal(alias)
        yield
    finally:
        connections.close_all()
        sys.path.remove(str(EXAMPLE))


@pytest.fixture(scope="module", params=ALIASES)
def alias(request: pytest.FixtureRequest, addresses: dict[str, str]) -> str:
    """A database by its name."""
    name: str = request.param
    if name not in addresses:
        request.getfixturevalue("postgres")
    return name


@contextmanager
def odd_rows(**further: Any) -> Generator[None]:
    """Settings for the odd rows."""
    chosen: dict[str, Any] = {
        "DOORWARD": "django_host.access.access",
        "ROOT_URLCONF": "django_host.urls",
        "LOGIN_URL": "/login/",
        "MIDDLEWARE": ["django_host.middleware.sign_in", "doorward.django.GuardMiddleware"],
    }
    with override_settings(**chosen | further):
        yield


def fill_odd_rows(alias: str) -> None:
    from django_host.models import Book, Loan, Reader, Shelf

    for shelf, closed in (("o'%s_sun", False), ("O'%S_SUN", True), ("", False), ("100%", True)):
        Shelf.objects.using(alias).create(id=shelf, closed=closed)
    shelves = ("o'%s_sun", "O'%S_SUN", "", "100%", "gone")
    ids = [uuid.UUID(int=number << 64 | 0xABC) for number in range(1, len(BRANCHES) + 1)]
    readers = [
        Reader.objects.using(alias).create(id=id, branch=branch)
        for id, branch in zip(ids, BRANCHES, strict=True)
    ]
    for at in range(140):
        book = Book.objects.using(alias).create(
            id=uuid.uuid5(uuid.NAMESPACE_OID, str(at)),
            title=TITLES[at % len(TITLES)],
            note=(None, "", "x", "%x")[at % 4],
            pages=(None, 0, 10, 11, 2**31 - 1)[at % 5],
            kept=(None, True, False)[at % 3],
            shelf_id=shelves[at // 7 % 5],
            owner=(None, *readers)[at // 3 % 5],
        )
        # None, one, two, and one twice.
        for reader in (readers[:0], readers[:1], readers[1:3], [readers[0]] * 2)[at // 2 % 4]:
            Loan.objects.using(alias).create(book=book, reader=reader)


PEOPLE = {  # name: client, may pay
    "ada": (0, True),
    "bob": (0, False),
    "cleo": (1, True),
    "dan": (2, True),
}


def fill_portal(alias: str) -> None:
    from django.contrib.auth.hashers import PBKDF2PasswordHasher
    from django.contrib.auth.models import User
    from portal.models import Client, Contact, Invoice

    password = PBKDF2PasswordHasher().encode("portal", "salt", iterations=1)
    clients = [
        Client.objects.using(alias).create(name=f"C{it}", archived=it == 2) for it in range(3)
    ]
    contacts: list[Contact] = []
    for name, (client, billing) in PEOPLE.items():
        user = User.objects.using(alias).create(username=name, password=password)
        contacts.append(
            Contact.objects.using(alias).create(user=user, client=clients[client], billing=billing)
        )
    User.objects.using(alias).create(username="nobody", password=password)
    for at in range(60):
        invoice = Invoice.objects.using(alias).create(
            client=clients[at % 3],
            owner=(None, *contacts)[at % 5],
            title=TITLES[at % len(TITLES)],
            state=Invoice.State.values[at // 3 % 3],
            amount=(9_999, 10_000, 10_001)[at // 2 % 3],
            internal=at % 7 == 0,
        )
        invoice.shared_with.set(contacts[: at % 4])


def readers(alias: str) -> list[Any]:
    from django_host.models import Reader

    return list(Reader.objects.using(alias).order_by("pk"))


def books(alias: str) -> list[Any]:
    from django_host.models import Book

    return list(Book.objects.using(alias).order_by("pk"))


def visible(alias: str, reader: Any, action: str) -> Any:
    from django_host.models import Book

    return Book.objects.db_manager(alias).visible_to(reader, action)


@cache
def told(alias: str) -> list[tuple[Any, list[Entity]]]:
    """The books, and what a check is told of each."""
    from django_host.access import access

    return [(book, access.entities(book)) for book in books(alias)]


@cache
def checked(alias: str, reader: Any, action: str) -> set[uuid.UUID]:
    """The books that a check of each row allows."""
    from django_host.access import access

    return {
        book.pk
        for book, entities in told(alias)
        if access.allows(reader, action, book, entities=entities)
    }


def test_every_list_is_what_the_checks_allow(alias: str) -> None:
    from django_host.access import ACTIONS

    with odd_rows():
        for reader in readers(alias):
            for action in ACTIONS:
                found = [book.pk for book in visible(alias, reader, action)]
                assert len(found) == len(set(found))
                assert set(found) == checked(alias, reader, action), (reader.branch, action)


# By hand, so that a list and a check that are wrong alike are found.
def by_hand(action: str, book: Any, reader: Any, lent: set[uuid.UUID]) -> bool:
    shelf: str = book.shelf_id
    meant: dict[str, bool] = {
        "all": True,
        "same_title": book.title == reader.branch,
        "other_title": book.title != reader.branch,
        "like_percent": book.title.startswith("a%"),
        "like_underscore": "_b" in book.title,
        "like_glob": "*?[x]" in book.title,
        "like_quote": "o'" in book.title,
        "unlike": not book.title.startswith("A"),
        "empty_title": not book.title,
        "remarked": book.note is not None and book.note != "x",
        "unremarked": book.note is None,
        "read_remark": book.note == "x",
        "long": book.pages is not None and book.pages > 10,
        "not_long": book.pages is None or book.pages <= 10,
        "kept": book.kept is True,
        "not_kept": not book.kept,
        "owned": book.owner_id == reader.pk,
        "not_owned": book.owner_id != reader.pk,
        "lent": reader.pk in lent,
        "not_lent": reader.pk not in lent,
        "on_shelf": shelf == "o'%s_sun",
        "on_open_shelf": shelf in ("o'%s_sun", ""),
        "view": shelf in ("o'%s_sun", ""),
        "lend": reader.pk in lent and book.owner_id in (None, reader.pk),
        "burn": False,
    }
    return meant[action]


def test_every_check_is_what_was_meant(alias: str) -> None:
    from django_host.access import ACTIONS
    from django_host.models import Loan

    lent: dict[uuid.UUID, set[uuid.UUID]] = {}
    for book, reader in Loan.objects.using(alias).values_list("book", "reader"):
        lent.setdefault(book, set()).add(reader)
    with odd_rows():
        for reader in readers(alias):
            for action in ACTIONS:
                meant = {
                    book.pk
                    for book in books(alias)
                    if by_hand(action, book, reader, lent.get(book.pk, set()))
                }
                assert checked(alias, reader, action) == meant, (reader.branch, action)


def test_a_list_is_one_query_with_one_subquery(alias: str) -> None:
    reader = readers(alias)[0]
    with odd_rows(), CaptureQueriesContext(connections[alias]) as queries:
        found = list(visible(alias, reader, "same_title").filter(pages__gt=0).order_by("title"))
    assert found
    (query,) = queries.captured_queries
    assert query["sql"].count("SELECT") == 2
    assert '"django_host_book"."id" IN (SELECT "visible"."id" FROM' in query["sql"]


def test_a_list_goes_on_as_any_queryset(alias: str) -> None:
    from django.shortcuts import get_object_or_404
    from django_host.models import Book, Reader

    with odd_rows():
        one, other = readers(alias)[:2]
        lent = checked(alias, one, "lent")
        everything = {book.pk for book in books(alias)}
        queryset = visible(alias, one, "lent")
        assert queryset.count() == len(lent) > 0
        assert set(queryset.values_list("pk", flat=True)) == lent
        assert queryset.order_by("title")[1:3].count() == 2
        assert queryset.exists() and queryset.filter(pk__in=lent).first() is not None
        assert set(queryset.exclude(note="x").values_list("pk", flat=True)) < lent
        both = queryset & visible(alias, one, "kept")
        assert ids(both) == lent & checked(alias, one, "kept")
        assert ids(queryset | visible(alias, other, "lent")) == lent | checked(alias, other, "lent")
        assert ids(queryset | visible(alias, one, "lent")) == lent
        assert ids(queryset | queryset) == ids(queryset & queryset) == lent
        # A list as a condition, and what is not in it, with every row in one of the two.
        inside = Book.objects.using(alias).filter(pk__in=queryset)
        outside = Book.objects.using(alias).exclude(pk__in=queryset)
        assert ids(inside) == lent and ids(outside) == everything - lent
        owners = Reader.objects.using(alias).filter(owned__in=queryset).distinct()
        assert set(owners) == {book.owner for book in queryset if book.owner}
        prefetch = models.Prefetch("owned", queryset=queryset, to_attr="lent_by_one")
        for reader in Reader.objects.using(alias).prefetch_related(prefetch):
            owned = {book.pk for book in queryset if book.owner_id == reader.pk}
            assert {book.pk for book in getattr(reader, "lent_by_one")} == owned
        assert get_object_or_404(queryset, pk=min(lent)).pk == min(lent)
        counted = queryset.values("shelf").annotate(n=models.Count("readers")).order_by()
        assert sum(it["n"] for it in counted) >= len(lent)
        union = queryset.union(visible(alias, other, "lent"))
        assert {it.pk for it in union} == lent | checked(alias, other, "lent")
        related = one.owned
        assert ids(related.visible_to(one, "lent")) == {it.pk for it in queryset if it.owner == one}
        assert ids(copy.deepcopy(queryset)) == lent
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(queryset.query)
        assert ids(visible(alias, one, "burn")) == set()
        assert visible(alias, one, "all").count() == len(everything)


def ids(queryset: Any) -> set[uuid.UUID]:
    return {row.pk for row in queryset}


def test_a_queryset_runs_on_whichever_database_it_is_sent_to(postgres: str) -> None:
    with odd_rows():
        for made, run in (ALIASES, ALIASES[::-1]):
            reader = readers(made)[1]
            for action in ("owned", "lent", "like_glob"):
                queryset = visible(made, reader, action).using(run)
                assert ids(queryset) == checked(run, reader, action) != set()


def test_rows_are_changed_and_deleted_within_a_list_alone(alias: str) -> None:
    from django.db import transaction

    with odd_rows(), transaction.atomic(using=alias):
        reader = readers(alias)[0]
        owned = checked(alias, reader, "owned")
        assert visible(alias, reader, "owned").update(note="changed") == len(owned) > 0
        assert {book.pk for book in books(alias) if book.note == "changed"} == owned
        visible(alias, reader, "owned").delete()
        assert not owned & {book.pk for book in books(alias)} and books(alias)
        transaction.set_rollback(True, using=alias)


def test_a_percent_sign_in_a_name_is_no_parameter(alias: str) -> None:
    from django_host.models import Odd

    reader, connection = readers(alias)[0], connections[alias]
    with odd_rows(), connection.cursor() as cursor:
        # Django itself cannot write such names where there are parameters, except for SQLite.
        for id, title in ((1, reader.branch), (2, "%")):
            cursor.execute(f"""INSERT INTO "o%dd" VALUES ({id}, '{title}')""")
        where = Odd.objects.db_manager(alias).visible_to(reader, "odd").query.where
        compiler = Odd.objects.using(alias).all().query.get_compiler(alias)
        condition, parameters = compiler.compile(getattr(where.children[0], "rhs"))
        cursor.execute(f'SELECT "i%%d" FROM "o%%dd" WHERE "i%%d" IN {condition}', parameters)
        assert cursor.fetchall() == [(1,)]
        if alias == "default":
            assert [it.pk for it in Odd.objects.visible_to(reader, "odd")] == [1]


def test_nobody_sees_nothing_and_what_is_not_declared_is_an_error() -> None:
    from django.contrib.auth.models import AnonymousUser
    from django_host.access import access
    from django_host.models import Book, Loan, Reader

    with odd_rows():
        reader, book = readers("default")[0], books("default")[0]
        inactive = Reader(id=reader.pk, branch=reader.branch, is_active=False)
        for nobody in (None, AnonymousUser(), inactive, object()):
            assert not Book.objects.visible_to(nobody, "all").exists()
            assert not access.allows(nobody, "all", book)
        assert access.allows(reader, "all", book)
        with pytest.raises(FilterError, match="not declared"):
            Book.objects.visible_to(reader, "shred")
        for wrong in (Loan(), "book", None):
            with pytest.raises(ImproperlyConfigured, match="no row"):
                access.allows(reader, "all", wrong)  # type: ignore[arg-type] # pyright: ignore
        assert not access.allows(reader, "all", Book(id=None, title="", shelf_id=""))
    with override_settings(DOORWARD=None), pytest.raises(ImproperlyConfigured, match="DOORWARD"):
        Book.objects.visible_to(reader)


def sent(path: str, reader: Any, **further: Any) -> Any:
    headers = {"reader": str(reader.pk)} if reader else {}
    with odd_rows(**further):
        return Client(raise_request_exception=False).get(path, headers=headers)


FORGOTTEN = [
    "forgets", "forgets_async", "streams", "streams_async", "downloads", "redirects",
    "redirects_near_login", "unmodified", "listed-as-another",
]  # fmt: skip


@pytest.mark.parametrize("view", FORGOTTEN)
def test_a_view_that_forgot_to_ask_fails(view: str, caplog: pytest.LogCaptureFixture) -> None:
    from django_host.urls import closed

    closed.clear()
    with caplog.at_level(logging.ERROR, "doorward.django"):
        response = sent(f"/{view}/?token=secret", readers("default")[0])
    assert (response.status_code, response.content) == (500, b"")
    assert not response.cookies and "Location" not in response.headers
    (record,) = (it for it in caplog.records if it.name == "doorward.django")
    name = "another" if view == "listed-as-another" else f"django_host.urls.{view}"
    assert record.getMessage() == f"{name} answered without a check"
    assert closed == (["file"] if view == "downloads" else [])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("lists", 200),
        ("lists_async", 200),
        ("streams_checked", 200),
        ("buttons", 200),
        ("opened", 200),
        ("wrapped", 200),
        ("listed", 200),
        ("of-a-namespace", 200),
        ("redirects_to_login", 302),
        ("fails", 500),
        ("refuses", 403),
        ("no-such-view", 404),
    ],
)
def test_other_views_answer_as_they_do(path: str, status: int) -> None:
    response = sent(f"/{path}/", readers("default")[0])
    assert response.status_code == status
    if status != 302:
        assert b"".join(response) if response.streaming else response.content


def test_one_request_s_questions_do_not_stand_for_another_s() -> None:
    reader = readers("default")[0]
    for path, status in [("lists", 200), ("forgets", 500), ("lists", 200), ("fails", 500)] * 2:
        assert sent(f"/{path}/", reader).status_code == status


def test_the_guard_works_where_everything_is_async() -> None:
    reader = readers("default")[0]

    async def statuses(*paths: str) -> list[int]:
        with odd_rows():
            client = AsyncClient(raise_request_exception=False)
            sent = [client.get(f"/{it}/", headers={"reader": str(reader.pk)}) for it in paths]
            return [it.status_code for it in await asyncio.gather(*sent)]

    book = min(checked("default", reader, "kept"))
    paths = {
        "lists_async": 200,
        "forgets_async": 500,
        "streams_async": 500,
        "lists": 200,
        "forgets": 500,
        "opened": 200,
        f"requires_async/{book}/kept": 200,
    }
    assert asyncio.run(statuses(*paths, *paths)) == [*paths.values()] * 2


def test_what_stands_in_memory_is_what_the_column_would_keep() -> None:
    from django_host.access import access
    from django_host.models import Book

    class Title(str, Enum):
        NAME = "o'hara"

    reader = readers("default")[1]
    assert reader.branch == Title.NAME
    id = uuid.UUID(int=0xABC)
    kept = {"owner_id": str(reader.pk).upper(), "pages": "11", "shelf_id": ""}
    row = Book(id=str(id).upper(), title=Title.NAME, **kept)
    with odd_rows():
        assert access.entities(row)[-1].uid.id == str(id)
        for action in ("same_title", "owned", "long"):
            assert access.allows(reader, action, row)


def test_somebody_is_asked_about_himself() -> None:
    from django_host.access import access

    with odd_rows():
        one, other = readers("default")[:2]
        assert access.allows(one, "know", one) and not access.allows(one, "know", other)


@pytest.mark.parametrize("is_native", [True, False])
def test_a_uuid_is_bound_as_the_column_keeps_it(is_native: bool) -> None:
    # MySQL, and MariaDB since it has a type for them: the same vendor to Django.
    from django_host.models import Book

    connection = SimpleNamespace(
        vendor="mysql",
        features=SimpleNamespace(has_native_uuid_field=is_native),
        ops=SimpleNamespace(quote_name=lambda name: f"`{name}`"),  # pyright: ignore
    )
    reader = readers("default")[0]
    with odd_rows():
        rows = Book.objects.visible_to(reader, "owned").query.where.children[0]
    visible: Any = getattr(rows, "rhs")
    _, parameters = visible.as_sql(None, connection)
    assert parameters == (str(reader.pk) if is_native else reader.pk.hex,)


def test_two_callers_in_a_row_do_not_mix() -> None:
    asking = readers("default") * 2
    found = [int(sent("/counts/", reader).content) for reader in asking]
    assert found == [len(checked("default", reader, "lent")) for reader in asking]
    assert len(set(found)) > 1


def test_a_page_of_buttons_finds_out_once_who_asks() -> None:
    from django_host.access import resolved

    reader = readers("default")[1]
    resolved.clear()
    with CaptureQueriesContext(connections["default"]) as queries:
        response = sent("/buttons/", reader)
    assert len(resolved) == 1
    # Those whose shelf is gone, select_related leaves out.
    shown = [it for it in books("default") if it.shelf_id != "gone"]
    # The reader, the page, and the set of each row.
    assert len(queries) == 2 + len(shown)
    actions = ("view", "lend", "all", "burn", "kept")
    allowed = {it: checked("default", reader, it) for it in actions}
    meant = [
        f"{it.pk}:" + "".join(str(it.pk in allowed[action]) for action in actions)
        for it in shown
    ]
    assert response.content.decode().split() == meant


def test_nothing_is_kept_when_a_request_has_ended() -> None:
    from django_host.access import access, resolved

    reader, book = readers("default")[0], books("default")[0]
    assert sent("/lists/", reader).status_code == 200
    resolved.clear()
    with odd_rows():
        assert access.allows(reader, "all", book) and access.allows(reader, "all", book)
    assert resolved == [reader, reader]


@pytest.mark.parametrize("suffix", ["", "_async"])
def test_what_is_required_is_told_as_far_as_it_may_be(suffix: str) -> None:
    reader = readers("default")[0]
    seen, lendable = (checked("default", reader, it) for it in ("view", "lend"))
    missing = sent(f"/requires{suffix}/{uuid.UUID(int=7)}/lend/", reader)
    for book in books("default")[:40]:
        response = sent(f"/requires{suffix}/{book.pk}/lend/", reader)
        meant = 200 if book.pk in lendable else 403 if book.pk in seen else 404
        assert response.status_code == meant
        if meant == 404:
            assert (response.content, response.headers) == (missing.content, missing.headers)
    assert missing.status_code == 404 and missing.content


@contextmanager
def portal(alias: str) -> Generator[Any]:
    """The example's declaration, and its people by name as users of one database."""
    from django.contrib.auth.models import User

    with override_settings(DOORWARD="portal.access.access"):
        yield {user.username: user for user in User.objects.using(alias)}


def is_meant(action: str, name: str, invoice: Any, shared: set[int]) -> bool:
    """The example's policies by hand, a second factor given."""
    from portal.models import Contact

    if name not in PEOPLE or invoice.client.archived or invoice.internal or invoice.state == "draft":
        return False
    me: Any = Contact.objects.using(invoice._state.db).get(user__username=name)
    own: bool = invoice.client_id == me.client_id
    if action == "view":
        return own or invoice.owner_id == me.pk or me.pk in shared
    is_small: bool = invoice.owner_id == me.pk and invoice.amount <= 10_000
    is_payable: bool = invoice.state == "open" and (own and me.billing or is_small)
    return is_payable


def meant_of(alias: str, name: str, action: str) -> set[uuid.UUID]:
    from portal.models import Invoice

    return {
        it.pk
        for it in Invoice.objects.using(alias).select_related("client")
        if is_meant(action, name, it, set(it.shared_with.values_list("pk", flat=True)))
    }


def test_django_s_own_permissions_are_decided_by_policies(alias: str) -> None:
    from portal.models import Client as PortalClient
    from portal.models import Invoice

    with portal(alias) as people:
        for name, user in people.items():
            user.second_factor = True
            for perm, action in {
                "portal.view_invoice": "view",
                "portal.pay_invoice": "pay",
                "portal.pay": "pay",
                "pay": "pay",
            }.items():
                invoices = Invoice.objects.using(alias)
                held = {it.pk for it in invoices if user.has_perm(perm, it)}
                assert held == meant_of(alias, name, action)
        ada, invoice = people["ada"], Invoice.objects.using(alias).get(
            pk=min(meant_of(alias, "ada", "view"))
        )
        assert ada.has_perm("view", invoice)
        assert asyncio.run(Backend().ahas_perm(ada, "view", invoice))
        for perm in ("crm.view_invoice", "view_invoice", "portal.view_client", "burn", "portal.burn"):
            assert not ada.has_perm(perm, invoice), perm
            with pytest.raises(PermissionDenied):
                asyncio.run(Backend().ahas_perm(ada, perm, invoice))
        assert not ada.has_perm("portal.view_invoice")
        assert not ada.has_perm("auth.view_user", ada)
        assert not ada.has_perm("portal.view_client", PortalClient.objects.using(alias).first())
        ada.is_active = False
        assert not ada.has_perm("view", invoice)
        # Django's own shortcut, which asks no backend.
        nobody = people["nobody"]
        nobody.is_superuser = True
        assert nobody.has_perm("view", invoice)
        assert not Invoice.objects.db_manager(alias).visible_to(nobody).exists()


class Generous:
    """A backend that allows everything."""

    def has_perm(self, *_: Any) -> bool:
        return True


def test_what_is_refused_no_later_backend_allows() -> None:
    from django.core.checks import run_checks
    from portal.models import Invoice

    backends = ["doorward.django.Backend", "test_django.Generous"]
    with portal("default") as people, override_settings(AUTHENTICATION_BACKENDS=backends):
        invoice = Invoice.objects.filter(internal=True).first()
        assert not people["ada"].has_perm("view", invoice)
        assert people["ada"].has_perm("auth.view_user", people["ada"])
        assert run_checks() == []
        with override_settings(AUTHENTICATION_BACKENDS=backends[::-1]):
            assert [it.id for it in run_checks()] == ["doorward.W001"]


def unfit() -> dict[str, list[Row]]:
    """Declarations that cannot be, by what is said of them."""
    from django.contrib.auth.models import User
    from django_host.access import ROWS
    from django_host.models import Book, Long, Reader, Series, Shelf

    shelf, reader = ROWS[:2]
    return {
        "it has two rows": [shelf, shelf],
        "no field named 'nothing'": [Row(Shelf, "Shelf", ["nothing"])],
        "django_host.Reader has no row": [shelf, Row(Book, "Book", ["owner"])],
        "django_host.Reader.owned: it has no column": [Row(Reader, "Reader", ["owned"])],
        "closed is no foreign key to follow": [Row(Shelf, "Shelf", ["closed"], follow=["closed"])],
        "what a DateTimeField keeps": [Row(User, "Reader", {"branch": "date_joined"})],
        "what a Scrambled keeps": [Row(Series, "Reader", {"branch": "scrambled"})],
        "another field than the primary key": [Row(Series, "Reader", {"branch": "named"})],
        "the table of another model": [Row(Long, "Reader", {"branch": "name"})],
        "policies know no UUIDs": [Row(Reader, "Reader", {"branch": "id"})],
        "it is followed in a circle": [Row(Series, "Reader", {"a": "after"}, follow=["a"])],
        # What the schema says otherwise.
        "the schema declares no attribute closes": [Row(Shelf, "Shelf", {"closes": "closed"})],
        "branch": [Row(Reader, "Reader")],
        "NULL in note": [shelf, reader, Row(Book, "Book", {"title": "note"})],
        "declares no such type": [Row(Shelf, "Shelves", ["closed"])],
    }


def test_what_cannot_be_derived_is_told_when_a_program_starts() -> None:
    from django.core.checks import run_checks
    from django_host import access as host

    from doorward.django import Access

    for words, rows in unfit().items():
        wrong = Access(engine=host.engine, principal=host.principal, rows=rows)
        with odd_rows(DOORWARD="django_host.access.wrong"), pytest.MonkeyPatch.context() as patch:
            patch.setattr("django_host.access.wrong", wrong, raising=False)
            told = [str(it.msg) for it in run_checks()]
        assert len(told) == 1 and words in told[0], (words, told)
    for path in (None, "no.such.access", "django_host.access.engine"):
        with odd_rows(DOORWARD=path):
            assert [it.id for it in run_checks()] == ["doorward.E001"]


class Server(NamedTuple):
    """The example, as it is run."""

    alias: str
    address: str


@pytest.fixture(scope="module")
def server(
    alias: str, addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    environment = {**os.environ, "DATABASE_URL": addresses[alias], "DEBUG": ""}
    run = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with (
        log.open("w") as told,
        subprocess.Popen(run, cwd=EXAMPLE, env=environment, stdout=told, stderr=told) as process,
    ):
        try:
            patience = time.monotonic() + 30
            while True:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert process.poll() is None and time.monotonic() < patience, log.read_text()
                time.sleep(0.05)
            yield Server(alias, f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


@contextmanager
def signed_in(server: Server, name: str) -> Generator[httpx.Client]:
    with httpx.Client(base_url=server.address, follow_redirects=True, timeout=30) as client:
        client.get("/login/")
        response = post(client, "/login/", username=name, password="portal")
        assert response.status_code == 200 and response.url.path == "/"
        yield client


def post(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    return client.post(path, data={**fields, "csrfmiddlewaretoken": client.cookies["csrftoken"]})


def listed(page: str, pattern: str) -> set[uuid.UUID]:
    return {uuid.UUID(it) for it in re.findall(pattern, page)}


SHOWN, PAYABLE = 'data-invoice="([^"]*)"', 'action="/invoices/([^/]*)/pay/"'


@pytest.mark.parametrize("name", [*PEOPLE, "nobody"])
def test_the_example_shows_everybody_what_is_his(server: Server, name: str) -> None:
    from portal.models import Invoice

    with portal(server.alias) as people:
        every = list(Invoice.objects.using(server.alias))
        allowed = {it.pk for it in every if people[name].has_perm("portal.view_invoice", it)}
    seen, payable = (meant_of(server.alias, name, it) for it in ("view", "pay"))
    assert allowed == seen
    missing = f"/invoices/{uuid.UUID(int=7)}/"
    with signed_in(server, name) as client:
        page = client.get("/").text
        assert listed(page, SHOWN) == seen and not listed(page, PAYABLE)
        not_found = client.get(missing)
        not_payable = post(client, f"{missing}pay/")
        assert not_found.status_code == not_payable.status_code == 404
        for invoice in every:
            shown = client.get(f"/invoices/{invoice.pk}/")
            paid = post(client, f"/invoices/{invoice.pk}/pay/")
            if invoice.pk in seen:
                assert (shown.status_code, paid.status_code) == (200, 403)
                assert ("Confirm that it is you" in paid.text) == (invoice.pk in payable)
            else:
                assert (shown.status_code, shown.text) == (404, not_found.text)
                assert (paid.status_code, paid.text) == (404, not_payable.text)
        assert post(client, "/second-factor/").status_code == 200
        assert listed(client.get("/").text, PAYABLE) == payable & seen


def test_the_example_takes_a_payment_once(server: Server) -> None:
    name = "bob"
    pk = min(meant_of(server.alias, name, "pay") & meant_of(server.alias, name, "view"))
    with signed_in(server, name) as client:
        post(client, "/second-factor/")
        assert post(client, f"/invoices/{pk}/pay/").text.count("Paid") == 1
        assert post(client, f"/invoices/{pk}/pay/").status_code == 403
    with httpx.Client(base_url=server.address) as anonymous:
        response = anonymous.get("/")
        assert (response.status_code, response.headers["location"]) == (302, "/login/?next=/")


def test_the_readme_shows_the_example() -> None:
    readme = (EXAMPLE.parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Django\n", 1)[1].split("\n## ", 1)[0]
    lines = [it for block in re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)
             for it in block.splitlines() if it.strip() and not it.startswith("# ")]
    shown = {line for file in EXAMPLE.rglob("*.*") if file.suffix in (".py", ".html")
             for line in file.read_text(encoding="utf-8").splitlines()}
    assert len(lines) > 20 and set(lines) <= shown


def test_the_example_can_be_tried(tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": f"sqlite://{tmp_path / 'portal.sqlite3'}"}
    for command in ("check", "migrate", "seed", "makemigrations --check"):
        run = [sys.executable, "manage.py", *command.split()]
        done = subprocess.run(run, cwd=EXAMPLE, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
