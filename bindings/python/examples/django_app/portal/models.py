# pyright: reportUnknownVariableType=false
from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from doorward.django import VisibleManager


class Client(models.Model):
    name = models.CharField(max_length=100)
    archived = models.BooleanField(default=False)


class Contact(models.Model):
    """A person's seat at one client."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    billing = models.BooleanField(default=False)


class Invoice(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAID = "paid"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    owner = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="+")
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    amount = models.BigIntegerField()
    internal = models.BooleanField(default=False)
    shared_with = models.ManyToManyField(Contact, related_name="+")

    objects = VisibleManager["Invoice"]()
