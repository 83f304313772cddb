#!/usr/bin/env python3
"""Prints one table of a bench run: each case and engine, its ratios to the floor and to Cedar, the targets.

    python3 benches/ratios.py [--since SECONDS]

Reads what criterion, `spread.rs` and `sql.rs` left in the target folder. SECONDS, since the epoch, leaves out what
earlier runs left there: two numbers from different runs make no ratio.
"""
import argparse
import json
import pathlib
import subprocess
import sys

CEDAR = "cedar-policy"
FLOORS = {"doorward-checker": "floor-index", "doorward-id": "floor-hash", "doorward-string": "floor-string"}

# (case, engine, the peer (case, engine) or None, the bound, whether it is the least or the most)
SMALL, LARGE, HARD = "check/workload-26", "check/workload-1000", "check/adversarial"
SPREAD = "spread/workload-26"
TARGETS = [
    (SMALL, "doorward-checker", (SMALL, "floor-index"), 1.6, "most"),
    (SMALL, "doorward-id", (SMALL, "floor-hash"), 1.6, "most"),
    (SMALL, "doorward-string", (SMALL, "floor-string"), 1.4, "most"),
    (SMALL, CEDAR, (SMALL, "doorward-id"), 400, "least"),
    *((LARGE, engine, (SMALL, engine), 1.2, "most") for engine in FLOORS),
    (HARD, "doorward-id", (SMALL, "doorward-id"), 2, "most"),
    ("spread/adversarial-heap", "doorward-id", None, 100e6, "most"),
    ("check/inline", "doorward-id", None, 300, "most"),
    ("check/million", "doorward-id", None, 400, "most"),
    ("portal/check", "doorward-checker", None, 120, "most"),
    ("spread/portal/p99", "doorward-checker", None, 400, "most"),
    ("write/million", "doorward", None, 20e3, "most"),
    ("load/json", "doorward", None, 120e6, "most"),
    ("load/rows", "doorward", None, 1e9, "most"),
    ("load/compile", "doorward", None, 300e6, "most"),
    *((SPREAD + "/p99", engine, (SPREAD + "/p50", engine), 3, "most") for engine in FLOORS),
    *(("spread/allocations", engine, None, 0, "most") for engine in [*FLOORS, "doorward-inline"]),
    ("spread/threads", "doorward-id", None, 1.85, "least"),
    ("spread/bytes", "doorward-id", None, 110, "most"),
    ("list/workload", "doorward", None, 3e3, "most"),
    ("list/few", "doorward", None, 20e3, "most"),
    ("list/all", "doorward", None, 1e6, "most"),
    ("page/50x5", "doorward", None, 6e3, "most"),
    ("filter/build", "doorward", None, 20e3, "most"),
    *((case, "doorward", (case, "by-hand"), 1.2, "most")
      for case in ("sql/client", "sql/page", "sql/invited", "sql/owned")),
    ("mail/send-out", "doorward", None, 5e6, "most"),
    ("spread/writes", "doorward-id", ("spread/quiet", "doorward-id"), 2, "most"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--since", type=float, default=0.0)
    # File times may be coarser than the clock.
    since = parser.parse_args().since - 1
    target = target_dir()
    found = medians(target / "criterion", since)
    for bench in ("spread", "sql"):
        found |= findings(target / "tmp" / f"{bench}.json", since)
    if not found:
        sys.exit("no bench has run: `cargo bench` first")
    print_table(found)


def target_dir():
    metadata = subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"])
    return pathlib.Path(json.loads(metadata)["target_directory"])


def medians(root, since):
    """{(group/case, engine): (value, unit)} of the benches that ran since then."""
    found = {}
    for estimates in sorted(root.glob("**/new/estimates.json")):
        if estimates.stat().st_mtime >= since:
            bench = json.loads(estimates.with_name("benchmark.json").read_text())
            median = json.loads(estimates.read_text())["median"]["point_estimate"]
            found[bench["group_id"], bench["function_id"]] = median, "ns"
    return found


def findings(path, since):
    if not path.exists() or path.stat().st_mtime < since:
        return {}
    return {(it["case"], it["engine"]): (it["value"], it["unit"]) for it in json.loads(path.read_text())}


def print_table(found):
    rows = [("group/case", "engine", "value", ": floor", ": cedar", "target", "")]
    for (case, engine), (value, unit) in sorted(found.items()):
        floor = ratio(found, value, case, FLOORS.get(engine))
        cedar = ratio(found, value, case, CEDAR) if engine.startswith("doorward") else ""
        targets = [target for target in TARGETS if target[:2] == (case, engine)]
        told = [verdict(found, value, unit, target) for target in targets] or [("", "")]
        text, kept = "; ".join(text for text, _ in told), " ".join(kept for _, kept in told)
        rows.append((case, engine, quantity(value, unit), floor, cedar, text, kept))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell:>{width}}" if 2 <= at <= 4 else f"{cell:<{width}}"
                 for at, (cell, width) in enumerate(zip(row, widths)))
        print("  ".join(cells).rstrip())


def ratio(found, value, case, engine):
    peer = found.get((case, engine))
    return f"{value / peer[0]:.3g}" if peer and peer[0] else ""


def verdict(found, value, unit, target):
    """The target in words, and ok or MISS where its peer ran too."""
    _, _, peer, bound, side = target
    if peer is None:
        text = f"at {side} {quantity(bound, unit)}"
    else:
        text = f"at {side} {bound} times {' '.join(peer)}"
        if peer not in found:
            return text, "?"
        value /= found[peer][0]
    return text, "ok" if (value <= bound if side == "most" else value >= bound) else "MISS"


def quantity(value, unit):
    if unit == "ns":
        for larger, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
            if value >= size:
                return f"{value / size:.3g} {larger}"
    return f"{value:.3g} {unit}".strip() if value < 1000 else f"{value:,.0f} {unit}".strip()


if __name__ == "__main__":
    main()
