"""The pages of a report: one per notebook, and the index with the headlines of all."""

import re
from itertools import chain

import nbformat
from nbconvert import HTMLExporter

from posekit import files
from posekit.errors import PosekitError
from posekit.provenance import provenance
from posekit.report import cells, pages
from posekit.report.dependencies import written_by

# Notebooks in these states have a page, numbers and figures that belong together.
DONE = ("ok", "reused", "kept")


def title_of(name, notebook):
    """The first heading of a notebook, else its name."""
    for cell in notebook.cells:
        heading = re.search(r"^#+ +(.+)$", cell.source, flags=re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            return heading[1].strip()
    return name


def headline_of(run_dir, name):
    """The headline numbers in the artifacts of one notebook, as `wording.headline` makes them.

    A headline that the index could not show raises PosekitError.
    """
    rows = []
    for artifact, stored in written_by(name, run_dir).items():
        listed = stored.get("headline", []) if isinstance(stored, dict) else stored
        for row in listed if isinstance(listed, list) else [listed]:
            if not _is_headline(row):
                raise PosekitError(
                    f"{name}: `headline` of {artifact} must list a label, a value and perhaps an "
                    f"interval [low, high] each; got {row!r}."
                )
            rows.append(row)
    return rows


def _is_headline(row):
    if not isinstance(row, dict) or not {"label", "value"} <= row.keys():
        return False
    interval = row.get("interval")
    return interval is None or (isinstance(interval, list) and len(interval) == 2)


def data_fingerprints(run_dir, names):
    """Fingerprints of all data behind the artifacts of these notebooks."""
    artifacts = [stored for name in names for stored in written_by(name, run_dir).values()]
    described = [stored.get("data") for stored in artifacts if isinstance(stored, dict)]
    described = [data for data in described if isinstance(data, dict) and "fingerprint" in data]
    return sorted({str(data["fingerprint"]) for data in described})


def figures_of(notebook):
    """Pictures shown by the cells tagged `headline`, as a page needs them.

    Dicts of `src`, `alt`, `width` in px or None, and `opens`: whether the cell has the tag
    `opening` as well.
    """
    return [
        {
            "src": "data:image/png;base64," + output.data["image/png"].replace("\n", ""),
            "alt": attributes.get("alt") or f"Figure of {title_of('', notebook)}",
            "width": attributes.get("width"),
            "opens": "opening" in cell.metadata.tags,
        }
        for cell in notebook.cells
        if "headline" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
        for attributes in [output.get("metadata", {}).get("image/png", {})]
    ]


def notebook_page(notebook, *, title, previous=None, following=None, error=None):
    """The HTML page of an executed notebook, an nbformat node; it loads nothing from elsewhere.

    `previous` and `following` are names of notebooks to link to; `error` is as in index.json.
    """
    notebook = nbformat.from_dict(notebook)
    notebook.metadata["title"] = title
    answer = "" if error else cells.take_answer(notebook)
    question, about = cells.take_opening(notebook)
    cells.merge_parameters(notebook)
    cells.fold_streams(notebook)
    report = {
        "style": pages.STYLE.read_text(encoding="utf-8"),
        "title": title,
        "question": question,
        "about": about,
        "answer": answer,
        "previous": previous,
        "following": following,
        "error": error,
        "provenance": notebook.metadata.get("posekit") or provenance(),
    }
    exporter = HTMLExporter(template_file=str(pages.NOTEBOOK_TEMPLATE), embed_images=True)
    return exporter.from_notebook_node(notebook, resources={"report": report})[0]


def headline_answers(index):
    """The entries whose answers open the index, with the answers' first paragraphs, Markdown."""
    return [
        (entry, pages.lead(entry["answer"]))
        for entry in index["notebooks"]
        if entry.get("opens_index") and entry["status"] in DONE and entry["answer"]
    ]


def what_works(model):
    """What a shipped model reaches on photographs, Markdown; "" without its stored scores.

    `model` is its folder; the scores are those of `evaluate --part development`.
    """
    path = model / "development.json"
    if not path.is_file():
        return ""
    scores = files.read_json(path)
    found, fixed = (
        each["limb_joints"]["metrics"]["pck_0.2"]["value"] for each in (scores, scores["mean_pose"])
    )
    return (
        f"**What works, on photographs:** the shipped model `{model.name}` puts {found:.0%} of the "
        "joints of arms and legs within a fifth of the torso's length, on "
        f"{scores['pck_counts']['image_count']:,} photographs that no training saw; one fixed pose "
        f"puts {fixed:.0%}. It starts from ImageNet's weights, predicts a map of where each joint "
        "may be, and looks a second time at the person it has found."
    )


def write(run_dir, index):
    """Write index.json and index.html of a run; return the path of index.html.

    `index` is what `runner.run` keeps: numbers and answers are in it; figures are read from the
    executed notebooks.
    """
    done = [entry for entry in index["notebooks"] if entry["status"] in DONE]
    figures = {
        entry["name"]: figures_of(nbformat.read(run_dir / entry["executed"], as_version=4))
        for entry in done
        if (run_dir / entry["executed"]).exists()
    }
    fingerprints = data_fingerprints(run_dir, [entry["name"] for entry in done])
    index = {**index, "data_fingerprints": fingerprints}
    page = pages.render(
        "index.html",
        index=index,
        figures=figures,
        opening=max(chain(*figures.values()), key=lambda figure: figure["opens"], default=None),
        headline_answers=headline_answers(index),
        what_works=what_works(files.PROJECT_ROOT / "models" / "best"),
        run_name=run_dir.name,
    )
    files.write_json(run_dir / "index.json", index)
    files.write_text(run_dir / "index.html", page)
    return run_dir / "index.html"
