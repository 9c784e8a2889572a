"""The other engines: each line of the input is a question as JSON, each line of the output its answer."""

import json
import sqlite3
import sys
import time

import duckdb

facts, plain, rows, threads = sys.argv[1:5]
duck = duckdb.connect()
duck.execute(f"set threads = {threads}")
duck.execute("set TimeZone = 'UTC'")
for view, files in (("facts", "*"), ("clicks", "clicks-*")):
    duck.execute(f"create view {view} as select * from read_parquet('{facts}/*/{files}.parquet', hive_partitioning = true)")

COLUMNS = """campaign sub1 sub2 keyword country device os partner offer status outcome event_at "unique" bot test
    clicks cost conversions payout revenue postbacks""".split()


def fill():
    """The same rows in SQLite, a column each for what is asked for."""
    lite = sqlite3.connect(plain)
    lite.execute("pragma journal_mode = off")
    lite.execute("pragma synchronous = off")
    texts = COLUMNS[:11]
    columns = ", ".join(f"{column} {'text' if column in texts else 'integer'} not null" for column in COLUMNS)
    lite.execute(f"create table facts ({columns}) strict")
    wanted = ", ".join("epoch_ms(event_at)" if column == "event_at" else column for column in COLUMNS)
    cursor = duck.execute(f"select {wanted} from facts order by event_at")
    insert = f"insert into facts values ({', '.join('?' * len(COLUMNS))})"
    while found := cursor.fetchmany(50_000):
        lite.executemany(insert, found)
    # What reports go by; whoever sums rows in SQLite would have it.
    lite.execute("create index facts_event_at on facts (event_at)")
    lite.commit()
    return []


connections = {}


def run(engine, sql):
    if engine == "duckdb":
        return duck.execute(sql).fetchall()
    if engine == "fill":
        return fill()
    path = plain if engine == "sqlite" else rows
    if path not in connections:
        connections[path] = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        connections[path].execute("pragma cache_size = -2000000")
        connections[path].execute("pragma mmap_size = 20000000000")
    return connections[path].execute(sql).fetchall()


print(json.dumps({"version": f"DuckDB {duckdb.__version__}, SQLite {sqlite3.sqlite_version}"}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    began = time.perf_counter()
    found = run(asked["engine"], asked["sql"])
    seconds = time.perf_counter() - began
    keep = found if asked["rows"] else []
    shown = [[str(int(value)) if isinstance(value, bool) else str(value) for value in row] for row in keep]
    print(json.dumps({"seconds": seconds, "rows": shown}), flush=True)
