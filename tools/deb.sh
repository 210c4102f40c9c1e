#!/bin/sh
# Builds Debian packages of the programs in dist/, one for each architecture that is there.
# It takes Go, which fetches nfpm, and Node.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' deno.json)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Units and their guide are made for a program that an administrator has put into place.
for file in deploy/systemd/*.service deploy/systemd/README.md; do
  sed 's|/usr/local/bin/roughly|/usr/bin/roughly|g' "$file" >"$work/${file##*/}"
done
for shell in bash zsh fish; do
  npx --yes deno@2.9.6 run --quiet --allow-all cli.ts completions $shell >"$work/$shell"
done
gzip -9 -n -c man/roughly.1 >"$work/roughly.1.gz"
for architecture in x64:amd64 arm64:arm64; do
  binary=dist/roughly-$version-linux-${architecture%:*}
  [ -e "$binary" ] || continue
  ROUGHLY_VERSION=$version ROUGHLY_ARCH=${architecture#*:} ROUGHLY_BINARY=$binary \
    ROUGHLY_MADE=$work go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2 \
    package --config deploy/debian/nfpm.yaml --packager deb --target dist/
done
