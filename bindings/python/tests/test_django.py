"""Django: lists are checks on real rows, and views that forget to ask are found."""

from __future__ import annotations

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
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import django
import httpx
import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections, models
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext, override_settings

from doorward import Entity, EntityUid, FilterError

if TYPE_CHECKING:
    from django_host.models import Book, Reader
    from portal.models import Contact, Invoice

EXAMPLE = Path(__file__).parents[1] / "examples" / "django_app"
ALIASES = ("default", "postgres")
TITLES = (
    "", "a%b", "a%", "axb", "A%b", "a_b", "_b", "*?[x]", "*?[x]y", "o'hara", "O'HARA",
    "o''hara", 'say "it"', "%s", "%(a)s", "%%", "\\", "!", "stra\u00dfe", "STRASSE", "\u00e9", "e\u0301",
    "\U0001f600", "a\nb", " a", "a ", "NULL", "1",
)  # fmt: skip
BRANCHES = ("a%b", "o'hara", "\u00e9", "%s")


@pytest.fixture(scope="module")
def addresses(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A new database of each sort."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE django")
    parts = urlsplit(postgres)
    return {
        "default": f"sqlite://{tmp_path_factory.mktemp('django') / 'portal.sqlite3'}",
        "postgres": urlunsplit(parts._replace(path="/django")),
    }


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
        for alias in ALIASES:
            call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
            fill_odd_rows(alias)
            fill_portal(alias)
        yield
    finally:
        connections.close_all()
        sys.path.remove(str(EXAMPLE))


@contextmanager
def odd_rows(**further: Any) -> Iterator[None]:
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


def readers(alias: str) -> list[Reader]:
    from django_host.models import Reader

    return list(Reader.objects.using(alias).order_by("pk"))


def books(alias: str) -> list[Book]:
    from django_host.models import Book

    return list(Book.objects.using(alias).order_by("pk"))


def visible(alias: str, reader: Reader, action: str) -> Any:
    from django_host.models import Book

    return Book.objects.using(alias).visible_to(reader, action)


@cache
def told(alias: str) -> list[tuple[Book, list[Entity]]]:
    """The books, and what a check is told of each."""
    from django_host.access import access

    return [(book, access.entities(book)) for book in books(alias)]


@cache
def checked(alias: str, reader: Reader, action: str) -> set[uuid.UUID]:
    """The books that a check of each row allows."""
    from django_host.access import access

    decided = [
        (book.pk, access.check(reader, action, book, entities=entities))
        for book, entities in told(alias)
    ]
    return {pk for pk, decision in decided if decision and decision.allowed}


def test_every_list_is_what_the_checks_allow() -> None:
    from django_host.access import ACTIONS

    with odd_rows():
        for alias in ALIASES:
            for reader in readers(alias):
                for action in ACTIONS:
                    found = [book.pk for book in visible(alias, reader, action)]
                    assert len(found) == len(set(found))
                    where = (alias, reader.branch, action)
                    assert set(found) == checked(alias, reader, action), where


# By hand, so that a list and a check that are wrong alike are found.
def by_hand(action: str, book: Book, reader: Reader, lent: set[uuid.UUID], shelf: str) -> bool:
    return {
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
    }[action]


def test_every_check_is_what_was_meant() -> None:
    from django_host.access import ACTIONS
    from django_host.models import Loan

    with odd_rows():
        for alias in ALIASES:
            lent: dict[uuid.UUID, set[uuid.UUID]] = {}
            for loan in Loan.objects.using(alias).all():
                lent.setdefault(loan.book_id, set()).add(loan.reader_id)
            for reader in readers(alias):
                for action in ACTIONS:
                    meant = {
                        book.pk
                        for book in books(alias)
                        if by_hand(action, book, reader, lent.get(book.pk, set()), book.shelf_id)
                    }
                    assert checked(alias, reader, action) == meant, (alias, action)


@pytest.mark.parametrize("alias", ALIASES)
def test_a_list_is_one_query_with_one_subquery(alias: str) -> None:
    reader = readers(alias)[0]
    with odd_rows(), CaptureQueriesContext(connections[alias]) as queries:
        found = list(visible(alias, reader, "same_title").filter(pages__gt=0).order_by("title"))
    assert found
    (query,) = queries.captured_queries
    assert query["sql"].count("SELECT") == 2
    assert '"django_host_book"."id" IN (SELECT "visible"."id" FROM' in query["sql"]


@pytest.mark.parametrize("alias", ALIASES)
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
        related = one.owned  # type: ignore[attr-defined] # pyright: ignore
        assert ids(related.visible_to(one, "lent")) == {it.pk for it in queryset if it.owner == one}
        assert ids(copy.deepcopy(queryset)) == lent
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(queryset.query)
        assert ids(visible(alias, one, "burn")) == set()
        assert visible(alias, one, "all").count() == len(everything)


def ids(queryset: Any) -> set[uuid.UUID]:
    return {row.pk for row in queryset}


def test_a_queryset_runs_on_whichever_database_it_is_sent_to() -> None:
    with odd_rows():
        for made, run in (ALIASES, ALIASES[::-1]):
            reader = readers(made)[1]
            for action in ("owned", "lent", "like_glob"):
                queryset = visible(made, reader, action).using(run)
                assert ids(queryset) == checked(run, reader, action) != set()


@pytest.mark.parametrize("alias", ALIASES)
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


@pytest.mark.parametrize("alias", ALIASES)
def test_a_percent_sign_in_a_name_is_no_parameter(alias: str) -> None:
    from django_host.models import Odd

    reader, connection = readers(alias)[0], connections[alias]
    with odd_rows(), connection.cursor() as cursor:
        # Django itself cannot write such names where there are parameters, except for SQLite.
        for id, title in ((1, reader.branch), (2, "%")):
            cursor.execute(f"""INSERT INTO "o%dd" VALUES ({id}, '{title}')""")
        where = Odd.objects.using(alias).visible_to(reader, "odd").query.where
        compiler = Odd.objects.using(alias).all().query.get_compiler(alias)
        condition, parameters = compiler.compile(where.children[0].rhs)
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
