#!/bin/sh
# Prints what CHANGELOG.md says of a version, and fails if that is nothing.
set -eu
cd "$(dirname "$0")/.."
awk -v version="$1" '
  /^## / { on = $2 == version; next }
  on { print; if (NF) found = 1 }
  END { exit !found }
' CHANGELOG.md
