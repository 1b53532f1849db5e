#!/usr/bin/env bash
# Builds a Python hook into a component: build.sh FOLDER WORLD OUTPUT.
# componentize-py is installed once, into a virtual environment under the target directory.
set -euo pipefail
folder=$(realpath "$1") world=$2 output=$(realpath -m "$3")
root=$(realpath "$(dirname "$0")/../..")
venv=${CARGO_TARGET_DIR:-$root/target}/python
version=0.25.1

if ! "$venv/bin/componentize-py" --version 2>/dev/null | grep -q "$version"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet "componentize-py==$version"
fi
mkdir -p "$(dirname "$output")"
cd "$folder"
"$venv/bin/componentize-py" --quiet -d "$root/wit" -w "$world" \
  componentize hook -p . -p "$root/sdk/python" -o "$output"
