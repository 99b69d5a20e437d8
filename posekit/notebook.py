"""Rows of a table as HTML, for notebooks."""

from html import escape

from IPython.display import HTML


def html(rows):
    """A table of equal-keyed rows; numbers get four significant digits.

    Args:
        rows: non-empty list of dict; the first one's keys are the columns.

    Returns:
        IPython.display.HTML.
    """
    head = "".join(f"<th>{escape(str(column))}</th>" for column in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_shown(row[column]))}</td>" for column in rows[0]) + "</tr>"
        for row in rows
    )
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _shown(value):
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return " to ".join(_shown(item) for item in value) if value else "-"
    return str(value)
