import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.*;
import java.util.*;
import java.util.concurrent.Callable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** pgjdbc: says what it saw, one JSON line for each thing (see report.ts). Argument: a connection string. */
public final class Pgjdbc {
  private final String url;
  private final Connection connection;

  private Pgjdbc(String uri) throws SQLException {
    // jdbc:postgresql://host:port/database, and user and password behind it.
    var parsed = java.net.URI.create(uri);
    url = "jdbc:postgresql://" + parsed.getHost() + ":" + parsed.getPort() + parsed.getPath() + "?user=app&password=app";
    connection = DriverManager.getConnection(url);
  }

  public static void main(String[] arguments) throws Exception {
    new Pgjdbc(arguments[0]).run();
  }

  private void run() throws Exception {
    var parameters = connection.unwrap(PGConnection.class).getParameterStatuses();
    observe("parameter status", () -> new TreeMap<>(parameters));
    observe("types, text", () -> rows(connection, "SELECT * FROM samples ORDER BY id"));
    observe("types, binary", () -> binary());
    observe("result metadata", () -> metadata());
    observe("parameters", () -> parameters());
    observe("server-prepared after five", () -> preparedAfterFive());
    observe("generated keys", () -> generatedKeys());
    observe("batch", () -> batch("INSERT INTO copied (id, label) VALUES (?, ?)", url));
    observe("batch, rewritten", () -> batch("INSERT INTO copied (id, label) VALUES (?, ?)", url + "&reWriteBatchedInserts=true"));
    observe("batch with an error", () -> failingBatch());
    observe("fetch size", () -> fetchSize(100, 250));
    observe("fetch size, scrollable", () -> scrollable());
    observe("10,000 rows", () -> rows(connection, "SELECT n FROM numbers").size());
    observe("several statements", () -> several());
    observe("transaction and savepoint", () -> savepoint());
    observe("read only", () -> readOnly());
    observe("autosave", () -> autosave());
    observe("simple protocol", () -> simple());
    observe("COPY in", () -> copy("1\tone\n2\ttwo\n"));
    observe("error: COPY in", () -> copy("no number\tone\n"));
    observe("COPY out", () -> copyOut());
    observe("1 MB there and back", () -> large());
    observe("warnings", () -> warnings());
    observe("DatabaseMetaData", () -> catalog());
    observe("isValid", () -> connection.isValid(5));
    observe("setNetworkTimeout, schema, client info", () -> session());
    observe("error: query timeout", () -> timeout());
    observe("error: unique", () -> rows(connection, "INSERT INTO authors (name) VALUES ('Ada Byron') RETURNING id"));
    observe("error: foreign key", () -> rows(connection, "INSERT INTO books (author_id, title) VALUES (999, 'x') RETURNING id"));
    observe("error: division", () -> rows(connection, "SELECT 1 / (id - 1) FROM authors"));
    observe("error: syntax", () -> rows(connection, "SELEC 1"));
    observe("error: unknown table", () -> rows(connection, "SELECT * FROM nowhere"));
    observe("refused: LISTEN", () -> connection.createStatement().execute("LISTEN channel"));
    observe("refused: function call", () -> largeObject());
    observe("closing", () -> closing());
  }

  private static void observe(String name, Callable<Object> step) {
    String seen;
    try {
      seen = "\"value\":" + json(step.call());
    } catch (Exception cause) {
      seen = "\"error\":" + json(fields(cause));
    }
    System.out.println("{\"name\":" + json(name) + "," + seen + "}");
  }

  private static Map<String, Object> fields(Exception cause) {
    var fields = new LinkedHashMap<String, Object>();
    fields.put("kind", cause.getClass().getSimpleName());
    fields.put("message", cause.getMessage());
    if (cause instanceof SQLException error) fields.put("code", error.getSQLState());
    ServerErrorMessage server = cause instanceof PSQLException error ? error.getServerErrorMessage() : null;
    if (server != null) {
      fields.put("detail", server.getDetail());
      fields.put("constraint", server.getConstraint());
      fields.put("table", server.getTable());
      fields.put("position", server.getPosition());
    }
    return fields;
  }

  private static List<Object> rows(Connection on, String sql) throws SQLException {
    try (var statement = on.createStatement(); var result = statement.executeQuery(sql)) {
      return read(result);
    }
  }

  private static List<Object> read(ResultSet result) throws SQLException {
    var list = new ArrayList<Object>();
    var columns = result.getMetaData().getColumnCount();
    while (result.next()) {
      var row = new ArrayList<Object>();
      for (int column = 1; column <= columns; column++) row.add(plain(result.getObject(column)));
      list.add(row);
    }
    return list;
  }

  /** With its class, so that an Integer and a Long are told apart. */
  private static Object plain(Object value) throws SQLException {
    if (value == null) return null;
    if (value instanceof byte[] bytes) return "bytes " + HexFormat.of().formatHex(bytes.length > 64 ? Arrays.copyOf(bytes, 64) : bytes);
    if (value instanceof java.sql.Array array) return "array " + array;
    return value.getClass().getSimpleName() + " " + value;
  }

  private static String json(Object value) {
    if (value == null || value instanceof Number || value instanceof Boolean) return String.valueOf(value);
    if (value instanceof Map<?, ?> map) {
      var parts = new ArrayList<String>();
      map.forEach((key, each) -> parts.add(json(key) + ":" + json(each)));
      return "{" + String.join(",", parts) + "}";
    }
    if (value instanceof Iterable<?> list) {
      var parts = new ArrayList<String>();
      list.forEach(each -> parts.add(json(each)));
      return "[" + String.join(",", parts) + "]";
    }
    var text = new StringBuilder("\"");
    for (char c : value.toString().toCharArray())
      text.append(c == '"' || c == '\\' ? "\\" + c : c < ' ' || c > '~' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
    return text.append('"').toString();
  }

  private Object binary() throws SQLException {
    try (var other = DriverManager.getConnection(url + "&prepareThreshold=-1&binaryTransfer=true")) {
      return rows(other, "SELECT * FROM samples ORDER BY id");
    }
  }

  private Object metadata() throws SQLException {
    try (var statement = connection.prepareStatement("SELECT b.id, b.price, b.tags, a.name AS author, count(*) OVER () FROM books b JOIN authors a ON a.id = b.author_id WHERE b.id > ?")) {
      var columns = statement.getMetaData();
      var list = new ArrayList<Object>();
      for (int n = 1; n <= columns.getColumnCount(); n++)
        list.add(List.of(columns.getColumnLabel(n), columns.getColumnTypeName(n), columns.getPrecision(n), columns.getScale(n), columns.isNullable(n), columns.isAutoIncrement(n), columns.getTableName(n)));
      list.add(statement.getParameterMetaData().getParameterTypeName(1));
      return list;
    }
  }

  private Object parameters() throws SQLException {
    try (var statement = connection.prepareStatement("SELECT ?::int8, ?, ?::bytea, ?::jsonb, ?::int[], ?, ?::numeric, ?::date, ?::uuid")) {
      statement.setLong(1, 1L << 40);
      statement.setString(2, "a 'b' \\ ü");
      statement.setBytes(3, new byte[] {0, (byte) 255});
      statement.setString(4, "{\"a\": 1}");
      statement.setArray(5, connection.createArrayOf("int4", new Integer[] {1, null, 3}));
      statement.setNull(6, Types.VARCHAR);
      statement.setBigDecimal(7, new BigDecimal("1.50"));
      statement.setObject(8, java.time.LocalDate.of(2024, 2, 29));
      statement.setObject(9, UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
      return read(statement.executeQuery());
    }
  }

  private Object preparedAfterFive() throws SQLException {
    var seen = new ArrayList<Object>();
    try (var statement = connection.prepareStatement("SELECT id, name, born, rating FROM authors WHERE id = ?")) {
      for (int n = 0; n < 10; n++) {
        statement.setInt(1, n % 3);
        seen.add(read(statement.executeQuery()));
      }
    }
    return seen;
  }

  private Object generatedKeys() throws SQLException {
    try (var statement = connection.prepareStatement("INSERT INTO authors (name) VALUES (?)", new String[] {"id", "rating"})) {
      statement.setString(1, "Woolf");
      var count = statement.executeUpdate();
      return List.of(count, read(statement.getGeneratedKeys()));
    }
  }

  private Object batch(String sql, String url) throws SQLException {
    try (var other = DriverManager.getConnection(url); var statement = other.prepareStatement(sql)) {
      for (int n = 0; n < 300; n++) {
        statement.setInt(1, n);
        statement.setString(2, "label " + n);
        statement.addBatch();
      }
      var counts = statement.executeBatch();
      return List.of(counts.length, counts[0], rows(other, "SELECT count(*) FROM copied"));
    }
  }

  private Object failingBatch() throws SQLException {
    connection.setAutoCommit(false);
    try (var statement = connection.createStatement()) {
      statement.addBatch("INSERT INTO copied (id) VALUES (901)");
      statement.addBatch("INSERT INTO authors (name) VALUES ('Ada Byron')");
      statement.addBatch("INSERT INTO copied (id) VALUES (902)");
      statement.executeBatch();
      return "no error";
    } catch (BatchUpdateException error) {
      var counts = Arrays.stream(error.getUpdateCounts()).boxed().toList();
      return List.of(counts, error.getSQLState(), error.getMessage());
    } finally {
      connection.rollback();
      connection.setAutoCommit(true);
    }
  }

  private Object fetchSize(int size, int upTo) throws SQLException {
    connection.setAutoCommit(false);
    try (var statement = connection.prepareStatement("SELECT n, word FROM numbers WHERE n <= ? ORDER BY n")) {
      statement.setInt(1, upTo);
      statement.setFetchSize(size);
      return read(statement.executeQuery());
    } finally {
      connection.commit();
      connection.setAutoCommit(true);
    }
  }

  private Object scrollable() throws SQLException {
    try (var statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
      var result = statement.executeQuery("SELECT id, name, rating FROM authors ORDER BY id");
      result.last();
      var last = result.getRow();
      result.first();
      result.updateBigDecimal("rating", new BigDecimal("7.5"));
      result.updateRow();
      return List.of(last, rows(connection, "SELECT name, rating FROM authors ORDER BY id"));
    }
  }

  private Object several() throws SQLException {
    var seen = new ArrayList<Object>();
    try (var statement = connection.createStatement()) {
      var isResult = statement.execute("SELECT 1; UPDATE copied SET id = id WHERE id < 3; SELECT 'x'");
      for (; ; ) {
        if (isResult) seen.add(read(statement.getResultSet()));
        else if (statement.getUpdateCount() == -1) return seen;
        else seen.add(statement.getUpdateCount());
        isResult = statement.getMoreResults();
      }
    }
  }

  private Object savepoint() throws SQLException {
    connection.setAutoCommit(false);
    connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    try (var statement = connection.createStatement()) {
      statement.executeUpdate("INSERT INTO authors (name) VALUES ('somebody')");
      var point = connection.setSavepoint("here");
      var code = "";
      try {
        statement.execute("SELECT 1 / 0");
      } catch (SQLException error) {
        code = error.getSQLState();
      }
      try {
        statement.execute("SELECT 1");
      } catch (SQLException error) {
        code += " " + error.getSQLState();
      }
      connection.rollback(point);
      return List.of(code, rows(connection, "SELECT count(*) FROM authors WHERE name = 'somebody'"));
    } finally {
      connection.rollback();
      connection.setAutoCommit(true);
      connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
    }
  }

  private Object readOnly() throws SQLException {
    connection.setReadOnly(true);
    try (var statement = connection.createStatement()) {
      statement.executeUpdate("UPDATE authors SET rating = 1 WHERE id = 1");
      return "no error";
    } catch (SQLException error) {
      return error.getSQLState() + " " + error.getMessage();
    } finally {
      connection.setReadOnly(false);
    }
  }

  private Object autosave() throws SQLException {
    try (var other = DriverManager.getConnection(url + "&autosave=always"); var statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.executeUpdate("UPDATE authors SET rating = 2 WHERE id = 1");
      var code = "";
      try {
        statement.execute("SELECT 1 / 0");
      } catch (SQLException error) {
        code = error.getSQLState();
      }
      other.commit();
      return List.of(code, rows(other, "SELECT rating FROM authors WHERE id = 1"));
    }
  }

  private Object simple() throws SQLException {
    try (var other = DriverManager.getConnection(url + "&preferQueryMode=simple"); var statement = other.prepareStatement("SELECT name, ?::text FROM authors WHERE id = ?")) {
      statement.setString(1, "o'x");
      statement.setInt(2, 1);
      return read(statement.executeQuery());
    }
  }

  private CopyManager copies() throws SQLException {
    return connection.unwrap(PGConnection.class).getCopyAPI();
  }

  private Object copy(String text) throws Exception {
    return copies().copyIn("COPY copied (id, label) FROM STDIN", new StringReader(text));
  }

  private Object copyOut() throws Exception {
    var out = new StringWriter();
    var count = copies().copyOut("COPY (SELECT * FROM numbers WHERE n < 4) TO STDOUT", out);
    return List.of(count, out);
  }

  private Object large() throws SQLException {
    var body = "ü1234567".repeat(120_000);
    var bytes = new byte[1 << 20];
    Arrays.fill(bytes, (byte) 0xa5);
    try (var insert = connection.prepareStatement("INSERT INTO blobs VALUES (1, ?, ?)"); var select = connection.prepareStatement("SELECT body, bytes FROM blobs")) {
      insert.setString(1, body);
      insert.setBytes(2, bytes);
      insert.executeUpdate();
      var found = select.executeQuery();
      found.next();
      return List.of(found.getString(1).equals(body), Arrays.equals(found.getBytes(2), bytes));
    }
  }

  private Object warnings() throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.execute("SET LOCAL TimeZone = 'UTC'");
      var warning = statement.getWarnings();
      return warning == null ? "none" : warning.getSQLState() + " " + warning.getMessage();
    }
  }

  private Object catalog() throws SQLException {
    var data = connection.getMetaData();
    var seen = new LinkedHashMap<String, Object>();
    seen.put("product", List.of(data.getDatabaseProductName(), data.getDatabaseProductVersion(), data.getUserName(), data.getMaxConnections() >= 0));
    seen.put("schemas", read(data.getSchemas()));
    seen.put("tables", read(data.getTables(null, "public", "%", null)));
    seen.put("columns", read(data.getColumns(null, "public", "books", "%")));
    seen.put("primary keys", read(data.getPrimaryKeys(null, "public", "books")));
    seen.put("imported keys", read(data.getImportedKeys(null, "public", "books")));
    seen.put("exported keys", read(data.getExportedKeys(null, "public", "authors")));
    seen.put("indexes", read(data.getIndexInfo(null, "public", "books", false, true)));
    seen.put("types", read(data.getTypeInfo()).size());
    seen.put("functions", read(data.getFunctions(null, "public", "%")));
    seen.put("procedures", read(data.getProcedures(null, "public", "%")));
    seen.put("table privileges", read(data.getTablePrivileges(null, "public", "books")));
    seen.put("UDTs", read(data.getUDTs(null, "public", "%", null)));
    seen.put("catalogs", read(data.getCatalogs()));
    seen.put("keywords", data.getSQLKeywords().length());
    seen.put("versions", read(data.getBestRowIdentifier(null, "public", "books", DatabaseMetaData.bestRowSession, false)));
    return seen;
  }

  private Object session() throws SQLException {
    connection.setSchema("public");
    connection.setClientInfo("ApplicationName", "a tool");
    var seen = List.<Object>of(connection.getSchema(), connection.getClientInfo("ApplicationName"), connection.getCatalog(), rows(connection, "SHOW application_name"));
    return seen;
  }

  /** The driver's own timer asks the server to cancel. */
  private Object timeout() throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.setQueryTimeout(1);
      return read(statement.executeQuery("SELECT count(*) FROM numbers a, numbers b, numbers c"));
    }
  }

  private Object largeObject() throws SQLException {
    connection.setAutoCommit(false);
    try {
      return connection.unwrap(PGConnection.class).getLargeObjectAPI().createLO() > 0;
    } finally {
      connection.rollback();
      connection.setAutoCommit(true);
    }
  }

  private Object closing() throws SQLException {
    connection.close();
    return connection.isClosed();
  }
}
