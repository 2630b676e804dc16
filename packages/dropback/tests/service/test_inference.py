import asyncio
import threading
from contextlib import asynccontextmanager

import numpy as np
import pytest

from dropback.errors import LiveError
from dropback.live import PlayFrames
from dropback.service._executors import CachedAnswers, Inference
from dropback.service._http import ServiceError
from dropback.service._limits import Limits
from dropback.service._metrics import Metrics
from examples import service as example
from examples.service import PausedPredictor, in_loop


@pytest.fixture
def paused(networks):
    return PausedPredictor(networks)


def play(seed=0, count=12):
    return PlayFrames(example.SITUATION, example.frames(count, seed=seed), 7)


@asynccontextmanager
async def inference_of(predictor, **limits):
    """The networks' thread, and how to ask it for the plays of seeds."""
    inference = Inference(predictor, Limits(**limits), Metrics())

    async def ask(*seeds):
        tasks = [asyncio.create_task(inference.score(play(seed))) for seed in seeds]
        await asyncio.sleep(0)
        return tasks

    yield inference, ask
    await inference.close()


@in_loop
async def test_what_waits_is_predicted_together_and_each_gets_its_own(networks, paused):
    async with inference_of(paused, batch_plays=8) as (_, ask):
        tasks = await ask(0)
        await asyncio.sleep(0.05)  # the thread has taken it alone
        tasks += await ask(*range(1, 11))
        paused.proceed.set()
        answers = await asyncio.gather(*tasks)
    assert paused.batches == [1, 8, 2]
    for seed, answer in enumerate(answers):
        alone = networks.forecast(example.SITUATION, example.frames(seed=seed), target_slot=7)
        np.testing.assert_allclose(answer.cdf, alone.cdf, atol=1e-5)


@in_loop
async def test_frames_go_before_plays(networks, paused):
    async with inference_of(paused) as (inference, ask):
        live = networks.start(example.SITUATION)
        tasks = await ask(0)
        await asyncio.sleep(0.05)
        tasks += await ask(1)
        tasks += [asyncio.create_task(inference.push(live, 0, example.frames()[0]))]
        await asyncio.sleep(0)
        paused.proceed.set()
        await asyncio.gather(*tasks)
    assert paused.batches == [1, -1, 1]


@in_loop
async def test_closing_answers_what_was_accepted(paused):
    async with inference_of(paused) as (_, ask):
        tasks = await ask(*range(5))
        paused.proceed.set()
    assert len(await asyncio.gather(*tasks)) == 5


@in_loop
async def test_a_play_that_is_refused_spoils_no_other(paused):
    spoiled = example.frames()
    spoiled[3, 4, 0] = np.inf
    async with inference_of(paused) as (inference, ask):
        bad = PlayFrames(example.SITUATION, spoiled, 7)
        tasks = [*await ask(0), asyncio.create_task(inference.score(bad)), *await ask(1)]
        paused.proceed.set()
        first, refused, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert first.released
    assert last.released
    assert isinstance(refused, LiveError)


@in_loop
async def test_a_client_that_leaves_takes_no_answer_from_another(paused):
    async with inference_of(paused) as (_, ask):
        gone, stays = await ask(0, 1)
        gone.cancel()
        paused.proceed.set()
        assert (await stays).released


@in_loop
async def test_answers_are_computed_in_order_and_refused_beyond_the_queue():
    answers = CachedAnswers("rankings", Limits(queued_rankings=2))
    leave = threading.Event()
    done = []
    first = asyncio.create_task(answers.get(1, lambda: (leave.wait(10), done.append(1))))
    second = asyncio.create_task(answers.get(2, lambda: done.append(2)))
    await asyncio.sleep(0)
    with pytest.raises(ServiceError, match="At most 2 rankings may wait at once"):
        await answers.get(3, lambda: done.append(3))
    first.cancel()  # its job is still at work and counts
    await asyncio.sleep(0)
    with pytest.raises(ServiceError):
        await answers.get(3, lambda: done.append(3))
    leave.set()
    await second
    answers.close()
    assert done == [1, 2]


@in_loop
async def test_a_cache_holds_no_more_bytes_than_it_may():
    answers = CachedAnswers("rankings", Limits(cached_bytes=10))
    computed = []

    async def get(key, content="12"):  # in quotes: 4 bytes
        return (await answers.get(key, lambda: computed.append(key) or content)).body

    await get("a")
    await get("b")
    assert await get("a") == b'"12"'
    await get("c")  # b was used longest ago
    await get("a")
    await get("c")
    assert "".join(computed) == "abc"
    await get("b")
    await get("d", "x" * 9)  # larger than the whole cache
    await get("d", "x" * 9)
    await get("b")
    assert "".join(computed) == "abcbdd"
    answers.close()
