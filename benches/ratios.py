#!/usr/bin/env python3
"""Prints the medians of a bench run, and how doorward's compare to its peers' in that run.

    python3 benches/ratios.py [--since SECONDS]

Reads what criterion left in the target folder. SECONDS, since the epoch, leaves out what earlier runs
left there: two numbers from different runs make no ratio.
"""
import argparse
import json
import pathlib
import subprocess
import sys

OURS = "doorward"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--since", type=float, default=0.0)
    cases = medians(criterion_dir(), parser.parse_args().since)
    if not cases:
        sys.exit("no bench has run: `cargo bench` first")
    print_table(cases)


def criterion_dir():
    metadata = subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"])
    return pathlib.Path(json.loads(metadata)["target_directory"]) / "criterion"


def medians(root, since):
    """{group/case: {engine: nanoseconds}} of the benches that ran since then."""
    cases = {}
    for estimates in sorted(root.glob("**/new/estimates.json")):
        # File times may be coarser than the clock.
        if estimates.stat().st_mtime < since - 1:
            continue
        bench = json.loads(estimates.with_name("benchmark.json").read_text())
        median = json.loads(estimates.read_text())["median"]["point_estimate"]
        cases.setdefault(bench["group_id"], {})[bench["function_id"]] = median
    return cases


def print_table(cases):
    rows = [("group/case", "engine", "median", f"{OURS} : engine")]
    for case, engines in cases.items():
        for engine, median in sorted(engines.items(), key=lambda item: item[0] != OURS):
            compared = engine != OURS and OURS in engines
            ratio = f"{engines[OURS] / median:.2f}" if compared else ""
            rows.append((case, engine, duration(median), ratio))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for case, engine, median, ratio in rows:
        print(f"{case:<{widths[0]}}  {engine:<{widths[1]}}  {median:>{widths[2]}}  {ratio:>{widths[3]}}")


def duration(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.2f} {unit}"
    return f"{nanoseconds:.0f} ns"


if __name__ == "__main__":
    main()
