"""Numbers as readers see them, and the one verdict that every score must face."""

from datetime import datetime


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


def duration(seconds):
    """A length of time for people: 4.2 s, 3 min 05 s, 1 h 02 min."""
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def moment(text):
    """A time in ISO format for people, in UTC as it was noted."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC") if text else "–"
