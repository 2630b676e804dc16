import asyncio
import threading

import numpy as np
import pytest

from dropback.errors import LiveError
from dropback.live import PlayFrames
from dropback.service._executors import ByteCache, Inference, SingleThreadExecutor
from dropback.service._http import ServiceError
from dropback.service._limits import Limits
from dropback.service._metrics import Metrics
from examples import service as example
from examples.service import PausedPredictor


@pytest.fixture
def paused(networks):
    return PausedPredictor(networks)


def play(seed=0, count=12):
    return PlayFrames(example.SITUATION, example.frames(count, seed=seed), 7)


def test_what_waits_is_predicted_together_and_each_gets_its_own(networks, paused):
    async def run():
        inference = Inference(paused, Limits(batch_plays=8), Metrics())
        first = asyncio.create_task(inference.score(play(0)))
        await asyncio.sleep(0.05)  # the thread has taken it alone
        others = [asyncio.create_task(inference.score(play(seed))) for seed in range(1, 11)]
        await asyncio.sleep(0)
        paused.proceed.set()
        answers = [await first, *[await one for one in others]]
        await inference.close()
        return answers

    answers = asyncio.run(run())
    assert paused.batches == [1, 8, 2]
    for seed, answer in enumerate(answers):
        alone = networks.forecast(example.SITUATION, example.frames(seed=seed), target_slot=7)
        np.testing.assert_allclose(answer.cdf, alone.cdf, atol=1e-5)


def test_frames_go_before_plays(networks, paused):
    async def run():
        inference = Inference(paused, Limits(), Metrics())
        live = networks.start(example.SITUATION)
        tasks = [asyncio.create_task(inference.score(play(0)))]
        await asyncio.sleep(0.05)
        tasks += [asyncio.create_task(inference.score(play(1)))]
        tasks += [asyncio.create_task(inference.push(live, 0, example.frames()[0]))]
        await asyncio.sleep(0)
        paused.proceed.set()
        await asyncio.gather(*tasks)
        await inference.close()

    asyncio.run(run())
    assert paused.batches == [1, -1, 1]


def test_a_full_queue_refuses_and_loses_nothing_that_it_took(paused):
    async def run():
        inference = Inference(paused, Limits(queued_plays=3), Metrics())
        taken = [asyncio.create_task(inference.score(play(seed))) for seed in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(ServiceError, match="3 plays and frames wait already") as refused:
            await inference.score(play(9))
        assert (refused.value.status, refused.value.retry_after_s) == (503, 1.0)
        paused.proceed.set()
        answers = await asyncio.gather(*taken)
        again = await inference.score(play(9))  # there is capacity again
        await inference.close()
        return [*answers, again]

    assert all(answer.released for answer in asyncio.run(run()))


def test_closing_answers_what_was_accepted(paused):
    async def run():
        inference = Inference(paused, Limits(), Metrics())
        tasks = [asyncio.create_task(inference.score(play(seed))) for seed in range(5)]
        await asyncio.sleep(0)
        paused.proceed.set()
        await inference.close()
        return await asyncio.gather(*tasks)

    assert len(asyncio.run(run())) == 5


def test_a_play_that_is_refused_spoils_no_other(paused):
    spoiled = example.frames()
    spoiled[3, 4, 0] = np.inf

    async def run():
        inference = Inference(paused, Limits(), Metrics())
        plays = [play(0), PlayFrames(example.SITUATION, spoiled, 7), play(1)]
        tasks = [asyncio.create_task(inference.score(one)) for one in plays]
        await asyncio.sleep(0)
        paused.proceed.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await inference.close()
        return answers

    first, refused, last = asyncio.run(run())
    assert first.released
    assert last.released
    assert isinstance(refused, LiveError)


def test_a_client_that_leaves_takes_no_answer_from_another(paused):
    async def run():
        inference = Inference(paused, Limits(), Metrics())
        gone = asyncio.create_task(inference.score(play(0)))
        stays = asyncio.create_task(inference.score(play(1)))
        await asyncio.sleep(0)
        gone.cancel()
        paused.proceed.set()
        answer = await stays
        await inference.close()
        return answer

    assert asyncio.run(run()).released


def test_an_executor_does_its_jobs_in_order_and_refuses_beyond_its_queue():
    async def run():
        executor = SingleThreadExecutor("rankings", 2)
        leave = threading.Event()
        done = []
        first = asyncio.create_task(executor.run(lambda: (leave.wait(10), done.append(1))))
        second = asyncio.create_task(executor.run(lambda: done.append(2)))
        await asyncio.sleep(0)
        with pytest.raises(ServiceError, match="At most 2 rankings may wait at once"):
            await executor.run(lambda: done.append(3))
        first.cancel()  # its job is still at work and counts
        await asyncio.sleep(0)
        with pytest.raises(ServiceError):
            await executor.run(lambda: done.append(3))
        leave.set()
        await second
        executor.close()
        return done

    assert asyncio.run(run()) == [1, 2]


def test_a_cache_holds_no_more_bytes_than_it_may():
    cache = ByteCache(10)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")  # b was used longest ago
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]
    cache.put("d", b"x" * 11)
    assert cache.get("d") is None
    assert cache.get("a") is not None
