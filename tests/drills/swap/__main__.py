"""The swap test: `make test-swap`. Swaps champions and replaces servers under load: no request fails, no answer is wrong."""

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from drills.swap.promotions import promotions
from drills.swap.restarts import restarts
from fraud_detection_api.adapters.file_registry import FileRegistry
from support.builders import credit_files, other_credit_files

FAULTS_SHOWN = 20


def main() -> int:
    """Run both; 0 where everything held."""
    asked = _arguments()
    work = Path(tempfile.mkdtemp(prefix="swap-test-"))
    registry = FileRegistry(work / "registry")
    registry.assign("champion", registry.register(credit_files()))
    registry.register(other_credit_files())
    faults: list[str] = []
    if asked.restarts:
        restarted = restarts(registry.root, work, count=asked.restarts, workers=asked.workers)
        told = f"{restarted.answered.total():,} answers on {restarted.connections:,} connections"
        print(f"{asked.restarts} servers replaced: {told}, {len(restarted.faults)} faults", flush=True)
        faults += _told(restarted.faults)
    if asked.promotions:
        swapped = promotions(registry.root, registry, work, count=asked.promotions, workers=asked.workers)
        for (path, version), count in sorted(swapped.answered.items()):
            print(f"  {path:17} version {version}: {count:8,} answers, each equal to the last bit to the offline score")
        times = swapped.converged_seconds
        print(f"  all workers converged within {max(times):.2f} s, half within {statistics.median(times):.2f} s")
        print(
            f"{len(times)} promotions: {swapped.answered.total():,} answers, {len(swapped.faults)} faults", flush=True
        )
        faults += _told(swapped.faults)
    if faults:
        print(f"\nFAILED; logs are in {work}")
        return 1
    shutil.rmtree(work)
    print("\nno request failed, no answer was wrong")
    return 0


def _told(faults: list[str]) -> list[str]:
    """The same, of which the first are printed."""
    for fault in faults[:FAULTS_SHOWN]:
        print(f"  {fault}", flush=True)
    return faults


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test-swap", description=__doc__)
    parser.add_argument("--promotions", type=int, default=100, help="back and forth between two models (100)")
    parser.add_argument("--restarts", type=int, default=10, help="of one of two servers (10)")
    parser.add_argument("--workers", type=int, default=2, help="of each server (2)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
