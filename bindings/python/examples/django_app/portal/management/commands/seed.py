"""Fills an empty database with something to look at."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand
from django.db import transaction

from portal.models import Client, Contact, Invoice

PASSWORD = "portal"


class Command(BaseCommand):
    help = __doc__ or ""

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        users, password = get_user_model().objects, make_password(PASSWORD)
        north, south = (Client.objects.create(name=name) for name in ("North", "South"))

        def contact(name: str, client: Client, billing: bool) -> Contact:
            user = users.create(username=name, email=f"{name}@c1.example", password=password)
            return Contact.objects.create(user=user, client=client, billing=billing)

        contact("ada", north, billing=True)
        bob = contact("bob", north, billing=False)
        cleo = contact("cleo", south, billing=True)
        for title, client, state in (
            ("Lights", north, Invoice.State.OPEN),
            ("Sound", north, Invoice.State.PAID),
            ("Stage", north, Invoice.State.DRAFT),
            ("Tents", south, Invoice.State.OPEN),
        ):
            Invoice.objects.create(title=title, client=client, state=state, amount=120_000)
        small = Invoice.objects.create(
            title="Flowers", client=north, owner=bob, state=Invoice.State.OPEN, amount=9_900
        )
        small.shared_with.add(cleo)
