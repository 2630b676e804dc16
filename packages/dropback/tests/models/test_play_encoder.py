"""Throws to receivers: their columns by hand, their set, and their mixture."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from dropback.models._frame_columns import FRAME_COLUMNS, PLAYER_WIDTH
from dropback.models._grid import YARDS
from dropback.models._network import FlooredBinsHead
from dropback.models._receivers import ReceiverMixture, throw_to_target
from dropback.models._throw_columns import GROUPS, history_columns, throw_columns
from examples.live_plays import play_network
from splicedpareto.nn import GaussianHead, MixtureHead

PLACE_AND_VELOCITY = slice(0, 4)


def frames(count: int, *, target: int | None = None, seed: int = 0) -> Tensor:
    """Frames of players strewn over the field, shape ``(count, 259)``."""
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(count, len(FRAME_COLUMNS), generator=generator)
    players = made[:, : 22 * PLAYER_WIDTH].view(count, 22, PLAYER_WIDTH)
    players[..., :2] *= 10
    players[..., 2:4] *= 3
    players[..., -1] = 0
    if target is not None:
        players[:, target, -1] = 1
    return made


def static(count: int) -> Tensor:
    """Columns known at the snap, 60 yards from the goal line."""
    return torch.tensor([[1.0, 10, 60, 2, 900, 0, 1, 8]]).expand(count, -1)


def put(frame: Tensor, slot: int, *numbers: float) -> None:
    """Set place and velocity of a player."""
    first = slot * PLAYER_WIDTH
    frame[first : first + 4] = torch.tensor(numbers)


def test_a_throw_is_measured_as_by_hand() -> None:
    frame = frames(1)[0]
    put(frame, 0, -5, 0, 0, 0)
    put(frame, 7, 10, 0, 5, 0)
    put(frame, 11, 15, 3, 0, -2)
    columns = throw_columns(frame[None], torch.tensor([60.0]), torch.tensor([[7]]))
    # 20 t = 15 + 5 t: a second, and 5 yards farther.
    assert columns.catch_yd.item() == pytest.approx(15)
    goal, sideline, length, flight = columns.throw[0, 0, 2:6].tolist()
    assert (goal, length, flight) == pytest.approx((45, 20, 1), abs=1e-4)
    assert sideline == pytest.approx(80 / 3)
    defender = {name: columns.players[0, 0, 2, part].tolist() for name, part in GROUPS.items()}
    assert defender["own"][:4] == [15, 3, 0, -2]
    assert defender["from_target"] == pytest.approx([5, 3, -5, -2, math.sqrt(34)], abs=1e-4)
    assert defender["from_passer"] == pytest.approx([20, 3, math.sqrt(409)], abs=1e-4)
    assert defender["from_catch"] == pytest.approx([0, 3, 3, 0, 3, 0, -2], abs=1e-4)
    # The lane ends at the catch; a second later 1 yard off, after .4 s of reaction 2.2 yards,
    # less .6 s of 6 yards a second.
    lane, runs_on, reacts, ahead, late = defender["closing"][:5]
    assert (lane, runs_on, reacts, ahead, late) == pytest.approx((3, 1, 2.2, 2, -1.4), abs=1e-3)
    near = [math.exp(-far / 3) for far in (math.sqrt(34), math.sqrt(409), 3, 1, 2.2)]
    assert defender["closing"][5:] == pytest.approx([*near, 2], abs=1e-3)
    assert defender["field"] == pytest.approx([45, 80 / 3 - 3])


def test_a_catch_stays_on_the_field() -> None:
    frame = frames(1)[0]
    put(frame, 0, -5, 0, 0, 0)
    put(frame, 6, 40, 20, 8, 8)
    columns = throw_columns(frame[None], torch.tensor([45.0]), torch.tensor([[6]]))
    x, y = columns.throw[0, 0, :2].tolist()
    assert (x, y) == pytest.approx((54, 80 / 3 - 1))  # a yard before the end line, and inside
    assert columns.catch_yd.item() == 45


def test_history_holds_receiver_and_passer() -> None:
    of_play = frames(3)[None]
    for slot, x in ((0, -5.0), (9, 10.0), (13, 12.0)):
        put(of_play[0, 1], slot, x, 0, 1, 0)
    seen = history_columns(of_play, torch.tensor([[6, 9]]))
    assert seen.shape == (1, 3, 2, 24)
    own = of_play[0, 1, 9 * PLAYER_WIDTH : 10 * PLAYER_WIDTH - 1]
    assert torch.equal(seen[0, 1, 1, :10], own)
    assert torch.equal(seen[0, 1, 1, 10:20], of_play[0, 1, : PLAYER_WIDTH - 1])
    assert seen[0, 1, 1, 20:22].tolist() == [15, 0]
    assert seen[0, 1, 1, 22].item() <= 2.0005


def reordered(columns: Tensor, order: list[int]) -> Tensor:
    """Frames whose players stand in another order."""
    players = columns[..., : 22 * PLAYER_WIDTH].unflatten(-1, (22, PLAYER_WIDTH))
    moved = players[..., order, :].flatten(-2)
    return torch.cat([moved, columns[..., 22 * PLAYER_WIDTH :]], -1)


@pytest.mark.parametrize("target", [None, 8])
def test_defenders_and_receivers_have_no_order(target: int | None) -> None:
    network = play_network()
    sequences = torch.stack([frames(9, seed=seed) for seed in range(3)])
    if target is not None:
        sequences[:, -1, target * PLAYER_WIDTH + PLAYER_WIDTH - 1] = 1
    order = [*range(6), 8, 6, 10, 9, 7, *range(21, 10, -1)]
    yards = torch.from_numpy(YARDS).float()[:, None] + 0.5
    inputs = torch.full((3,), 9), static(3)
    one = network(sequences, *inputs).cdf(yards)
    other = network(reordered(sequences, order), *inputs).cdf(yards)
    torch.testing.assert_close(one, other, rtol=0, atol=2e-6)
    # Defenders in other places are seen.
    sequences[:, -1, 11 * PLAYER_WIDTH : 22 * PLAYER_WIDTH : PLAYER_WIDTH] += 20
    assert (network(sequences, *inputs).cdf(yards) - one).abs().max() > 1e-3


def test_known_and_unknown_targets_are_read_together_as_apart() -> None:
    network = play_network()
    sequences = torch.stack([frames(9, seed=seed) for seed in range(4)])
    for play, target in ((1, 6), (3, 9)):
        sequences[play, -1, target * PLAYER_WIDTH + PLAYER_WIDTH - 1] = 1
    lengths = torch.full((4,), 9)
    yards = torch.from_numpy(YARDS).float()[:, None] + 0.5
    together = network(sequences, lengths, static(4)).cdf(yards)
    for play in range(4):
        alone = network(sequences[play : play + 1], lengths[:1], static(1)).cdf(yards)
        torch.testing.assert_close(together[:, play], alone[:, 0], rtol=0, atol=1e-6)
    raw = network.raw_parameters(sequences, lengths, static(4))
    shares = raw[..., 0].softmax(-1)
    assert shares[1].tolist() == [1, 0, 0, 0, 0]
    assert shares[3].tolist() == [0, 0, 0, 1, 0]
    assert ((shares[0] > 0) & (shares[0] < 1)).all()


@pytest.mark.parametrize("target", [None, 7])
def test_the_likelihood_of_all_whole_yards_sums_to_one(target: int | None) -> None:
    # A lowest bin that stands for everything below it would count some yards twice.
    network = play_network()
    sequences = frames(6, target=target)[:, None] * 3
    distribution = network(sequences, torch.ones(6, dtype=torch.int64), static(6))
    assert distribution.batch_shape == (6,)
    yards = torch.arange(-2000.0, 2001.0)[:, None]
    masses = distribution.log_prob_interval(yards - 0.5, yards + 0.5).exp()
    torch.testing.assert_close(masses.sum(0), torch.ones(6), rtol=0, atol=1e-3)
    assert (masses >= 0).all()
    cdf = distribution.cdf(yards + 0.5)
    torch.testing.assert_close(masses[1:], cdf.diff(dim=0), rtol=0, atol=1e-5)


def test_every_run_near_the_catch_keeps_some_probability() -> None:
    floor = torch.tensor([0.01, 0.03, 0.02])
    head = FlooredBinsHead(4, torch.arange(4.0), floor, lower_mass=0.0, upper_mass=0.0)
    # A network that is sure of the last bin.
    raw = torch.tensor([-200.0, -200, 0, 0, 0])
    assert head.train().distribution(raw).cdf(torch.tensor(2.0)) == 0
    distribution = head.eval().distribution(raw)
    found = distribution.cdf(torch.arange(4.0)).diff()
    torch.testing.assert_close(found, torch.tensor([0.01, 0.03, 0.02 + 0.94]))
    network = play_network().released.head.head.heads["1"]
    assert network.floor.sum() == pytest.approx(0.05)
    assert network.floor.argmax() == 12  # of the bins from -12 on, that of no run
    for yards in (-3, 10):
        share = network.floor[12 + yards] / network.floor[12]
        assert share == pytest.approx(math.exp(-1), rel=1e-5)


def mixture() -> tuple[ReceiverMixture, Tensor]:
    """Two plays with three Gaussian throws each, and the probabilities of the throws."""
    weights = torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    head = GaussianHead(4, location=0, scale=1)
    raw = torch.tensor([[[1.0, 0.5], [3, 1], [9, 2]], [[2, 1], [5, 1], [6, 1]]])
    return ReceiverMixture(head, weights.log(), raw), weights


def test_receivers_are_mixed_by_their_probabilities() -> None:
    distribution, weights = mixture()
    normal = Normal(distribution.throws.loc, distribution.throws.scale)
    low, high = torch.tensor(2.0), torch.tensor(4.0)
    each = normal.cdf(high) - normal.cdf(low)
    expected = (weights * each).sum(-1)
    torch.testing.assert_close(distribution.log_prob_interval(low, high).exp(), expected)
    torch.testing.assert_close(distribution.cdf(high), (weights * normal.cdf(high)).sum(-1))
    for logged, plain in (("log_cdf", "cdf"), ("log_sf", "sf")):
        values = getattr(distribution, logged)(high).exp()
        torch.testing.assert_close(values, getattr(distribution, plain)(high))
    torch.testing.assert_close(distribution.cdf(high) + distribution.sf(high), torch.ones(2))


def test_the_loss_is_of_yards_and_of_where_the_ball_went() -> None:
    distribution, weights = mixture()

    def squared(throw: Normal, value: Tensor) -> Tensor:
        return (throw.loc - value).square()

    values = torch.tensor([4.0, 4.0])
    loss = throw_to_target(squared)(distribution, values, torch.tensor([1, 0]))
    located = distribution.throws.loc
    by_hand = [(located[0, 1] - 4) ** 2 - math.log(0.3), (located[1, 0] - 4) ** 2]
    torch.testing.assert_close(loss, torch.stack([by_hand[0], by_hand[1]]))
    unknown = throw_to_target(squared)(distribution, values, torch.tensor([-1, 0]))
    torch.testing.assert_close(unknown[0], (weights[0] * (located[0] - 4).square()).sum())
    torch.testing.assert_close(unknown[1], by_hand[1])


def test_gradients_are_finite_where_a_receiver_cannot_be_the_target() -> None:
    logits = torch.tensor([[0.0, -math.inf]], requires_grad=True)
    raw = torch.randn(1, 2, 5, requires_grad=True)
    head = MixtureHead(3, [0.0, GaussianHead(3)], from_origin=[1])
    distribution = ReceiverMixture(head, logits, raw)
    interval = torch.tensor([1.5]), torch.tensor([2.5])
    objective = throw_to_target(lambda throw, *ends: -throw.log_prob_interval(*ends))
    for place in (0, -1):
        (gradient,) = torch.autograd.grad(
            objective(distribution, *interval, torch.tensor([place])).sum(), raw, retain_graph=True
        )
        assert gradient.isfinite().all()
        assert np.any(gradient[0, 0].numpy() != 0)
        assert not gradient[0, 1].any()
