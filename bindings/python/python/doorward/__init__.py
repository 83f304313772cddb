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
    Checker,
    Context,
    Decision,
    Engine,
    Entity,
    EntityUid,
    Explanation,
    PolicyBundle,
    PolicyInfo,
    Request,
    __version__,
)
from doorward._errors import (
    Denied,
    Diagnostic,
    Error,
    FilterError,
    PolicyError,
    RequestError,
    StoreError,
)

__all__ = [
    "Checker",
    "Context",
    "Decision",
    "Denied",
    "Diagnostic",
    "Engine",
    "Entity",
    "EntityUid",
    "Error",
    "Explanation",
    "FilterError",
    "PolicyBundle",
    "PolicyError",
    "PolicyInfo",
    "Request",
    "RequestError",
    "StoreError",
    "__version__",
]
