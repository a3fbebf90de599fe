// pgx: a small program that says what it saw, one JSON line for each thing (see report.ts). Argument: a connection string.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

var background = context.Background()

func main() {
	url := os.Args[1]
	client := open(url)
	defer client.conn.Close(background)
	for _, each := range client.observations() {
		observe(each.name, each.step)
	}
}

type observation struct {
	name string
	step func() (any, error)
}

func observe(name string, step func() (any, error)) {
	line := map[string]any{"name": name}
	if value, err := step(); err != nil {
		line["error"] = fields(err)
	} else {
		line["value"] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

func fields(err error) map[string]any {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return map[string]any{"message": err.Error()}
	}
	return map[string]any{
		"severity": server.Severity, "code": server.Code, "message": server.Message, "detail": server.Detail, "hint": server.Hint,
		"position": server.Position, "where": server.Where, "schema": server.SchemaName, "table": server.TableName,
		"column": server.ColumnName, "dataType": server.DataTypeName, "constraint": server.ConstraintName,
	}
}

type client struct {
	url     string
	conn    *pgx.Conn
	notices []string
}

func open(url string) *client {
	c := &client{url: url}
	c.conn = c.connect(func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
			c.notices = append(c.notices, fmt.Sprint(notice.Severity, " ", notice.Code, " ", notice.Message))
		}
	})
	return c
}

func (c *client) connect(change func(*pgx.ConnConfig)) *pgx.Conn {
	config, err := pgx.ParseConfig(c.url)
	if err != nil {
		panic(err)
	}
	change(config)
	conn, err := pgx.ConnectConfig(background, config)
	if err != nil {
		panic(err)
	}
	return conn
}

func rows(conn *pgx.Conn, sql string, args ...any) (any, error) {
	found, err := conn.Query(background, sql, args...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(found, pgx.RowToMap)
	return plain(list), err
}

// Values as Go prints them with their types, so that an int32 and an int64 are told apart.
func plain(list []map[string]any) []map[string]string {
	out := make([]map[string]string, len(list))
	for i, row := range list {
		out[i] = map[string]string{}
		for name, value := range row {
			if moment, ok := value.(time.Time); ok {
				value = moment.UTC()
			}
			out[i][name] = fmt.Sprintf("%T %v", value, value)
		}
	}
	return out
}

func (c *client) step(sql string, args ...any) func() (any, error) {
	return func() (any, error) { return rows(c.conn, sql, args...) }
}

const samples = "SELECT id, a_bool, a_int2, a_int4, a_int8, a_float4, a_float8, a_money, a_text, a_bytea, a_date, a_time, " +
	"a_timestamp, a_timestamptz, an_interval, a_uuid, a_jsonb, an_inet, a_bit, a_point, an_int4range, a_mood, an_int4_array, " +
	"a_text_array, a_matrix FROM samples WHERE id > $1 ORDER BY id"

func (c *client) observations() []observation {
	list := []observation{
		{"parameter status", c.status},
		{"types, binary", c.step(samples, 0)},
		{"types, text", c.step(samples, pgx.QueryExecModeSimpleProtocol, 0)},
		{"composite", c.composite},
		{"parameters", c.step("SELECT $1::int8 i, $2::text t, $3::bytea b, $4::jsonb j, $5::int[] a, $6::timestamptz d, $7::bool n",
			int64(1)<<40, "a 'b' ü", []byte{0, 255}, map[string]any{"a": 1}, []int32{1, 2}, time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), nil)},
		{"writes", c.writes},
		{"batch", c.batch},
		{"batch with an error", c.failingBatch},
		{"pipeline", c.pipeline},
		{"transaction", c.transaction},
		{"COPY in", c.copyIn},
		{"error: COPY in", c.copyInFails},
		{"COPY out", c.copyOut},
		{"10,000 rows", c.many},
		{"1 MB there and back", c.large},
		{"several statements", c.several},
		{"notices", c.noticed},
		{"error: unique", c.step("INSERT INTO authors (name) VALUES ($1)", "Ada Byron")},
		{"error: foreign key", c.step("INSERT INTO books (author_id, title) VALUES ($1, 'x')", 999)},
		{"error: division", c.step("SELECT 1 / (id - 1) FROM authors WHERE id = $1", 1)},
		{"error: cast", c.step("SELECT 'abc'::int")},
		{"error: syntax", c.step("SELEC 1")},
		{"error: unknown table", c.step("SELECT * FROM nowhere")},
		{"time-out of a context", c.timeOut},
		{"error: cancelled", c.cancelled},
		{"pool", c.pool},
		{"refused: LISTEN", c.step("LISTEN channel")},
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec} {
		step := func() (any, error) {
			var found []any
			for id := 1; id < 4; id++ {
				row, err := rows(c.conn, "SELECT name FROM authors WHERE id = $1", mode, id)
				if err != nil {
					return nil, err
				}
				found = append(found, row)
			}
			return found, nil
		}
		list = append(list, observation{fmt.Sprint("mode ", mode), step})
	}
	return append(list, observation{"closing", c.closing})
}

func (c *client) status() (any, error) {
	out := map[string]string{}
	for _, name := range strings.Fields("server_version client_encoding DateStyle TimeZone integer_datetimes standard_conforming_strings is_superuser session_authorization") {
		out[name] = c.conn.PgConn().ParameterStatus(name)
	}
	return out, nil
}

func (c *client) composite() (any, error) {
	kinds, err := c.conn.LoadTypes(background, []string{"mood", "pair", "_mood"})
	if err != nil {
		return nil, err
	}
	c.conn.TypeMap().RegisterTypes(kinds)
	return rows(c.conn, "SELECT a_mood, a_pair FROM samples ORDER BY id")
}

func (c *client) writes() (any, error) {
	var tags []string
	for _, sql := range []string{"INSERT INTO authors (name) VALUES ('Woolf'), ('Joyce')", "UPDATE authors SET rating = 8 WHERE name = 'Woolf'", "DELETE FROM authors WHERE name = 'Joyce'"} {
		tag, err := c.conn.Exec(background, sql)
		if err != nil {
			return nil, err
		}
		tags = append(tags, tag.String())
	}
	return tags, nil
}

func (c *client) batch() (any, error) {
	batch := &pgx.Batch{}
	for id := 1; id <= 100; id++ {
		batch.Queue("INSERT INTO copied (id, label) VALUES ($1, $2)", id, fmt.Sprint("label ", id))
	}
	batch.Queue("SELECT count(*) FROM copied")
	results := c.conn.SendBatch(background, batch)
	defer results.Close()
	for id := 1; id <= 100; id++ {
		if _, err := results.Exec(); err != nil {
			return nil, err
		}
	}
	var count int
	err := results.QueryRow().Scan(&count)
	return count, err
}

func (c *client) failingBatch() (any, error) {
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO copied (id) VALUES (901)")
	batch.Queue("SELECT 1 / $1::int", 0)
	batch.Queue("INSERT INTO copied (id) VALUES (902)")
	results := c.conn.SendBatch(background, batch)
	var seen []any
	for range 3 {
		_, err := results.Exec()
		seen = append(seen, fmt.Sprint(err))
	}
	seen = append(seen, fmt.Sprint(results.Close()))
	left, err := rows(c.conn, "SELECT count(*) FROM copied WHERE id > 900")
	return append(seen, left), err
}

func (c *client) pipeline() (any, error) {
	p := c.conn.PgConn().StartPipeline(background)
	p.SendPrepare("pipelined", "SELECT name FROM authors WHERE id = $1", nil)
	p.SendQueryPrepared("pipelined", [][]byte{[]byte("1")}, nil, nil)
	p.SendFlushRequest()
	p.SendQueryParams("SELECT 1 / $1::int", [][]byte{[]byte("0")}, nil, nil, nil)
	p.SendQueryPrepared("pipelined", [][]byte{[]byte("2")}, nil, nil)
	if err := p.Sync(); err != nil {
		return nil, err
	}
	p.SendQueryPrepared("pipelined", [][]byte{[]byte("2")}, nil, nil)
	p.SendDeallocate("pipelined")
	if err := p.Sync(); err != nil {
		return nil, err
	}
	var seen []string
	for {
		results, err := p.GetResults()
		if results == nil && err == nil {
			break
		}
		switch each := results.(type) {
		case *pgconn.ResultReader:
			read := each.Read()
			seen = append(seen, fmt.Sprintf("rows %s %s %v", read.Rows, read.CommandTag, read.Err))
		default:
			seen = append(seen, fmt.Sprintf("%T %v", results, err))
		}
		if len(seen) > 20 {
			break
		}
	}
	return seen, p.Close()
}

func (c *client) transaction() (any, error) {
	tx, err := c.conn.BeginTx(background, pgx.TxOptions{IsoLevel: pgx.Serializable})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(background)
	if _, err := tx.Exec(background, "INSERT INTO authors (name) VALUES ('somebody')"); err != nil {
		return nil, err
	}
	inner, err := tx.Begin(background)
	if err != nil {
		return nil, err
	}
	_, failed := inner.Exec(background, "SELECT 1 / 0")
	_, after := inner.Exec(background, "SELECT 1")
	if err := inner.Rollback(background); err != nil {
		return nil, err
	}
	var count int
	err = tx.QueryRow(background, "SELECT count(*) FROM authors").Scan(&count)
	return []any{failed.Error(), after.Error(), count, string(c.conn.PgConn().TxStatus())}, err
}

func (c *client) copyIn() (any, error) {
	source := pgx.CopyFromSlice(1000, func(n int) ([]any, error) { return []any{int32(n), fmt.Sprint("copied ", n)}, nil })
	count, err := c.conn.CopyFrom(background, pgx.Identifier{"copied"}, []string{"id", "label"}, source)
	if err != nil {
		return nil, err
	}
	left, err := rows(c.conn, "SELECT count(*) FROM copied WHERE label LIKE 'copied %'")
	return []any{count, left}, err
}

func (c *client) copyInFails() (any, error) {
	_, err := c.conn.PgConn().CopyFrom(background, strings.NewReader("no number\tx\t1\n"), "COPY copied FROM STDIN")
	return nil, err
}

func (c *client) copyOut() (any, error) {
	var out bytes.Buffer
	tag, err := c.conn.PgConn().CopyTo(background, &out, "COPY (SELECT * FROM numbers WHERE n < 4) TO STDOUT")
	return []string{tag.String(), out.String()}, err
}

func (c *client) many() (any, error) {
	found, err := c.conn.Query(background, "SELECT n, word FROM numbers")
	if err != nil {
		return nil, err
	}
	sum, n, word := 0, 0, ""
	tag, err := pgx.ForEachRow(found, []any{&n, &word}, func() error { sum += n; return nil })
	return []any{sum, tag.String()}, err
}

func (c *client) large() (any, error) {
	body, data := strings.Repeat("ü1234567", 120_000), bytes.Repeat([]byte{0xa5}, 1<<20)
	if _, err := c.conn.Exec(background, "INSERT INTO blobs VALUES (1, $1, $2)", body, data); err != nil {
		return nil, err
	}
	var text string
	var raw []byte
	err := c.conn.QueryRow(background, "SELECT body, bytes FROM blobs").Scan(&text, &raw)
	return []bool{text == body, bytes.Equal(raw, data)}, err
}

func (c *client) several() (any, error) {
	results, err := c.conn.PgConn().Exec(background, "SELECT 1; UPDATE copied SET id = id WHERE id < 5; SELECT 'x'").ReadAll()
	var seen []string
	for _, each := range results {
		seen = append(seen, fmt.Sprintf("%s %s", each.Rows, each.CommandTag))
	}
	return seen, err
}

func (c *client) noticed() (any, error) {
	_, err := c.conn.Exec(background, "COMMIT; BEGIN; BEGIN; ROLLBACK", pgx.QueryExecModeSimpleProtocol)
	return c.notices, err
}

// The driver gives the connection up; what matters is that the answer comes and that the next connection works.
func (c *client) timeOut() (any, error) {
	conn := c.connect(func(*pgx.ConnConfig) {})
	soon, stop := context.WithTimeout(background, 300*time.Millisecond)
	defer stop()
	_, err := conn.Exec(soon, "SELECT count(*) FROM numbers a, numbers b, numbers c")
	return []any{errors.Is(err, context.DeadlineExceeded), conn.IsClosed()}, nil
}

func (c *client) cancelled() (any, error) {
	found, err := c.conn.Query(background, "SELECT a.n FROM numbers a, numbers b")
	if err != nil {
		return nil, err
	}
	// Its first row says that it runs.
	if found.Next() {
		if err := c.conn.PgConn().CancelRequest(background); err != nil {
			return nil, err
		}
	}
	for found.Next() {
	}
	return nil, found.Err()
}

func (c *client) pool() (any, error) {
	pool, err := pgxpool.New(background, c.url+"?pool_max_conns=4")
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	words := make([]string, 40)
	var group sync.WaitGroup
	for n := range words {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := pool.QueryRow(background, "SELECT word FROM numbers WHERE n = $1", n+1).Scan(&words[n]); err != nil {
				words[n] = err.Error()
			}
		}()
	}
	group.Wait()
	return words, nil
}

func (c *client) closing() (any, error) {
	if err := c.conn.Close(background); err != nil {
		return nil, err
	}
	var number pgtype.Int4
	return c.conn.QueryRow(background, "SELECT 1").Scan(&number) != nil, nil
}
