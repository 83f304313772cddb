# pyright: reportUnknownVariableType=false
from __future__ import annotations

import uuid

from django.db import models

from doorward.django import VisibleManager


class Shelf(models.Model):
    id = models.CharField(primary_key=True, max_length=50)
    closed = models.BooleanField()


class Reader(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    branch = models.CharField(max_length=50)
    is_active = models.BooleanField(default=True)
    is_authenticated = True


class Book(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.TextField()
    note = models.CharField(max_length=50, null=True)
    pages = models.PositiveIntegerField(null=True)
    kept = models.BooleanField(null=True)
    # The rows of shelves may be gone.
    shelf = models.ForeignKey(
        Shelf, on_delete=models.DO_NOTHING, db_constraint=False, db_column="shelf id"
    )
    owner = models.ForeignKey(Reader, null=True, on_delete=models.CASCADE, related_name="owned")
    readers = models.ManyToManyField(Reader, through="Loan")

    objects = VisibleManager["Book"]()


class Loan(models.Model):
    """The same reader may have the same book more than once."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE)


class Scrambled(models.CharField):  # type: ignore[type-arg] # pyright: ignore
    """What Python reads is not what stands in the column."""

    def from_db_value(self, value: str, *_: object) -> str:
        return value[::-1]


class Series(models.Model):
    """Nothing of this can be derived."""

    name = models.CharField(max_length=50, unique=True)
    scrambled = Scrambled(max_length=50)
    after = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="+")
    named = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, to_field="name", related_name="+"
    )


class Long(Series):
    """Its name stands in the table of the series."""


class Odd(models.Model):
    id = models.IntegerField(primary_key=True, db_column="i%d")
    title = models.TextField(db_column="ti%tle")

    objects = VisibleManager["Odd"]()

    class Meta:
        db_table = "o%dd"
