"""How a network is trained: the only place that imports skorch.

Names load their modules when they are first asked for: a prediction needs none of
these, and skorch takes as long to load as all the rest of the package.
"""

from sklearn_cnn.utils._lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "augmenter": ["Augmenter"],
        "callbacks": ["SkorchCallbacks", "require_validation"],
        "checkpoint": ["Checkpoints"],
        "shared_checkpoints": ["SharedCheckpoints"],
        "processes": ["is_first", "process_group"],
        "batches": ["Batches", "HeldOut", "batch_sizes"],
        "freezing": [
            "freezes_backbone",
            "frozen_stages",
            "require_statistics",
            "stages_of",
        ],
        "learner": ["Learner"],
        "losses": [
            "REGRESSION_LOSSES",
            "BinaryCrossEntropy",
            "CrossEntropy",
            "RegressionLoss",
        ],
        "net": ["CNNNet"],
        "observers": [
            "AdaptiveSmoothing",
            "EarlyStopping",
            "EpochTasks",
            "Observer",
            "ProgressBar",
            "announce",
            "described",
        ],
        "optimizers": ["OPTIMIZERS"],
        "plan": ["TrainingPlan"],
        "pruning": ["PruningCallback"],
        "range_test": ["LearningRateRange"],
        "recipes": [
            "BY_STEPS",
            "STEPWISE",
            "WITHOUT_STEPS",
            "Setting",
            "default_architecture",
            "default_augmentation",
            "default_conv_dropout",
            "default_batch_size",
            "default_max_iter",
            "recipe",
        ],
        "schedules": ["PLANNED", "SCHEDULES"],
        "side_by_side": [
            "Training",
            "offered_processes",
            "opened",
            "train_all",
            "train_in_processes",
        ],
        "solving": ["solve"],
        "timing": ["epochs_within"],
    },
)
