"""Numbers, times and intervals as text, and the verdict that every score gets."""

from datetime import datetime
from html import escape


def number(value, digits=1, *, missing="not measured"):
    """A number with fixed decimals, or `missing` for None."""
    return missing if value is None else f"{value:.{digits}f}"


def shown(value):
    """A value of any kind as tables and pages show it.

    Numbers get four significant digits, whole numbers all of them; a list reads "0.1 to 0.2", and
    None and empty lists are a dash.
    """
    if isinstance(value, (list, tuple)):
        return " to ".join(map(shown, value)) or "–"
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and abs(value) >= 1000):
        return f"{value:,.0f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def html_table(rows):
    """A table of equal-keyed rows as HTML, cells as `shown`.

    Args:
        rows: non-empty list of dict; the first one's keys are the columns.
    """
    head = "".join(f"<th>{escape(str(column))}</th>" for column in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(shown(row[column]))}</td>" for column in rows[0]) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def rounded(value, digits):
    """A number for a headline, or None where nothing was measured."""
    return None if value is None else round(value, digits)


def headline(label, score, digits, **others):
    """A row of a result's headline: a label, and a score's rounded value and interval."""
    value = rounded(score["value"], digits)
    return {"label": label, "value": value, "interval": score["interval"], **others}


def with_interval(value, interval, digits=1):
    """A value with its 95 % interval, where there is one."""
    if interval is None or None in interval:
        return number(value, digits)
    low, high = (number(end, digits) for end in interval)
    return f"{number(value, digits)} (95 % interval {low} to {high})"


def comparability(data):
    """A sentence for answers where scores on the split are not comparable with others, else ""."""
    if data["split"]["comparable"]:
        return ""
    return (
        f" The `{data['split']['name']}` split is random and mixes near-duplicates and official "
        f"test images into all parts: these scores are **not comparable** with others."
    )


def verdict(mse, mean_pose_mse):
    """How an error compares with the mean pose's under the same label treatment, as text."""
    if mean_pose_mse == 0:
        return "cannot beat the mean pose, which has no error where all labels are equal"
    difference = 1 - mse / mean_pose_mse
    if not difference > 0:
        return f"does not beat the mean pose (error {abs(difference):.0%} above it)"
    if difference < 0.01:
        return "beats the mean pose by less than 1%"
    return f"beats the mean pose by {difference:.0%}"


def duration(seconds):
    """A length of time: 4.2 s, 3 min 05 s, 1 h 02 min."""
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def moment(text):
    """A time in ISO format, UTC, as people write it."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC") if text else "–"
