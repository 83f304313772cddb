"""What arguments may be, for annotations."""

from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, TypeAlias, Union

from doorward._core import Context, Entity, EntityUid

__all__ = ["ActionName", "Circumstances", "Named", "Value"]

Named: TypeAlias = Union[EntityUid, Entity, str]
"""An entity's name: a uid, the entity itself, or Cedar's text as in ``Contact::"ada"``."""

ActionName: TypeAlias = Union[str, EntityUid]
"""An action: its name as in ``"view"``, or its uid where actions have a namespace."""

Circumstances: TypeAlias = Union[Context, dict[str, Any]]
"""What a request says beside who, what and which."""

Value: TypeAlias = Union[
    bool,
    int,
    str,
    EntityUid,
    Decimal,
    datetime,
    timedelta,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    set[Any],
    frozenset[Any],
    list[Any],
    tuple[Any, ...],
    dict[str, Any],
]
"""A value of an attribute or of circumstances.

Integers have 64 bits, decimals at most four places, moments a time zone; moments and durations are
of milliseconds. Sets are given as any of the four, and read as ``frozenset``, or as ``list`` where
they hold records. A ``dict`` is a record.
"""
