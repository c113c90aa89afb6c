"""The errors that a person can mend: one sentence that names the input and says what to do."""


class InputError(ValueError):
    """Something that was given (a file, a name, a setting) cannot be used as it is."""


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite; `history` holds every step before that."""

    def __init__(self, message: str, history: dict[str, list[float]]) -> None:
        super().__init__(message)
        self.history = history


class NotebookFailed(RuntimeError):
    """A cell of the notebook raised an error; the message is the error's own."""
