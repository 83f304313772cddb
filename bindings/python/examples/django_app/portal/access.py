"""What the policies are told: who asks, and what a row is."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse

from doorward import Engine, PolicyBundle
from doorward.django import Access, Principal, Row
from portal.models import Client, Contact, Invoice


@cache
def engine() -> Engine:
    """Everything is in the host's database: rows come along with each question."""
    return Engine(PolicyBundle.load(Path(__file__).parent / "policies"), all_inline=True)


def principal(user: Any) -> Principal | None:
    try:
        contact = user.contact
    except Contact.DoesNotExist:
        return None
    return Principal(contact, {"mfa": getattr(user, "second_factor", False)})


access = Access(
    engine=engine,
    principal=principal,
    rows=[
        Row(Client, "Client", ["archived"]),
        Row(Contact, "Contact", ["client", "billing"]),
        Row(
            Invoice,
            "Invoice",
            ["client", "owner", "state", "amount", "internal", "shared_with"],
            follow=["client"],
        ),
    ],
    open_to_all=["login", "logout"],
)


class SecondFactorMiddleware:
    """Puts on the user what the session knows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        setattr(request.user, "second_factor", request.session.get("second_factor", False))
        return self.get_response(request)
