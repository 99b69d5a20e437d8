"""What a page changes in the cells of an executed notebook: the answer first, less noise.

The notebook itself keeps all of it.
"""

import ast
import math
import re
from dataclasses import dataclass, field
from html import escape

from nbconvert.filters import strip_ansi
from nbformat.v4 import new_output

from posekit.wording import words

# Notices of TensorFlow, absl and OpenCV about themselves, which no reader can act on.
NOISE = re.compile(
    r"INFO: Created TensorFlow Lite XNNPACK delegate"
    r"|WARNING: All log messages before absl::InitializeLog"
    r"|^[IWE]\d{4} \d\d:\d\d:\d\d.*(cuda|cuInit|cudnn|cublas|TensorRT|computation_placer)"
    r"|^\d{4}-\d\d-\d\d .*(cuda|cuInit|cudnn|cublas|TensorRT|cpu_feature_guard|oneDNN)"
    r"|^WARNING:tensorflow:\d+ out of the last \d+ calls .* triggered tf\.function retracing"
    r"|^To enable the following instructions: .* rebuild TensorFlow"
    r"|^\[ ?(WARN|INFO):\d+@[\d.]+\] global "
)
EPOCH = re.compile(r"Epoch (\d+)/\d+$")
# What `training.fit` prints before the epochs.
TRAINING = re.compile(r"Training (\S+)$")
SCORES = re.compile(r"(\w+): ([-+.\w]+)(?= - |$)")
CURVE_WIDTH, CURVE_HEIGHT = 120, 24


def settle_lines(text):
    """Each line as a terminal shows it in the end, after carriage returns.

    A progress bar redraws its line many times; a page would show every version.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r\b").rpartition("\r")[2] for line in lines)


def answer_of(notebook):
    """The answer, Markdown: the last cell's text, or what it displayed or printed."""
    last = notebook.cells[-1]
    if last.cell_type == "markdown":
        text = last.source
    else:
        text = "\n".join(_text(output) for output in last.get("outputs", []))
    return text.strip().removeprefix("**Answer.**").strip()


def _text(output):
    if output.output_type == "stream":
        return settle_lines(strip_ansi(output.text))
    data = output.get("data", {})
    plain = "" if {"text/html", "image/png"} & data.keys() else data.get("text/plain", "")
    return data.get("text/markdown", plain)


def take_opening(notebook):
    """Take from the first cell what a page opens with: (question, the rest), Markdown each.

    The first heading is the page's title already; what is not the question can wait.
    """
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not re.match(r"\s*# ", first.source):
        return "", ""
    paragraphs = re.split(r"\n\s*\n", first.source.strip())[1:]
    questions = [text for text in paragraphs if text.startswith("**Question.**")]
    others = [text for text in paragraphs if not text.startswith("**Question.**")]
    del notebook.cells[0]
    question = "\n\n".join(questions).removeprefix("**Question.**").strip()
    return question, "\n\n".join(others)


def take_answer(notebook):
    """Take the answer from the last cell, which the page then does not show a second time."""
    answer, last = answer_of(notebook), notebook.cells[-1]
    if last.cell_type == "markdown":
        del notebook.cells[-1]
    else:
        last["outputs"] = [output for output in last.outputs if not _text(output)]
    return answer


def merge_parameters(notebook):
    """Write the values given to this run into the cell of the defaults; drop papermill's own."""
    injected = [cell for cell in notebook.cells if "injected-parameters" in _tags(cell)]
    if not injected:
        return
    given = {}
    for statement in ast.parse(injected[0].source).body:
        given |= {target.id: ast.literal_eval(statement.value) for target in statement.targets}
    for cell in notebook.cells:
        if "parameters" in _tags(cell):
            cell["source"] = _with_values(cell.source, given)
    notebook.cells.remove(injected[0])


def _with_values(source, given):
    lines = source.split("\n")
    for statement in reversed(ast.parse(source).body):
        name, value = statement.targets[0].id, statement.value
        if name in given:
            # Offsets count bytes.
            before = lines[value.lineno - 1].encode()[: value.col_offset].decode()
            after = lines[value.end_lineno - 1].encode()[value.end_col_offset :].decode()
            lines[value.lineno - 1 : value.end_lineno] = [f"{before}{given[name]!r}{after}"]
    return "\n".join(lines)


def fold_streams(notebook):
    """Settle what cells printed, drop noise, and fold each training's epochs into one line."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell["outputs"] = [kept for output in cell.outputs for kept in _folded(output)]


def _folded(output):
    """What is left of one output, in order: the output itself, or parts of a stream."""
    if output.output_type != "stream":
        return [_sentence(output)]
    texts, trainings = [], []
    for line in settle_lines(output.text).split("\n"):
        training = trainings[-1] if trainings else None
        if NOISE.search(line):
            continue
        if begun := EPOCH.match(line):
            epoch = int(begun[1])
            if training is None or (training.epochs and training.epochs[-1] + 1 != epoch):
                training = Training()
                trainings.append(training)
            training.epochs.append(epoch)
            training.lines.append(line)
        elif named := TRAINING.match(line):
            trainings.append(Training(named[1]))
        elif training and " - loss: " in line:
            # Keras does not number the epoch of a training that has but one.
            training.epochs = training.epochs or [1]
            training.lines.append(line)
            for name, value in SCORES.findall(line):
                training.scores.setdefault(name, []).append(float(value))
        else:
            texts.append(line)
    kept = [training.shown() for training in trainings if training.epochs]
    text = "\n".join(texts)
    if text.strip():
        kept.append(new_output("stream", name=output.get("name", "stdout"), text=text))
    return kept


def _sentence(output):
    """A cell's string as text, as it is meant to be read, and not as Python writes it."""
    text = output.get("data", {}).get("text/plain", "")
    if list(output.get("data", {})) == ["text/plain"] and re.fullmatch(r"(['\"]).*\1", text):
        return new_output("display_data", {"text/markdown": ast.literal_eval(text)})
    return output


@dataclass
class Training:
    """What a stream says of one training."""

    name: str = ""
    epochs: list = field(default_factory=list)  # numbers
    lines: list = field(default_factory=list)
    scores: dict = field(default_factory=dict)  # name -> value of each epoch

    def shown(self):
        """An output: a line with the training's curve, which opens to all its epochs."""
        names = [name for name in ("mse", "val_mse") if name in self.scores]
        names = names or [name for name in ("loss", "val_loss") if name in self.scores]
        said = "; ".join(
            f"{words(name).replace('val ', 'validation ')} {self.scores[name][0]:,.4g} to "
            f"{self.scores[name][-1]:,.4g}"
            for name in names
        )
        lead, count = f"Training {self.name}".strip(), len(self.epochs)
        summary = f"{lead}, {count} {'epoch' if count == 1 else 'epochs'}: {said or 'no scores'}"
        html = (
            f'<details class="training"><summary>{_curve([self.scores[name] for name in names])}'
            f"{escape(summary)}</summary><pre>{escape(chr(10).join(self.lines))}</pre></details>"
        )
        return new_output("display_data", {"text/html": html, "text/plain": summary})


def _curve(series):
    """A small SVG of the series, the last one thick: training and validation by epoch."""
    series = [[value for value in each if math.isfinite(value)] for each in series]
    values = sum(series, [])
    if not values:
        return ""
    width, height, highest = CURVE_WIDTH - 4, CURVE_HEIGHT - 4, max(values)
    down = height / ((highest - min(values)) or 1)
    lines = ""
    for n, each in enumerate(series, start=1):
        across = width / max(1, len(each) - 1)
        points = " ".join(
            f"{2 + across * at:.1f},{2 + down * (highest - value):.1f}"
            for at, value in enumerate(each)
        )
        stroke = f'stroke="currentColor" stroke-width="{2 if n == len(series) else 1}"'
        lines += f'<polyline fill="none" {stroke} points="{points}"/>'
    box = (
        f'width="{CURVE_WIDTH}" height="{CURVE_HEIGHT}" viewBox="0 0 {CURVE_WIDTH} {CURVE_HEIGHT}"'
    )
    return f'<svg aria-hidden="true" {box}>{lines}</svg> '


def _tags(cell):
    return cell.metadata.get("tags", [])
