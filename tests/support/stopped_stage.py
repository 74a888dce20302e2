"""A stage of training that is stopped as a person stops it."""

from synclips.training.loop import Stage


def stopped_at_the_last_step(stage: Stage) -> Stage:
    """The stage, whose last step is interrupted before it is made."""
    step = stage.step

    def stopped(number: int) -> dict[str, float]:
        if number == stage.config.steps - 1:
            raise KeyboardInterrupt
        return step(number)

    stage.step = stopped  # type: ignore[method-assign]
    return stage
