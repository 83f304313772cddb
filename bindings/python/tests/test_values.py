"""Values from Python and back, and what is none."""

import copy
import json
import pickle
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal, Inexact, localcontext
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import doorward
from doorward import (
    Caller,
    ClientId,
    Clock,
    ColumnMapping,
    ContactId,
    Context,
    Document,
    DocumentId,
    Engine,
    Entity,
    EntityUid,
    LinkId,
    PolicyBundle,
    Portal,
    Request,
    RequestError,
    ShareId,
    StaffId,
    Suite,
    TableMapping,
    Tx,
    Write,
)

SAMPLES: list[Any] = [
    True,
    0,
    -(2**63),
    2**63 - 1,
    "",
    "grün\0'\"",
    EntityUid("Shop::Item", 'a"b'),
    frozenset({1, 2}),
    frozenset({"a", EntityUid("A", "b")}),
    frozenset[int](),
    {"a": {"b": frozenset({True})}},
    [{"a": 1}, {"a": 2}],
    Decimal("12.3400"),
    Decimal("-0.0001"),
    Decimal(7),
    datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc),
    datetime(1969, 12, 31, tzinfo=timezone.utc),
    timedelta(days=-3, milliseconds=1),
    ip_address("10.0.0.1"),
    ip_address("::1"),
    ip_network("10.0.0.0/8"),
    ip_network("fd00::/64"),
    ip_interface("10.0.0.5/24"),
    [1, True],
    Decimal("12345.6789"),
]


@pytest.mark.parametrize("value", SAMPLES, ids=repr)
def test_values_come_back_as_they_were(value: Any) -> None:
    back = Entity("A", "a", {"v": value}).attributes["v"]
    assert back == value and type(back) is type(value)
    assert Context(v=value).attributes == {"v": value}


def test_values_are_exact_whatever_the_context() -> None:
    entity = Entity("A", "a", {"v": Decimal("12345.6789")})
    with localcontext() as context:
        context.prec = 3
        context.traps[Inexact] = True
        assert entity.attributes == {"v": Decimal("12345.6789")}
        assert pickle.loads(pickle.dumps(entity)) == entity
    assert Context(v=Decimal("1.50000")).attributes == {"v": Decimal("1.5")}


def test_what_python_s_moments_do_not_reach_is_told() -> None:
    early = Context(v=datetime.min.replace(tzinfo=timezone(timedelta(hours=12))))
    with pytest.raises(RequestError, match="range"):
        _ = early.attributes
    bundle = PolicyBundle("permit (principal, action, resource);")
    for moment in ('datetime("0000-01-01")', 'duration("90000000000d")'):
        function, _, text = moment.partition("(")
        row = {"__extn": {"fn": function, "arg": text.strip('()"')}}
        facts = json.dumps([{"uid": {"type": "A", "id": "a"}, "attrs": {"v": row}, "parents": []}])
        stored = Engine(bundle, facts=facts).entity('A::"a"')
        assert stored is not None
        with pytest.raises(RequestError, match="range"):
            _ = stored.attributes


def test_a_dict_may_change_while_it_is_read() -> None:
    class Zone(tzinfo):
        def utcoffset(self, moment: datetime | None, /) -> timedelta:
            attributes[f"more{len(attributes)}"] = 1
            return timedelta(0)

        def dst(self, moment: datetime | None, /) -> None:
            return None

        def tzname(self, moment: datetime | None, /) -> str:
            return "here"

    attributes: dict[str, Any] = {"a": datetime(2020, 1, 1, tzinfo=Zone()), "b": 1}
    assert set(Context(attributes).attributes) == {"a", "b"}


def test_sets_are_given_in_four_ways() -> None:
    for given_set in ({1, 2}, frozenset({1, 2}), [2, 1, 1], (1, 2)):
        assert Context(v=given_set).attributes["v"] == frozenset({1, 2})


def test_moments_are_of_any_time_zone() -> None:
    berlin = timezone(timedelta(hours=1))
    moment = datetime(2026, 11, 22, 11, 30, tzinfo=berlin)
    assert Context(v=moment).attributes["v"] == moment


NO_VALUES: list[tuple[Any, type[Exception]]] = [
    (2**63, RequestError),
    (Decimal("0.00001"), RequestError),
    (Decimal("NaN"), RequestError),
    (Decimal("1e30"), RequestError),
    (Decimal("1e999999999"), RequestError),
    (Decimal("1e-999999999"), RequestError),
    (datetime(2026, 11, 22), RequestError),
    (1.5, TypeError),
    (None, TypeError),
    (b"bytes", TypeError),
    ({1: 2}, TypeError),
    ([None], TypeError),
    (object(), TypeError),
]


@pytest.mark.parametrize(("value", "error"), NO_VALUES, ids=repr)
def test_what_is_no_value_is_refused(value: Any, error: type[Exception]) -> None:
    for make in (lambda: Entity("A", "a", {"v": value}), lambda: Context({"v": value})):
        with pytest.raises(error):
            make()


def test_what_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RequestError, match="deep"):
        Context(v=endless)


def test_what_is_pickled_or_copied_stays_the_same() -> None:
    entity = Entity(
        "A", "a", {"v": frozenset({1})}, parents=[EntityUid("B", "b")], tags={"t": Decimal("1.5")}
    )
    for value in (entity, EntityUid("A", "a"), Context(v=1)):
        assert pickle.loads(pickle.dumps(value)) == value
        assert copy.deepcopy(value) == value


def test_uids_are_hashed_and_in_order() -> None:
    uids = [EntityUid("B", "a"), EntityUid("A", "b"), EntityUid("A", "a")]
    assert [str(uid) for uid in sorted(uids)] == ['A::"a"', 'A::"b"', 'B::"a"']
    assert len({*uids, EntityUid("A", "a")}) == 3
    assert EntityUid("A", "a") != ("A", "a") and EntityUid.parse('A::"a"') == uids[2]


def test_nobody_s_id_or_value_is_in_a_repr() -> None:
    secret = "ada@c1.example"
    uid = EntityUid("Contact", secret)
    shown: list[Any] = [
        uid,
        Entity("Contact", secret, {"mail": secret}),
        Context(mail=secret),
        Request(uid, "view", uid, {"mail": secret}),
        Engine(PolicyBundle("permit (principal, action, resource);")).checker(uid),
    ]
    assert not [it for it in shown if secret in repr(it)]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.datetimes(timezones=st.just(timezone.utc))
    | st.timedeltas()
    | st.ip_addresses()
    | st.builds(EntityUid, st.text(), st.text())
    | st.just(Entity("A", "a"))
    | st.just(Context(a=1))
    | st.just(Caller.contact(ContactId("acme", "gm")))
    | st.just(Caller.contact(ContactId("globex", "gm")))
    | st.sampled_from([ContactId("acme", "gm"), ClientId("acme", "C"), DocumentId("acme", "I")])
    | st.sampled_from(["pay", "invoice", "email", "invoice.sent", "sent", "no", "client"])
    | st.just(Document(DocumentId("acme", "I"), "invoice"))
    | st.just(ColumnMapping("id", "text"))
    | st.just(TableMapping("A", ColumnMapping("id", "text")))
    | st.sampled_from(["sqlite", "postgresql", "percent", "text", "absent", "open", "scenarios: []"])
    | st.just(Request('A::"a"', "view", 'A::"a"'))
    | st.just(PolicyBundle("permit (principal, action, resource);"))
    | st.sampled_from(['A::"a"', "view", "permit (principal, action, resource);", "entity A;"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    | st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
def command(name: str, *arguments: Any, **named: Any) -> None:
    with TENANT.write_as_system() as tx:
        getattr(tx, name)(*arguments, **named)


DOCUMENTED = (doorward.Error, doorward.Denied, TypeError, ValueError)
ENGINE = Engine(PolicyBundle("permit (principal, action, resource);"))
TENANT = Portal().create_tenant("acme", "invoicing")
COMMANDS = [name for name in dir(Tx) if not name.startswith("_")]
COLUMN = ColumnMapping("id", "text")
TABLE = TableMapping("A", COLUMN)
SCHEMA = "entity A = { name: String }; action view appliesTo { principal: A, resource: A };"
FILTERED = Engine(
    PolicyBundle("permit (principal, action, resource) when { resource.name == \"a\" };", SCHEMA),
    all_inline=True,
)
NAMED = TableMapping("A", COLUMN, columns={"name": ColumnMapping("name", "text")})
EXPLAINED = FILTERED.explain(
    'A::"a"', "view", 'A::"b"', entities=[Entity("A", it, {"name": it}) for it in "ab"]
)
SUITE = Suite.from_text("""
    scenarios:
      - id: open
        given: { entities: [] }
        check: { principal: 'A::"a"', action: view, resource: 'A::"b"' }
        expect: allow
""")
# One of each class that is public, apart from errors, and from `Tx` and `Write`, whose methods
# `command` calls.
INSTANCES: list[Any] = [
    Caller.contact(ContactId("acme", "gm")),
    ClientId("acme", "C"),
    Clock(datetime(2026, 1, 1, tzinfo=timezone.utc)),
    COLUMN,
    ContactId("acme", "gm"),
    Context(a=1),
    Document(DocumentId("acme", "I"), "invoice"),
    DocumentId("acme", "I"),
    ENGINE,
    ENGINE.check('A::"a"', "view", 'A::"b"'),
    ENGINE.checker('A::"a"'),
    EXPLAINED,
    EXPLAINED.policies[0],
    EXPLAINED.policies[0].clauses[0],
    ENGINE.policies,
    ENGINE.policies.policies[0],
    ENGINE.world(),
    Entity("A", "a"),
    EntityUid("A", "a"),
    FILTERED.filter('A::"a"', "view", NAMED),
    LinkId("acme", "L"),
    Portal(),
    Request('A::"a"', "view", 'A::"a"'),
    ShareId("acme", "S"),
    StaffId("acme", "S"),
    SUITE,
    TABLE,
    TENANT,
]
CALLS: list[Any] = [
    command,
    FILTERED.filter,
    *{type(sample) for sample in INSTANCES if type(sample) is not Portal},
    *(
        getattr(sample, name)
        for sample in INSTANCES
        for name in dir(sample)
        if callable(getattr(sample, name)) and (not name.startswith("_") or name == "__contains__")
    ),
]


def test_every_public_class_is_called() -> None:
    public = {it for name in doorward.__all__ if isinstance(it := getattr(doorward, name), type)}
    errors = {it for it in public if issubclass(it, BaseException)}
    assert {type(it) for it in INSTANCES} == public - errors - {Tx, Write, doorward.Diagnostic}


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(CALLS), st.lists(ANYTHING, max_size=6), st.data())
def test_anything_works_or_raises_what_is_documented(
    call: Any, arguments: list[Any], data: st.DataObject
) -> None:
    names = ["attributes", "parents", "tags", "context", "entities", "facts", "shadow", "remove"]
    names += ["columns", "related", "joined", "placeholders", "filter", "links", "schema", "nulls"]
    named = data.draw(st.dictionaries(st.sampled_from(names), ANYTHING, max_size=2))
    if call is command:
        arguments = [data.draw(st.sampled_from(COMMANDS)), *arguments]
    for given_named in ({}, named):
        try:
            call(*arguments, **given_named)
        except DOCUMENTED:
            pass
