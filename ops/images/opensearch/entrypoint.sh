#!/bin/bash
# Starts OpenSearch as the public image does: OPENSEARCH_JAVA_OPTS are the options of its Java. Unlike other shells this
# one passes variables on whose names have a dot.
set -eu

# shellcheck disable=SC2086
exec java -Xms1g -Xmx1g -XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${OPENSEARCH_JAVA_OPTS:-} \
    -Dlog4j2.configurationFile=config/log4j2.properties -cp 'lib/*' Server "$PWD"
