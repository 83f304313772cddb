#!/usr/bin/env python3
"""Plants the mistakes of real portals, one by one, and shows that the suite catches each.

Every file of `tests/mistakes/` is a patch whose head says which mistake it is and what has to catch
it:

    Mistake: 3. A child not tied to its parent.
    Caught by: scenario D-06-children
    Caught by: test portal_properties::a_child_is_tied_to_its_parent

A scenario is run by `doorward test` over the scratch copy's policies, a test by `cargo test --test
it`. Each has to pass before the patch and to fail after it. Ends with 1 where one does not.

    python3 tests/mistakes.py            all of them (`make mistakes`)
    python3 tests/mistakes.py 03 08      those whose file name starts so
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATCHES = ROOT / "tests" / "mistakes"
# Kept apart from the working tree's, and kept: the next run builds little.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "mistakes"


def run(command, cwd):
    env = {**os.environ, "CARGO_TARGET_DIR": str(TARGET), "CARGO_TERM_COLOR": "never"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def copy(scratch):
    """The files of the working tree that git knows or would take, and no others."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            # With its time: what did not change is not built again.
            shutil.copy2(ROOT / name, scratch / name)


def build(scratch):
    code, output = run(["cargo", "build", "-q", "-p", "doorward-cli"], scratch)
    if code:
        sys.exit(f"the scratch copy does not build:\n{output}")


def scenario_fails(scratch, name):
    """Whether a scenario fails; None where there is none of this id."""
    doorward = TARGET / "debug" / "doorward"
    _, output = run([doorward, "test", "policies", "--filter", name], scratch)
    verdict = re.search(rf"^\s*(ok|FAIL)\s+{re.escape(name)}\b(?!-)", output, re.MULTILINE)
    return verdict and verdict[1] == "FAIL"


def test_fails(scratch, name):
    """Whether a test of the integration suite fails; None where there is none of this name."""
    test = ["cargo", "test", "-q", "--all-features", "--test", "it", "--", "--exact", name]
    code, output = run(test, scratch)
    ran = re.search(r"^test result: \w+\. (\d+) passed; (\d+) failed", output, re.MULTILINE)
    if not ran:
        sys.exit(f"the tests do not run:\n{output[-4000:]}")
    return None if ran[1] == ran[2] == "0" else code != 0


CATCHERS = {"scenario": scenario_fails, "test": test_fails}


def main():
    patches = sorted(PATCHES.glob("*.patch"))
    chosen = sys.argv[1:]
    if chosen:
        patches = [patch for patch in patches if any(patch.name.startswith(c) for c in chosen)]
    failures = []
    with tempfile.TemporaryDirectory(prefix="doorward-mistakes-") as folder:
        scratch = Path(folder)
        copy(scratch)
        build(scratch)
        mistakes = [read(patch) for patch in patches]
        for kind, name in sorted({catcher for _, _, catchers in mistakes for catcher in catchers}):
            fails = CATCHERS[kind](scratch, name)
            if fails is not False:
                why = "is not there" if fails is None else "fails without any mistake"
                sys.exit(f"{kind} {name} {why}")
        stale = False
        for patch, mistake, catchers in mistakes:
            in_code = any(name.endswith(".rs") for name in touched(patch))
            # Patched policies are read from their folder: only code has to be built.
            if stale and not in_code:
                build(scratch)
            apply(patch, scratch)
            if in_code:
                build(scratch)
            print(mistake, flush=True)
            for kind, name in catchers:
                caught = CATCHERS[kind](scratch, name)
                print(f"    {'caught by' if caught else 'NOT CAUGHT by'} {kind} {name}", flush=True)
                if not caught:
                    failures.append(f"{patch.name}: {kind} {name}")
            apply(patch, scratch, "--reverse")
            stale = in_code
    print(f"{len(mistakes)} mistakes planted, {len({f.split(':')[0] for f in failures})} not caught")
    sys.exit(1 if failures or not mistakes else 0)


def read(patch):
    head = patch.read_text().split("\ndiff --git ")[0]
    mistake = re.search(r"^Mistake: (.+)$", head, re.MULTILINE)
    catchers = re.findall(r"^Caught by: (scenario|test) (\S+)$", head, re.MULTILINE)
    if not mistake or not catchers:
        sys.exit(f"{patch}: its head says no mistake, or nothing that catches it")
    return patch, mistake[1], catchers


def touched(patch):
    return re.findall(r"^\+\+\+ b/(\S+)$", patch.read_text(), re.MULTILINE)


def apply(patch, scratch, *how):
    done = subprocess.run(
        ["git", "apply", *how, str(patch)], cwd=scratch, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{patch.name} does not apply any more; make it anew:\n{done.stderr}")
    # What was patched counts as changed, whatever its time says.
    for name in touched(patch):
        os.utime(scratch / name)


if __name__ == "__main__":
    main()
