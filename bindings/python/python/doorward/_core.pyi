"""What Rust decides, typed for Python. Import it from :mod:`doorward`."""

import builtins
from collections.abc import Callable, Iterable
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from os import PathLike
from types import TracebackType
from typing import Any, Literal, NoReturn, final

from doorward._errors import Diagnostic
from doorward.filters import Holds, JoinedTable, Nulls, Predicate, RelatedTable, Sql
from doorward.scenarios import Asked, ScenarioReport, SuiteReport
from doorward.types import (
    ActionName,
    ChannelName,
    Circumstances,
    LevelName,
    Named,
    PortalAction,
    PresetName,
    Resource,
    RoleName,
    StateName,
)

__version__: str

def main(arguments: builtins.list[str]) -> int:
    """Runs the command ``doorward``: its name, then what it is given.

    Returns:
        The code to exit with: 0 done, 1 findings, 2 it could not run.
    """

def shipped_policies() -> PolicyBundle:
    """The policies of a client portal that come with the library: those of a :class:`Portal`."""

__all__ = [
    "Caller",
    "Checker",
    "Clause",
    "ClientId",
    "Clock",
    "ColumnMapping",
    "ContactId",
    "Context",
    "Decision",
    "Document",
    "DocumentId",
    "Engine",
    "Entity",
    "EntityUid",
    "Explanation",
    "Filter",
    "LinkId",
    "PolicyBundle",
    "PolicyInfo",
    "PolicyTrace",
    "Portal",
    "Request",
    "ShareId",
    "StaffId",
    "Suite",
    "TableMapping",
    "Tenant",
    "Tx",
    "World",
    "Write",
    "__version__",
    "main",
    "shipped_policies",
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
        links: Policies made of templates: the template's id, the new policy's, and what
            ``?principal`` and ``?resource`` stand for, in Cedar's text.

    It can be pickled, and is built anew from its texts where it is read.

    Raises:
        PolicyError: Lists everything that is wrong.
    """

    def __new__(
        cls,
        policies: str | dict[str, str],
        schema: str | dict[str, str] | None = None,
        *,
        links: builtins.list[tuple[str, str, str | None, str | None]] | None = None,
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

    @property
    def policies(self) -> tuple[PolicyTrace, ...]:
        """Every policy of the bundle, in its order, with what came of it."""

    def to_dict(self) -> dict[str, Any]:
        """Every policy with its clauses, as ``doorward explain --output json`` has them."""

@final
class PolicyTrace:
    """One policy of an explanation."""

    @property
    def id(self) -> str: ...
    @property
    def effect(self) -> Literal["permit", "forbid"]: ...
    @property
    def reason_only(self) -> bool:
        """Whether it only gives a reason and takes no part in the decision."""

    @property
    def step(self) -> int | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def outcome(self) -> Literal["satisfied", "not_satisfied", "error"]: ...
    @property
    def error(self) -> str | None:
        """Why it could not be evaluated, in Cedar's words."""

    @property
    def near_miss(self) -> bool:
        """Whether it is a permit that a single clause kept from being satisfied."""

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Its scope and conditions, split at the outermost ``&&`` and ``||``."""

@final
class Clause:
    """A part of a policy's scope or condition."""

    @property
    def text(self) -> str:
        """In Cedar's words."""

    @property
    def scope(self) -> bool:
        """Whether it stands in the scope, which says whom, what and which the policy is about."""

    @property
    def holds(self) -> bool | None:
        """Whether it holds; ``None`` where it could not be evaluated."""

    @property
    def error(self) -> str | None: ...
    @property
    def reached(self) -> bool:
        """Whether Cedar would evaluate it: it stops at the first clause that does not hold."""

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

    def allowed(
        self, actions: builtins.list[ActionName], resources: Iterable[Named]
    ) -> builtins.list[tuple[bool, ...]]:
        """The buttons of a page: for each resource, whether each of the actions is allowed."""

    def filter(self, action: ActionName, mapping: TableMapping) -> Filter:
        """Which rows of the host's table are allowed: see :meth:`Engine.filter`."""

    @property
    def principal(self) -> EntityUid: ...
    @property
    def revision(self) -> int: ...

@final
class ColumnMapping:
    """A column, what stands in it, and what it means that nothing does.

    Frozen and hashable.

    Args:
        name: Its name, as the database has it.
        holds: How it keeps its values: see :data:`doorward.filters.Holds`.
        nulls: What ``NULL`` means there: see :data:`doorward.filters.Nulls`.
    """

    def __new__(cls, name: str, holds: Holds, nulls: Nulls = "never") -> ColumnMapping: ...
    def __getnewargs__(self) -> tuple[str, Holds, Nulls]: ...
    @property
    def name(self) -> str: ...
    @property
    def holds(self) -> Holds: ...
    @property
    def nulls(self) -> Nulls: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class TableMapping:
    """Where the rows of one entity type stand in a host's database, declared once.

    Names of tables and columns are the host's own and are written into SQL as they are, quoted; no
    value ever is. Declare what policies read: what they read and nobody declared is an error of the
    filter that needs it, never a wider filter.

    Args:
        type: The entity type.
        id: The column of ids.
        columns: By attribute; a member of a record by its path, as in ``limit.amount``.
        related: Sets by attribute, whose elements stand in another table.
        joined: Attributes that name an entity whose row stands in another table.

    Example:
        >>> books = TableMapping(
        ...     "Book",
        ...     ColumnMapping("id", "uuid"),
        ...     columns={"lent_to": ColumnMapping("reader_id", "integer", nulls="absent")},
        ...     related={
        ...         "reserved_by": RelatedTable(
        ...             "reservations", "book_id", ColumnMapping("reader_id", "integer")
        ...         )
        ...     },
        ... )
    """

    def __new__(
        cls,
        type: str,
        id: ColumnMapping,
        *,
        columns: dict[str, ColumnMapping] | None = None,
        related: dict[str, RelatedTable] | None = None,
        joined: dict[str, JoinedTable] | None = None,
    ) -> TableMapping: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> TableMapping:
        """Reads one from a file of YAML or JSON, as ``doorward filter --mapping`` does.

        Raises:
            FilterError: It cannot be read.
        """

    @staticmethod
    def from_text(text: str, name: str = "mapping.yaml") -> TableMapping:
        """Reads one from YAML or JSON.

        Raises:
            FilterError: It cannot be read.
        """

    def check(self, policies: PolicyBundle) -> None:
        """Checks all of it against the schema, as each filter does: for when a program starts.

        Raises:
            FilterError: It does not fit.
        """

    @property
    def type(self) -> str: ...

@final
class Filter:
    """Which rows of a host's table a check allows: all, none, or those that meet a condition.

    It is made of what the policies leave open once everything known is folded in: who asks, the
    circumstances, and the facts. So it is good for one principal, at one moment.
    """

    @property
    def is_all(self) -> bool: ...
    @property
    def is_none(self) -> bool: ...
    @property
    def predicate(self) -> Predicate | None:
        """The condition, if it is neither all nor none: see :mod:`doorward.filters`."""

    def to_sql(
        self,
        dialect: Literal["sqlite", "postgresql", "mysql", "mariadb"],
        alias: str,
        *,
        placeholders: Literal["native", "question", "percent"] = "native",
    ) -> Sql:
        """Writes the condition for a ``WHERE``, its values bound.

        Texts compare by their characters, whatever a column's collation. UUIDs are bound as
        :class:`uuid.UUID` in PostgreSQL, and as texts elsewhere.

        Args:
            alias: What the query calls the table; its own name where it has no other.
            placeholders: How parameters are written: as the database's own interface has them
                (``?1``, ``$1``, ``?``), as ``?`` each, or as ``%s`` each, with ``%`` in names doubled.
                Beside parameters of your own, SQLite takes ``"question"``.
        """

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class World:
    """Policies and facts of one moment: several questions are answered from the same state."""

    def check(self, request: Request) -> Decision: ...
    def allows(self, request: Request) -> bool: ...
    def explain(self, request: Request) -> Explanation: ...
    def checker(self, principal: Named, context: Circumstances | None = None) -> Checker: ...
    def entity(self, uid: Named) -> Entity | None:
        """The stored row of an entity, if there is one."""

    def __contains__(self, uid: Named, /) -> bool: ...
    def __len__(self) -> int: ...
    @property
    def policies(self) -> PolicyBundle: ...
    @property
    def revision(self) -> int: ...

@final
class Suite:
    """Scenario files with their fixtures: tests of policies, as ``doorward test`` runs them.

    Example:
        >>> suite = Suite.from_text('''
        ... fixtures: { studio: { preset: invoicing, clients: { C1: { contacts: { gm: {} } } } } }
        ... scenarios:
        ...   - id: own
        ...     fixtures: [studio]
        ...     check: { principal: gm, action: export, resource: gm }
        ...     expect: allow
        ... ''')
        >>> suite.run().passed
        1
    """

    @staticmethod
    def load(path: str | PathLike[str]) -> Suite:
        """Loads a file, or every ``.yaml`` and ``.yml`` file of a folder and its sub-folders.

        Raises:
            SuiteError: A file cannot be used.
        """

    @staticmethod
    def from_text(text: str, name: str = "scenarios.yaml") -> Suite:
        """Reads one file's text. It can use no other files.

        Raises:
            SuiteError: It is no scenario file.
        """

    @property
    def scenarios(self) -> tuple[tuple[str, str], ...]:
        """File and id of each, in the order in which they run."""

    def run(
        self, policies: PolicyBundle | None = None, *, filter: str | None = None
    ) -> SuiteReport:
        """Runs the scenarios whose id holds ``filter``, or all, on as many threads as there are cores.

        Args:
            policies: Those that are shipped, if none are given.
        """

    def run_one(self, id: str, policies: PolicyBundle | None = None) -> ScenarioReport | None:
        """Runs the scenario of this id, if there is one."""

    def run_with(
        self,
        observe: Callable[[Asked], object],
        policies: PolicyBundle | None = None,
        *,
        filter: str | None = None,
    ) -> SuiteReport:
        """Runs scenarios one after the other, and shows each question with the state it is asked of.

        What ``observe`` raises is raised when all have run; nothing is shown after it.
        """

    def __len__(self) -> int: ...

@final
class Engine:
    """Policies and facts behind one door: answers who may do what.

    It runs in the process that asks and may be shared by its threads. Checks do not wait for writes,
    and a check that starts after :meth:`apply` or :meth:`publish` returned sees what they changed.

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
        """The stored resources of a type that the check allows, ordered by id.

        None where the schema knows no such request: :meth:`check` says so.
        """

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

    def filter(
        self,
        principal: Named,
        action: ActionName,
        mapping: TableMapping,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> Filter:
        """The rows of a host's table that the check allows, as a condition for the host's queries.

        A row is one that a check allows to which the host passes what stands in the row. The type of
        the table is host-owned.

        Raises:
            FilterError: What columns cannot tell, or nobody mapped; the clause is named.
        """

    def is_disclosed(
        self,
        principal: Named,
        action: ActionName,
        resource: Named,
        view: ActionName,
        context: Circumstances | None = None,
        *,
        entities: Iterable[Entity] | None = None,
    ) -> bool:
        """Whether a refusal may be told (HTTP 403), since ``view`` is allowed; otherwise the resource
        is to look missing (404)."""

    def world(self) -> World:
        """Policies and facts of this moment."""

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

@final
class ClientId:
    """A client: a customer organisation of a tenant.

    It names its tenant, and is looked up there only. Frozen, hashable, in order.
    """

    def __new__(cls, tenant: str, id: str, /) -> ClientId: ...
    @property
    def tenant(self) -> str: ...
    @property
    def id(self) -> str: ...
    def __lt__(self, other: ClientId, /) -> bool: ...
    def __le__(self, other: ClientId, /) -> bool: ...
    def __gt__(self, other: ClientId, /) -> bool: ...
    def __ge__(self, other: ClientId, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[str, str]: ...

@final
class ContactId:
    """A contact: one person's seat at one client.

    It names its tenant, and is looked up there only. Frozen, hashable, in order.
    """

    def __new__(cls, tenant: str, id: str, /) -> ContactId: ...
    @property
    def tenant(self) -> str: ...
    @property
    def id(self) -> str: ...
    def __lt__(self, other: ContactId, /) -> bool: ...
    def __le__(self, other: ContactId, /) -> bool: ...
    def __gt__(self, other: ContactId, /) -> bool: ...
    def __ge__(self, other: ContactId, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[str, str]: ...

@final
class StaffId:
    """A member of the tenant's staff.

    It names its tenant, and is looked up there only. Frozen, hashable, in order.
    """

    def __new__(cls, tenant: str, id: str, /) -> StaffId: ...
    @property
    def tenant(self) -> str: ...
    @property
    def id(self) -> str: ...
    def __lt__(self, other: StaffId, /) -> bool: ...
    def __le__(self, other: StaffId, /) -> bool: ...
    def __gt__(self, other: StaffId, /) -> bool: ...
    def __ge__(self, other: StaffId, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[str, str]: ...

@final
class DocumentId:
    """A document of any kind, a container of documents, or a child of one.

    It names its tenant, and is looked up there only. Frozen, hashable, in order.
    """

    def __new__(cls, tenant: str, id: str, /) -> DocumentId: ...
    @property
    def tenant(self) -> str: ...
    @property
    def id(self) -> str: ...
    def __lt__(self, other: DocumentId, /) -> bool: ...
    def __le__(self, other: DocumentId, /) -> bool: ...
    def __gt__(self, other: DocumentId, /) -> bool: ...
    def __ge__(self, other: DocumentId, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[str, str]: ...

@final
class ShareId:
    """A share: one document given to one contact.

    It names its tenant, and is looked up there only. Frozen, hashable, in order.
    """

    def __new__(cls, tenant: str, id: str, /) -> ShareId: ...
    @property
    def tenant(self) -> str: ...
    @property
    def id(self) -> str: ...
    def __lt__(self, other: ShareId, /) -> bool: ...
    def __le__(self, other: ShareId, /) -> bool: ...
    def __gt__(self, other: ShareId, /) -> bool: ...
    def __ge__(self, other: ShareId, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[str, str]: ...

@final
class LinkId:
    """A link: personal, for activation, or for a login. The secret in its address is the host's.

    It names its tenant, and is looked up there only. Frozen, hashable, in order.
    """

    def __new__(cls, tenant: str, id: str, /) -> LinkId: ...
    @property
    def tenant(self) -> str: ...
    @property
    def id(self) -> str: ...
    def __lt__(self, other: LinkId, /) -> bool: ...
    def __le__(self, other: LinkId, /) -> bool: ...
    def __gt__(self, other: LinkId, /) -> bool: ...
    def __ge__(self, other: LinkId, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[str, str]: ...

@final
class Caller:
    """Who asks: a contact, the bearer of a link, a member of staff, with what the session carries.

    Moments have a time zone. What is not given counts as not there, and refuses where policies need it.
    """

    @staticmethod
    def contact(
        contact: ContactId,
        *,
        epoch: int | None = None,
        credential_version: int | None = None,
        authenticated_by: Literal["password", "sso", "magic_link"] | None = None,
        mfa_at: datetime | None = None,
        last_seen: datetime | None = None,
        address: IPv4Address | IPv6Address | str | None = None,
        at: datetime | None = None,
    ) -> Caller:
        """A contact.

        Args:
            epoch, credential_version: Those that :meth:`Tenant.access` told when the session began.
            authenticated_by: How the contact signed in.
            mfa_at: When a second factor was given last.
            last_seen: When the session was used last.
            at: The moment of the question, where it is not the clock's.
        """

    @staticmethod
    def staff(
        staff: StaffId,
        *,
        mfa_at: datetime | None = None,
        last_seen: datetime | None = None,
        address: IPv4Address | IPv6Address | str | None = None,
        at: datetime | None = None,
    ) -> Caller: ...
    @staticmethod
    def link(
        link: LinkId,
        *,
        address: IPv4Address | IPv6Address | str | None = None,
        at: datetime | None = None,
    ) -> Caller:
        """Who opened a link."""

    @staticmethod
    def view_as(
        staff: StaffId, contact: ContactId, started: datetime, *, at: datetime | None = None
    ) -> Caller:
        """Staff who look at the portal as a contact does, and change nothing."""

    @staticmethod
    def on_behalf(staff: StaffId, contact: ContactId, *, at: datetime | None = None) -> Caller:
        """Staff who act for a contact."""

@final
class Document:
    """A document of any kind, as a row: to store, or to pass along with a question.

    Args:
        kind: The name of its kind, as in ``"invoice"``.
        labels: Labels that a tenant's settings may hide.
        level: Keeps it to fewer than its kind reaches; ``"own"`` makes it private.
        internal: For staff with a permission of its own only.
        visible: Whether it is shown to the client at all.
        amount: Minor units (cents) and a currency.

    Raises:
        RequestError: A name that is no kind, state or level.
    """

    def __new__(
        cls,
        id: DocumentId,
        kind: str,
        *,
        client: ClientId | None = None,
        parent: DocumentId | None = None,
        container: DocumentId | None = None,
        owner: ContactId | None = None,
        state: StateName = "open",
        labels: list[str] | None = None,
        level: LevelName = "client",
        internal: bool = False,
        visible: bool = True,
        amount: tuple[int, str] | None = None,
    ) -> Document: ...
    @property
    def id(self) -> DocumentId: ...
    @property
    def kind(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Clock:
    """A clock that stands still until it is set: for tests."""

    def __new__(cls, now: datetime, /) -> Clock: ...
    def set(self, now: datetime, /) -> None: ...
    @property
    def now(self) -> datetime: ...

@final
class Portal:
    """The tenants of one host, under the same policies.

    Args:
        policies: Those that are shipped, if none are given.
        host_owned_documents: Documents come with each question, and none are stored.
        error_mode: Whether a forbid that cannot be evaluated refuses, or is skipped as in Cedar.
        clock: Gives the time instead of the system's.
        shadow: The share of decisions that Cedar's own authorizer makes a second time, 0 to 1.

    Raises:
        Error: The policies are none for a portal.
    """

    def __new__(
        cls,
        policies: PolicyBundle | None = None,
        *,
        host_owned_documents: bool = False,
        error_mode: Literal["fail_closed", "cedar"] = "fail_closed",
        clock: Clock | None = None,
        shadow: float = 0.0,
    ) -> Portal: ...
    def create_tenant(self, id: str, config: PresetName | dict[str, Any], /) -> Tenant:
        """Adds a tenant that starts from a preset, or from a configuration of its own.

        A configuration has the members of a configuration file: ``from`` names the preset that it
        changes, ``settings``, ``sets``, ``kinds``, ``events`` and others what it changes.

        Example:
            >>> strict = {"from": "practice", "settings": {"mfa": True}}
            >>> Portal().create_tenant("acme", strict).settings["mfa"]
            True

        Raises:
            ConfigError: Everything that is wrong with the configuration.
            RequestError: There is no such preset, or the configuration cannot be written as JSON.
            WriteError: There is one of that id, or this thread is inside a write.
        """

    def restore_tenant(self, id: str, facts: str, /) -> Tenant:
        """Adds a tenant with the facts that :meth:`Tenant.to_json` told."""

    def tenant(self, id: str) -> Tenant | None: ...
    def __getitem__(self, id: str, /) -> Tenant: ...
    @property
    def policies(self) -> PolicyBundle: ...
    def publish(self, policies: PolicyBundle) -> None:
        """Replaces the policies of all tenants, or of none."""

@final
class Tenant:
    """One portal: its clients, contacts, documents and what they were given.

    Where a resource is asked for, a text is a document's id, and ``None`` the portal itself.
    """

    @property
    def id(self) -> str: ...
    def client(self, id: str) -> ClientId: ...
    def contact(self, id: str) -> ContactId: ...
    def staff(self, id: str) -> StaffId: ...
    def document(self, id: str) -> DocumentId: ...
    def share(self, id: str) -> ShareId: ...
    def link(self, id: str) -> LinkId: ...
    def access(self, contact: ContactId | str) -> tuple[str, str, int, int] | None:
        """A contact's state of access and of the credential, the credential's version, and the epoch.

        A session carries the last two: see :meth:`Caller.contact`.
        """

    def check(self, caller: Caller, action: PortalAction, resource: Resource) -> Decision: ...
    def allows(self, caller: Caller, action: PortalAction, resource: Resource) -> bool: ...
    def require(self, caller: Caller, action: PortalAction, resource: Resource) -> Decision:
        """Decides a question that has to be allowed.

        Raises:
            Denied: It is not.
        """

    def actions(self, caller: Caller, resource: Resource) -> dict[str, Decision]:
        """Each action that there is on such a resource, with its decision: the buttons of a page."""

    def field_groups(self, caller: Caller, resource: Resource) -> dict[str, Decision]:
        """Which parts of a document a caller sees."""

    def is_disclosed(self, caller: Caller, action: PortalAction, resource: Resource) -> bool:
        """Whether a refusal may be told (HTTP 403); otherwise the resource is to look missing (404)."""

    def explain(self, caller: Caller, action: PortalAction, resource: Resource) -> Explanation: ...
    def message(self, decision: Decision) -> str:
        """What to tell a person about a decision. It leaks nothing."""

    def list(
        self, caller: Caller, action: PortalAction, kind: str
    ) -> builtins.list[DocumentId]:
        """The stored documents of a kind that the check allows, ordered by id."""

    def page(
        self,
        caller: Caller,
        action: PortalAction,
        kind: str,
        *,
        after: DocumentId | str | None = None,
        limit: int = 50,
    ) -> tuple[builtins.list[DocumentId], int, DocumentId | None]:
        """A page of such a list: the documents, how many there are on all pages, and what to give as
        ``after`` for the next page, if there is one."""

    def actions_many(
        self,
        caller: Caller,
        resources: builtins.list[Resource],
        actions: builtins.list[PortalAction],
    ) -> builtins.list[tuple[Decision, ...]]:
        """The buttons of a page: for each resource, a decision for each of the actions."""

    def totals(
        self, caller: Caller, action: PortalAction, kind: str
    ) -> tuple[int, dict[str, int]]:
        """How many stored documents of a kind the check allows, and their amounts by currency, in
        minor units, as far as the caller may see prices."""

    def who(self, action: PortalAction, resource: Resource) -> builtins.list[ContactId]:
        """The contacts who may, as if each had just signed in."""

    def check_mail(
        self, contact: ContactId | str, event: str, channel: ChannelName, about: Resource
    ) -> Decision:
        """Whether a contact may be mailed about an event. No session is needed."""

    def check_credential_mail(self, contact: ContactId | str) -> Decision:
        """Whether a contact may be mailed what sets a password or signs in."""

    def audience(
        self, about: Resource, event: str, channels: builtins.list[ChannelName]
    ) -> tuple[
        builtins.list[tuple[ContactId, ChannelName, Decision]],
        builtins.list[tuple[ContactId, ChannelName, Decision]],
    ]:
        """Whom an event reaches on which channel, and who nearly is reached, with the reasons.

        Raises:
            Denied: The class of the event has no mail about such a thing.
        """

    def write(self, actor: Caller, /) -> Write:
        """Begins a write for an actor, who is authorised command by command.

        Example:
            >>> with tenant.write(actor) as tx:  # doctest: +SKIP
            ...     tx.enable("gm")
        """

    def write_as_system(self) -> Write:
        """Begins a write of the host's own, without an actor to refuse."""

    @property
    def revision(self) -> int: ...
    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen for the tenant: what is left out is as its default says."""

    def world(self) -> World:
        """The policies and the tenant's facts of this moment."""

    def to_json(self) -> str:
        """All that is stored of the tenant, as Cedar's entity JSON."""

@final
class Write:
    """A block of commands: written together at its end, or not at all where anything raises.

    Entering waits for the tenant's write before. A thread is inside one write at a time: what would
    wait for itself raises :class:`WriteError`.
    """

    def __enter__(self) -> Tx: ...
    def __exit__(
        self,
        error: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
        /,
    ) -> Literal[False]: ...

@final
class Tx:
    """Commands on a copy of the tenant's facts, each authorised as the ones before left them.

    A command that is refused raises :class:`WriteError`, and fails the whole write even if that is
    caught. Questions to the tenant see the state before, until the block has ended.
    """

    @property
    def revision(self) -> int | None:
        """The revision that has it, once the block has ended."""

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found beside, once the block has ended."""

    def create_contact(
        self,
        contact: ContactId | str,
        client: ClientId | str,
        *,
        name: str | None = None,
        email: str | None = None,
        login: str | None = None,
        main: bool = False,
        sets: builtins.list[str] | None = None,
        register: bool = False,
    ) -> ContactId: ...
    def create_staff(
        self,
        staff: StaffId | str,
        *,
        email: str | None = None,
        sets: builtins.list[str] | None = None,
        only_clients: builtins.list[ClientId | str] | None = None,
    ) -> StaffId: ...
    def relate(
        self,
        document: Resource,
        contact: ContactId | str,
        role: RoleName,
        *,
        attach: bool | None = None,
        mail: bool | None = None,
    ) -> None: ...
    def share(
        self,
        share: ShareId | str,
        document: Resource,
        contact: ContactId | str,
        actions: builtins.list[PortalAction],
        *,
        start: datetime | None = None,
        until: datetime | None = None,
        uses: int | None = None,
        made_from: ShareId | str | None = None,
        by_link: LinkId | str | None = None,
    ) -> ShareId: ...
    def edit_contact(
        self,
        contact: ContactId | str,
        *,
        name: str | None = None,
        email: str | None = None,
        login: str | None = None,
        remove_email: bool = False,
    ) -> None:
        """Changes what is given. Links to an old e-mail that set a password no longer work."""

    def send_document(
        self,
        document: DocumentId | str,
        recipients: builtins.list[ContactId | str] | None = None,
    ) -> builtins.list[tuple[ContactId, LinkId]]:
        """Sends a document to these contacts, or to those whom its kind is sent to by default.

        Returns:
            Each recipient with the link that opens the document for him.
        """

    def set_limit(self, contact: ContactId | str, limit: tuple[int, str] | None = None) -> None:
        """Sets an approval limit, in minor units and a currency; ``None``: that of the kind."""

    def set_settings(self, settings: dict[str, Any]) -> None:
        """Changes settings of the tenant. What is left out stays.

        Example:
            >>> with tenant.write_as_system() as tx:  # doctest: +SKIP
            ...     tx.set_settings({"mfa_for": ["pay"], "kinds": {"invoice": {"level": "invited"}}})
        """

    def set_client_settings(self, client: ClientId | str, settings: dict[str, Any]) -> None: ...
    def set_group_settings(self, group: str, settings: dict[str, Any]) -> None:
        """Changes settings of a client group, which is created if it is not there."""

    def set_client_group(self, client: ClientId | str, group: str | None = None) -> None: ...
    def declare_kind(self, kind: str, declaration: dict[str, Any]) -> None:
        """Declares a kind of the tenant's own: ``actions``, ``owner``, ``container``, ``states``."""

    def set_recipient_of(self, contact: ContactId | str, kinds: builtins.list[str]) -> None:
        """Chooses the kinds that are sent to a contact by default."""

    def set_signers(
        self, document: DocumentId | str, signers: builtins.list[ContactId | str]
    ) -> None:
        """Names the contacts who have to sign a document before it can be completed."""

    def set_staff_clients(
        self, staff: StaffId | str, clients: builtins.list[ClientId | str] | None = None
    ) -> None:
        """Assigns clients to a member of the staff, who sees no others; ``None`` for all."""

    def create_client(self, client: ClientId | str) -> ClientId: ...
    def set_client_parent(self, client: ClientId | str, parent: ClientId | str | None = None) -> None: ...
    def set_archived(self, client: ClientId | str, archive: Literal["no", "read_only", "closed"]) -> None: ...
    def erase_client(self, client: ClientId | str) -> None: ...
    def enable(self, contact: ContactId | str) -> None: ...
    def revoke(self, contact: ContactId | str) -> None: ...
    def disable(self, contact: ContactId | str) -> None: ...
    def delete_contact(self, contact: ContactId | str) -> None: ...
    def reset_credential(self, contact: ContactId | str) -> int: ...
    def force_password_change(self, contact: ContactId | str) -> int: ...
    def require_password_change(self, contact: ContactId | str) -> None: ...
    def set_password(self, contact: ContactId | str) -> int: ...
    def create_activation_link(self, link: LinkId | str, contact: ContactId | str, expires: datetime | None = None) -> LinkId: ...
    def create_magic_link(self, link: LinkId | str, contact: ContactId | str, expires: datetime) -> LinkId: ...
    def use_link(self, link: LinkId | str) -> None: ...
    def revoke_link(self, link: LinkId | str) -> None: ...
    def set_main(self, contact: ContactId | str) -> None: ...
    def set_permission_sets(self, contact: ContactId | str, sets: builtins.list[str]) -> None: ...
    def set_alert_sets(self, contact: ContactId | str, sets: builtins.list[str]) -> None: ...
    def grant(self, contact: ContactId | str, permission: str) -> None: ...
    def deny(self, contact: ContactId | str, permission: str) -> None: ...
    def unset_permission(self, contact: ContactId | str, permission: str) -> None: ...
    def deny_document(self, contact: ContactId | str, document: DocumentId | str, denied: bool) -> None: ...
    def set_mail(self, contact: ContactId | str, mail: bool) -> None: ...
    def set_uploads(self, contact: ContactId | str, uploads: bool) -> None: ...
    def set_approver(self, contact: ContactId | str, approver: bool) -> None: ...
    def set_signatory(self, contact: ContactId | str, signs: bool) -> None: ...
    def set_admin(self, contact: ContactId | str, admin: bool) -> None: ...
    def put_document(self, document: Document) -> None: ...
    def set_state(self, document: DocumentId | str, state: StateName) -> None: ...
    def set_visible(self, document: DocumentId | str, visible: bool) -> None: ...
    def remove_document(self, document: DocumentId | str) -> None: ...
    def invite(self, document: Resource, contact: ContactId | str, link: LinkId | str | None = None) -> None: ...
    def withdraw_invitation(self, document: Resource, contact: ContactId | str) -> None: ...
    def create_personal_link(self, link: LinkId | str, contact: ContactId | str, document: Resource, expires: datetime | None = None) -> LinkId: ...
    def unrelate(self, document: Resource, contact: ContactId | str) -> None: ...
    def revoke_share(self, share: ShareId | str) -> None: ...
    def use_share(self, share: ShareId | str, action: PortalAction) -> None: ...
    def watch_document(self, contact: ContactId | str, document: DocumentId | str, watch: Literal["no", "silently", "with_mail"]) -> None: ...
    def watch_kind(self, contact: ContactId | str, kind: str, watch: Literal["no", "silently", "with_mail"]) -> None: ...
    def sign(self, document: DocumentId | str, contact: ContactId | str) -> int: ...
    def approve(self, document: DocumentId | str, contact: ContactId | str) -> int: ...
    def complete(self, document: DocumentId | str) -> None: ...
    def define_permission_set(self, set: str, held: builtins.list[str]) -> None: ...
    def remove_permission_set(self, set: str) -> None: ...
    def define_alert_set(self, set: str, alerts: builtins.list[str]) -> None: ...
    def set_staff_sets(self, staff: StaffId | str, sets: builtins.list[str]) -> None: ...
    def set_staff_active(self, staff: StaffId | str, active: bool) -> None: ...
