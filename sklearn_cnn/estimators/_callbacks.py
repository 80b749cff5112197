"""scikit-learn's callbacks, told of every epoch."""

from sklearn_cnn.training.observers import Observer


class EpochTasks(Observer):
    """One subtask of ``fit`` for every epoch.

    Parameters
    ----------
    estimator : estimator instance
        Being fitted.
    context : sklearn.callback.CallbackContext
        Of its ``fit``.
    **data : dict
        "X", "y" and "metadata", as the user gave them.
    """

    def __init__(self, estimator, context, **data):
        self.estimator = estimator
        self.context = context
        self.data = data
        self.task = None

    def epoch_begin(self, run):
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def epoch_end(self, run):
        return self.task.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            # a callable: the copy is made only if some callback wants to predict
            reconstruction_attributes=lambda: {"_learner": run.learner.frozen()},
        )
