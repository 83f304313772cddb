"""What arguments may be, for annotations."""

from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any, Literal, TypeAlias, TypeVar, Union

from doorward._core import ClientId, ContactId, Context, Document, DocumentId, Entity, EntityUid

__all__ = [
    "ActionName",
    "ChannelName",
    "Circumstances",
    "IpAddress",
    "LevelName",
    "Named",
    "PortalAction",
    "PresetName",
    "Resource",
    "RoleName",
    "SetOf",
    "StateName",
    "Value",
]

Named: TypeAlias = Union[EntityUid, Entity, str]
"""An entity's name: a uid, an entity, or Cedar's text as in ``Contact::"ada"``.

An entity stands for its name alone: a row that is not stored is passed in ``entities``. Do not put
texts together from what others send: ``EntityUid(type, id)`` takes any id as it is.
"""

ActionName: TypeAlias = Union[str, EntityUid]
"""An action: its name as in ``"view"``, or its uid where actions have a namespace."""

Circumstances: TypeAlias = Union[Context, dict[str, Any]]
"""What a request says beside who, what and which."""

IpAddress: TypeAlias = Union[
    IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
]
"""An address, or a network of addresses."""

Element = TypeVar("Element")

SetOf: TypeAlias = Union[set[Element], frozenset[Element], list[Element], tuple[Element, ...]]
"""A set of policies'. Given as any of the four."""

Value: TypeAlias = Union[
    bool,
    int,
    str,
    EntityUid,
    Decimal,
    datetime,
    timedelta,
    IpAddress,
    SetOf[Any],
    dict[str, Any],
]
"""A value of an attribute or of circumstances.

Integers have 64 bits, decimals at most four places, moments a time zone; moments and durations are
of milliseconds. Sets are given as any of the four, and read as ``frozenset``, or as ``list`` where
Python's sets would not hold them: of records, or of ``1`` and ``True``. A ``dict`` is a record.
"""

Resource: TypeAlias = Union[DocumentId, str, Document, ContactId, ClientId, None]
"""What a portal is asked about: a stored document or its id as text, a document of the host's, a
contact, a client, or the portal itself."""

PortalAction: TypeAlias = Literal[
    "view",
    "download",
    "preview",
    "view_prices",
    "view_staff_fields",
    "pay",
    "request_cancel",
    "add",
    "remove",
    "comment",
    "accept",
    "decline",
    "approve",
    "sign",
    "edit",
    "create",
    "reply",
    "close",
    "attach",
    "delete",
    "complete",
    "submit",
    "send",
    "manage",
    "log_in",
    "switch_client",
    "set_password",
    "request_reset",
    "export",
    "register",
    "invite",
    "disable",
    "grant",
    "share",
    "relate",
    "enable",
    "revoke",
    "reset",
    "notify",
    "view_as",
    "act_on_behalf",
    "set_alerts",
    "configure",
    "list_contacts",
    "activity_log",
    "audit",
    "receive",
    "receive_credential",
]
"""What somebody may do in a portal."""

StateName: TypeAlias = Literal[
    "draft",
    "open",
    "sent",
    "viewed",
    "submitted",
    "partial",
    "reopened",
    "accepted",
    "declined",
    "expired",
    "paid",
    "signed",
    "locked",
    "closed",
    "cancelled",
    "deleted",
]
"""The state of a document, the same for all kinds."""

LevelName: TypeAlias = Literal[
    "own",
    "role",
    "member",
    "assigned",
    "invited",
    "container",
    "client",
]
"""How far a document reaches among a client's contacts."""

RoleName: TypeAlias = Literal[
    "primary",
    "secondary",
    "job_contact",
    "assignee",
    "participant",
]
"""A contact's part in a document."""

ChannelName: TypeAlias = Literal[
    "email",
    "sms",
    "push",
    "in_app",
]
"""How mail or an alert is sent."""

PresetName: TypeAlias = Literal[
    "accounting",
    "agency",
    "bookings",
    "invoicing",
    "practice",
]
"""What a tenant starts from."""
