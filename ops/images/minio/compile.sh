#!/bin/sh
# Makes build/minio from its sources, with the Go of this machine.
set -eu
cd "$(dirname "$0")"

command -v go >/dev/null || { echo "E: its registry is not reached, and there is no Go to compile it with"; exit 1; }
mkdir -p build
CGO_ENABLED=0 GOBIN="$PWD/build" go install -ldflags "-s -w" "github.com/minio/minio@$(sed -n 's/^ARG MINIO=//p' Dockerfile)"
