"""Mixed load and random faults for half a minute; `make soak` does it for half an hour."""

from drills.soak.promises import keep_promises
from drills.soak.soaking import soak

SECONDS, SEED = 25, 11


def test_under_mixed_load_and_random_faults_what_was_answered_holds(tmp_path, promise):
    soaked = soak(tmp_path, seconds=SECONDS, seed=SEED)
    if not soaked.jumps:
        print("no clock jumped, because libfaketime is not installed")
    keep_promises(soaked, promise)
