#!/usr/bin/env python3
"""Plants bugs in the evaluation of policies, one by one, and shows that the comparison finds each.

Every file of `oracle/planted/` is a patch whose head says which bug it is:

    Bug: `containsAll` asks for one element only.

The bug is planted in a scratch copy, `doorward-oracle` is built and has a minute to report a
difference. Ends with 1 where it does not.

    python3 oracle/planted.py            all of them (`make planted`)
    python3 oracle/planted.py verdict    those whose file name starts so
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATCHES = ROOT / "oracle" / "planted"
# Kept apart from the working tree's, and kept: the next run builds little.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "planted"
SECONDS_MAX = 60
# More than a minute's worth.
PAIRS = "10000000"


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
    env = {
        **os.environ,
        "CARGO_TARGET_DIR": str(TARGET),
        "CARGO_TERM_COLOR": "never",
        # Every bug changes a file or two.
        "CARGO_INCREMENTAL": "1",
    }
    # As `make oracle` builds it: with limits that small cases reach.
    command = ["cargo", "build", "-q", "--release", "-p", "doorward-oracle"]
    command += ["--features", "coverage"]
    done = subprocess.run(command, cwd=scratch, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the scratch copy does not build:\n{done.stderr}")


def difference():
    """What differs and after how many seconds; None where nothing does within the time."""
    started = time.monotonic()
    oracle = [TARGET / "release" / "doorward-oracle", "--pairs", PAIRS]
    try:
        done = subprocess.run(oracle, capture_output=True, text=True, timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return None
    found = re.search(r"^DIFFERENCE: .*\n(.+)$", done.stdout, re.MULTILINE)
    if done.returncode != 1 or not found:
        sys.exit(f"the comparison does not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return found[1], time.monotonic() - started


def read(patch):
    head = patch.read_text().split("\ndiff --git ")[0]
    bug = re.search(r"^Bug: (.+)$", head, re.MULTILINE)
    if not bug:
        sys.exit(f"{patch}: its head says no bug")
    return patch, bug[1]


def apply(patch, scratch, *how):
    done = subprocess.run(
        ["git", "apply", *how, str(patch)], cwd=scratch, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{patch.name} does not apply any more; make it anew:\n{done.stderr}")
    # What was patched counts as changed, whatever its time says.
    for name in re.findall(r"^\+\+\+ b/(\S+)$", patch.read_text(), re.MULTILINE):
        os.utime(scratch / name)


def main():
    patches = sorted(PATCHES.glob("*.patch"))
    chosen = sys.argv[1:]
    if chosen:
        patches = [patch for patch in patches if any(patch.name.startswith(c) for c in chosen)]
    missed = 0
    with tempfile.TemporaryDirectory(prefix="doorward-planted-") as folder:
        scratch = Path(folder)
        copy(scratch)
        for patch, bug in [read(patch) for patch in patches]:
            apply(patch, scratch)
            build(scratch)
            found = difference()
            what = f"found in {found[1]:.1f} s: {found[0]}" if found else "NOT FOUND"
            print(f"{bug}\n    {what}", flush=True)
            missed += not found
            apply(patch, scratch, "--reverse")
    print(f"{len(patches)} bugs planted, {missed} not found")
    sys.exit(1 if missed or not patches else 0)


if __name__ == "__main__":
    main()
