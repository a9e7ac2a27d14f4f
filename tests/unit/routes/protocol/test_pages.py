"""What everybody may ask for is made once, however many ask."""

import asyncio

from fraud_detection_api.routes.protocol.pages import Shared


class Maker:
    """Makes the next number when it is told to."""

    def __init__(self):
        self.begun, self.started, self.go = 0, asyncio.Event(), asyncio.Event()

    async def __call__(self):
        self.begun += 1
        self.started.set()
        number = self.begun
        await self.go.wait()
        return number


def test_all_who_ask_meanwhile_share_one_answer_that_was_begun_after_they_asked():
    async def ask():
        maker = Maker()
        shared = Shared(maker, pause_seconds=0)
        first = [asyncio.create_task(shared.get()) for _ in range(3)]
        await maker.started.wait()
        later = [asyncio.create_task(shared.get()) for _ in range(50)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert maker.begun == 1, "one at a time"
        maker.go.set()
        assert await asyncio.gather(*first) == [1] * 3
        assert await asyncio.gather(*later) == [2] * 50

    asyncio.run(ask())


def test_nobody_who_hangs_up_spoils_it_for_the_others():
    async def ask():
        maker = Maker()
        shared = Shared(maker, pause_seconds=0)
        gone, stays = (asyncio.create_task(shared.get()) for _ in range(2))
        await maker.started.wait()
        gone.cancel()
        maker.go.set()
        assert await stays == 1

    asyncio.run(ask())
