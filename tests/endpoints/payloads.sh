#!/bin/bash
# Strangers who read what we send: Discord's builders, Microsoft's Adaptive Cards, Slack's types with TypeScript, and the libraries that verify
# Standard Webhooks: the specification's own for JavaScript and for Python, and Svix's, whose service made the specification.
#
#   tests/endpoints/payloads.sh start   prints lines to eval
#
# They come from npm and PyPI into PAYLOADS_PROGRAMS (~/.cache/dateline-payloads unless set); a minute the first time. Nothing is started. Exit 3: it
# cannot run here.
set -euo pipefail

programs=${PAYLOADS_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/dateline-payloads}

versions=(@discordjs/builders@1.15.0 adaptivecards@3.0.6 @slack/types@3.2.0 typescript@7.0.2 standardwebhooks@1.1.1 svix@1.99.1)
wheels=(standardwebhooks==1.1.0)

say() { echo "payloads.sh: $*" >&2; }

install() {
    [ "$(cat "$programs/versions" 2>/dev/null)" = "${versions[*]} ${wheels[*]}" ] && return
    command -v npm > /dev/null && command -v node > /dev/null || { say "npm is not installed"; exit 3; }
    python3 -m pip --version > /dev/null 2>&1 || { say "pip is not installed"; exit 3; }
    mkdir -p "$programs"
    (
        cd "$programs"
        echo '{ "private": true }' > package.json
        timeout 150 npm install --no-audit --no-fund --ignore-scripts "${versions[@]}"
        timeout 100 python3 -m pip install --quiet --disable-pip-version-check --upgrade --target python "${wheels[@]}"
        echo "${versions[*]} ${wheels[*]}" > versions
    ) >&2 || { say "npm or pip failed, or took too long"; exit 3; }
}

case "${1:-}" in
    start)
        install
        echo "export DATELINE_TEST_PAYLOADS_PROGRAMS=$programs"
        ;;
    *) say "start"; exit 2 ;;
esac
