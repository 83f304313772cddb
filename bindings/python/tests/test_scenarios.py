"""The corpus of scenarios, through Python and through pytest."""

import pickle
import re
from pathlib import Path

import pytest

from doorward import (
    Caller,
    Engine,
    Entity,
    Explanation,
    PolicyBundle,
    PolicyError,
    Portal,
    Request,
    Suite,
    SuiteError,
    shipped_policies,
)
from doorward.pytest import assert_allowed, assert_denied
from doorward.scenarios import Asked

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "policies" / "tests"
OWN = """
fixtures:
  studio:
    preset: invoicing
    clients:
      C1: { contacts: { gm: {} }, documents: { I1: { kind: invoice, state: sent } } }
scenarios:
  - { id: own, fixtures: [studio], check: { principal: gm, action: export, resource: gm }, expect: allow }
  - { id: wrong, fixtures: [studio], check: { principal: gm, action: view, resource: I1 },
      expect: deny NOT_INVITED, note: It is wrong on purpose. }
"""


@pytest.fixture(scope="module")
def corpus() -> Suite:
    return Suite.load(CORPUS)


def allowed_by(explanation: Explanation) -> bool:
    """What the policies came to say, each by its clauses."""
    if explanation.fault is not None or explanation.erring:
        return False
    deciding = [policy for policy in explanation.policies if not policy.reason_only]
    satisfied = {policy.effect for policy in deciding if policy.outcome == "satisfied"}
    for policy in deciding:
        assert (policy.outcome == "satisfied") == all(clause.holds for clause in policy.clauses)
    return satisfied == {"permit"}


def test_the_corpus_has_the_same_answers_and_reasons_through_python(corpus: Suite) -> None:
    asked: list[tuple[str, str]] = []

    def ask(question: Asked) -> None:
        decision = question.world.check(question.request)
        kind, _, code = question.expected.partition(" ")
        expected = kind in ("allow", "notify")
        found = f"{question.scenario}, {question.step}: {decision}"
        # A matrix tells no step up apart.
        assert decision.allowed == expected, found
        assert not code or decision.code == code, found
        assert (kind != "step_up") or decision.step_up is not None, found
        assert question.world.allows(question.request) == expected
        if all(question.expected != expected for _, expected in asked):
            explanation = question.world.explain(question.request)
            assert explanation.decision == decision, found
            assert allowed_by(explanation) == decision.allowed, found
        asked.append((question.scenario, question.expected))

    report = corpus.run_with(ask)
    assert report.failed == 0 and report.passed == len(corpus) == len(report.scenarios)
    assert len({scenario for scenario, _ in asked}) > 250 and len(asked) > 1500
    # Both answers, and many reasons.
    codes = {expected for _, expected in asked}
    assert {"allow", "deny NOT_INVITED", "step_up MFA_REQUIRED"} <= codes and len(codes) > 60


def test_a_suite_is_run_as_a_whole_and_in_parts(corpus: Suite) -> None:
    report = corpus.run(filter="invit")
    assert 0 < report.passed == len(report.scenarios) < len(corpus)
    assert report.compared >= report.passed
    file, scenario = corpus.scenarios[0]
    one = corpus.run_one(scenario)
    assert one is not None and one.passed and one.file == file and one.id == scenario
    assert corpus.run_one("no such scenario") is None


def test_what_came_out_otherwise_is_told() -> None:
    suite = Suite.from_text(OWN, "own.yaml")
    assert suite.scenarios == (("own.yaml", "own"), ("own.yaml", "wrong"))
    report = suite.run()
    assert (report.passed, report.failed, report.compared) == (1, 1, 2)
    failed = report.scenarios[1]
    assert failed.note == "It is wrong on purpose." and not failed.passed
    (failure,) = failed.failures
    assert (failure.expected, failure.actual) == ("deny NOT_INVITED", "allow")
    assert str(failure).startswith("step 1: gm view I1: expected deny NOT_INVITED, found allow")
    assert pickle.loads(pickle.dumps(report)) == report


def test_what_an_observer_raises_is_raised() -> None:
    def observe(_: Asked) -> None:
        seen.append(1)
        raise KeyError("mine")

    seen: list[int] = []
    with pytest.raises(KeyError, match="mine"):
        Suite.from_text(OWN).run_with(observe)
    assert len(seen) == 1


def test_files_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"mine.yaml: line 1"):
        Suite.from_text("scenarios: 3", "mine.yaml")
    with pytest.raises(SuiteError, match="missing"):
        Suite.load(tmp_path / "missing.yaml")


def test_bundles_are_pickled_with_all_that_they_are_made_of() -> None:
    template = '@id("reads") permit (principal == ?principal, action, resource);'
    bundle = PolicyBundle(
        {"a.cedar": template}, links=[("reads", "reads/ada", 'Contact::"ada"', None)]
    )
    again = pickle.loads(pickle.dumps(bundle))
    assert again == bundle and hash(again) == hash(bundle)
    assert [policy.id for policy in again.policies] == ["reads/ada"]
    assert Engine(again).allows('Contact::"ada"', "view", 'Document::"I1"')
    shipped = shipped_policies()
    assert pickle.loads(pickle.dumps(shipped)).digest == shipped.digest == Portal().policies.digest


def test_assertions_print_the_explanation() -> None:
    bundle = PolicyBundle(
        '@id("mine") permit (principal, action, resource) when { resource.owner == principal };'
    )
    ada, bob = Entity("Contact", "ada"), Entity("Contact", "bob")
    invoice = Entity("Document", "I1", {"owner": ada.uid})
    engine = Engine(bundle, facts=[ada, bob, invoice])
    assert_allowed(engine, ada, "view", invoice)
    assert_denied(engine, bob, "view", invoice)
    assert_denied(engine, bob, "view", invoice, code="NO_PERMIT")
    with pytest.raises(pytest.fail.Exception, match="mine lacks only: resource.owner == principal"):
        assert_allowed(engine, bob, "view", invoice)
    with pytest.raises(pytest.fail.Exception, match="(?s)expected deny, found allow.*by mine"):
        assert_denied(engine, ada, "view", invoice)
    with pytest.raises(pytest.fail.Exception, match="expected deny OTHER, found deny NO_PERMIT"):
        assert_denied(engine, bob, "view", invoice, code="OTHER")

    world = engine.world()
    assert_allowed(world, Request(ada, "view", invoice))
    inline = Engine(bundle, all_inline=True)
    rows = [bob, invoice]
    with pytest.raises(pytest.fail.Exception, match="mine lacks only"):
        # Rows that can be read once are there for the explanation, too.
        assert_allowed(inline, bob, "view", invoice, entities=(row for row in rows))

    acme = Portal().create_tenant("acme", "invoicing")
    stranger = Caller.contact(acme.contact("nobody"))
    assert_denied(acme, stranger, "view", "I1")
    with pytest.raises(pytest.fail.Exception, match="expected allow, found deny"):
        assert_allowed(acme, stranger, "view", "I1")
    other = Portal().create_tenant("globex", "invoicing")
    with pytest.raises(pytest.fail.Exception, match="expected allow, found deny"):
        # No policy is asked across tenants.
        assert_allowed(acme, Caller.contact(other.contact("gm")), "view", "I1")


def test_scenario_files_are_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("""
        [tool.pytest.ini_options]
        doorward_scenarios = ["scenarios/*.yaml"]
    """)
    pytester.mkdir("scenarios").joinpath("own.yaml").write_text(OWN, encoding="utf-8")
    pytester.mkdir("others").joinpath("own.yaml").write_text("not: [ours", encoding="utf-8")
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*It is wrong on purpose.",
            "step 1: gm view I1: expected deny NOT_INVITED, found allow",
            "FAILED scenarios/own.yaml::wrong*",
        ]
    )
    pytester.runpytest("-k", "own and not wrong", "-p", "no:cacheprovider").assert_outcomes(
        passed=1, deselected=1
    )
    (pytester.path / "scenarios" / "broken.yaml").write_text("scenarios: 3", encoding="utf-8")
    broken = pytester.runpytest("-p", "no:cacheprovider")
    broken.assert_outcomes(errors=1)
    broken.stdout.fnmatch_lines(["*broken.yaml: line 1*"])


def test_a_pattern_of_no_file_is_a_mistake(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("""
        [tool.pytest.ini_options]
        doorward_scenarios = ["scenario/*.yaml"]
    """)
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*doorward_scenarios: there is no scenario/[*].yaml*"])


def test_scenarios_are_about_the_policies_that_are_named(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("""
        [tool.pytest.ini_options]
        doorward_scenarios = ["scenarios/*.yaml"]
        doorward_policies = "policies"
    """)
    entities = """
        scenarios:
          - id: open
            given:
              entities: [{ uid: { type: Contact, id: gm }, attrs: {}, parents: [] },
                         { uid: { type: Document, id: I1 }, attrs: {}, parents: [] }]
            check: { principal: 'Contact::"gm"', action: view, resource: 'Document::"I1"' }
            expect: allow
    """
    pytester.mkdir("scenarios").joinpath("open.yaml").write_text(entities, encoding="utf-8")
    policies = pytester.mkdir("policies")
    rules = policies / "rules.cedar"
    rules.write_text('@id("all") permit (principal, action, resource);', encoding="utf-8")
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)
    rules.write_text('@id("all") forbid (principal, action, resource);', encoding="utf-8")
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(failed=1)
    rules.write_text("permit (principal", encoding="utf-8")
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    assert re.search("rules.cedar", result.stdout.str())
    with pytest.raises(PolicyError):
        PolicyBundle.load(policies)
