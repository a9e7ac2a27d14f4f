"""What a soak must find, however long it is."""

from drills.soak.levels import MOST_MORE, growth, memory_allowed_mb
from drills.soak.soaking import Soaked

LONGEST_RECOVERY_SECONDS = 30
EQUAL = {"equal", "fallback"}


def keep_promises(soaked: Soaked, promise) -> None:
    """Record each with `promise`, as the fixture of that name takes it."""
    faults, acknowledged = soaked.faults, soaked.verdict.compared.acknowledged_records
    promise("soak: records acknowledged", measured=acknowledged, bound=500, at_least=True)
    promise("soak: faults in what was acknowledged", measured=len(faults), bound=0, faults=faults)
    wrong = sum(count for status, count in soaked.replayed.items() if status not in EQUAL)
    promise("soak: decisions that do not replay equal", measured=wrong, bound=0, faults=[soaked.replayed])
    promise("soak: decisions not observed", measured=max(soaked.unobserved, 0), bound=0)
    promise("soak: decisions observed twice", measured=max(-soaked.unobserved, 0), bound=0)
    recovery = soaked.longest_recovery_seconds
    promise("soak: answered again after a fault", measured=recovery, bound=LONGEST_RECOVERY_SECONDS, unit="s")
    grown = growth(soaked.levels)
    promise("soak: memory grown", measured=grown.memory_mb, bound=memory_allowed_mb(soaked.levels), unit="MB")
    promise("soak: descriptors grown", measured=grown.descriptors, bound=MOST_MORE)
    promise("soak: files grown", measured=grown.files, bound=MOST_MORE)
