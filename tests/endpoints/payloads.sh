#!/bin/bash
# Strangers who read what we send: Discord's builders, Microsoft's Adaptive Cards, Slack's types with TypeScript, and the reference library of
# Standard Webhooks.
#
#   tests/endpoints/payloads.sh start   prints lines to eval
#
# They come from npm into PAYLOADS_PROGRAMS (~/.cache/dateline-payloads unless set); a minute the first time. Nothing is started. Exit 3: it
# cannot run here.
set -euo pipefail

programs=${PAYLOADS_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/dateline-payloads}

versions=(@discordjs/builders@1.15.0 adaptivecards@3.0.6 @slack/types@3.2.0 typescript@7.0.2 standardwebhooks@1.1.1)

say() { echo "payloads.sh: $*" >&2; }

install() {
    [ "$(cat "$programs/versions" 2>/dev/null)" = "${versions[*]}" ] && return
    command -v npm > /dev/null && command -v node > /dev/null || { say "npm is not installed"; exit 3; }
    mkdir -p "$programs"
    (
        cd "$programs"
        echo '{ "private": true }' > package.json
        timeout 150 npm install --no-audit --no-fund --ignore-scripts "${versions[@]}"
        echo "${versions[*]}" > versions
    ) >&2 || { say "npm failed, or took too long"; exit 3; }
}

case "${1:-}" in
    start)
        install
        echo "export DATELINE_TEST_PAYLOADS_PROGRAMS=$programs"
        ;;
    *) say "start"; exit 2 ;;
esac
