-- A small shop with personal data.
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL, ssn text, phone text, city text);
CREATE TABLE orders (
  id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, status text NOT NULL,
  total numeric(10, 2) NOT NULL, placed_on date NOT NULL
);
CREATE TABLE employees (id int PRIMARY KEY, name text NOT NULL, salary numeric(10, 2) NOT NULL);

INSERT INTO customers VALUES
  (1, 'Ada Byron', 'ada@example.com', '111-22-3333', '+44 20 7946 0101', 'London'),
  (2, 'Grace Murray', 'grace@example.com', '222-33-4444', '+1 212 555 0102', 'New York'),
  (3, 'Edsger Wybe', 'edsger@example.com', '333-44-5555', '+31 20 555 0103', 'Nuenen'),
  (4, 'Barbara Jane', 'barbara@example.com', '444-55-6666', '+1 310 555 0104', 'Los Angeles');
INSERT INTO orders
  SELECT n, 1 + n % 4, (ARRAY['paid', 'refunded', 'open'])[1 + n % 3], 10 + n * 3.5, date '2026-07-01' + n
  FROM generate_series(1, 40) AS n;
INSERT INTO employees VALUES (1, 'Alan', 91000.00), (2, 'Joan', 97000.00);

CREATE ROLE shop_app LOGIN PASSWORD 'shop-app-password';
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop_app;
