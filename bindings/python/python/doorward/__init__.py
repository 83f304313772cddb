"""Embeddable authorization: Cedar policies decide who may view, pay, sign or be mailed what.

The engine runs inside the process that asks, without a server::

    from doorward import Engine, Entity, EntityUid, PolicyBundle

    policies = PolicyBundle(
        {
            "rules.cedar": '''
                @id("own-client")
                permit (principal, action == Action::"view", resource)
                when { resource.client == principal.client };
            '''
        }
    )
    client = EntityUid("Client", "C1")
    ada = Entity("Contact", "ada", {"client": client})
    invoice = Entity("Document", "I1", {"client": client})
    engine = Engine(policies, facts=[ada, invoice])
    assert engine.allows(ada.uid, "view", invoice.uid)
    assert not engine.allows(ada.uid, "pay", invoice.uid)
"""

from doorward._core import (
    Caller,
    Checker,
    ClientId,
    Clock,
    ContactId,
    Context,
    Decision,
    Document,
    DocumentId,
    Engine,
    Entity,
    EntityUid,
    Explanation,
    LinkId,
    PolicyBundle,
    PolicyInfo,
    Portal,
    Request,
    ShareId,
    StaffId,
    Tenant,
    Tx,
    Write,
    __version__,
)
from doorward._errors import (
    Denied,
    Diagnostic,
    Error,
    PolicyError,
    RequestError,
    StoreError,
    WriteError,
)

__all__ = [
    "Caller",
    "Checker",
    "ClientId",
    "Clock",
    "ContactId",
    "Context",
    "Decision",
    "Denied",
    "Diagnostic",
    "Document",
    "DocumentId",
    "Engine",
    "Entity",
    "EntityUid",
    "Error",
    "Explanation",
    "LinkId",
    "PolicyBundle",
    "PolicyError",
    "PolicyInfo",
    "Portal",
    "Request",
    "RequestError",
    "ShareId",
    "StaffId",
    "StoreError",
    "Tenant",
    "Tx",
    "Write",
    "WriteError",
    "__version__",
]
