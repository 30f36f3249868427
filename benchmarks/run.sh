#!/usr/bin/env bash
# Creates the benchmark environment if it is missing, then runs every comparison. Arguments go to `python -m benchmarks`.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=.venv-bench
installed=$environment/installed
if [[ ! -e $installed || pyproject.toml -nt $installed || benchmarks/constraints.txt -nt $installed ]]; then
    [[ -x $environment/bin/python ]] || "${PYTHON:-python3}" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint benchmarks/constraints.txt --editable . merlinquantum perceval-quandela threadpoolctl
    touch "$installed"
fi
# Perceval creates a directory for its configuration wherever this points.
export PCVL_PERSISTENT_PATH="${PCVL_PERSISTENT_PATH:-$PWD/$environment/perceval}"
"$environment/bin/python" -m benchmarks "$@"
if [[ $# -eq 0 ]]; then
    "$environment/bin/python" benchmarks/kernel_rate.py --out benchmarks/results/kernel_rate.json
fi
