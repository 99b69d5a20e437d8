# posekit: on a fresh machine run `make reports` or `make test`.

VENV := .venv
BIN := $(VENV)/bin

DATA ?= synthetic
PROFILE ?= quick
SEED ?= 0
RUN ?=
RESUME ?=
SET ?=
WORKERS ?= 2

.PHONY: help setup reports test package verify fuzz kill lab tensorboard runs docs imagenet exporters peers bench \
  growth robustness strip lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12
	@echo
	@echo "Settings: DATA=$(DATA) PROFILE=$(PROFILE) (smoke, quick, full) SEED=$(SEED) RUN=FOLDER RESUME=1"
	@echo "          SET='02_training.epochs=50 seed=1' PYTHON=python3.12"
	@echo "Spaces separate the values of SET, so write a list without spaces:"
	@echo "          SET='02_training.label_treatments=[\"masked\",\"poster\"]'"
	@echo "Example:  make reports DATA=data/raw/lspet_dataset.zip PROFILE=full RESUME=1"

setup: $(VENV)/.installed  ## make .venv and install the pinned, hashed requirements

# A PYTHON of another version rebuilds the environment.
ifneq ($(PYTHON),)
ifneq ($(shell $(PYTHON) --version 2>/dev/null),$(shell $(BIN)/python --version 2>/dev/null))
.PHONY: $(VENV)/.installed
endif
endif

$(VENV)/.installed: requirements.lock pyproject.toml
	@python="$(PYTHON)"; \
	for candidate in python3 python3.13 python3.12 python3.11; do \
	  [ -n "$$python" ] && break; \
	  $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	    >/dev/null 2>&1 && python=$$candidate; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "posekit needs Python 3.11 to 3.13; got $$(python3 --version 2>&1 || echo none)." \
	    "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	if ! $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then \
	  echo "posekit needs Python 3.11 to 3.13; PYTHON=$$python is $$($$python --version 2>&1)." >&2; \
	  exit 1; \
	fi; \
	echo "Installing into $(VENV) with $$($$python --version) (one to three minutes)"; \
	$$python -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
	  -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

reports: setup  ## run every notebook and write HTML reports with an index
	$(BIN)/python -m posekit report --data "$(DATA)" --profile "$(PROFILE)" --seed "$(SEED)" \
	  $(if $(RUN),--out "$(RUN)") $(if $(RESUME),--resume) $(foreach item,$(SET),--set '$(item)')

test: setup  ## run all tests, WORKERS=2 at a time; real data are tested when POSEKIT_LSPET names the zip
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

package:  ## build a wheel, install it into a fresh environment and predict with it (minutes)
	$(or $(PYTHON),python3) -m venv --clear .cache/package
	.cache/package/bin/python -m pip wheel --quiet --no-deps --wheel-dir .cache/package .
	.cache/package/bin/python -m pip install --quiet .cache/package/posekit-*.whl
	cp reports/figures/synthetic_samples.png .cache/package/photo.png
	cd .cache/package && bin/posekit --version && bin/posekit predict photo.png

verify: setup  ## run the report in RUN again and compare all its numbers
	$(BIN)/python -m posekit report --verify "$(RUN)"

fuzz: setup  ## feed 60,000 damaged inputs to all readers (minutes)
	PYTHONPATH=tests:tests/support $(BIN)/python -m fuzz

kill: setup  ## kill and resume trainings and reports 30 times, compare with uninterrupted ones
	$(BIN)/python tests/support/kill_and_go_on.py

lab: setup  ## open the notebooks in JupyterLab
	TF_CPP_MIN_LOG_LEVEL=3 OPENCV_LOG_LEVEL=ERROR $(BIN)/python -m jupyterlab notebooks

tensorboard: setup  ## open TensorBoard on all trainings in reports/
	$(BIN)/tensorboard --logdir reports

runs: setup  ## list all reports and trainings and write reports/runs.html
	$(BIN)/python -m posekit runs

docs: setup  ## write the API reference to docs/api/index.html (half a minute)
	PDOC_ALLOW_EXEC=1 $(BIN)/python -W "ignore:Error parsing type annotation" -m pdoc --docformat google \
	  --template-directory docs/pdoc --output-directory docs/api posekit

imagenet: models/imagenet/lite0.npz  ## make the ImageNet weights that some recipes start from (installs PyTorch in its own environment)

models/imagenet/lite0.npz: models/imagenet/convert_lite0.py models/imagenet/requirements.txt $(VENV)/.installed
	$(BIN)/python -m venv --clear models/imagenet/.venv
	models/imagenet/.venv/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r models/imagenet/requirements.txt
	models/imagenet/.venv/bin/python models/imagenet/convert_lite0.py $@
	rm -rf models/imagenet/.venv

exporters: setup  ## install what ONNX export and examples/ need
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/export_requirements.txt

peers: benchmarks/.venv/.installed  ## make the environments of the libraries posekit is compared with

benchmarks/.venv/.installed: benchmarks/requirements.txt benchmarks/metrics_requirements.txt \
  benchmarks/torch_requirements.txt benchmarks/get_movenet.py $(VENV)/.installed
	$(BIN)/python -m venv --clear benchmarks/.venv
	benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r benchmarks/requirements.txt
	$(BIN)/python -m venv --clear benchmarks/.venv-metrics
	benchmarks/.venv-metrics/bin/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps -r benchmarks/metrics_requirements.txt
	$(BIN)/python -m venv --clear benchmarks/.venv-torch
	benchmarks/.venv-torch/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r benchmarks/torch_requirements.txt
	$(BIN)/python benchmarks/get_movenet.py
	@touch $@

bench: setup peers  ## measure posekit against its peers, write reports/benchmarks.html
	$(BIN)/python benchmarks/run.py --data "$(DATA)"

robustness: setup peers  ## measure a model on changed pictures and on pictures of nobody (20 minutes)
	$(BIN)/python benchmarks/robustness.py --data "$(DATA)"

growth: setup  ## measure memory and time of the input for 1,000 to 100,000 images, into the same page
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/page.py

strip: setup  ## remove outputs from the notebooks before a commit
	$(BIN)/python -m nbconvert --clear-output --inplace notebooks/*.ipynb notebooks/studies/*.ipynb

lock:  ## renew requirements.lock after a change of requirements.txt (needs uv)
	uv pip compile requirements.txt --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --output-file requirements.lock

clean:  ## remove the environment, the caches and the synthetic data; reports stay
	rm -rf $(VENV) .cache data/synthetic-*
