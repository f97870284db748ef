# make run    set up, then the main job: an image over a hybrid digital-analog Rician link
# make test   set up, then the tests in two processes (TESTERS=1: in one; the slow ones apart: make slow)
# make survive   kill a study at many instants, fill its disk, stop it again and again: some minutes
# make bench-study  how much faster two workers are than one, ten minutes on an idle machine
# make bench-pictures   seconds of a photo through HDA-DeepSC, HEVC and JPEG 2000, in int8 and batches too: ten minutes
# make bench  the native engine's speed beside its peers' (BENCH='--section chain' for a part of it)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
# What is imported is compiled then: a fifth of what is installed, which would take most of a minute.
PIP := $(BIN)/python -m pip install --quiet --no-compile -c constraints.txt
SCENARIO ?= scenarios/rician_hda.yaml
TESTERS ?= 2

.PHONY: run test slow survive bench bench-study bench-pictures lint wheel setup clean
run: setup
	$(BIN)/linksim run $(SCENARIO)

test: setup
	$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist worksteal --durations 15

slow: setup
	$(BIN)/python -m pytest -m slow

survive: setup
	$(BIN)/python -m pytest -m 'slow or not slow' -s tests/survival

bench: setup
	$(PIP) --editable '.[bench]' || echo 'ldpc is left out'
	$(BIN)/python benchmarks/run.py $(BENCH)

bench-study: setup
	$(BIN)/python benchmarks/study.py $(BENCH)

bench-pictures: setup
	$(BIN)/python benchmarks/pictures.py $(BENCH)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

wheel: setup
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

setup: $(STAMP)

# pyldpc has no wheel, and its setup.py imports numpy: it is built last, against the numpy that is there.
$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("linksim needs Python 3.11 or newer; say make PYTHON=python3.x" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) setuptools wheel numpy scipy
	$(PIP) --editable '.[cpu,dask,digits,hevc,jxl,train,dev]'
	$(PIP) --no-build-isolation pyldpc
	touch $@

clean:
	rm -rf build dist *.egg-info runs .pytest_cache .ruff_cache .hypothesis
