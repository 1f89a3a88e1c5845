"""Print the table of benchmarks.

    .venv/bin/python benchmarks/run.py [NAME...]         all, or only bench_NAME

Every module `bench_*.py` here exposes `run() -> list[Row]`. One that says `NEEDS_LAB = True` runs on a lab host
with a Docker Engine of its own (root); `PACKAGES` names what it needs of the distribution, installed before.
Each module runs in a process of its own, so that none warms anything up for another. Ratios within one line are
what counts: they were measured in the same run on the same machine.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.row import Row  # noqa: E402 - the path has to be set first

DEADLINE_S = 900


def main() -> int:
    """Run the chosen benchmarks, or, in the process started for one, just that one."""
    parser = argparse.ArgumentParser(description="Print the table of benchmarks.")
    parser.add_argument("names", nargs="*", help="only these, without the leading bench_")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.into:
        rows = importlib.import_module(f"benchmarks.bench_{options.names[0]}").run()
        options.into.write_text(json.dumps([asdict(row) for row in rows]))
        return 0
    names = options.names or sorted(path.stem.removeprefix("bench_") for path in ROOT.glob("benchmarks/bench_*.py"))
    measured = {name: measure(name) for name in names}
    print_table([row for rows in measured.values() if rows is not None for row in rows])
    failed = [name for name, rows in measured.items() if rows is None]
    for name in failed:
        print(f"bench_{name} failed, see above", file=sys.stderr)
    return 1 if failed else 0


def measure(name: str) -> list[Row] | None:
    """Run one benchmark in its own process, on a lab host where it needs one; None when it failed."""
    module = importlib.import_module(f"benchmarks.bench_{name}")
    needs_lab = getattr(module, "NEEDS_LAB", False)
    if needs_lab and os.geteuid() != 0:
        print(f"bench_{name}: skipped, it needs root", file=sys.stderr)
        return []
    if packages := getattr(module, "PACKAGES", ()):
        subprocess.run([ROOT / "scripts" / "host-packages", *packages], check=True, timeout=600)
    print(f"bench_{name} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as directory:
        into = Path(directory) / "rows.json"
        lab: list[str | Path] = [ROOT / "scripts" / "lab-run", "--name", "bench"] if needs_lab else []
        command: list[str | Path] = [*lab, sys.executable, __file__, name, "--into", into]
        try:
            done = subprocess.run(command, check=False, timeout=DEADLINE_S, stdout=sys.stderr)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode != 0:
            return None
        return [Row(**{**row, "others_s": tuple(map(tuple, row["others_s"]))}) for row in json.loads(into.read_text())]


def print_table(rows: list[Row]) -> None:
    """Print ours, each of the others, and ours as a multiple of them."""
    width = max((len(row.work) for row in rows), default=0)
    print(f"{'work':{width}}  {'ours':>9}   compared with")
    for row in rows:
        compared = ", ".join(f"{name} {seconds(other)}{ratio(row.ours_s, other)}" for name, other in row.others_s)
        ours = "-" if row.ours_s is None else seconds(row.ours_s)
        print(f"{row.work:{width}}  {ours:>9}   {compared}")
        for remark in (f"budget: {row.budget}" if row.budget else "", row.note):
            if remark:
                print(f"{'':{width}}  {'':>9}   {remark}")


def ratio(ours_s: float | None, other_s: float) -> str:
    """Ours as a multiple of the other's time."""
    return "" if ours_s is None or other_s == 0 else f" ({ours_s / other_s:.2f} x)"


def seconds(value: float) -> str:
    """A duration in the unit that reads best."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:.2f} {unit}" if value * factor < 100 else f"{value * factor:.0f} {unit}"
    return f"{value * 1e9:.0f} ns"


if __name__ == "__main__":
    sys.exit(main())
