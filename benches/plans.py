#!/usr/bin/env python3
"""How PostgreSQL carries out the statements on the way of a delivery, at two sizes of the ledger.

    eval "$(tests/endpoints/postgres.sh start DIR)"
    benches/plans.py [SMALL] [LARGE]      # deliveries; 100000 and 10000000 where nothing is said

The statements are read from src/ledger/postgres/, planned as the daemon has them planned (prepared once, for any value), and run
six times in transactions that are rolled back; the first is not counted, so that all is in memory. As much waits and is leased in both
ledgers: what grows is the past. Prints a table: median times, pages of 8 KiB that were touched (which do not depend on what else
the machine does), and the indexes that served. Then, for the large ledger, what the statements cost that choose among what waits, when
a thousand parts wait; and what planning costs a ledger of which the server has no statistics yet. Ends with 1 if a statement reads a
whole table, touches more than twice as many pages in the large ledger, or looks at many rows that it has no use for.
"""
import json, os, re, statistics, subprocess, sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
URL = os.environ.get("DATELINE_TEST_POSTGRES") or sys.exit("no DATELINE_TEST_POSTGRES: start a server first")
NOW = 1_000_000_000_000_000
GROUP = 64

FILL = """
INSERT INTO ledger_meta VALUES (1, 'l', '\\x00', 0, 0);
INSERT INTO contact (address, email, domain, embargo_ok, tags, fields, changed_at)
     SELECT sha256(n::text::bytea), 'n' || n || '@paper.example', 'paper.example', false, '[]', '{{}}', 0
       FROM generate_series(1, least({n}, 1000000) + 2000) AS n;
INSERT INTO suppression SELECT sha256((-n)::text::bytea), 'asked', '', 0 FROM generate_series(1, 10000) AS n;
INSERT INTO edition VALUES ('\\x01', '');
INSERT INTO issued (release, seq, notice, title, source, order_sha, revision, approved_by, publish, expires, issued_at, complete)
     SELECT 'release-' || n, 1, 'original', '', '', '\\x', '', '', 0, {now} * 2, 0, true
       FROM generate_series(1, greatest({n} / 10000, 1)) AS n;
INSERT INTO course (release, channel, account) SELECT release, 'relay', '' FROM issued;
INSERT INTO part (issued, course, audience, channel, kind, language, advance, notice, follows, edition, due)
     SELECT id, id, 'bloggers', 'relay', 'smtp', 'en', false, 'original', false, '\\x01', 0 FROM issued;
-- All but the last fifty blocks of it has left; these wait, and four of them are leased.
INSERT INTO block (id, part, channel, first, last, next_due, epoch, lease_owner, lease_until)
     SELECT n, 1 + (n - 1) / 10, 'relay', n * 1000, n * 1000 + 999,
            CASE WHEN n > {blocks} - 50 THEN 0 END, 1,
            CASE WHEN n > {blocks} - 4 THEN 'us' END, CASE WHEN n > {blocks} - 4 THEN {now} * 4 END
       FROM generate_series(1, {blocks}) AS n;
SET session_replication_role = replica;
INSERT INTO delivery (id, block, course, recipient, seat, state, due, attempts, attempt, key, wire_key, sent_at)
     SELECT b.first + k, b.id, b.part, 1 + (b.first + k) % 1000000, 0, CASE WHEN b.next_due IS NULL THEN 'sent' ELSE 'scheduled' END, 0,
            0, NULL, sha256((b.first + k)::text::bytea), 'w' || b.first + k, CASE WHEN b.next_due IS NULL THEN 1 END
       FROM block AS b, generate_series(0, 999) AS k ORDER BY 1;
INSERT INTO attempt SELECT d.id, d.id, 1, 1, 'us', 0, 0, '\\x00' FROM delivery AS d WHERE d.block <= {blocks} / 5;
INSERT INTO result SELECT a.id, 1, 'sent', 250, NULL, 'ok', 0, false FROM attempt AS a;
UPDATE delivery SET attempt = id, attempts = 1 WHERE block <= {blocks} / 5;
-- Under way: a group of the newest leased block.
UPDATE delivery SET state = 'attempting', attempts = 1, attempt = id WHERE id BETWEEN {blocks} * 1000 + 500 AND {blocks} * 1000 + 563;
INSERT INTO attempt SELECT id, id, 1, 1, 'us', 0, 0, '\\x00' FROM delivery WHERE id BETWEEN {blocks} * 1000 + 500 AND {blocks} * 1000 + 563;
UPDATE block SET claimed = 1000 WHERE lease_owner IS NOT NULL;
INSERT INTO tally SELECT part, 'scheduled', 1000 FROM block WHERE next_due IS NOT NULL;
SELECT setval('attempt_id', 100000000000), setval('block_id', 100000000), setval('delivery_range', 100000000001);
SET session_replication_role = origin;
VACUUM ANALYZE;
"""
# A release is planned for all of the list, and the server has not looked at the tables yet.
NEW = """
ALTER TABLE delivery SET (autovacuum_enabled = false);
ALTER TABLE contact SET (autovacuum_enabled = false);
INSERT INTO contact (address, email, domain, embargo_ok, tags, fields, changed_at)
     SELECT sha256(n::text::bytea), 'n' || n || '@paper.example', 'paper.example', false, '[]', '{}', 0
       FROM generate_series(1, 20000) AS n;
INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key)
     SELECT n, n / 1000, 1, n, 0, 'scheduled', 0, sha256(n::text::bytea), 'w' || n FROM generate_series(1, 20000) AS n;
"""


def sql(text, schema, raw=False):
    url = f"{URL}?options=-csearch_path%3D{schema}"
    run = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url], input=text, text=True, capture_output=True)
    if run.returncode:
        sys.exit(run.stderr[-2000:])
    return run.stdout


def statements():
    """The statements of the way of a delivery, with arguments for a ledger of so many blocks."""
    def text(file, name):
        source = open(f"{HERE}/src/ledger/postgres/{file}.rs").read()
        # A part that two statements share, with what each calls its columns.
        shared = re.search(r'\(\$delivery:literal.*?concat!\((.*?)\)\n    };', source, re.S)
        def part(found):
            given = dict(zip(("$delivery", "$recipient", "$now"), re.findall(r'"(.*?)"', found.group(1))))
            pieces = re.findall(r'"(.*?)"|(\$\w+)', shared.group(1), re.S)
            return "".join(text or given[name] for text, name in pieces)
        source = re.sub(r'",\s*mails!\((.*?)\),\s*"', part, source, flags=re.S)
        unheld = re.search(r'macro_rules! unheld .*?"(.*?)"', open(f"{HERE}/src/ledger/postgres/holds.rs").read(), re.S).group(1)
        source = re.sub(r'",\s*unheld!\(\),\s*"', lambda _: unheld, source)
        return re.search(rf'const {name}: &str =\s*(?:concat!\(\s*)?"(.*?)"\s*\)?;', source, re.S).group(1).replace("\\\n", "")
    def add(course):
        # Half of them have a seat.
        people = array([500 + k for k in range(GROUP // 2)] + [1_000_500 + k for k in range(GROUP // 2)], "bigint")
        keys = array([f"sha256('{k}')" for k in range(GROUP)], "bytea")
        words = array([f"'w{k}'" for k in range(GROUP)], "text")
        nothing = array(["NULL"] * GROUP, "bigint")
        return [people, keys, words, nothing, 10**12, 10**9, course, 0, 0, "false"]
    array = lambda items, kind: "ARRAY[" + ",".join(map(str, items)) + f"]::{kind}[]"
    def of(blocks):
        # A group in the newest leased block: some to be asked for, some under way.
        waiting = [blocks * 1000 + k for k in range(GROUP)]
        under_way = [blocks * 1000 + 500 + k for k in range(GROUP)]
        ids, ran = array(waiting, "bigint"), array(under_way, "bigint")
        ones = array([1] * GROUP, "bigint")
        words = array(["'sent'"] * GROUP, "text")
        nothing = array(["NULL"] * GROUP, "text")
        return {
            ("claim", "TURNS"): ["'relay'", NOW, "'us'", "false"],
            ("claim", "NEXT_BLOCK"): ["'relay'", blocks // 10 or 1, NOW],
            ("claim", "DUE"): [(blocks - 20) * 1000, (blocks - 20) * 1000 + 999, NOW],
            ("claim", "LEASE_BLOCK"): [blocks - 20, "'us'", NOW, 1, 1000],
            ("claim", "RENEW"): ["'us'", NOW, 1],
            ("claim", "RAN_OUT"): [NOW],
            ("locked", "LOCK"): [array([blocks], "bigint"), NOW],
            ("settle", "LOCK_BLOCKS"): [ids, ran],
            ("intent", "INTEND_FREE"): [ids, array([blocks] * GROUP, "bigint"), ones, array(["'\\x00'"] * GROUP, "bytea"), array([NOW] * GROUP, "bigint"), 1, "'us'", "true"],
            ("intent", "INTEND"): [ids, ones, array(["'\\x00'"] * GROUP, "bytea"), array([NOW] * GROUP, "bigint"), 1, NOW],
            ("intent", "WHY"): [ran, NOW, NOW],
            ("settle", "TAKEN"): [ran, ran, nothing, nothing, ones, array([250] * GROUP, "integer"), nothing, words],
            ("settle", "FIND"): [ran],
            ("rows", "ADD_RESULTS"): [ran, ones, words, array([250] * GROUP, "integer"), nothing, words, ones, array(["false"] * GROUP, "boolean")],
            ("rows", "BECOME"): [ran, words, ones, nothing, nothing, ones, array(["false"] * GROUP, "boolean")],
            ("blocks", "END_CLAIMS"): [array([blocks], "bigint"), array([1], "bigint"), array([1], "bigint")],
            ("blocks", "FREE"): [array([blocks], "bigint")],
            ("blocks", "ADD"): add(1),
            ("tally", "ADD"): [array([1, 1], "bigint"), array(["'scheduled'", "'sent'"], "text"), array([-64, 64], "bigint")],
            ("planning", "NEXT_DUE"): [],
            ("doubt", "TO_LOOK_AT"): [NOW, 100],
            ("log", "UNRESOLVED"): [0, 100],
        }
    return text, of


def walk(node, seen):
    if node.get("Node Type") == "Seq Scan":
        seen.setdefault("whole", set()).add(node["Relation Name"])
    if "Index Name" in node:
        seen.setdefault("index", set()).add(node["Index Name"])
    seen["useless"] = seen.get("useless", 0) + node.get("Rows Removed by Join Filter", 0) * node["Actual Loops"]
    for child in node.get("Plans", []):
        walk(child, seen)
    return seen


def fill(size, rows):
    schema = f"plans_{size}"
    migrations = sorted(os.listdir(f"{HERE}/src/ledger/postgres/migrations"))
    sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}", "public")
    for name in migrations:
        sql(open(f"{HERE}/src/ledger/postgres/migrations/{name}").read(), schema)
    sql(rows, schema)


def blocks_of(size):
    return max(size // 1000, 100)


def measure(size, only=None, blocks=None):
    schema = f"plans_{size}"
    text, of = statements()
    found = {}
    for (file, name), arguments in of(blocks or blocks_of(size)).items():
        if only and (file, name) not in only:
            continue
        execute = f"EXECUTE p({', '.join(map(str, arguments))})" if arguments else "EXECUTE p"
        once = f"BEGIN; EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {execute}; ROLLBACK;\n"
        out = sql("SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off;\n"
                  "SET join_collapse_limit = 1; SET from_collapse_limit = 1; SET enable_hashjoin = off; SET enable_mergejoin = off;\n"
                  f"PREPARE p AS {text(file, name)};\n" + once * 6, schema)
        plans = [json.loads(part) for part in re.findall(r"^\[.*?^\]", out, re.S | re.M)]
        times = [plan[0]["Execution Time"] for plan in plans][1:]
        top = plans[-1][0]["Plan"]
        pages = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        found[(file, name)] = (statistics.median(times), pages, walk(top, {}))
    return found


def main():
    small, large = [int(n) for n in (sys.argv[1:] + ["100000", "10000000"][len(sys.argv) - 1:])][:2]
    for size in (small, large):
        fill(size, FILL.format(n=size, blocks=blocks_of(size), now=NOW))
    few, many = measure(small), measure(large)
    bad = []
    big = {"delivery", "attempt", "result", "block", "doubt", "contact", "suppression"}
    print(f"| statement | at {small:,} deliveries, ms | at {large:,}, ms | pages | pages | served by |")
    print("| --- | --- | --- | --- | --- | --- |")
    for key, (before, touched, _) in few.items():
        after, pages, seen = many[key]
        indexes = ", ".join(sorted(seen.get("index", set()))) or "no table"
        print(f"| {key[0]}.rs `{key[1]}` | {before:.2f} | {after:.2f} | {touched} | {pages} | {indexes} |")
        if seen.get("whole", set()) & big:
            bad.append(f"{key}: reads the whole of {seen['whole'] & big}")
        if pages > 2 * touched and pages > 20:
            bad.append(f"{key}: {touched} pages became {pages}")
        if seen["useless"] > GROUP * GROUP:
            bad.append(f"{key}: compares {seen['useless']} pairs of rows for nothing")
    parts = min(1000, large // 10000)
    sql(f"UPDATE block SET next_due = 0 WHERE lease_owner IS NULL AND id > {large // 1000 - parts * 10}; VACUUM ANALYZE block", f"plans_{large}")
    for key, (time, pages, _) in measure(large, [("claim", "TURNS"), ("planning", "NEXT_DUE")]).items():
        print(f"\nWith {parts:,} parts that wait, {key[0]}.rs `{key[1]}` takes {time:.2f} ms and touches {pages} pages.")
    fill("new", NEW)
    ((time, pages, seen),) = measure("new", [("blocks", "ADD")], 100).values()
    print(f"\nOf a ledger without statistics, blocks.rs `ADD` takes {time:.2f} ms and touches {pages} pages.")
    if seen["useless"] > GROUP:
        bad.append(f"blocks.rs ADD compares {seen['useless']} pairs of rows of a ledger without statistics")
    for size in (small, large, "new"):
        sql(f"DROP SCHEMA plans_{size} CASCADE", "public")
    print("\n".join(bad), file=sys.stderr)
    sys.exit(1 if bad else 0)


main()
