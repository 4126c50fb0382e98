# Two commands: `make conformance` runs the suite against the bundled reference, `make test` tests the suite itself.
PYTHON ?= python3
OUT ?= out
BIN := .venv/bin
READY := .venv/.ready

.PHONY: conformance test check kill-matrix kill-live agreement bench bench-live lock clean

conformance: $(READY)
	@rm -rf $(addprefix $(OUT)/,results.jsonl junit.xml ics.yaml compliance.html allure allure-results recordings)
	$(BIN)/gse-cts run --workers auto --out $(OUT)

# A live bench goes ahead of other processes, so its tests come last and one by one.
LIVE := tests/reference_impl/live \
  $(addprefix tests/conformance/,test_live.py test_trex.py lab/test_live_lab.py lab/test_adapters.py)
test: $(READY)
	$(BIN)/pytest tests $(addprefix --ignore=,$(LIVE)) -n auto --dist worksteal -q
	$(BIN)/pytest $(LIVE) -n 0 -q

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gse-cts lint
	$(BIN)/gse-cts schema --check

kill-matrix: $(READY)
	$(BIN)/gse-cts kill-matrix --workers auto --out $(OUT)/kill-matrix.json

kill-live: $(READY)
	$(BIN)/gse-cts kill-matrix --binding live --profile smoke --chapter forwarding --chapter ordering \
	  --out $(OUT)/kill-live.json

# What a bench leaves open makes `run` exit with 1; what it contradicts makes `agreement` do so.
SMOKE = $(BIN)/gse-cts run --profile smoke --no-allure
RUNS = $(OUT)/agreement
agreement: $(READY)
	rm -rf $(RUNS)
	$(SMOKE) --out $(RUNS)/virtual
	-$(SMOKE) --binding live --out $(RUNS)/af-packet
	-$(SMOKE) --binding live --tester trex-4.8 --out $(RUNS)/trex-4.8
	-$(SMOKE) --binding live --tester trex-5.1 --out $(RUNS)/trex-5.1
	$(BIN)/gse-cts agreement --all --inconclusive 0.5 $(addprefix $(RUNS)/,virtual af-packet trex-4.8 trex-5.1)

bench: $(READY)
	$(BIN)/python benchmarks/virtual_network.py

bench-live: $(READY)
	$(BIN)/python benchmarks/live_data_path.py

# The environment is exactly the lock file; the stamp is written last, so a broken set-up is done again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Makefile: PYTHON: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one with make PYTHON=python3.11."; exit 4; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --group dev pyproject.toml --custom-compile-command "make lock" --output-file requirements.lock

clean:
	rm -rf .venv out
