"""What can go wrong, apart from a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from doorward._core import Decision


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about policies or a schema, with the place it was found at.

    ``line`` and ``column`` count from 1.
    """

    code: str
    severity: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    help: str | None = None
    policy: str | None = None
    snippet: str | None = None


class Error(Exception):
    """Any error of the library.

    Nothing that goes wrong inside a decision is an error: it refuses, and shows in the
    :class:`Decision`. Arguments of the wrong Python type raise :class:`TypeError`, words that are
    none of those listed and texts that are no Unicode :class:`ValueError`, as everywhere.

    Attributes:
        message: What is wrong, and where.
        help: What to do about it, where there is something to say.
    """

    message: str
    help: str | None

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message, help)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return self.message if self.help is None else f"{self.message}; {self.help}"


class PolicyError(Error):
    """Policies or a schema that cannot be used.

    Attributes:
        diagnostics: Everything that is wrong, in the order of the files.
        code, file, line: Those of the first of them.
    """

    diagnostics: tuple[Diagnostic, ...]
    code: str
    file: str | None
    line: int | None

    def __init__(
        self, message: str, help: str | None = None, diagnostics: tuple[Diagnostic, ...] = ()
    ) -> None:
        super().__init__(message, help)
        # What `Exception` pickles is what it was made of.
        self.args = (message, help, diagnostics)
        self.diagnostics = diagnostics
        first = diagnostics[0] if diagnostics else None
        self.code = first.code if first else "policy"
        self.file = first.file if first else None
        self.line = first.line if first else None


class ConfigError(PolicyError):
    """A tenant's configuration that cannot be used. Its diagnostics say where."""


class RequestError(Error):
    """Arguments that form no request: a uid, value, entity or circumstances that cannot be.

    It quotes what is wrong: do not show it to whom that does not belong.
    """


class StoreError(Error):
    """Facts that cannot be kept. It names rows and attributes, and what JSON cannot be read."""


class FilterError(Error):
    """A list that cannot be asked of the host's tables, or a mapping that does not fit the schema.

    It names the policy and the clause. There is never a wider filter instead.
    """


class SuiteError(Error):
    """Scenario files that cannot be used. It names the file, and the line where one is at fault."""


class WriteError(Error):
    """A portal command that was refused: nothing of the write was written.

    Attributes:
        code: The first of what is against it, as in ``EMAIL_REQUIRED``, or the decision's.
        violations: Rules that the result would break: pairs of code and message.
        decision: The refusal, where the actor may not do it.
    """

    code: str
    violations: tuple[tuple[str, str], ...]
    decision: Decision | None

    def __init__(
        self,
        message: str,
        help: str | None = None,
        code: str = "INVALID_REQUEST",
        violations: tuple[tuple[str, str], ...] = (),
        decision: Decision | None = None,
    ) -> None:
        super().__init__(message, help)
        self.args = (message, help, code, violations, decision)
        self.code = code
        self.violations = violations
        self.decision = decision


class Denied(PermissionError):
    """Raised by ``require``: the decision was a refusal.

    Attributes:
        decision: The refusal.
    """

    decision: Decision

    def __init__(self, decision: Decision) -> None:
        super().__init__(str(decision))
        self.decision = decision

    def __reduce__(self) -> NoReturn:
        raise TypeError("a decision is not pickled: send its code and message on")
