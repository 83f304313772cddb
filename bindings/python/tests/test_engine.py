"""Decisions, through Python."""

import ast
import doctest
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Workload

import doorward
import doorward.filters
import doorward.pytest
from doorward import (
    Context,
    Denied,
    Engine,
    Entity,
    EntityUid,
    PolicyBundle,
    PolicyError,
    Request,
    RequestError,
    StoreError,
)

SCHEMA = """
    entity Client;
    entity Contact in [Client] = { client: Client, "mail"?: String };
    entity Document = { client: Client, owner?: Contact };
    action view, pay appliesTo {
        principal: Contact, resource: Document, context: { mfa?: Bool }
    };
    action sign appliesTo {
        principal: Contact, resource: Document, context: { mfa: Bool }
    };
"""
POLICIES = """
    @id("own-client") @reason("OWN_CLIENT")
    permit (principal, action == Action::"view", resource)
    when { resource.client == principal.client };

    @id("pays-with-mfa")
    permit (principal, action == Action::"pay", resource)
    when { resource.client == principal.client };

    @id("mfa") @step("11") @reason("MFA_REQUIRED") @step_up("mfa")
    forbid (principal, action == Action::"pay", resource)
    unless { context has mfa && context.mfa };

    @id("signs")
    permit (principal, action == Action::"sign", resource)
    when { resource has owner && resource.owner == principal && context.mfa };
"""

C1, C2 = EntityUid("Client", "C1"), EntityUid("Client", "C2")
ADA = Entity("Contact", "ada", {"client": C1, "mail": "ada@c1.example"})
BOB = Entity("Contact", "bob", {"client": C2})
I1 = Entity("Document", "I1", {"client": C1, "owner": ADA.uid})
I2 = Entity("Document", "I2", {"client": C2})


@pytest.fixture
def engine() -> Engine:
    return Engine(PolicyBundle(POLICIES, SCHEMA), facts=[ADA, BOB, I1, I2])


def test_the_readme_works(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    examples: list[str] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert examples
    for example in examples:
        exec(example, {})
    assert capsys.readouterr().out == "deny NO_PERMIT\n"


def test_the_package_s_own_example_works() -> None:
    assert doorward.__doc__ is not None
    lines = doorward.__doc__.split("::\n", 1)[1].splitlines()
    exec("\n".join(line[4:] for line in lines), {})


def test_the_examples_of_the_stubs_work() -> None:
    package = Path(__file__).parents[1] / "python" / "doorward"
    modules = (doorward, doorward.filters, doorward.pytest)
    names = {name: it for module in modules for name, it in vars(module).items()}
    failed = tried = 0
    for path in [*package.glob("*.py"), *package.glob("*.pyi")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                text = ast.get_docstring(node) or ""
                name = f"{path.name}:{getattr(node, 'name', '')}"
                example = doctest.DocTestParser().get_doctest(text, names, name, str(path), None)
                ran = doctest.DocTestRunner().run(example)
                failed, tried = failed + ran.failed, tried + ran.attempted
    assert failed == 0 and tried > 8


def test_who_may_see_sees_and_others_are_told_why(engine: Engine) -> None:
    assert engine.allows(ADA, "view", I1) is True
    assert engine.allows(ADA.uid, "view", I2.uid) is False
    assert engine.allows('Contact::"ada"', EntityUid("Action", "view"), 'Document::"I1"')
    allowed = engine.check(ADA, "view", I1)
    assert (allowed.allowed, allowed.code, allowed.policy) == (True, "OWN_CLIENT", "own-client")
    refused = engine.check(ADA, "view", I2)
    assert (refused.allowed, refused.code, refused.policy) == (False, "NO_PERMIT", None)
    assert refused.revision == engine.revision and refused.bundle == engine.policies.digest
    assert str(allowed) == "allow (OWN_CLIENT)"


def test_a_decision_is_no_bool(engine: Engine) -> None:
    with pytest.raises(TypeError, match="allowed"):
        bool(engine.check(ADA, "view", I1))


def test_what_is_required_is_allowed_or_raises(engine: Engine) -> None:
    assert engine.require(ADA, "view", I1).allowed
    with pytest.raises(Denied) as denied:
        engine.require(BOB, "view", I1)
    assert denied.value.decision == engine.check(BOB, "view", I1)
    assert isinstance(denied.value, PermissionError)


def test_circumstances_are_given_in_three_ways(engine: Engine) -> None:
    step_up = engine.check(ADA, "pay", I1)
    assert (step_up.allowed, step_up.code, step_up.step) == (False, "MFA_REQUIRED", 11)
    assert step_up.step_up == "mfa"
    prepared = Context(mfa=True)
    for context in (prepared, {"mfa": True}, Context({"mfa": True})):
        assert engine.allows(ADA, "pay", I1, context)
        assert engine.allows(ADA, "sign", I1, context)
    # What the schema asks for is missing: such a request is refused.
    assert engine.check(ADA, "sign", I1).code == "INVALID_REQUEST"
    assert engine.check(ADA, "sign", I1, {"mfa": "yes"}).code == "INVALID_REQUEST"
    assert engine.check(ADA, "sign", I1, Context(mfa="yes")).code == "INVALID_REQUEST"


def test_an_unknown_action_refuses(engine: Engine) -> None:
    assert engine.check(ADA, "burn", I1).code == "UNKNOWN_ACTION"
    assert engine.check(ADA, "view", ADA).code == "UNKNOWN_ACTION"
    assert not engine.allows(ADA, EntityUid("Shop::Action", "view"), I1)


def test_rows_come_along_where_they_are_not_stored() -> None:
    engine = Engine(PolicyBundle(POLICIES, SCHEMA), all_inline=True)
    assert engine.allows(ADA, "view", I1, entities=[ADA, I1])
    assert not engine.allows(ADA, "view", I1, entities=[I1])
    assert not engine.allows(ADA, "view", I1)
    with pytest.raises(StoreError):
        engine.apply([ADA])


def test_batches_are_single_checks(engine: Engine) -> None:
    mfa = Context(mfa=True)
    requests = [
        Request(who, action, what, context)
        for who in (ADA, BOB)
        for action in ("view", "pay", "sign", "burn")
        for what in (I1, I2)
        for context in (None, mfa, {"mfa": False})
    ]
    requests.append(Request(ADA, "view", I1, entities=[Entity("Client", "C1")]))
    singles = [
        engine.check(ADA if "ada" in str(it.principal) else BOB, it.action, it.resource, context)
        for it, context in zip(requests[:-1], [None, mfa, {"mfa": False}] * 16, strict=True)
    ]
    assert engine.check_many(requests)[:-1] == singles
    with pytest.raises(TypeError):
        engine.check_many([(ADA, "view", I1)])  # type: ignore[list-item]


def test_lists_are_single_checks(engine: Engine) -> None:
    assert engine.list(ADA, "view", "Document") == [I1.uid]
    assert engine.who("view", I2, "Contact") == [BOB.uid]
    checker = engine.checker(ADA, {"mfa": True})
    assert checker.list("view", "Document") == [I1.uid]
    assert checker.list("burn", "Document") == []
    assert checker.allows("pay", I1) and not checker.allows("pay", I2)
    assert checker.check("sign", I1) == engine.check(ADA, "sign", I1, {"mfa": True})
    # A checker stays with its moment.
    engine.apply([Entity("Document", "I1", {"client": C2})])
    assert checker.allows("view", I1) and not engine.allows(ADA, "view", I1)


def test_actions_are_told_with_their_decisions(engine: Engine) -> None:
    actions = engine.actions(ADA, I1, {"mfa": True})
    assert {uid.id: decision.allowed for uid, decision in actions.items()} == {
        "pay": True,
        "sign": True,
        "view": True,
    }


def test_an_explanation_names_policies(engine: Engine) -> None:
    explanation = engine.explain(ADA, "view", I1)
    assert explanation.decision.allowed and explanation.determining == ("own-client",)
    assert explanation.erring == {} and explanation.fault is None
    told = explanation.to_dict()
    assert told["policies"][0]["id"] == "own-client"
    assert engine.explain(ADA, "burn", I1).fault is not None


def test_writes_show_at_once_or_change_nothing(engine: Engine) -> None:
    before = engine.revision
    assert engine.apply([Entity("Document", "I3", {"client": C1})], remove=[I1]) == before + 1
    assert [uid.id for uid in engine.list(ADA, "view", "Document")] == ["I3"]
    assert I1 not in engine and 'Document::"I3"' in engine and len(engine) == 4
    with pytest.raises(StoreError) as error:
        engine.apply([Entity("Document", "I4", {"client": C1}), Entity("Document", "I5")])
    assert "I5" in error.value.message and engine.entity('Document::"I4"') is None
    assert engine.revision == before + 1


def test_policies_are_published_or_refused(engine: Engine) -> None:
    assert engine.allows(ADA, "view", I1)
    engine.publish(PolicyBundle("// Nothing is permitted.", SCHEMA))
    assert not engine.allows(ADA, "view", I1)
    engine.publish(PolicyBundle(POLICIES, SCHEMA))
    assert engine.allows(ADA, "view", I1)
    stricter = SCHEMA.replace("owner?: Contact", "owner: Contact")
    with pytest.raises(StoreError, match="I2"):
        engine.publish(PolicyBundle(POLICIES, stricter))
    assert engine.allows(ADA, "view", I1)


def test_errors_tell_what_and_where() -> None:
    with pytest.raises(PolicyError) as error:
        PolicyBundle({"a.cedar": "permit (principal, action, resource)", "b.cedar": "grant;"})
    assert [it.file for it in error.value.diagnostics] == ["a.cedar", "b.cedar"]
    assert (error.value.file, error.value.line) == ("a.cedar", 1)
    with pytest.raises(PolicyError) as error:
        PolicyBundle.load("no/such/folder")
    assert error.value.code == "unreadable"
    with pytest.raises(RequestError):
        EntityUid.parse("Contact::ada")
    bundle = PolicyBundle("permit (principal, action, resource);")
    with pytest.raises(ValueError, match="error_mode"):
        Engine(bundle, error_mode="open")  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        Engine(bundle, facts="[{]")


def test_the_workload_is_answered_as_its_oracle_does(workload: Workload) -> None:
    engine = workload.engine()
    asked = [
        engine.allows(it.principal, it.action, it.resource, it.context) for it in workload.questions
    ]
    assert asked == [it.allowed for it in workload.questions]
    assert 100 < sum(asked) < len(asked)
    batch = engine.check_many(
        Request(it.principal, it.action, it.resource, it.context) for it in workload.questions
    )
    assert [it.allowed for it in batch] == asked
    checkers = {
        (it.principal, id(it.context)): engine.checker(it.principal, it.context)
        for it in workload.questions
    }
    by_checker = [
        checkers[it.principal, id(it.context)].allows(it.action, it.resource)
        for it in workload.questions
    ]
    assert by_checker == asked


def test_threads_ask_while_one_writes(engine: Engine) -> None:
    """Nobody is told what was so before a write that had returned."""
    visible = Entity("Document", "I9", {"client": C1})
    hidden = Entity("Document", "I9", {"client": C2})
    engine.apply([visible])
    # What is so from a revision on: even writes show the document, odd ones hide it.
    first = engine.revision
    done = threading.Event()
    failures: list[str] = []

    def asks(ask: Callable[[], tuple[int, bool, int]]) -> None:
        while not done.is_set():
            at_least, allowed, revision = ask()
            if revision < at_least or allowed != ((revision - first) % 2 == 0):
                failures.append(f"{revision} after {at_least}: {allowed}")
                return

    def once() -> tuple[int, bool, int]:
        at_least = written[0]
        decision = engine.check(ADA, "view", visible)
        return at_least, decision.allowed, decision.revision

    written = [first]
    threads = [threading.Thread(target=asks, args=(once,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for turn in range(2000):
        written[0] = engine.apply([hidden if turn % 2 == 0 else visible])
    done.set()
    for thread in threads:
        thread.join()
    assert failures == [] and engine.revision == first + 2000
