#!/bin/sh
# Brings the server's own jars to build/lib, and makes build/lib/server.jar, with Maven and the JDK; apt brings those.
set -eu
cd "$(dirname "$0")"

if ! { command -v mvn && command -v javac; } >/dev/null; then
    command -v apt-get >/dev/null || { echo "E: its registry is not reached, and there is no Maven with a JDK to build it"; exit 1; }
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends maven default-jdk-headless
fi

rm -rf build
mvn --batch-mode --quiet --strict-checksums dependency:copy-dependencies -DoutputDirectory=build/lib -DincludeScope=runtime
mkdir -p build/classes
javac --release 17 -cp 'build/lib/*' -d build/classes Server.java
jar --create --file build/lib/server.jar -C build/classes .
