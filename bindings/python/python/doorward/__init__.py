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
    Clause,
    ClientId,
    Clock,
    ColumnMapping,
    ContactId,
    Context,
    Decision,
    Document,
    DocumentId,
    Engine,
    Entity,
    EntityUid,
    Explanation,
    Filter,
    LinkId,
    PolicyBundle,
    PolicyInfo,
    PolicyTrace,
    Portal,
    Request,
    ShareId,
    StaffId,
    Suite,
    TableMapping,
    Tenant,
    Tx,
    World,
    Write,
    shipped_policies,
    __version__,
)
from doorward._errors import (
    ConfigError,
    Denied,
    Diagnostic,
    Error,
    FilterError,
    PolicyError,
    RequestError,
    StoreError,
    SuiteError,
    WriteError,
)

__all__ = [
    "Caller",
    "Checker",
    "Clause",
    "ClientId",
    "Clock",
    "ColumnMapping",
    "ConfigError",
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
    "Filter",
    "FilterError",
    "LinkId",
    "PolicyBundle",
    "PolicyError",
    "PolicyInfo",
    "PolicyTrace",
    "Portal",
    "Request",
    "RequestError",
    "ShareId",
    "StaffId",
    "StoreError",
    "Suite",
    "SuiteError",
    "TableMapping",
    "Tenant",
    "Tx",
    "World",
    "Write",
    "WriteError",
    "shipped_policies",
    "__version__",
]
