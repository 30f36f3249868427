# `make demo` trains the demo model, `make test` checks everything. Both make the environment first if it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test check tests bench protos drift clean

demo: $(INSTALLED)
	$(BIN)/hqdist train examples/digits.toml --resume

test: check tests

check: $(INSTALLED) drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

tests: $(INSTALLED)
	$(BIN)/pytest

# Speed against MerLin and Perceval, in an environment of its own; see benchmarks/README.md.
bench:
	PYTHON=$(PYTHON) benchmarks/run.sh

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hqdist needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,perceval,ray]'
	@touch $@

# The stubs are generated with an older protobuf than the one in use, so that they run on protobuf 6 and on 7.
PROTOS := $(wildcard protos/hqdist/*/v1/*.proto)
PROTOC := .venv-protos/bin/python -m grpc_tools.protoc -Iprotos
GENERATED := .venv-protos/generated
define generate
	$(PROTOC) --python_out=$(1) --pyi_out=$(1) $(PROTOS)
	$(PROTOC) --descriptor_set_out=$(1)/hqdist/rpc/v1/health.binpb protos/grpc/health/v1/health.proto
endef

protos: .venv-protos/installed
	$(call generate,.)

# Whether the stubs are what the .proto files say.
drift: .venv-protos/installed
	@rm -rf $(GENERATED) && mkdir -p $(GENERATED)/hqdist/rpc/v1
	$(call generate,$(GENERATED))
	@for file in $$(cd $(GENERATED) && find . -type f); do \
		cmp $(GENERATED)/$$file $$file || { echo "run: make protos" >&2; exit 1; }; done

.venv-protos/installed:
	$(PYTHON) -m venv .venv-protos
	.venv-protos/bin/python -m pip install --quiet --disable-pip-version-check grpcio-tools==1.81.1
	@touch $@

clean:
	rm -rf $(VENV) .venv-bench .venv-protos
	find . -name "*.nb[ci]" -delete
