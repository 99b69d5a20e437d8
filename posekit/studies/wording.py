"""Numbers as readers see them, and the one verdict that every score must face."""


def number(value, digits=1):
    """A number with a fixed count of decimals, or "not measured"."""
    return "not measured" if value is None else f"{value:.{digits}f}"


def rounded(value, digits):
    """A number for a headline, or None where nothing was measured."""
    return None if value is None else round(value, digits)


def with_interval(value, interval, digits=1):
    """A value with its 95 % interval, where there is one."""
    if interval is None or None in interval:
        return number(value, digits)
    low, high = (number(end, digits) for end in interval)
    return f"{number(value, digits)} (95 % interval {low} to {high})"


def comparability(data):
    """A sentence for answers on a split whose scores compare with nothing, else "".

    Args:
        data: dict of `Experiment.describe`.
    """
    if data["split"]["comparable"]:
        return ""
    return (
        f" The `{data['split']['name']}` split draws images at random, look-alikes and official "
        f"test images included: these scores are **not comparable** with others."
    )


def verdict(mse, mean_pose_mse):
    """Say how an error compares with the mean pose's under the same treatment.

    Args:
        mse: float, the model's.
        mean_pose_mse: float, the constant's.

    Returns:
        str; a model that is no better than the constant is called so.
    """
    difference = 1 - mse / mean_pose_mse
    if not difference > 0:
        return f"does not beat the mean pose (error {abs(difference):.0%} above it)"
    if difference < 0.01:
        return "beats the mean pose by less than 1%"
    return f"beats the mean pose by {difference:.0%}"
