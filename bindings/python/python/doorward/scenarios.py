"""What came of scenarios: see :class:`doorward.Suite`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doorward._core import Request, World

__all__ = ["Asked", "Failure", "ScenarioReport", "SuiteReport"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that did not come out as expected.

    Attributes:
        step: The step, in words.
        expected: What was expected.
        actual: What came of it, or why the step could not be run.
        details: What led to it, in lines.
    """

    step: str
    expected: str
    actual: str
    details: tuple[str, ...]

    def __str__(self) -> str:
        lines = (f"{self.step}: expected {self.expected}, found {self.actual}", *self.details)
        return "\n  ".join(lines)


@dataclass(frozen=True, slots=True)
class ScenarioReport:
    """What came of one scenario.

    Attributes:
        id, file: Its id, and the file it stands in.
        note: What it shows.
        compared: How many questions and writes were compared.
        codes: The codes that refusals were expected to have by name, and had.
        failures: What did not come out as expected.
    """

    id: str
    file: str
    note: str | None
    compared: int
    codes: frozenset[str]
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Whether everything came out as expected."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """What came of a suite: a report for each scenario that was run, in order."""

    scenarios: tuple[ScenarioReport, ...]

    @property
    def passed(self) -> int:
        """How many scenarios passed."""
        return sum(scenario.passed for scenario in self.scenarios)

    @property
    def failed(self) -> int:
        """How many failed."""
        return len(self.scenarios) - self.passed

    @property
    def compared(self) -> int:
        """How many questions and writes were compared."""
        return sum(scenario.compared for scenario in self.scenarios)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that a scenario asks, and the state that it is asked of.

    Attributes:
        scenario: The scenario's id.
        step: The step, in words.
        expected: What it has to come out as, as in ``"deny NOT_INVITED"``.
    """

    scenario: str
    step: str
    request: Request = field(repr=False)
    expected: str
    world: World
