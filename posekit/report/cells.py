"""What a page changes in the cells of an executed notebook: the answer first, less noise.

The notebook itself keeps all of it.
"""

import ast
import re
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
EPOCH = re.compile(r"Epoch \d+/\d+$")
# What `training.fit` prints before the epochs.
TRAINING = re.compile(r"Training (\S+)$")
SCORES = re.compile(r"(\w+): ([-+.\w]+)(?= - |$)")


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


def fold_streams(notebook):
    """Settle what cells printed, drop noise, and fold each training's epochs into one line."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell["outputs"] = [kept for output in cell.outputs for kept in _folded(output)]


def _folded(output):
    """What is left of one output, in order: the output itself, or parts of a stream."""
    if output.output_type != "stream":
        return [_sentence(output)]
    texts, trainings = [], []  # a training is its name and the lines of its epochs
    for line in settle_lines(output.text).split("\n"):
        if NOISE.search(line):
            continue
        if named := TRAINING.match(line):
            trainings.append((named[1], []))
        elif EPOCH.match(line) or " - loss: " in line:
            if not trainings or (line.startswith("Epoch 1/") and trainings[-1][1]):
                trainings.append(("", []))
            trainings[-1][1].append(line)
        else:
            texts.append(line)
    kept = [_training(name, lines) for name, lines in trainings if lines]
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


def _training(name, lines):
    """An output: a line on a training, which opens to all its epochs."""
    epochs = [dict(SCORES.findall(line)) for line in lines if " - loss: " in line]
    first, last = epochs[0] if epochs else {}, epochs[-1] if epochs else {}
    shown = [score for score in ("mse", "val_mse") if score in last]
    said = "; ".join(
        f"{words(score).replace('val ', 'validation ')} {float(first[score]):,.4g} to "
        f"{float(last[score]):,.4g}"
        for score in shown or [score for score in ("loss", "val_loss") if score in last]
    )
    count = f"{len(epochs)} {'epoch' if len(epochs) == 1 else 'epochs'}"
    summary = f"{f'Training {name}'.strip()}, {count}: {said or 'no scores'}"
    html = (
        f'<details class="training"><summary>{escape(summary)}</summary>'
        f"<pre>{escape(chr(10).join(lines))}</pre></details>"
    )
    return new_output("display_data", {"text/html": html, "text/plain": summary})
