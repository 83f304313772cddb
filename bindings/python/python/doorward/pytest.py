"""Tests of policies with pytest: scenario files as tests, and assertions that print the explanation.

The plugin comes with ``pip install doorward[pytest]``. Name the scenario files in pytest's
configuration, and the policies if they are not those that are shipped::

    [tool.pytest.ini_options]
    testpaths = ["tests", "policies/tests"]
    doorward_scenarios = ["policies/tests/*.yaml"]
    doorward_policies = "policies"

Each scenario is a test of its own: ``pytest -k invited-only`` runs one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, overload

import pytest

from doorward import (
    Caller,
    Decision,
    Denied,
    Engine,
    Entity,
    PolicyBundle,
    PolicyError,
    Request,
    Suite,
    SuiteError,
    Tenant,
    World,
    shipped_policies,
)
from doorward.scenarios import ScenarioReport
from doorward.types import ActionName, Circumstances, Named, PortalAction, Resource

__all__ = ["assert_allowed", "assert_denied"]

_POLICIES = pytest.StashKey[PolicyBundle]()
_SCENARIOS = pytest.StashKey[frozenset[Path]]()


@overload
def assert_allowed(
    asked: Engine,
    principal: Named,
    action: ActionName,
    resource: Named,
    context: Circumstances | None = None,
    /,
    *,
    entities: Iterable[Entity] | None = None,
) -> None: ...
@overload
def assert_allowed(
    asked: Tenant, caller: Caller, action: PortalAction, resource: Resource, /
) -> None: ...
@overload
def assert_allowed(asked: World, request: Request, /) -> None: ...
def assert_allowed(asked: Any, /, *question: Any, **named: Any) -> None:
    """Fails with the explanation unless the question is allowed.

    Args:
        asked: An engine, a tenant or a world; then what its ``check`` takes.

    Example:
        >>> from doorward import Engine, PolicyBundle
        >>> engine = Engine(PolicyBundle("permit (principal, action, resource);"))
        >>> assert_allowed(engine, 'Contact::"gm"', "view", 'Document::"I1"')
    """
    __tracebackhide__ = True
    decision: Decision = asked.check(*question, **_read_once(named))
    if not decision.allowed:
        pytest.fail(f"expected allow, found {_explained(asked, decision, question, named)}")


@overload
def assert_denied(
    asked: Engine,
    principal: Named,
    action: ActionName,
    resource: Named,
    context: Circumstances | None = None,
    /,
    *,
    code: str | None = None,
    entities: Iterable[Entity] | None = None,
) -> None: ...
@overload
def assert_denied(
    asked: Tenant,
    caller: Caller,
    action: PortalAction,
    resource: Resource,
    /,
    *,
    code: str | None = None,
) -> None: ...
@overload
def assert_denied(asked: World, request: Request, /, *, code: str | None = None) -> None: ...
def assert_denied(asked: Any, /, *question: Any, code: str | None = None, **named: Any) -> None:
    """Fails with the explanation unless the question is refused, for this reason if one is given."""
    __tracebackhide__ = True
    decision: Decision = asked.check(*question, **_read_once(named))
    if decision.allowed or code not in (None, decision.code):
        expected = "deny" if code is None else f"deny {code}"
        pytest.fail(f"expected {expected}, found {_explained(asked, decision, question, named)}")


def _read_once(named: dict[str, Any]) -> dict[str, Any]:
    """Keeps rows that can be read a single time for the explanation."""
    if named.get("entities") is not None:
        named["entities"] = list(named["entities"])
    return named


def _explained(
    asked: Any, decision: Decision, question: tuple[Any, ...], named: dict[str, Any]
) -> str:
    try:
        explanation = asked.explain(*question, **named)
    except Denied:
        # No policy was asked: there is nothing to explain.
        return str(decision)
    determining = ", ".join(explanation.determining) or "no policy"
    return f"{explanation}\n  determined by {determining}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "doorward_scenarios",
        "scenario files to collect as tests, as patterns from the root folder on",
        type="args",
    )
    parser.addini("doorward_policies", "folder of the policies that scenarios are about")


def pytest_configure(config: pytest.Config) -> None:
    """Finds the scenario files: a pattern of none is a mistake, and not a suite that passes."""
    found: set[Path] = set()
    for pattern in config.getini("doorward_scenarios"):
        files = set(config.rootpath.glob(pattern))
        if not files:
            raise pytest.UsageError(f"doorward_scenarios: there is no {pattern}")
        found |= files
    config.stash[_SCENARIOS] = frozenset(found)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path not in parent.config.stash[_SCENARIOS]:
        return None
    file: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)  # pyright: ignore[reportUnknownMemberType]
    return file


class ScenarioFile(pytest.File):
    """A file of scenarios."""

    def collect(self) -> Iterator[ScenarioItem]:
        try:
            suite = Suite.load(self.path)
            policies = self._policies()
        except (SuiteError, PolicyError) as error:
            raise self.CollectError(str(error)) from error
        for _, scenario in suite.scenarios:
            item: ScenarioItem = ScenarioItem.from_parent(  # pyright: ignore[reportUnknownMemberType]
                self, name=scenario, suite=suite, scenario=scenario, policies=policies
            )
            yield item

    def _policies(self) -> PolicyBundle:
        """Loaded once for all files."""
        known = self.config.stash.get(_POLICIES, None)
        if known is None:
            folder: str = self.config.getini("doorward_policies")
            root = self.config.rootpath
            known = PolicyBundle.load(root / folder) if folder else shipped_policies()
            self.config.stash[_POLICIES] = known
        return known


class ScenarioFailed(Exception):
    """A scenario came out otherwise than expected."""

    def __init__(self, report: ScenarioReport) -> None:
        super().__init__(report.id)
        self.report = report


class ScenarioItem(pytest.Item):
    """One scenario."""

    def __init__(self, *, suite: Suite, scenario: str, policies: PolicyBundle, **more: Any) -> None:
        super().__init__(**more)  # pyright: ignore[reportUnknownMemberType]
        self.suite = suite
        self.scenario = scenario
        self.policies = policies

    def runtest(self) -> None:
        report = self.suite.run_one(self.scenario, self.policies)
        assert report is not None, "the suite named it"
        if not report.passed:
            raise ScenarioFailed(report)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ScenarioFailed):
            report = excinfo.value.report
            told = [report.note] if report.note else []
            return "\n".join([*told, *(str(failure) for failure in report.failures)])
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.scenario
