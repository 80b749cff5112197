"""What is to be done in a training, said before it begins."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Phase:
    """Some epochs in which the same stages learn, with a schedule of their own."""

    epochs: int
    freeze: Any
    #: Whether it gives the result, and not the start of another phase.
    last: bool = True


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that a training needs beyond data and network.

    The parameters are those of the estimators, with "auto" resolved, and
    ``stops_on_score``: whether the best epoch is that of the highest validation score,
    and ``keeps_optimizer``: whether training goes on with the last optimizer, if that
    was made alike.
    """

    epochs: int
    batch_size: int
    optimizer: str
    momentum: float
    learning_rate: float
    backbone_learning_rate: float
    weight_decay: float | tuple[float, ...]
    lr_schedule: str
    freeze: Any
    freeze_epochs: int
    precision: str
    freeze_batch_norm: bool = False
    stops_on_score: bool = False
    keeps_optimizer: bool = False

    def __post_init__(self):
        if 0 < self.freeze_epochs >= self.epochs:
            raise ValueError(
                f"freeze_epochs={self.freeze_epochs} must be less than max_iter, which "
                f"is {self.epochs} epochs here. To train nothing but the head, pass "
                "freeze='backbone' instead."
            )

    @property
    def phases(self):
        """The phases, in order."""
        last = Phase(self.epochs - self.freeze_epochs, self.freeze)
        if not self.freeze_epochs:
            return [last]
        return [Phase(self.freeze_epochs, "backbone", last=False), last]

    def keeps_optimizer_of(self, before):
        """Tell whether training goes on with the optimizer of the plan before."""
        return self.keeps_optimizer and self._learning == before._learning

    @property
    def _learning(self):
        return (
            self.freeze,
            self.weight_decay,
            self.backbone_learning_rate,
            self.optimizer,
            self.momentum,
        )
