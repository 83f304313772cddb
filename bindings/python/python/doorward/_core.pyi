"""What Rust decides, typed for Python. Import it from :mod:`doorward`."""

import builtins
from collections.abc import Iterable
from os import PathLike
from typing import Any, Literal, NoReturn, final

from doorward._errors import Diagnostic
from doorward.types import ActionName, Circumstances, Named

__version__: str

__all__ = [
    "Checker",
    "Context",
    "Decision",
    "Engine",
    "Entity",
    "EntityUid",
    "Explanation",
    "PolicyBundle",
    "PolicyInfo",
    "Request",
    "__version__",
]

@final
class EntityUid:
    """What an entity is called: a type and an id, written ``Contact::"ada"``.

    Frozen and hashable; ordered by type and id. Its ``repr`` leaves the id out, which may name a
    person; ``str`` has it.
    """

    def __new__(cls, type: str, id: str, /) -> EntityUid: ...
    @staticmethod
    def parse(text: str) -> EntityUid:
        """Reads Cedar's text of a uid.

        Raises:
            RequestError: The text is none.
        """

    @property
    def type(self) -> str: ...
    @property
    def id(self) -> str: ...
    def __lt__(self, other: EntityUid, /) -> bool: ...
    def __le__(self, other: EntityUid, /) -> bool: ...
    def __gt__(self, other: EntityUid, /) -> bool: ...
    def __ge__(self, other: EntityUid, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[str, str]: ...

@final
class Entity:
    """A row: an entity with its attributes, what it is in, and its tags.

    Frozen. Whether it fits the schema is asked when an engine takes it.

    Raises:
        RequestError: A value that policies cannot have: see :data:`doorward.types.Value`.
    """

    def __new__(
        cls,
        type: str,
        id: str,
        attributes: dict[str, Any] | None = None,
        /,
        *,
        parents: Iterable[Named] | None = None,
        tags: dict[str, Any] | None = None,
    ) -> Entity: ...
    @property
    def uid(self) -> EntityUid: ...
    @property
    def type(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def attributes(self) -> dict[str, Any]:
        """A new dict of the attributes."""

    @property
    def parents(self) -> tuple[EntityUid, ...]: ...
    @property
    def tags(self) -> dict[str, Any]:
        """A new dict of the tags."""

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class PolicyInfo:
    """One policy of a bundle, as its text and annotations have it."""

    @property
    def id(self) -> str: ...
    @property
    def effect(self) -> Literal["permit", "forbid"]: ...
    @property
    def step(self) -> int | None:
        """The ``@step`` of the order of a decision."""

    @property
    def rank(self) -> int: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def message(self) -> str | None: ...
    @property
    def step_up(self) -> str | None: ...
    @property
    def reason_only(self) -> bool:
        """Whether it only gives a refusal its reason, and takes no part in the decision."""

    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def text(self) -> str: ...

@final
class PolicyBundle:
    """Policies and the schema that they were checked against, ready to decide.

    Args:
        policies: One text, or texts by the names that diagnostics show.
        schema: The same of a schema in Cedar's own syntax; without one nothing is validated.

    Raises:
        PolicyError: Lists everything that is wrong.
    """

    def __new__(
        cls, policies: str | dict[str, str], schema: str | dict[str, str] | None = None
    ) -> PolicyBundle: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> PolicyBundle:
        """Loads every ``.cedarschema`` and ``.cedar`` file of a folder and its sub-folders.

        Raises:
            PolicyError: Lists everything that is wrong, a folder that cannot be read included.
        """

    @property
    def policies(self) -> tuple[PolicyInfo, ...]: ...
    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What loads but probably is not meant."""

    @property
    def digest(self) -> str:
        """A hash of what it was made of: 64 hexadecimal digits."""

    @property
    def has_schema(self) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Decision:
    """Whether a request is allowed, and why.

    It is no ``bool``: ``if decision`` raises :class:`TypeError`. Frozen.
    """

    @property
    def allowed(self) -> bool: ...
    @property
    def code(self) -> str | None:
        """The reason code: every refusal has one. It is for logs and staff: what a caller may be
        told depends on whether he may view the resource."""

    @property
    def policy(self) -> str | None:
        """The ``@id`` of the policy that decided, if one did."""

    @property
    def step(self) -> int | None:
        """The step of the order of a decision that failed."""

    @property
    def step_up(self) -> str | None:
        """What would turn this refusal into an allow, as in ``"mfa"``."""

    @property
    def revision(self) -> int:
        """The revision of the policies and facts that decided."""

    @property
    def bundle(self) -> str:
        """The digest of the policies that decided."""

    def __bool__(self) -> NoReturn: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Explanation:
    """A decision with what led to it. For people who write policies, not for callers."""

    @property
    def decision(self) -> Decision: ...
    @property
    def message(self) -> str: ...
    @property
    def fault(self) -> str | None:
        """Why no policy was asked, where the request itself is at fault."""

    @property
    def determining(self) -> tuple[str, ...]:
        """The policies that determine the outcome, as Cedar names them."""

    @property
    def erring(self) -> dict[str, str]:
        """The policies that could not be evaluated, with Cedar's words."""

    def to_dict(self) -> dict[str, Any]:
        """Every policy with its clauses, as ``doorward explain --output json`` has them."""

@final
class Context:
    """Circumstances that many requests share: they are checked once for each kind of request.

    Example:
        >>> mfa = Context(mfa=True)
        >>> mfa.attributes
        {'mfa': True}

    Raises:
        RequestError: A value that policies cannot have.
    """

    def __new__(cls, attributes: dict[str, Any] | None = None, /, **named: Any) -> Context: ...
    @property
    def attributes(self) -> dict[str, Any]:
        """A new dict of the attributes."""

    def __eq__(self, other: object, /) -> bool: ...
    def __getnewargs__(self) -> tuple[dict[str, Any]]: ...
    __hash__: None  # type: ignore[assignment]

@final
class Request:
    """A whole request, for :meth:`Engine.check_many`."""

    def __new__(
        cls,
        principal: Named,
        action: ActionName,
        resource: Named,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> Request: ...
    @property
    def principal(self) -> EntityUid: ...
    @property
    def action(self) -> EntityUid: ...
    @property
    def resource(self) -> EntityUid: ...

@final
class Checker:
    """One principal in some circumstances, asked about many resources of one moment.

    What is written after it was made does not show in its answers: make one for each request that
    the host serves.
    """

    def check(self, action: ActionName, resource: Named) -> Decision: ...
    def allows(self, action: ActionName, resource: Named) -> bool: ...
    def list(self, action: ActionName, resource_type: str) -> builtins.list[EntityUid]:
        """The stored resources of a type that are allowed, ordered by id."""

    @property
    def principal(self) -> EntityUid: ...
    @property
    def revision(self) -> int: ...

@final
class Engine:
    """Policies and facts behind one door: answers who may do what.

    It runs in the process that asks and may be shared by its threads. Checks take no lock of the
    engine's, and a check that starts after :meth:`apply` or :meth:`publish` returned sees what they
    changed.

    Args:
        policies: What decides.
        facts: Entities to store, or Cedar's entity JSON.
        host_owned: Types whose rows come with each question and are never stored.
        stored_or_inline: Types whose rows may be either.
        all_inline: Every type is host-owned: right for many worker processes.
        error_mode: Whether a forbid that cannot be evaluated refuses, or is skipped as in Cedar.
        shadow: The share of decisions that Cedar's own authorizer makes a second time, 0 to 1.

    Raises:
        StoreError: Facts that do not fit the schema.
    """

    def __new__(
        cls,
        policies: PolicyBundle,
        *,
        facts: Iterable[Entity] | str | None = None,
        host_owned: builtins.list[str] | None = None,
        stored_or_inline: builtins.list[str] | None = None,
        all_inline: bool = False,
        error_mode: Literal["fail_closed", "cedar"] = "fail_closed",
        shadow: float = 0.0,
    ) -> Engine: ...
    def allows(
        self,
        principal: Named,
        action: ActionName,
        resource: Named,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> bool:
        """Whether a request is allowed. What goes wrong inside the decision refuses.

        Args:
            entities: Rows that are not stored, as far as policies read them.

        Raises:
            RequestError: Arguments that form no request.
        """

    def check(
        self,
        principal: Named,
        action: ActionName,
        resource: Named,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> Decision:
        """Decides a request, with the reason."""

    def require(
        self,
        principal: Named,
        action: ActionName,
        resource: Named,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> Decision:
        """Decides a request that has to be allowed.

        Raises:
            Denied: It is not. The error carries the decision.
        """

    def check_many(self, requests: Iterable[Request]) -> builtins.list[Decision]:
        """Decides many requests, each as :meth:`check` does, at its moment."""

    def actions(
        self,
        principal: Named,
        resource: Named,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> dict[EntityUid, Decision]:
        """Each action that the schema declares for the two types, with its decision."""

    def list(
        self,
        principal: Named,
        action: ActionName,
        resource_type: str,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> builtins.list[EntityUid]:
        """The stored resources of a type that the check allows, ordered by id."""

    def who(
        self,
        action: ActionName,
        resource: Named,
        principal_type: str,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> builtins.list[EntityUid]:
        """The stored principals of a type whom the check allows, ordered by id."""

    def explain(
        self,
        principal: Named,
        action: ActionName,
        resource: Named,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> Explanation:
        """Explains a decision, clause by clause. Much slower than a check."""

    def checker(self, principal: Named, context: Circumstances | None = None) -> Checker:
        """Prepares many questions of one principal, on the facts of this moment."""

    def apply(
        self, put: Iterable[Entity] | None = None, *, remove: Iterable[Named] | None = None
    ) -> int:
        """Stores and removes rows all together, and publishes them.

        Returns:
            The revision that has them.

        Raises:
            StoreError: A row does not fit the schema, or is host-owned. Nothing has changed.
        """

    def publish(self, policies: PolicyBundle) -> int:
        """Replaces the policies, and publishes them with the facts.

        Raises:
            StoreError: The facts do not fit the new schema. The old policies stay.
        """

    @property
    def policies(self) -> PolicyBundle: ...
    @property
    def revision(self) -> int: ...
    def entity(self, uid: Named) -> Entity | None:
        """The stored row of an entity, if there is one."""

    def __contains__(self, uid: Named, /) -> bool: ...
    def __len__(self) -> int: ...
