"""Large work, one piece at a time: who has queued much keeps nobody waiting."""

import asyncio
from collections import Counter

import pytest

from fraud_detection_api.errors import CallerGone, Overloaded
from fraud_detection_api.services.admission.callers import Caller, Limits
from fraud_detection_api.services.admission.entrance import Entrance
from fraud_detection_api.services.admission.shares import Shares
from fraud_detection_api.services.admission.turns import Turns

GREEDY, OTHER = (Caller(name, "score", name, has_rivals=True) for name in ("greedy", "other"))
ALONE = Caller("alone", "score", "alone")
HEAVY = Caller("heavy", "score", "heavy", Limits(weight=3), has_rivals=True)


def order(joining: list[tuple[Caller, float]]) -> str:
    """First letters of the callers in the order in which their work is done, where all have queued up by then."""

    async def serve() -> str:
        turns = Turns(unfinished=100)
        waiting = [turns.join(caller, cost) for caller, cost in joining]
        done = []
        while waiting:
            [turn] = [turn for turn in waiting if turn.is_at_work]
            waiting.remove(turn)
            done.append(turn.caller.identity[0])
            turns.finished(turn)
        return "".join(done)

    return asyncio.run(serve())


def test_alone_a_caller_is_served_in_the_order_of_coming():
    assert order([(GREEDY, 1)] * 3) == "ggg"


def test_one_who_comes_seldom_waits_for_the_work_under_way_alone():
    assert order([(GREEDY, 10_000)] * 5 + [(OTHER, 10_000)]) == "gogggg"


def test_callers_share_by_the_size_of_their_work_and_not_by_its_number():
    assert order([(GREEDY, 4000)] * 3 + [(OTHER, 1000)] * 8) == "goooogoooog"


def test_a_weight_of_three_gets_three_times_as_much():
    served = order([(GREEDY, 1000)] * 8 + [(HEAVY, 1000)] * 12)
    assert served[:12].count("h") == 9


def test_several_may_be_at_work_at_once():
    async def serve() -> list[bool]:
        turns = Turns(unfinished=9, at_once=2)
        waiting = [turns.join(caller, 1) for caller in (GREEDY, GREEDY, GREEDY, OTHER)]
        turns.worked(waiting[0])
        return [turn.is_at_work for turn in waiting]

    assert asyncio.run(serve()) == [False, True, False, True]


def test_a_turn_that_does_not_come_in_time_is_given_up_with_the_error_that_the_caller_chose():
    async def serve() -> int:
        entrance = Entrance(Shares(1), Counter(), max_in_flight=8)
        async with entrance.turn(GREEDY, 1, None):
            with pytest.raises(Overloaded):
                async with entrance.turn(OTHER, 1, None, seconds=0, late=lambda: Overloaded(1)):
                    pass
        return entrance.in_progress

    assert asyncio.run(serve()) == 0


def test_a_turn_that_is_given_up_is_passed_over():
    async def serve() -> bool:
        turns = Turns(unfinished=2)
        first, second, third = (turns.join(caller, 1) for caller in (GREEDY, GREEDY, OTHER))
        turns.leave(third)
        turns.leave(first)
        return second.is_at_work

    assert asyncio.run(serve())


def test_a_caller_who_reads_no_answers_waits_and_the_others_do_not():
    async def serve() -> list[bool]:
        turns = Turns(unfinished=4)
        unread = [turns.join(GREEDY, 1) for _ in range(4)]
        for turn in unread:
            turns.worked(turn)
        other = turns.join(OTHER, 1)
        at_work = [turn.called.done() for turn in (*unread, other)]
        turns.finished(other)
        turns.finished(unread[0])
        return [*at_work, unread[2].is_at_work]

    assert asyncio.run(serve()) == [True, True, False, False, True, True]


def test_work_whose_caller_hangs_up_before_its_turn_never_begins():
    async def serve() -> int:
        entrance, hung_up = Entrance(Shares(1), Counter(), max_in_flight=8), asyncio.Event()
        begun = 0

        async def ask(hang_up) -> None:
            nonlocal begun
            async with entrance.turn(ALONE, 1, hang_up):
                begun += 1
                await asyncio.sleep(0)

        async with entrance.turn(ALONE, 1, None):
            gone = [asyncio.create_task(ask(hung_up.wait)) for _ in range(2)]
            kept = asyncio.create_task(ask(None))
            await asyncio.sleep(0)
            hung_up.set()
            with pytest.raises(CallerGone):
                await gone[0]
            with pytest.raises(CallerGone):
                await gone[1]
        await kept
        assert entrance.in_progress == 0
        return begun

    assert asyncio.run(serve()) == 1


def test_large_requests_are_at_most_half_of_those_in_progress():
    async def serve() -> None:
        entrance = Entrance(Shares(1), Counter(), max_in_flight=2)
        async with entrance.turn(ALONE, 1, None):
            with pytest.raises(Overloaded):
                await entrance.turn(ALONE, 1, None).__aenter__()

    asyncio.run(serve())
