"""The portal of the benches, small, with expected answers from an oracle of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from doorward import Context, Engine, EntityUid, PolicyBundle

ROOT = Path(__file__).parents[3]
# What the tests' server ends with where it cannot be started.
MISSING = 77


@dataclass(frozen=True)
class Question:
    principal: EntityUid
    action: str
    resource: EntityUid
    context: Context
    allowed: bool


@dataclass(frozen=True)
class Workload:
    policies: PolicyBundle
    facts: str
    questions: list[Question]

    def engine(self) -> Engine:
        return Engine(self.policies, facts=self.facts)


@pytest.fixture(scope="session")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workload]:
    out = tmp_path_factory.mktemp("workload")
    script = ROOT / "benches" / "workload" / "gen.py"
    sizes = ["--clients", "20", "--requests", "3000"]
    subprocess.run([sys.executable, script, *sizes, out], check=True, capture_output=True)

    def text(name: str) -> str:
        return (out / name).read_text(encoding="utf-8")

    contexts = {flag: Context(mfa=flag) for flag in (False, True)}
    questions = [
        Question(
            EntityUid("Contact", asked["principal"]),
            asked["action"],
            EntityUid("Document", asked["resource"]),
            contexts[asked["context"]["mfa"]],
            bool(allowed),
        )
        for asked, allowed in zip(
            json.loads(text("requests.json")), json.loads(text("expected.json")), strict=True
        )
    ]
    policies = PolicyBundle(
        {"policies.cedar": text("policies.cedar")}, {"schema": text("schema.cedarschema")}
    )
    yield Workload(policies, text("entities.json"), questions)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of the tests' own, as ``postgresql://…``."""
    server = [sys.executable, str(ROOT / "tests" / "servers" / "server.py"), "postgres"]
    pipe = subprocess.PIPE
    with subprocess.Popen(server, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin and process.stdout and process.stderr
        if address := process.stdout.readline().strip():
            yield address
        process.stdin.close()
        said = process.stderr.read()
    if not address:
        if process.returncode == MISSING:
            pytest.skip(said.strip())
        pytest.fail(said)
