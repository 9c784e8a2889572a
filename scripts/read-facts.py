"""Runs the examples of docs/facts.md on the fact files in the working directory, as far as there are engines for them.

Prints, as JSON, what each finds: engine = question = [[key, ..., sum], ...]. The tests hold that against the store.
"""

import json
import re
import sys

QUESTIONS = ("clicks_by_campaign", "payout_by_partner", "conversions_by_click")


def block(page, language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return found


def plain(rows):
    """Rows without those that sum to nothing, in order."""
    rows = [[str(key) for key in row[:-1]] + [int(row[-1])] for row in rows]
    return sorted(row for row in rows if row[-1] != 0)


def duckdb(text):
    import duckdb

    duckdb.execute(text)
    return {question: plain(duckdb.sql(f"from {question}").fetchall()) for question in QUESTIONS}


def pandas(text):
    names = {}
    exec(text, names)
    return {question: plain(names[question].reset_index().to_numpy().tolist()) for question in QUESTIONS}


def polars(text):
    names = {}
    exec(text, names)
    return {question: plain(names[question].collect().rows()) for question in QUESTIONS}


def clickhouse(text):
    from chdb import session

    engine = session.Session()
    engine.query("create database facts_test engine = Atomic")
    engine.query("use facts_test")
    for statement in filter(str.strip, text.split(";\n")):
        engine.query(statement)
    ask = lambda question: json.loads(str(engine.query(f"select * from {question}", "JSONCompact")))["data"]
    return {question: plain(ask(question)) for question in QUESTIONS}


page = open(sys.argv[1], encoding="utf-8").read()
found = {
    "DuckDB": duckdb(block(page, "sql")),
    "pandas": pandas(block(page, "python")),
    "polars": polars(block(page, "polars")),
    "ClickHouse": clickhouse(block(page, "clickhouse")),
}
print(json.dumps(found))
