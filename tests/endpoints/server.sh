# What the scripts beside this one share: each starts one private server on loopback, below a folder of its own. It is sourced.

say() { echo "$(basename "$0"): $*" >&2; }

# A port of loopback that nobody uses.
free_port() { python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'; }

# Refuses a folder DIR that holds something.
is_new() { [ -z "$(ls -A "$1" 2>/dev/null)" ] || { say "$1 is not empty"; exit 2; }; }

# Installs wheels from PyPI into the folder PROGRAMS, unless it holds just these: wheels PROGRAMS WHEEL...
wheels() {
    local programs=$1
    shift
    [ "$(cat "$programs/versions" 2>/dev/null)" = "$*" ] && return
    say "installing into $programs"
    (
        python3 -m venv "$programs" &&
            timeout 200 "$programs/bin/pip" install --quiet --disable-pip-version-check "$@" &&
            echo "$*" > "$programs/versions"
    ) >&2 || { say "pip failed, or took too long"; exit 3; }
}

# Ends the server below DIR, which MARK in it shows to be ours, and removes DIR unless it is to be kept: end DIR MARK [keep]
end() {
    local dir=$1 pid
    [ -r "$dir/pid" ] && [ -e "$dir/$2" ] || { say "$dir is not ours"; exit 2; }
    pid=$(cat "$dir/pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    [ "${3:-}" = keep ] || rm -rf "$dir"
}

# Does what the command line says: serve start DIR, or serve stop DIR.
serve() {
    case "${1:-}" in
        start | stop) "$1" "${2:?a folder}" ;;
        *) say "start DIR or stop DIR"; exit 2 ;;
    esac
}
