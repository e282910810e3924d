#!/bin/bash
# A private WordPress on loopback, with a MariaDB of its own.
#
#   tests/endpoints/wordpress.sh start DIR   starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/wordpress.sh stop DIR    stops it and removes DIR
#
# Wants Debian's wordpress, wordpress-theme-twentytwentythree, php-cli, php-mysql, php-gd and mariadb-server. Exit 3: it cannot run here.
set -euo pipefail

say() { echo "wordpress.sh: $*" >&2; }

install() {
    local site=$1/site url=$2 socket=$3
    cp -rL /usr/share/wordpress/. "$site/" 2>/dev/null || true
    rm -f "$site/wp-config.php"
    # Two first uploads at once would both want to make it.
    mkdir -p "$site/wp-content/uploads/$(date -u +%Y/%m)"
    # `local` lets application passwords work without TLS.
    cat > "$site/wp-config.php" <<PHP
<?php
define('DB_NAME', 'wp'); define('DB_USER', 'wp'); define('DB_PASSWORD', 'wp'); define('DB_HOST', 'localhost:$socket');
define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
define('WP_ENVIRONMENT_TYPE', 'local'); define('WP_HOME', '$url'); define('WP_SITEURL', '$url');
define('DISABLE_WP_CRON', true); define('WP_HTTP_BLOCK_EXTERNAL', true); define('AUTOMATIC_UPDATER_DISABLED', true);
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as \$key)
    define(\$key, bin2hex(random_bytes(16)));
\$table_prefix = 'wp_'; define('WP_DEBUG', false);
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
PHP
    cat > "$1/setup.php" <<'PHP'
<?php
$_SERVER += ['HTTP_HOST' => 'localhost', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET'];
define('WP_INSTALLING', true);
require $argv[1] . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('pre_wp_mail', '__return_true');
wp_install('Halden Motors', 'admin', 'press@halden.example', true, '', bin2hex(random_bytes(12)));
update_option('permalink_structure', '/%year%/%postname%/');
foreach (['press' => 'author', 'reader' => 'subscriber'] as $name => $role) {
    $user = wp_insert_user(['user_login' => $name, 'user_pass' => bin2hex(random_bytes(12)), 'role' => $role]);
    [$password] = WP_Application_Passwords::create_new_application_password($user, ['name' => 'dateline']);
    echo "$name $password\n";
}
PHP
    cat > "$1/router.php" <<'PHP'
<?php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$file = $_SERVER['DOCUMENT_ROOT'] . $path;
if ($path !== '/' && file_exists($file) && (!is_dir($file) || file_exists(rtrim($file, '/') . '/index.php'))) return false;
$_SERVER['SCRIPT_NAME'] = '/index.php';
require $_SERVER['DOCUMENT_ROOT'] . '/index.php';
PHP
    php "$1/setup.php" "$site" > "$1/accounts" 2>> "$1/log"
}

start() {
    local dir=$1 port url socket
    [ -z "$(ls -A "$dir" 2>/dev/null)" ] || { say "$dir is not empty"; exit 2; }
    if ! { [ -d /usr/share/wordpress/wp-admin ] && command -v php && command -v mariadbd && command -v mariadb-install-db; } > /dev/null; then
        say "not installed: wordpress, php or mariadb"
        exit 3
    fi
    mkdir -p "$dir"/{db,site}
    dir=$(cd "$dir" && pwd)
    chmod 755 "$dir"
    local user=()
    if [ "$(id -u)" = 0 ]; then
        chown mysql "$dir/db"
        user=(--user=mysql)
    fi
    socket=$dir/db/s
    mariadb-install-db --no-defaults "${user[@]}" --datadir="$dir/db" --skip-test-db --auth-root-authentication-method=normal > "$dir/log" 2>&1 ||
        { say "see $dir/log"; exit 3; }
    mariadbd --no-defaults "${user[@]}" --datadir="$dir/db" --socket="$socket" --skip-networking --pid-file="$dir/db/pid" \
        --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=2 >> "$dir/log" 2>&1 < /dev/null &
    echo $! > "$dir/pids"
    for _ in $(seq 300); do
        mariadb-admin --no-defaults -uroot -S "$socket" ping > /dev/null 2>&1 && break
        sleep 0.1
    done
    mariadb --no-defaults -uroot -S "$socket" -e \
        "create database wp; create user wp@localhost identified by 'wp'; grant all on wp.* to wp@localhost;"
    port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    url=http://localhost:$port
    install "$dir" "$url" "$socket" || { say "not set up; see $dir/log"; stop "$dir" keep; exit 3; }
    PHP_CLI_SERVER_WORKERS=4 setsid php -d upload_max_filesize=32M -d post_max_size=32M -d error_log="$dir/log" \
        -S "127.0.0.1:$port" -t "$dir/site" "$dir/router.php" > "$dir/php.log" 2>&1 < /dev/null &
    echo $! >> "$dir/pids"
    for _ in $(seq 200); do
        curl -sf -o /dev/null "$url/?rest_route=/" && break
        sleep 0.1
    done
    echo "export DATELINE_TEST_WORDPRESS_URL=$url"
    while read -r name password; do
        echo "export DATELINE_TEST_WORDPRESS_${name^^}=$(printf %q "$password")"
    done < "$dir/accounts"
}

stop() {
    local dir=$1 mariadb php
    [ -r "$dir/pids" ] && [ -d "$dir/site" ] || { say "$dir is not ours"; exit 2; }
    { read -r mariadb; read -r php || true; } < "$dir/pids"
    # The parent of PHP's workers leaves them alive; they are a group of their own.
    [ -z "${php:-}" ] || kill -- "-$php" 2>/dev/null || true
    kill "$mariadb" 2>/dev/null || true
    for _ in $(seq 200); do kill -0 "$mariadb" 2>/dev/null || break; sleep 0.05; done
    [ "${2:-}" = keep ] || rm -rf "$dir"
}

case "${1:-}" in
    start | stop) "$1" "${2:?a folder}" ;;
    *) say "start DIR or stop DIR"; exit 2 ;;
esac
