import asyncio
import threading
from contextlib import asynccontextmanager

import numpy as np
import pytest

from dropback.errors import LiveError
from dropback.live import PlayFrames
from dropback.live.feeds._errors import ServiceError
from dropback.live.feeds._inference import Inference
from dropback.service._executors import CachedAnswers
from dropback.service._limits import Limits
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
    inference = Inference(predictor, Limits(**limits))

    async def ask(*seeds):
        tasks = [asyncio.create_task(inference.score(play(seed), None)) for seed in seeds]
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
        tasks += [asyncio.create_task(inference.push(live, 0, example.frames()[0], None))]
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
        tasks = [*await ask(0), asyncio.create_task(inference.score(bad, None)), *await ask(1)]
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


async def computed(answers, key, work, share=None):
    return (await answers.warm(key, work, share)).body


@in_loop
async def test_a_client_has_its_share_of_the_queue_and_leaves_the_rest_to_others(paused):
    async with inference_of(paused, queued_plays=4) as (inference, _):
        greedy = [asyncio.create_task(inference.score(play(n), "greedy")) for n in range(4)]
        await asyncio.sleep(0)
        for task in greedy[2:]:
            with pytest.raises(ServiceError, match="2 plays and frames wait already"):
                await task
        modest = asyncio.create_task(inference.score(play(), "modest"))
        await asyncio.sleep(0)
        paused.proceed.set()
        assert (await modest).released
        assert len(await asyncio.gather(*greedy[:2])) == 2
        assert inference.waiting() == 0


@in_loop
async def test_answers_are_computed_in_order_and_refused_beyond_the_queue():
    answers = CachedAnswers("rankings", Limits(queued_rankings=2))
    leave = threading.Event()
    done = []
    first = asyncio.create_task(computed(answers, 1, lambda: (leave.wait(10), done.append(1))))
    second = asyncio.create_task(computed(answers, 2, lambda: done.append(2)))
    await asyncio.sleep(0)
    with pytest.raises(ServiceError, match="At most 2 rankings may wait at once"):
        await computed(answers, 3, lambda: done.append(3))
    first.cancel()  # its job is still at work and counts
    await asyncio.sleep(0)
    with pytest.raises(ServiceError):
        await computed(answers, 3, lambda: done.append(3))
    leave.set()
    await second
    answers.close()
    assert done == [1, 2]


@in_loop
async def test_equal_requests_that_wait_together_are_computed_once():
    answers = CachedAnswers("rankings", Limits(queued_rankings=2))
    leave, done = threading.Event(), []

    def work():
        leave.wait(10)
        done.append("once")
        return "answer"

    tasks = [asyncio.create_task(computed(answers, "board", work, f"{n}")) for n in range(20)]
    await asyncio.sleep(0.01)
    leave.set()
    assert set(await asyncio.gather(*tasks)) == {b'"answer"'}
    assert done == ["once"]
    answers.close()


@in_loop
async def test_a_failed_answer_is_told_to_all_who_wait_and_is_not_kept():
    answers = CachedAnswers("rankings", Limits())
    fails = [True]

    def work():
        if fails:
            fails.pop()
            raise ValueError("once")
        return 1

    with pytest.raises(ValueError, match="once"):
        await computed(answers, "a", work)
    assert await computed(answers, "a", work) == b"1"
    answers.close()


@in_loop
async def test_a_client_has_its_share_of_the_rankings_that_wait():
    answers = CachedAnswers("rankings", Limits(queued_rankings=2))
    leave = threading.Event()
    greedy = asyncio.create_task(computed(answers, 1, lambda: leave.wait(10), "greedy"))
    await asyncio.sleep(0)
    with pytest.raises(ServiceError, match="may wait at once"):
        await computed(answers, 2, lambda: 2, "greedy")
    modest = asyncio.create_task(computed(answers, 3, lambda: 3, "modest"))
    await asyncio.sleep(0)
    leave.set()
    assert (await greedy, await modest) == (b"true", b"3")
    answers.close()


@in_loop
async def test_a_cache_holds_no_more_bytes_than_it_may():
    answers = CachedAnswers("rankings", Limits(cached_bytes=10))
    asked = []

    async def get(key, content="12", share=None):  # in quotes: 4 bytes
        return await computed(answers, key, lambda: asked.append(key) or content, share)

    await get("a")
    await get("b")
    assert await get("a") == b'"12"'
    await get("c")  # b was used longest ago
    await get("a")
    await get("c")
    assert "".join(asked) == "abc"
    await get("b")
    await get("d", "x" * 9)  # larger than the whole cache
    await get("d", "x" * 9)
    await get("b")
    assert "".join(asked) == "abcbdd"
    answers.close()


@in_loop
async def test_of_a_full_cache_the_client_that_takes_most_loses_its_oldest():
    answers = CachedAnswers("rankings", Limits(cached_bytes=12))
    asked = []

    async def get(key, share):
        return await computed(answers, key, lambda: asked.append(key) or "12", share)

    await get("m", "modest")
    for key in "abcd":
        await get(key, "greedy")
    await get("m", "modest")  # the oldest of all, and kept
    assert "".join(asked) == "mabcd"
    answers.close()
