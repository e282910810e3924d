#!/bin/bash
# A private Postfix and Dovecot on loopback, to send real mail to and read it back from.
#
#   tests/endpoints/mail.sh start DIR   starts them below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/mail.sh stop DIR    stops them and removes DIR
#
# Wants root (Postfix does) and Debian; installs what is missing with apt-get. Nothing that is installed or
# running on the machine is changed: configuration, queue, mailboxes and keys are below DIR.
# Exit 3: it cannot run here.
set -euo pipefail

say() { echo "mail.sh: $*" >&2; }

# Ports that nobody listens on now.
free_ports() {
    python3 - "$1" <<'PY'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[s.getsockname()[1] for s in held])
PY
}

install() {
    command -v postfix dovecot openssl python3 >/dev/null && [ -x /usr/lib/dovecot/lmtp ] && return
    say "installing postfix and dovecot"
    # policy-rc.d keeps apt from starting the machine-wide services.
    local policy=/usr/sbin/policy-rc.d made=
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy && made=1; }
    {
        apt-get update -qq
        echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            postfix dovecot-imapd dovecot-lmtpd openssl python3
    } >&2 || { [ -n "$made" ] && rm -f $policy; say "apt-get failed"; exit 3; }
    [ -z "$made" ] || rm -f $policy
}

certificates() {
    local dir=$1
    mkdir -p "$dir"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj '/CN=Mail test authority' -addext basicConstraints=critical,CA:TRUE \
        -addext keyUsage=critical,keyCertSign -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' \
        -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
    openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
        -extfile <(echo 'subjectAltName=DNS:localhost,IP:127.0.0.1') -out "$dir/server.pem" 2>/dev/null
}

dovecot_configuration() {
    cat <<CONF
base_dir = $dir/dovecot/run
state_dir = $dir/dovecot/state
log_path = $dir/dovecot/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = required
ssl_cert = <$dir/tls/server.pem
ssl_key = <$dir/tls/server.key
auth_mechanisms = plain login
default_login_user = dovenull
default_internal_user = dovecot
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u $dir/dovecot/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$dir/dovecot/mail/%u
}
namespace inbox {
  inbox = yes
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = $imaps
    ssl = yes
  }
}
service lmtp {
  unix_listener $dir/postfix/queue/private/lmtp-in {
    mode = 0666
  }
}
service auth {
  unix_listener $dir/postfix/queue/private/login {
    mode = 0666
  }
}
CONF
}

postfix_main() {
    cat <<CONF
compatibility_level = 3.6
queue_directory = $dir/postfix/queue
data_directory = $dir/postfix/data
maillog_file = $dir/postfix/log
maillog_file_prefixes = $dir
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.paper.example
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
virtual_mailbox_domains = paper.example
# Dovecot does not know gone@: Postfix takes mail for it, and reports that it could not be delivered.
virtual_mailbox_maps = inline:{ jane@paper.example=1, desk@paper.example=1, gone@paper.example=1,
    bounces@paper.example=1, spool@paper.example=1 }
# Where reports go: whatever stands after the + stays.
recipient_delimiter = +
virtual_alias_domains = bounce.halden.example spool.halden.example
virtual_alias_maps = inline:{ b@bounce.halden.example=bounces@paper.example,
    u@bounce.halden.example=bounces@paper.example, b@spool.halden.example=spool@paper.example }
virtual_transport = lmtp:unix:private/lmtp-in
default_transport = error:no mail leaves this machine
smtp_dns_support_level = disabled
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/login
smtpd_sasl_auth_enable = yes
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = $dir/tls/server.pem
smtpd_tls_key_file = $dir/tls/server.key
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = reject_unlisted_recipient, permit_sasl_authenticated, reject
smtpd_client_connection_count_limit = 0
smtpd_soft_error_limit = 100
smtpd_hard_error_limit = 200
smtpd_error_sleep_time = 0
message_size_limit = 1000000
in_flow_delay = 0
CONF
}

# The standard services without chroot; inet listeners are ours alone.
postfix_master() {
    local standard=/usr/share/postfix/master.cf.dist
    [ -r $standard ] || standard=/etc/postfix/master.cf
    awk '/^[a-z]/ && $2 == "inet" { skip = 1; next } /^[a-z#]/ { skip = 0 } skip { next }
         /^[a-z]/ { $5 = "n" } { print }' $standard
    echo "127.0.0.1:$submission inet n - n - - smtpd -o smtpd_tls_security_level=encrypt"
    echo "127.0.0.1:$smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes"
}

start() {
    dir=$1
    [ "$(id -u)" = 0 ] || { say "Postfix wants root"; exit 3; }
    install
    [ -z "$(ls -A "$dir" 2>/dev/null)" ] || { say "$dir is not empty"; exit 2; }
    read -r submission smtps imaps < <(free_ports 3)
    mkdir -p "$dir"/dovecot/{run,state,mail} "$dir"/postfix/{etc,queue,data}
    chmod 755 "$dir" "$dir"/postfix "$dir"/postfix/queue
    certificates "$dir/tls"
    chown mail:mail "$dir/dovecot/mail"
    chown postfix "$dir/postfix/data"
    printf '%s:{PLAIN}%s::::::\n' press@halden.example relay-pass jane@paper.example jane-pass \
        desk@paper.example desk-pass bounces@paper.example bounces-pass spool@paper.example spool-pass \
        > "$dir/dovecot/users"
    chown root:dovecot "$dir/dovecot/users" && chmod 640 "$dir/dovecot/users"
    dovecot_configuration > "$dir/dovecot/dovecot.conf"
    postfix_main > "$dir/postfix/etc/main.cf"
    postfix_master > "$dir/postfix/etc/master.cf"
    cp -r /etc/postfix/postfix-files* /etc/postfix/dynamicmaps.cf* "$dir/postfix/etc/" 2>/dev/null || true
    # Postfix makes its queue's folders first: Dovecot's sockets live there.
    { postfix -c "$dir/postfix/etc" start && dovecot -c "$dir/dovecot/dovecot.conf"; } >&2 || { say "see $dir/*/log"; stop "$dir" keep; exit 3; }
    for port in $submission $smtps $imaps; do
        for _ in $(seq 200); do
            (: < /dev/tcp/127.0.0.1/"$port") 2>/dev/null && continue 2
            sleep 0.05
        done
        say "nothing listens on $port; see $dir/*/log"
        stop "$dir" keep
        exit 3
    done
    echo "export DATELINE_TEST_MAIL_SUBMISSION=$submission"
    echo "export DATELINE_TEST_MAIL_SMTPS=$smtps"
    echo "export DATELINE_TEST_MAIL_IMAPS=$imaps"
    echo "export DATELINE_TEST_MAIL_CA=$dir/tls/ca.pem"
    # The Maildir into which reports for spool.halden.example go.
    echo "export DATELINE_TEST_MAIL_SPOOL=$dir/dovecot/mail/spool@paper.example/Maildir"
}

# Ends the two masters by the pids that they wrote; they end their children.
stop() {
    local dir=$1 pid file
    [ -d "$dir/postfix" ] && [ -d "$dir/dovecot" ] || { say "$dir is not ours"; exit 2; }
    for file in "$dir/postfix/queue/pid/master.pid" "$dir/dovecot/run/master.pid"; do
        [ -r "$file" ] || continue
        pid=$(tr -d ' \n' < "$file")
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    done
    [ "${2:-}" = keep ] || rm -rf "$dir"
}

case "${1:-}" in
    start | stop) "$1" "${2:?a folder}" ;;
    *) say "start DIR or stop DIR"; exit 2 ;;
esac
