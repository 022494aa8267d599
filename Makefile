# The two commands of the README (`make demo`, `make test`), the benchmark, and cleaning up.
# Needs a Rust toolchain and Python 3.11+ with venv; everything else comes from the lock files.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

export CARGO_TARGET_DIR := $(CURDIR)/target
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE := 1

VENV    := $(CURDIR)/.venv
RELEASE := $(CARGO_TARGET_DIR)/release/claude-kernel
DEBUG   := $(CARGO_TARGET_DIR)/debug/claude-kernel
PAGE    := $(CURDIR)/demo/quickstart.html

# The newest Python that is new enough; `make PYTHON=/path/to/python3` picks another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$$p"; break; }; done)

PYTEST := "$(VENV)/bin/python" -m pytest -p no:cacheprovider -q
# What measures how long the kernel takes: it runs while nothing else does.
TIMED := tests/conformance/test_load.py tests/conformance/test_iopub.py

# How long `make fuzz` feeds each target, in seconds.
FUZZ_SECONDS ?= 60

.PHONY: help demo test fuzz soak bench labextension notebooks pictures vscode clean release rust-toolchain chromium

help:
	@echo "make demo    build, install into .venv, run notebooks/quickstart.ipynb offline, print the page's path"
	@echo "make test    everything CI runs: fmt, clippy, Rust tests, conformance tests"
	@echo "make fuzz    random input for everything that reads bytes from outside, FUZZ_SECONDS=60 each"
	@echo "make soak    what attacks in bulk do to a release build: memory, silence, deaths"
	@echo "make bench   the benchmark beside ipykernel and the Python SDK"
	@echo "make notebooks  run the notebooks offline and keep what they show, to be committed"
	@echo "make pictures  take the pictures of the README from real pages, to be committed"
	@echo "make labextension  build the JupyterLab extension from jupyterlab/, to be committed (needs Node 20+)"
	@echo "make vscode  pack editors/vscode as an extension for VS Code, into target/"
	@echo "make clean   remove what the above made"

# Named by hand rather than found: what a person must have that we do not bring.
rust-toolchain:
	@command -v cargo >/dev/null || { echo "make: no \`cargo\`: install Rust from https://rustup.rs, then open a new shell" >&2; exit 1; }
	@command -v cc >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq gcc libc6-dev; \
		else echo "make: no C compiler to link with: install the package \`gcc\` (Debian, Ubuntu: sudo apt-get install gcc libc6-dev)" >&2; exit 1; fi; }

# The same names as in tests/conformance/browser.py.
chromium:
	@[ -n "$${CLAUDE_KERNEL_TEST_CHROMIUM:-}" ] || [ -n "$$(command -v chromium chromium-browser google-chrome-stable google-chrome)" ] || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; \
		else echo "make: no browser for the tests: install the package \`chromium\` (Debian: sudo apt-get install chromium), or set CLAUDE_KERNEL_TEST_CHROMIUM to the path of one" >&2; exit 1; fi; }

release: rust-toolchain
	@cargo build --release --locked

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "make: no Python 3.11 or newer: install the package \`python3\` (with \`python3-venv\` on Debian and Ubuntu), or say \`make PYTHON=/path/to/python3 …\`" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		package="python$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"; \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq "$$package"; \
		else echo "make: Python's \`venv\` is missing: install the package \`$$package\` (sudo apt-get install $$package)" >&2; exit 1; fi; }
	@"$(PYTHON)" -m venv "$(VENV)"

# Stamps: a second run installs nothing.
$(VENV)/.demo: requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing requirements.txt into .venv"
	@"$(VENV)/bin/python" -m pip install --quiet -r requirements.txt -c constraints.txt
	@touch "$@"

$(VENV)/.test: requirements-test.txt requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing requirements-test.txt into .venv"
	@"$(VENV)/bin/python" -m pip install --quiet -r requirements-test.txt -c constraints.txt
	@touch "$@" "$(VENV)/.demo"

# In a copy: the page stands beside the files and notebooks that it links to.
demo: release $(VENV)/.demo
	@"$(RELEASE)" install --prefix "$(VENV)" --quiet
	@"$(RELEASE)" install --prefix "$(VENV)" --offline --quiet
	@rm -rf demo && mkdir demo && cp -r notebooks/*.ipynb notebooks/*.claude.md notebooks/data demo/
	@cd demo && JUPYTER_PREFER_ENV_PATH=1 "$(VENV)/bin/jupyter" nbconvert --to html --execute quickstart.ipynb \
		--template claude --ExecutePreprocessor.kernel_name=claude-offline --log-level=ERROR
	@echo "The quickstart, run offline, as a page:"
	@echo "$(PAGE)"
	@echo "To run it cell by cell in JupyterLab, also offline:"
	@echo ".venv/bin/jupyter lab$$([ "$$(id -u)" = 0 ] && echo ' --allow-root' || true) demo/quickstart.ipynb"

# One debug binary serves the Rust tests and the judges.
test: rust-toolchain chromium $(VENV)/.test
	@echo "== cargo fmt"
	@cargo fmt --check
	@echo "== cargo clippy"
	@cargo clippy --locked --all-targets -- -D warnings
	@echo "== cargo test"
	@CLAUDE_KERNEL_TEST_PYTHON="$(VENV)/bin/python" cargo test --locked
	@echo "== conformance"
	@CLAUDE_KERNEL_BIN="$(DEBUG)" $(PYTEST) -n 2 --dist loadgroup tests/conformance $(TIMED:%=--ignore=%)
	@CLAUDE_KERNEL_BIN="$(DEBUG)" $(PYTEST) $(TIMED)
	@echo "make test: ok"

# No sanitizer and no nightly compiler: overflow checks and assertions are on, as in `make test`.
fuzz: rust-toolchain
	@CLAUDE_KERNEL_FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --locked --test it fuzz:: -- --nocapture

soak: release $(VENV)/.test
	@CLAUDE_KERNEL_TEST_SOAK=1 CLAUDE_KERNEL_BIN="$(RELEASE)" $(PYTEST) -s \
		tests/conformance/test_frames.py $(TIMED) tests/conformance/test_secrets.py

bench: release $(VENV)/.test
	@CLAUDE_KERNEL_BIN="$(RELEASE)" "$(VENV)/bin/python" benches/bench.py

# On the debug binary: what is shown does not depend on it, and `make test` has built it. NAMES="v01-shell" makes one.
notebooks: rust-toolchain $(VENV)/.test
	@cargo build --locked
	@CLAUDE_KERNEL_BIN="$(DEBUG)" "$(VENV)/bin/python" notebooks/make.py $(NAMES)

pictures: rust-toolchain chromium $(VENV)/.test
	@cargo build --locked
	@CLAUDE_KERNEL_BIN="$(DEBUG)" "$(VENV)/bin/python" docs/pictures/make.py

# Nobody who builds, installs or tests the kernel needs Node: what this writes is committed, and a test
# says when it is behind its sources.
labextension:
	@command -v npm >/dev/null || { echo "make: no \`npm\`: install Node 20 or newer (Debian: sudo apt-get install nodejs npm)" >&2; exit 1; }
	@cd jupyterlab && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build
	@git status --short -- kernelspec/data/share/jupyter/labextensions

vscode:
	@mkdir -p "$(CARGO_TARGET_DIR)"
	@"$(PYTHON)" editors/vscode/pack.py "$(CARGO_TARGET_DIR)"

clean:
	@rm -rf "$(CARGO_TARGET_DIR)" "$(VENV)" demo jupyterlab/node_modules jupyterlab/lib
