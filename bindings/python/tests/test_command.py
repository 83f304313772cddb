"""The command that comes with the package."""

import subprocess
import sys
from pathlib import Path

import doorward

ROOT = Path(__file__).parents[3]


def doorward_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("doorward")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_it_is_of_this_version() -> None:
    told = doorward_command("--version")
    assert (told.returncode, told.stdout) == (0, f"doorward {doorward.__version__}\n")


def test_it_validates_the_shipped_policies() -> None:
    told = doorward_command("validate", str(ROOT / "policies"), "--deny-warnings")
    assert told.returncode == 0, told.stderr


def test_it_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text("permit (principal, action, resource)", encoding="utf-8")
    told = doorward_command("validate", str(tmp_path))
    assert told.returncode == 1 and "a.cedar" in told.stdout + told.stderr
    assert doorward_command("open").returncode == 2
    module = [sys.executable, "-m", "doorward", "preset", "nothing"]
    assert subprocess.run(module, capture_output=True, check=False).returncode == 2
