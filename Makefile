# Two commands: `make conformance` runs the suite against the bundled reference, `make test` tests the suite itself.
override SHELL := /bin/sh
override BIN := .venv/bin
override READY := .venv/.ready

# OUT and PYTHON are what the command line of make says, to the letter; the environment has no say in them. They
# reach the shell as variables of other names, so that nothing in them is ever part of a command. Names of files
# are UTF-8 whatever the locale.
override GSE_OUT := out
override GSE_PYTHON :=
override PYTHONUTF8 := 1
ifeq ($(origin OUT),command line)
  ifeq ($(strip $(value OUT)),)
    $(error OUT is empty; name a folder, or leave it out)
  endif
  override GSE_OUT := $(value OUT)
endif
ifeq ($(origin PYTHON),command line)
  ifeq ($(strip $(value PYTHON)),)
    $(error PYTHON is empty; name a Python, or leave it out)
  endif
  override GSE_PYTHON := $(value PYTHON)
endif
export GSE_OUT GSE_PYTHON PYTHONUTF8
unexport OUT PYTHON
ifeq ($(wildcard conformance/environment),)
  $(error this is not the folder of the checkout; call make there, as with make -C FOLDER)
endif

.PHONY: conformance test whole check explore kill-matrix variants kill-live mutants agreement profiles bench bench-live lock setup bundle-offline clean $(READY)

conformance: $(READY)
	$(BIN)/gse-cts run --workers auto --replace "--out=$$GSE_OUT"

# A live bench goes ahead of other processes, so its tests come last and one by one.
override LIVE := tests/reference_impl/live \
  $(addprefix tests/conformance/,test_live.py test_trex.py lab/test_live_lab.py lab/test_adapters.py)
test: $(READY)
	$(BIN)/pytest tests $(addprefix --ignore=,$(LIVE)) -n auto --dist worksteal -q
	$(BIN)/pytest $(LIVE) -n 0 -q

whole: $(READY)
	GSE_WHOLE=1 $(BIN)/pytest $(addprefix tests/conformance/test_,ics_options.py thin_recordings.py ends.py findings.py) \
	  -n auto --dist worksteal -q

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gse-cts lint
	$(BIN)/gse-cts schema --check

kill-matrix: $(READY)
	$(BIN)/gse-cts kill-matrix --workers auto "--out=$$GSE_OUT/kill-matrix.json"

explore: $(READY)
	$(BIN)/gse-cts explore --budget 60s "--out=$$GSE_OUT/explore"
# A sample of all mutants that a program can make; `gse-cts mutate` without --sample tries every one.
mutants: $(READY)
	$(BIN)/gse-cts mutate --workers 2 --sample 30 --least 30 "--out=$$GSE_OUT/mutants.json"

variants: $(READY)
	$(BIN)/gse-cts variants --workers auto "--out=$$GSE_OUT/variants.json"

kill-live: $(READY)
	$(BIN)/gse-cts kill-matrix --binding live --profile smoke --chapter forwarding --chapter ordering \
	  "--out=$$GSE_OUT/kill-live.json"

# What a bench leaves open makes `run` exit with 1; what it contradicts makes `agreement` do so.
override SMOKE := $(BIN)/gse-cts run --profile smoke --no-allure --replace
override RUNS := "$$GSE_OUT/agreement
agreement: $(READY)
	$(SMOKE) --out=$(RUNS)/virtual"
	-$(SMOKE) --binding live --out=$(RUNS)/af-packet"
	-$(SMOKE) --binding live --tester trex-4.8 --out=$(RUNS)/trex-4.8"
	-$(SMOKE) --binding live --tester trex-5.1 --out=$(RUNS)/trex-5.1"
	$(BIN)/gse-cts agreement --all --inconclusive 0.5 -- \
	  $(foreach run,virtual af-packet trex-4.8 trex-5.1,$(RUNS)/$(run)")

# Every case under every wire profile that comes with the suite; then the mutants under one that is no open-1.
override PROFILES := $(basename $(notdir $(wildcard spec/wire/*.yaml)))
override WIRED := "$$GSE_OUT/profiles
profiles: $(READY)
	for profile in $(PROFILES); do $(BIN)/gse-cts run --workers auto --no-allure --replace --evidence failed \
	  --wire-profile "$$profile" --out=$(WIRED)/$$profile" || exit $$?; done
	$(BIN)/gse-cts agreement -- $(WIRED)/open-1" $(foreach name,$(filter-out open-1,$(PROFILES)),$(WIRED)/$(name)")
	$(BIN)/gse-cts kill-matrix --workers auto --wire-profile rows-2 --out=$(WIRED)/kill-matrix.json"

bench: $(READY)
	$(BIN)/python benchmarks/virtual_network.py

bench-live: $(READY)
	$(BIN)/python benchmarks/live_data_path.py

# Whether .venv still is what this checkout needs is asked of its own Python, or of the one that PYTHON names.
override ENVIRONMENT = @for python in "$${GSE_PYTHON:-$(BIN)/python}" "$${GSE_PYTHON:-python3}"; do \
  "$$python" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue; \
  exec "$$python" -I -X utf8 -c 'import runpy, sys; sys.path.insert(0, "");\
    runpy.run_module("conformance.environment", run_name="__main__")' $(1); done; \
  echo "Makefile: PYTHON: $$python is not Python 3.11, 3.12 or 3.13; name one with make PYTHON=python3.11." >&2; exit 4

$(READY):
	$(call ENVIRONMENT,ready)

# The only targets that fetch anything: these, and the others where .venv is not what this checkout needs.
setup:
	$(call ENVIRONMENT,setup)

bundle-offline:
	$(call ENVIRONMENT,bundle "$$GSE_OUT")

lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --group dev pyproject.toml --custom-compile-command "make lock" --output-file requirements.lock

# Runs are evidence and stay.
clean:
	$(call ENVIRONMENT,clean)
