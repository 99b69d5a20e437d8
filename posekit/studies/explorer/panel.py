"""The panel in a notebook: widgets in JupyterLab, a still picture in a report.

`explorer` decides what is shown and what a click means.
"""

import os
from html import escape
from types import SimpleNamespace

import ipywidgets as widgets
from ipyevents import Event

from posekit.pipeline.augmentation import AUGMENTATIONS, Augmentation
from posekit.studies.explorer import stills
from posekit.studies.explorer.explorer import State
from posekit.studies.explorer.subject import PICTURE_PX

ORDER_TEXTS = {"index": "as stored", "error": "largest error first", "joint": "worst joint first"}
OWN_STRENGTHS = "own"

# The sliders of the strengths: text, the least value, and more than any training uses.
STRENGTHS = {
    "rotation_degrees": ("rotation, spread (°)", 0.0, 90.0),
    "any_rotation": ("any angle, chance", 0.0, 1.0),
    "scale": ("size, up to (times)", 1.0, 2.5),
    "aspect": ("stretch, spread", 0.0, 0.5),
    "shift": ("shift, up to (share)", 0.0, 0.5),
    "light": ("light and colour", 0.0, 0.9),
    "blur": ("blurred, chance", 0.0, 1.0),
    "erase": ("covered, chance", 0.0, 1.0),
}
LAST_DRAW = 99

# Fields of State that a widget of the same name holds as they are.
SIMPLE = (
    *("joint", "order", "activity", "image", "truth", "prediction", "saliency"),
    *("mirrored", "draw"),
)

_LOOK = {"style": {"description_width": "9em"}, "layout": {"width": "27em"}}


class Panel:
    """Browse the pictures of an Explorer; the last line of a cell shows it.

    `controls` holds the widgets by the part of the state that they set, None until it is shown.
    """

    def __init__(self, explorer):
        self.explorer, self.state, self.controls = explorer, explorer.start(), None

    def _repr_mimebundle_(self, **options):
        bundle = stills.still(self.explorer, {"": self.state})._repr_mimebundle_()
        if os.environ.get("POSEKIT_BATCH"):  # a report: nobody is there to move a slider
            return bundle
        if self.controls is None:
            self._make_widgets()
        # Viewers without widgets, such as a notebook on a web page, show the still.
        return {**bundle, **self._box._repr_mimebundle_(**options)}

    def _make_widgets(self):
        self.picture = widgets.Image(format="png", width=PICTURE_PX, height=PICTURE_PX)
        self.picture.add_class("posekit-picture")
        self._title, self._table = widgets.HTML(), widgets.HTML()
        self.back, self.on = (
            widgets.Button(description=description, layout=widgets.Layout(width="13em"))
            for description in ("◀ previous", "next ▶")
        )
        self.controls = controls = _controls(self.explorer)
        legend = widgets.HTML(stills.legend(self.explorer))
        shown = [self._title, self.picture, legend, self._table]
        browsing = [
            controls.order,
            controls.activity,
            controls.joint,
            widgets.HBox([self.back, self.on]),
            controls.image,
            widgets.HBox([controls.truth, controls.prediction, controls.saliency]),
            widgets.HTML(
                "<b>Augmentation</b>: vary the picture and predict again. The sliders set how "
                "strongly."
            ),
            *(controls.preset, *controls.strengths.values(), controls.draw, controls.mirrored),
        ]
        beside = widgets.Layout(margin="0 0 0 1.5em")
        self._box = widgets.HBox([widgets.VBox(shown), widgets.VBox(browsing, layout=beside)])
        self._box.add_class("posekit-panel")
        self._show(self.state)
        for name, widget in vars(controls).items():
            for each in widget.values() if name == "strengths" else [widget]:
                each.observe(self._on_setting, "value")
        self.back.on_click(lambda button: self._show(self.explorer.step(self.state, -1)))
        self.on.on_click(lambda button: self._show(self.explorer.step(self.state, 1)))
        # An image widget by itself does not report where it is clicked.
        self._events = Event(source=self.picture, watched_events=["click", "keydown"])
        self._events.on_dom_event(self.on_event)

    def on_event(self, event):
        """Handle a browser's event on the picture: a click, or an arrow key over it."""
        if event["type"] == "click":
            # Pixels of the picture itself, however large the browser shows it.
            self._show(self.explorer.click(self.state, event["dataX"], event["dataY"]))
        elif event["key"] in ("ArrowLeft", "ArrowRight"):
            by = 1 if event["key"] == "ArrowRight" else -1
            self._show(self.explorer.step(self.state, by))

    def _on_setting(self, change):
        if self._settling:
            return
        controls = self.controls
        strengths = {name: slider.value for name, slider in controls.strengths.items()}
        if change["owner"] is controls.preset and controls.preset.value != OWN_STRENGTHS:
            strengths = vars(AUGMENTATIONS[controls.preset.value])
        state = State(
            augmentation=Augmentation(**strengths),
            **{name: getattr(controls, name).value for name in SIMPLE},
        )
        ranking = [
            (each.order, each.activity, each.joint if each.order == "joint" else None)
            for each in (state, self.state)
        ]
        # A new order or activity starts at its first image.
        self._show(self.explorer.first(state) if ranking[0] != ranking[1] else state)

    def _show(self, state):
        """Set the widgets and the picture to a state."""
        controls, explorer = self.controls, self.explorer
        self.state = state
        self._settling = True  # else each widget set below would come back as a change
        try:
            images = _ranked_list(explorer, state)
            if images != list(controls.image.options):
                controls.image.options = images
            for name in SIMPLE:
                getattr(controls, name).value = getattr(state, name)
            for name, slider in controls.strengths.items():
                slider.value = getattr(state.augmentation, name)
            known = [name for name, each in AUGMENTATIONS.items() if each == state.augmentation]
            controls.preset.value = known[0] if known else OWN_STRENGTHS
        finally:
            self._settling = False
        self.picture.value = stills.png(explorer.picture(state))
        self._title.value = f"<b>{escape(explorer.title(state))}</b>"
        self._table.value = stills.joint_table(explorer, state)


def _controls(explorer):
    """The widgets that hold a part of the state, by its name."""

    def dropdown(description, options):
        return widgets.Dropdown(description=description, options=options, **_LOOK)

    def overlay(description, available):
        return widgets.Checkbox(
            description=description,
            indent=False,
            disabled=not available,
            layout=widgets.Layout(width="auto"),
        )

    return SimpleNamespace(
        order=dropdown("browse", [(ORDER_TEXTS[order], order) for order in explorer.orders]),
        activity=dropdown("activity", [("all", None), *explorer.activity_names]),
        joint=dropdown("joint", [(name.replace("_", " "), name) for name in explorer.joints]),
        image=widgets.Select(rows=10, layout=_LOOK["layout"]),
        truth=overlay("truth", True),
        prediction=overlay("prediction", explorer.poses is not None),
        saliency=overlay("what moves the joint", explorer.has_saliency),
        preset=dropdown("strengths", [*AUGMENTATIONS, OWN_STRENGTHS]),
        strengths={
            name: widgets.FloatSlider(
                value=least,
                min=least,
                max=most,
                step=1.0 if name == "rotation_degrees" else 0.01,
                description=text,
                **_LOOK,
            )
            for name, (text, least, most) in STRENGTHS.items()
        },
        draw=widgets.IntSlider(max=LAST_DRAW, description="draw", **_LOOK),
        mirrored=widgets.Checkbox(description="mirrored", indent=False),
    )


def _ranked_list(explorer, state):
    """The images in the state's order, as (text, image) for a list."""
    names, error_px = explorer.dataset.image_ids, explorer.ranked_error_px(state)
    errors = [f"  {error:.1f} px" if error >= 0 else "" for error in error_px]
    return [
        (f"{rank}.  {names[image]}{errors[image]}", int(image))
        for rank, image in enumerate(explorer.browsed(state), start=1)
    ]
