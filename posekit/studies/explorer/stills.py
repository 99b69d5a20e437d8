"""Stills of the panel: pictures, legend and errors as HTML without scripts."""

import base64
from html import escape

import cv2

from posekit.drawing import RING_COLOUR, SIDE_COLOURS, SURE_FROM, TRUTH_COLOUR
from posekit.studies.explorer.subject import PICTURE_PX
from posekit.wording import html_table

NOTE = (
    "A still of the panel. Run the notebook in JupyterLab to browse the pictures, click joints and "
    "move the sliders."
)


class Still:
    """Pictures of the panel, as HTML and as one PNG; the last line of a cell shows them."""

    def __init__(self, html, picture_png):
        self.html, self.picture_png = html, picture_png

    def _repr_mimebundle_(self, **options):
        return {
            "text/html": self.html,
            "image/png": base64.b64encode(self.picture_png).decode(),
            "text/plain": NOTE,
        }


def still(explorer, states):
    """A Still of the panel in several states, a non-empty dict of heading -> State."""
    figures = "".join(_figure(explorer, heading, state) for heading, state in states.items())
    first = next(iter(states.values()))
    return Still(f"{figures}{legend(explorer)}<p><em>{NOTE}</em></p>", png(explorer.picture(first)))


def _figure(explorer, heading, state):
    title = escape(explorer.title(state))
    encoded = base64.b64encode(png(explorer.picture(state))).decode()
    lead = f"{escape(heading)}: " if heading else ""
    return (
        f'<figure style="margin:0 0 1em"><figcaption><b>{lead}{title}</b></figcaption>'
        '<div style="display:flex;flex-wrap:wrap;gap:1em;align-items:center">'
        f'<img alt="{title}" width="{PICTURE_PX}" height="{PICTURE_PX}" '
        f'src="data:image/png;base64,{encoded}">{joint_table(explorer, state)}</div></figure>'
    )


def legend(explorer):
    """What the colours of the panel's picture mean, HTML."""
    entries = [("truth", TRUTH_COLOUR)]
    if explorer.poses is not None:
        entries += [
            ("predicted: the person's right", SIDE_COLOURS["right"]),
            ("left", SIDE_COLOURS["left"]),
            ("centre", SIDE_COLOURS["centre"]),
        ]
    entries.append(("the joint, and how far it is off", RING_COLOUR))
    swatches = "".join(
        '<span style="white-space:nowrap;margin-right:1em"><span style="display:inline-block;'
        "width:1.4em;height:0.6em;border:1px solid #191919;margin-right:0.4em;"
        f'background:rgb{colour}"></span>{escape(text)}</span>'
        for text, colour in entries
    )
    return (
        f'<div style="max-width:{PICTURE_PX}px;line-height:1.5">{swatches}Pale: confidence below '
        f"{SURE_FROM}.</div>"
    )


def joint_table(explorer, state):
    """The errors of a picture's joints as an HTML table, a ring before the state's joint."""
    return html_table(
        [
            {**row, "joint": "○ " * (row["joint"] == state.joint) + row["joint"].replace("_", " ")}
            for row in explorer.joint_rows(state)
        ]
    )


def png(picture):
    """A picture, uint8 (H, W, 3), RGB, as the bytes of a PNG file."""
    # Weak compression: a slider waits for this.
    _, encoded = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return encoded.tobytes()
