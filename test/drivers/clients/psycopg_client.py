"""psycopg 3: text and binary, pipelines, COPY, server-side cursors. Argument: a connection string."""

import asyncio
import sys
import threading

import psycopg
from psycopg.rows import dict_row, namedtuple_row, tuple_row
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.json import Jsonb

from report import observe

url = sys.argv[1]
notices = []
conn = psycopg.connect(url, autocommit=True)
conn.add_notice_handler(lambda d: notices.append([d.severity_nonlocalized, d.sqlstate, d.message_primary]))
names = "server_version client_encoding DateStyle IntervalStyle TimeZone integer_datetimes standard_conforming_strings \
is_superuser session_authorization application_name in_hot_standby default_transaction_read_only scram_iterations".split()


def rows(sql, params=None, **options):
    return conn.execute(sql, params, **options).fetchall()


def description(cursor):
    return [[c.name, c.type_code, c.internal_size, c.precision, c.scale, c.table_oid if hasattr(c, "table_oid") else None] for c in cursor.description]


TYPES = "SELECT * FROM samples WHERE id < 3 ORDER BY id"
EDGES = "SELECT id, a_int8, a_float8, a_numeric, a_bytea, a_timestamptz, a_date, a_text_array, an_int4range FROM samples ORDER BY id"


def types(binary):
    with conn.cursor(binary=binary) as cursor:
        first = cursor.execute(TYPES).fetchall()
        described = description(cursor)
        return [first, described, cursor.execute(EDGES).fetchall(), cursor.execute(TYPES + " LIMIT %s", [1]).fetchall()]


def parameters(binary):
    place = "%b" if binary else "%t"
    import datetime, decimal, uuid
    values = [1, 2**40, "a 'b' \\ ü", b"\x00\xff", decimal.Decimal("1.50"), 2.5, True, datetime.date(2024, 2, 29),
              datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc), datetime.timedelta(days=1, seconds=2),
              uuid.UUID(int=7), [1, None, 3], ["a", 'b"c'], Jsonb({"a": [1, None]}), None]
    with conn.cursor(binary=binary) as cursor:
        return cursor.execute("SELECT " + ", ".join([place] * len(values)), values).fetchall()


observe("parameter status", lambda: {n: conn.pgconn.parameter_status(n.encode()) for n in names})
observe("info", lambda: [conn.info.server_version, conn.info.encoding, conn.info.transaction_status.name, conn.info.user, str(conn.info.timezone)])
observe("types, text", lambda: types(False))
observe("types, binary", lambda: types(True))
observe("parameters, text", lambda: parameters(False))
observe("parameters, binary", lambda: parameters(True))


def enum_and_composite():
    info = EnumInfo.fetch(conn, "mood")
    register_enum(info, conn)
    pair = CompositeInfo.fetch(conn, "pair")
    register_composite(pair, conn)
    found = conn.execute("SELECT a_mood, a_pair, a_percentage FROM samples WHERE id = 1", binary=True).fetchall()
    return [info.labels, pair.field_names, pair.field_types, repr(found)]


observe("enum and composite", enum_and_composite)


def prepared():
    with psycopg.connect(url, autocommit=True, prepare_threshold=2) as other:
        found = [other.execute("SELECT name FROM authors WHERE id = %s", [n % 2 + 1]).fetchone() for n in range(6)]
        return [found, other.execute("SELECT 1", prepare=True).fetchone(), len(other._prepared._names)]


observe("prepared after two", prepared)


def prepared_evicted():
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as other:
        other.prepared_max = 2
        return [other.execute(f"SELECT {n} + %s", [n]).fetchone() for n in (1, 2, 3, 4, 1)]


observe("prepared statements evicted", prepared_evicted)


def executemany():
    with conn.cursor() as cursor:
        cursor.executemany("INSERT INTO authors (name) VALUES (%s) RETURNING id, name", [["Woolf"], ["Joyce"], ["Sand"]], returning=True)
        found = []
        while True:
            found.append(cursor.fetchall())
            if not cursor.nextset():
                return [found, cursor.rowcount, cursor.statusmessage]


observe("executemany RETURNING", executemany)
observe("rowcount and status", lambda: [(c := conn.execute("UPDATE authors SET rating = 1 WHERE name = ANY(%s)", [["Sand", "Joyce"]])).rowcount, c.statusmessage])


def several():
    cursor = conn.execute("SELECT 1 AS a; SELECT 2 AS b, 3; INSERT INTO copied VALUES (1, 'x', 1)")
    found = []
    while True:
        found.append([cursor.statusmessage, cursor.fetchall() if cursor.description else None])
        if not cursor.nextset():
            return found


observe("several statements", several)
observe("client-side binding", lambda: psycopg.ClientCursor(conn).execute("SELECT name FROM authors WHERE id = %s AND name <> %s", [1, "o'x"]).fetchall())
observe("raw cursor", lambda: psycopg.RawCursor(conn).execute("SELECT $1::int + $2::int", [1, 2]).fetchall())
observe("row factories", lambda: [conn.cursor(row_factory=f).execute("SELECT id, name FROM authors ORDER BY id LIMIT 1").fetchone() for f in (dict_row, tuple_row)])


def pipeline():
    with conn.pipeline() as p:
        one = conn.execute("INSERT INTO copied VALUES (2, %s, %s) RETURNING *", ["p", 1.5])
        two = conn.execute("SELECT count(*) FROM copied")
        first = one.fetchall()
        p.sync()
        three = conn.execute("SELECT %s::int", [3])
        return [first, two.fetchall(), three.fetchall()]


observe("pipeline", pipeline)


def pipeline_error():
    with psycopg.connect(url, autocommit=True) as other:
        seen = []
        try:
            with other.pipeline() as p:
                other.execute("INSERT INTO copied VALUES (50)")
                failing = other.execute("SELECT 1 / %s::int", [0])
                other.execute("INSERT INTO copied VALUES (51)")
                try:
                    p.sync()
                except psycopg.Error as error:
                    seen.append([type(error).__name__, error.sqlstate])
        except psycopg.Error as error:
            seen.append([type(error).__name__, error.sqlstate])
        other.execute("INSERT INTO copied VALUES (52)")
        return [seen, rows("SELECT id FROM copied WHERE id >= 50 ORDER BY id"), other.info.transaction_status.name]


observe("pipeline with an error", pipeline_error)


def pipeline_transaction():
    with psycopg.connect(url) as other:
        with other.pipeline():
            with other.transaction():
                other.execute("INSERT INTO copied VALUES (60)")
                try:
                    with other.transaction():
                        other.execute("INSERT INTO copied VALUES (61)")
                        other.execute("SELECT 1 / 0").fetchone()
                except psycopg.Error as error:
                    code = error.sqlstate
                other.execute("INSERT INTO copied VALUES (62)")
        return [code, rows("SELECT id FROM copied WHERE id >= 60 ORDER BY id")]


observe("pipeline with transactions", pipeline_transaction)


def pipeline_many():
    with conn.pipeline():
        cursors = [conn.execute("SELECT %s::int", [n]) for n in range(1000)]
        return sum(c.fetchone()[0] for c in cursors)


observe("pipeline of 1,000", pipeline_many)


def transactions():
    with psycopg.connect(url) as other:
        other.execute("INSERT INTO authors (name) VALUES ('nobody')")
        states = [other.info.transaction_status.name]
        other.rollback()
        with other.transaction():
            other.execute("INSERT INTO authors (name) VALUES ('somebody')")
            try:
                with other.transaction():
                    other.execute("SELECT 1 / 0")
            except psycopg.Error as error:
                states.append(error.sqlstate)
            states.append(other.execute("SELECT count(*) FROM authors WHERE name LIKE '%%body'").fetchone())
        other.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        other.read_only = True
        states.append(other.execute("SHOW transaction_isolation").fetchone())
        try:
            other.execute("DELETE FROM copied WHERE id = 1")
        except psycopg.Error as error:
            states.append([error.sqlstate, str(error)])
        other.rollback()
        return states


observe("transactions", transactions)


def in_failed_transaction():
    with psycopg.connect(url) as other:
        try:
            other.execute("SELECT 1 / 0")
        except psycopg.Error:
            pass
        other.execute("SELECT 1")


observe("error: in a failed transaction", in_failed_transaction)
observe("error: unique", lambda: rows("INSERT INTO authors (name) VALUES ('Ada Byron')"))
observe("error: foreign key", lambda: rows("INSERT INTO books (author_id, title) VALUES (%s, 'x')", [999]))
observe("error: check", lambda: rows("UPDATE authors SET rating = -1 WHERE id = 1"))
observe("value of a domain", lambda: rows("SELECT %s::percentage", [99]))
observe("error: value of a domain", lambda: rows("SELECT %s::percentage", [101]))
observe("error: cast", lambda: rows("SELECT %s::int", ["abc"]))
observe("error: syntax", lambda: rows("SELEC 1"))
observe("error: unknown table", lambda: rows("SELECT * FROM nowhere"))


def server_cursor(**options):
    with psycopg.connect(url) as other:
        with other.cursor("page", **options) as cursor:
            cursor.itersize = 3
            cursor.execute("SELECT n, word FROM numbers WHERE n <= %s ORDER BY n", [10])
            found = [cursor.fetchone(), cursor.fetchmany(4), [r for r in cursor]]
            if options.get("scrollable"):
                cursor.scroll(2, mode="absolute")
                found.append(cursor.fetchone())
            if options.get("withhold"):
                other.commit()
                cursor.scroll(1, mode="absolute") if options.get("scrollable") else None
                found.append(cursor.fetchall())
            return [found, cursor.rownumber, description(cursor)]


observe("server-side cursor", lambda: server_cursor())
observe("server-side cursor, binary", lambda: server_cursor(binary=True))
observe("server-side cursor, scrollable", lambda: server_cursor(scrollable=True))
observe("server-side cursor, WITH HOLD", lambda: server_cursor(withhold=True, scrollable=True))
observe("stream", lambda: sum(r[0] for r in conn.cursor().stream("SELECT n FROM numbers")))
if psycopg.capabilities.has_stream_chunked():
    observe("stream in chunks", lambda: sum(r[0] for r in conn.cursor().stream("SELECT n FROM numbers", size=100)))


def large():
    body, data = "ü1234567" * 120_000, b"\xa5" * (1 << 20)
    conn.execute("INSERT INTO blobs VALUES (1, %s, %s)", [body, data])
    found = [conn.execute("SELECT body, bytes FROM blobs", binary=b).fetchone() for b in (False, True)]
    return [f == (body, data) for f in found]


observe("1 MB there and back", large)


def copy_in(sql, binary):
    with conn.cursor() as cursor:
        with cursor.copy(sql) as copy:
            if binary:
                copy.set_types(["int4", "text", "numeric"])
            for n in range(1000):
                copy.write_row([n, f"label\t{n}", None])
        return [cursor.rowcount, rows("SELECT count(*), max(label) FROM copied WHERE label LIKE 'label%%'")]


observe("COPY in, text", lambda: copy_in("COPY copied (id, label, amount) FROM STDIN", False))
observe("COPY in, binary", lambda: copy_in("COPY copied (id, label, amount) FROM STDIN (FORMAT BINARY)", True))


def copy_out(sql, binary):
    with conn.cursor() as cursor, cursor.copy(sql) as copy:
        if binary:
            copy.set_types(["int4", "text"])
        return list(copy.rows())


observe("COPY out, text", lambda: copy_out("COPY (SELECT n, word FROM numbers WHERE n < 4) TO STDOUT", False))
observe("COPY out, binary", lambda: copy_out("COPY (SELECT n, word FROM numbers WHERE n < 4) TO STDOUT (FORMAT BINARY)", True))


def copy_fails(stop):
    with conn.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
        copy.write("1\tx\t1\n" if stop else "no number\tx\t1\n")
        if stop:
            raise RuntimeError("the program has changed its mind")


observe("error: COPY in", lambda: copy_fails(False))
observe("error: COPY in, given up", lambda: copy_fails(True))
observe("after COPY", lambda: [rows("SELECT count(*) FROM copied WHERE label = 'x'"), conn.info.transaction_status.name])
observe("notices", lambda: [conn.execute("COMMIT").statusmessage, conn.execute("BEGIN; BEGIN; ROLLBACK").statusmessage, notices])


def cancelled():
    # Its first row says that it runs.
    found = conn.cursor().stream("SELECT a.n FROM numbers a, numbers b")
    next(found)
    conn.cancel_safe()
    for _ in found:
        pass


observe("error: cancelled", cancelled)
observe("after the cancel", lambda: rows("SELECT 1"))


async def cancelled_task():
    other = await psycopg.AsyncConnection.connect(url, autocommit=True)
    try:
        await asyncio.wait_for(other.execute("SELECT count(*) FROM numbers a, numbers b, numbers c"), 0.3)
    except asyncio.TimeoutError:
        return [other.info.transaction_status.name, await (await other.execute("SELECT 1")).fetchall()]
    finally:
        await other.close()


observe("client-side time-out", lambda: asyncio.run(cancelled_task()))
observe("error: statement_timeout", lambda: psycopg.connect(url, options="-c statement_timeout=200").execute("SELECT count(*) FROM numbers a, numbers b, numbers c"))


def threads():
    results = [None] * 4

    def work(n):
        with psycopg.connect(url) as other:
            results[n] = [other.execute("SELECT word FROM numbers WHERE n = %s", [n * 100 + i + 1]).fetchone()[0] for i in range(20)]

    running = [threading.Thread(target=work, args=[n]) for n in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return results


observe("four threads", threads)
observe("refused: LISTEN", lambda: conn.execute("LISTEN channel").statusmessage)


def two_phase():
    with psycopg.connect(url) as other:
        other.tpc_begin(other.xid(1, "a", "b"))
        other.execute("INSERT INTO copied VALUES (90)")
        other.tpc_prepare()
        other.tpc_rollback()


observe("refused: two-phase commit", two_phase)


def closing():
    conn.close()
    try:
        conn.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return str(error)


observe("closing", closing)
