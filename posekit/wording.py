"""Numbers, times and intervals as text, and the verdict that every score gets."""

import math
import re
from datetime import datetime
from html import escape


def number(value, digits=1, *, missing="not measured"):
    """A number with fixed decimals, or `missing` for None."""
    return missing if value is None else f"{value:.{digits}f}"


def shown(value, decimals=None):
    """A value of any kind as tables and pages show it.

    Numbers get `decimals`, or four significant digits, whole numbers all of theirs. A tuple is a
    shape, "96 x 96 x 16". A list of two numbers is an interval, "0.38 to 0.44", and a dict of
    "value" and "interval" reads "0.412 (0.380 to 0.444)", both with the digits that the interval
    leaves certain. None and empty lists are a dash.
    """
    if isinstance(value, dict) and {"value", "interval"} <= value.keys():
        certain = _certain_decimals(value["interval"])
        text = shown(value["value"], decimals if certain is None else certain)
        return text if certain is None else f"{text} ({shown(value['interval'])})"
    if isinstance(value, tuple):
        return " x ".join(map(shown, value)) or "–"
    if isinstance(value, list):
        certain = _certain_decimals(value)
        if certain is None and not (len(value) == 2 and None in value):
            return ", ".join(map(shown, value)) or "–"
        return " to ".join(shown(end, certain) for end in value)
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and decimals is not None:
        return f"{value:,.{decimals}f}"
    if isinstance(value, int) or (isinstance(value, float) and abs(value) >= 1000):
        return f"{value:,.0f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _certain_decimals(interval):
    """Decimals that show an interval's width with two digits; None where there is no interval."""
    if not isinstance(interval, (list, tuple)) or len(interval) != 2 or None in interval:
        return None
    if not all(isinstance(end, (int, float)) and math.isfinite(end) for end in interval):
        return None
    width = abs(interval[1] - interval[0])
    return min(6, max(0, 1 - math.floor(math.log10(width)))) if width else 3


# Fewer images than this say little.
FEW_IMAGES = 100

# Parts of names, as columns and rows of tables show them; a unit goes to the end.
_WORDS = {
    "mpjpe": "mean joint error",
    "mse": "MSE",
    "pck": "PCK",
    "pcp": "PCP",
    "auc": "area under the curve",
    "id": "name",
    "frames": "pictures",
}
_UNITS = {"px": "px", "seconds": "s", "megabytes": "MB", "torso": "torso lengths"}


def words(name):
    """A name of a score or a field as words: mpjpe_px is "mean joint error, px"."""
    if not re.fullmatch(r"[a-z][a-z0-9]*([_.][a-z0-9]+)*", name):
        return name
    if at := re.fullmatch(r"(pck|pcp|pdj)_([0-9.]+)", name):
        return f"{at[1].upper()}@{at[2]}"
    if name == "frame_mse":
        return "MSE, px² of the frame"
    parts = name.split("_")
    unit = f", {_UNITS[parts.pop()]}" if len(parts) > 1 and parts[-1] in _UNITS else ""
    return " ".join(_WORDS.get(part, part) for part in parts) + unit


def html_table(rows):
    """A table of equal-keyed rows as HTML, in a box that scrolls where it is too wide.

    Names of columns are shown as `words`, cells as `shown`, text to the left and numbers to the
    right. Numbers of a column have equally many decimals.

    Args:
        rows: non-empty list of dict; the first one's keys are the columns.
    """
    columns = list(rows[0])
    decimals = {column: _column_decimals([row[column] for row in rows]) for column in columns}
    sides = {column: _side([row[column] for row in rows]) for column in columns}
    head = "".join(
        f'<th style="text-align:{sides[column]}">{escape(words(str(column)))}</th>'
        for column in columns
    )
    body = ""
    for row in rows:
        body += "<tr>"
        for column in columns:
            text = shown(row[column], decimals[column])
            width = "white-space:nowrap" if len(text) <= 24 else "min-width:14em"
            body += f'<td style="text-align:{sides[column]};{width}">{escape(text)}</td>'
        body += "</tr>"
    return (
        '<div class="scroll" style="overflow-x:auto">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def facts(described):
    """Rows for a table of what a dict says, a row for each value; dicts inside it are opened."""
    rows = []
    for name, value in described.items():
        what = words(str(name))
        if isinstance(value, dict) and not {"value", "interval"} <= value.keys():
            rows += [{**row, "what": f"{what}: {row['what']}"} for row in facts(value)]
        else:
            rows.append({"what": what, "value": value})
    return rows


def _side(values):
    numeric = all(value is None or isinstance(value, (int, float, list, dict)) for value in values)
    return "right" if numeric and any(value is not None for value in values) else "left"


def _column_decimals(values):
    """Decimals for a column: three significant digits of its largest number, four from 1 on."""
    known = [value for value in values if isinstance(value, float) and math.isfinite(value)]
    largest = max(map(abs, known), default=0)
    if not largest:
        return None
    decimals = max(0, 2 + (largest >= 1) - math.floor(math.log10(largest)))
    while decimals and all(round(each, decimals - 1) == round(each, decimals) for each in known):
        decimals -= 1
    return decimals


def answer(verdict, *sentences, numbers=()):
    """The answer of a notebook, Markdown: the top of its page and its part of the index.

    `verdict` is the answer in a few words, in bold. `sentences` say what the numbers mean and what
    is surprising. `numbers`, the evidence, have a line each, on the notebook's page alone.
    """
    lead = " ".join([f"**{verdict}**", *filter(None, sentences)])
    return "\n".join([lead, "", *(f"- {line}" for line in numbers)]).strip()


def rounded(value, digits):
    """A number for a headline, or None where nothing was measured."""
    return None if value is None else round(value, digits)


def headline(label, score, digits, **others):
    """A row of a result's headline: a label, and a score's rounded value and interval."""
    value = rounded(score["value"], digits)
    return {"label": label, "value": value, "interval": score["interval"], **others}


def with_interval(value, interval, digits=None):
    """A value with its 95 % interval, where there is one; it decides the digits unless given."""
    if interval is None or None in interval:
        return number(value, 1 if digits is None else digits)
    if digits is None:
        digits = _certain_decimals(interval)
    low, high = (number(end, digits) for end in interval)
    return f"{number(value, digits)} (95 % interval {low} to {high})"


def pck_coverage(scores):
    """Which images PCK counts, from the dict of `evaluation.metrics.evaluate`, as a sentence."""
    counted = scores["pck_counts"]
    return (
        f"PCK counts {counted['image_count']:,} of {scores['image_count']:,} images, those whose "
        f"torso is labelled, and {counted['joint_count']:,} of {scores['scored_joint_count']:,} "
        "joints."
    )


def comparability(data):
    """A sentence for answers where scores on the split are not comparable with others, else ""."""
    if data["split"]["comparable"]:
        return ""
    return (
        f" The `{data['split']['name']}` split is random and mixes near-duplicates and official "
        f"test images into all parts: these scores are **not comparable** with others."
    )


def few_images(count):
    """A sentence of warning where `count` images say little, else ""."""
    careful = f"Careful: {count} images are too few for more than a rough answer."
    return careful if count < FEW_IMAGES else ""


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
