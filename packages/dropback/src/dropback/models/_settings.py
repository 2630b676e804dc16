"""Settings of a pass model: what it predicts, its networks, how it reads tracking."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RequestError
from splicedpareto.training import FitSettings

Family = Literal["sbp", "catch-point", "binned", "gaussian"]


@dataclass(frozen=True)
class SequenceSettings:
    """How the play network reads tracking.

    Attributes:
        encoder: ``set``: the players of a frame as a set around each throw, with what a convolution
            tells of receivers and passer before; ``tcn``: the convolution that was published, over
            all columns of a frame side by side.
        channels: Channels of the convolution.
        levels: Residual blocks of the convolution; four see 61 frames.
        kernel_size: Frames that one convolution sees.
        player_width: Channels of the perceptron of players, where the encoder is ``set``.
        prefix_share: Share of an epoch's plays that end at a frame drawn among all frames of all
            plays, which trains a distribution at every frame; 0 trains the distribution at the
            release alone.
        player_dropout: Share of an epoch's plays from which defenders and receivers but the target
            are dropped at random, where the encoder is ``set``: the network then serves sets
            that lack players, such as those without linemen.
        catch_floor: Share of the yards after the catch that lies around the catch point whatever
            the network says, where the encoder is ``set``: real receivers stop, turn back and
            come short of it as no simulated one does.
        mirror: Whether half of the training plays are mirrored along the field's long axis.
        shortcut: Whether the perceptron also sees the present frame itself, where the encoder is
            ``tcn``; ``set`` always does.

    Raises:
        RequestError: An unknown encoder, a share outside [0, 1], or players to drop where the
            encoder is ``tcn``, which reads all of them.
    """

    encoder: Literal["set", "tcn"] = "set"
    channels: int = 32
    levels: int = 4
    kernel_size: int = 3
    player_width: int = 64
    prefix_share: float = 0.75
    player_dropout: float = 0.0
    catch_floor: float = 0.05
    mirror: bool = True
    shortcut: bool = True

    def __post_init__(self) -> None:
        if self.encoder not in {"set", "tcn"}:
            raise RequestError(f"encoder must be 'set' or 'tcn', got {self.encoder!r}.")
        for name in ("prefix_share", "player_dropout"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise RequestError(f"{name} must be in [0, 1], got {share}.")
        if not 0 <= self.catch_floor < 1:
            raise RequestError(f"catch_floor must be in [0, 1), got {self.catch_floor}.")
        if self.encoder == "tcn" and self.player_dropout:
            raise RequestError(
                f"player_dropout must be 0 with encoder 'tcn', got {self.player_dropout}: it reads "
                "all 22 players; take encoder 'set'."
            )


@dataclass(frozen=True)
class ModelSettings:
    """What is fitted; `fit` says how.

    Attributes:
        outcome: What is predicted: ``yards`` or ``epa``.
        family: ``sbp`` (spliced binned-Pareto, counted from the line of scrimmage),
            ``catch-point`` (nothing, or the gain after the catch counted from there, or a return),
            ``binned`` (``sbp`` without tails) or ``gaussian`` (mean and standard deviation
            learned), on the same trunk.
        objective: ``composite`` or ``exact``, of ``sbp``; see `splicedpareto.objectives`. The
            other families have no splice that moves freely, so ``exact`` is safe and theirs.
        lowest_bin_yd: Center of the lowest one-yard bin, where yards are predicted.
        highest_bin_yd: Center of the highest one-yard bin, where yards are predicted.
        lower_tail_mass: Probability of the lower tail of ``sbp``.
        upper_tail_mass: Probability of the upper tail of ``sbp``.
        tail_scale: ``free`` or ``tied`` to a continuous density, of ``sbp``.
        boosted_share: Weight of boosted trees beside the networks of ``catch-point``; 0 is none.
        width: Channels of the trunk.
        blocks: Residual blocks of the trunk.
        dropout: Dropout of the trunk.
        folds: Folds of games. Each fold gets a network that never sees its games.
        members: How many of the folds get a network, the first ones; None is all. Plays of a fold
            without one cannot be predicted, since every network has seen them.
        validation_share: Share of the games outside a fold that decide when to stop.
        fit: Settings of the training loop.
        sequence: How tracking is read; None where a play is a row of columns.

    Raises:
        RequestError: A number is out of range, or a family, an encoder, an outcome and boosted
            trees do not fit each other.
    """

    outcome: Outcome = Outcome.YARDS
    family: Family = "sbp"
    objective: Literal["composite", "exact"] = "composite"
    lowest_bin_yd: int = -50
    highest_bin_yd: int = 100
    lower_tail_mass: float = 0.01
    upper_tail_mass: float = 0.05
    tail_scale: Literal["free", "tied"] = "free"
    boosted_share: float = 0.0
    width: int = 64
    blocks: int = 2
    dropout: float = 0.1
    folds: int = 5
    members: int | None = None
    validation_share: float = 0.1
    fit: FitSettings = field(default_factory=FitSettings)
    sequence: SequenceSettings | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", Outcome(self.outcome))  # JSON holds it as text
        if self.folds < 2:
            raise RequestError(f"folds must be at least 2, got {self.folds}.")
        if self.members is not None and not 1 <= self.members <= self.folds:
            raise RequestError(f"members must be in [1, {self.folds}], got {self.members}.")
        if self.sequence is not None and self.sequence.encoder == "set":
            if self.outcome is not Outcome.YARDS:
                raise RequestError(
                    f"encoder 'set' predicts yards, got outcome {self.outcome.value!r}: take "
                    "encoder 'tcn'."
                )
        elif self.sequence is not None and self.family == "catch-point":
            raise RequestError(
                "encoder 'tcn' does not know the catch point, got family 'catch-point': take "
                "encoder 'set', or family 'sbp'."
            )
        if self.family == "catch-point" and self.outcome is not Outcome.YARDS:
            raise RequestError(
                "family 'catch-point' counts yards from the catch, got outcome "
                f"{self.outcome.value!r}: take family 'sbp'."
            )
        if not 0 <= self.boosted_share < 1:
            raise RequestError(f"boosted_share must be in [0, 1), got {self.boosted_share}.")
        if self.boosted_share and self.family != "catch-point":
            raise RequestError(
                f"boosted_share must be 0 with family {self.family!r}, got {self.boosted_share}: "
                "the trees count yards from the catch; take family 'catch-point'."
            )
        if not 0 < self.validation_share < 1:
            raise RequestError(f"validation_share must be in (0, 1), got {self.validation_share}.")

    @property
    def networks(self) -> int:
        """Number of networks of the ensemble."""
        return self.folds if self.members is None else self.members


# research/pool_study.py chose the share on 2019 and 2020; in six epochs a network adds what it
# adds in twelve. Plays that count half as much every four seasons of age
# made trees worse by .007 and .001 in CRPS and log score, a network by .003 and .004.
THROW_MODEL = ModelSettings(family="catch-point", boosted_share=0.8, fit=FitSettings(max_epochs=6))
"""Settings of a model of the yards of throws, from play-by-play."""


def settings_for(play_set: PlaySet | str, outcome: Outcome) -> ModelSettings:
    """Settings of a model of play-by-play: `THROW_MODEL` where it can be."""
    if outcome is Outcome.YARDS and play_set != PlaySet.DROPBACKS:
        return THROW_MODEL
    return ModelSettings(outcome=outcome)


PLAY_NETWORK = ModelSettings(
    family="catch-point",
    width=64,
    blocks=0,
    dropout=0.0,
    validation_share=0.05,
    # Half of the plays are releases: 16 passes over them in 32 epochs.
    sequence=SequenceSettings(prefix_share=0.5),
    fit=FitSettings(
        max_epochs=32,
        batch_size=256,
        learning_rate=3e-3,
        weight_decay=0.1,
        averaging=8,
    ),
)
"""Settings of a play network, as found by the search that docs/results/play_network.md records."""

TCN_NETWORK = replace(
    PLAY_NETWORK,
    family="sbp",
    width=128,
    blocks=1,
    dropout=0.1,
    validation_share=0.1,
    sequence=SequenceSettings(encoder="tcn", channels=128),
    fit=FitSettings(
        max_epochs=16,
        batch_size=256,
        learning_rate=2e-3,
        weight_decay=0.5,
        precision="bfloat16",
        averaging=8,
    ),
)
"""Settings of the network that was published: a temporal convolution over columns."""

PLAY_NETWORKS = {"set": PLAY_NETWORK, "tcn": TCN_NETWORK}
"""Settings of a play network by its encoder."""
