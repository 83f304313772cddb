"""What was asked while one request is served.

A context variable, and not the request: backends and querysets are given a user alone. Each request has
a record of its own, which threads and tasks that Django starts for it share; whatever outlives the
request writes into a record that nobody reads any more.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doorward.django.access import Caller


@dataclass(slots=True, eq=False)
class Asked:
    """A record of one request.

    Attributes:
        checked: Whether anything was checked.
        callers: Who asks, by the identity of what views call a user, which is kept alive for that.
    """

    checked: bool = False
    callers: dict[int, tuple[object, Caller | None]] = field(
        default_factory=dict[int, "tuple[object, Caller | None]"], repr=False
    )


_current: ContextVar[Asked | None] = ContextVar("doorward_asked", default=None)


def asked() -> Asked:
    """The record of the request that is served; outside of one, a record that nobody keeps."""
    return _current.get() or Asked()


@contextmanager
def asking() -> Generator[Asked]:
    """Keeps a record while a request is served."""
    record = Asked()
    token = _current.set(record)
    try:
        yield record
    finally:
        _current.reset(token)
