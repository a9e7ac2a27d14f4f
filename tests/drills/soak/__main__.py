"""The soak: `make soak`. Half an hour of mixed load while faults are injected at random."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from drills.conftest import FAULTS_SHOWN, Kept, kept_promise, table
from drills.soak.promises import keep_promises
from drills.soak.soaking import soak


def main() -> int:
    """Run it; 0 where every promise held."""
    asked = _arguments()
    work = Path(tempfile.mkdtemp(prefix="soak-"))
    soaked = soak(work, seconds=asked.minutes * 60, seed=asked.seed)
    kept: list[Kept] = []
    keep_promises(
        soaked, lambda text, *, faults=(), **figures: kept.append(_shown(kept_promise(text, **figures), faults))
    )
    print(f"requests: {soaked.verdict.sent:,} sent, {soaked.verdict.acknowledged:,} acknowledged")
    print(f"looked up: {sum(reader.compared for reader in soaked.readers):,}")
    print("faults injected: " + ", ".join(f"{name} {count}" for name, count in sorted(soaked.injected.items())))
    if not soaked.jumps:
        print("SKIPPED: clocks did not jump, because libfaketime is not installed (apt-get install libfaketime)")
    print(*table(kept), sep="\n")
    if not all(one.held for one in kept):
        print(f"\nFAILED; stores and logs are in {work}")
        return 1
    shutil.rmtree(work)
    return 0


def _shown(one: Kept, faults: object) -> Kept:
    """The same; what broke it is printed."""
    if not one.held:
        print(*list(faults)[:FAULTS_SHOWN], sep="\n")
    return one


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of load (30)")
    parser.add_argument("--seed", type=int, default=1, help="faults and requests are drawn from it (1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
