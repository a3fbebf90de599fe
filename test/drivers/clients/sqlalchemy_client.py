"""SQLAlchemy 2 over psycopg: ORM, Core, reflection. Argument: a connection string."""

import datetime
import decimal
import sys

from sqlalchemy import (Column, DateTime, ForeignKey, Integer, MetaData, Numeric, Table, Text, and_, case, create_engine,
                        delete, exists, func, insert, inspect, literal, select, text, tuple_, update)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert as pg_insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, joinedload, mapped_column, relationship, selectinload

from report import observe

url = sys.argv[1].replace("postgresql://", "postgresql+psycopg://")
engine = create_engine(url, pool_size=2)


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    born: Mapped[datetime.date | None]
    rating: Mapped[decimal.Decimal | None] = mapped_column(Numeric(3, 1))
    books: Mapped[list["Book"]] = relationship(back_populates="author", order_by="Book.id", cascade="all, delete-orphan", passive_deletes=True)


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    title: Mapped[str] = mapped_column(Text)
    price: Mapped[decimal.Decimal] = mapped_column(Numeric(10, 2), default=0)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    details: Mapped[dict | None] = mapped_column(JSONB)
    added: Mapped[datetime.datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    author: Mapped[Author] = relationship(back_populates="books")


def all_of(statement, **options):
    with Session(engine) as session:
        return [list(row) for row in session.execute(statement, **options)]


def scalars(statement):
    with Session(engine) as session:
        return session.scalars(statement).unique().all()


def seen(book):
    return [book.id, book.author_id, book.title, book.price, book.tags, book.details, book.added]


observe("dialect", lambda: [engine.connect().dialect.server_version_info[0], engine.dialect.default_schema_name])
observe("get", lambda: seen(Session(engine).get(Book, 2)))
observe("select", lambda: [seen(b) for b in scalars(select(Book).order_by(Book.id))])
observe("where", lambda: all_of(select(Book.title).where(and_(Book.price > 8, Book.title.ilike("%e%"))).order_by(Book.id)))
observe("joined load", lambda: [[a.name, [b.title for b in a.books]] for a in scalars(select(Author).options(joinedload(Author.books)).order_by(Author.id))])
observe("select-in load", lambda: [[a.name, [b.title for b in a.books]] for a in scalars(select(Author).options(selectinload(Author.books)).order_by(Author.id))])


def lazy():
    with Session(engine) as session:
        return [[b.title, b.author.name] for b in session.scalars(select(Book).order_by(Book.id))]


observe("lazy load", lazy)
observe("aggregate", lambda: all_of(select(Book.author_id, func.count(), func.sum(Book.price), func.array_agg(Book.title)).group_by(Book.author_id).order_by(Book.author_id)))
observe("exists and subquery", lambda: all_of(select(Author.name).where(exists().where(Book.author_id == Author.id), Author.id.in_(select(Book.author_id))).order_by(Author.id)))


def recursive():
    steps = select(literal(1).label("n")).cte(recursive=True)
    steps = steps.union_all(select(steps.c.n + 1).where(steps.c.n < 5))
    return all_of(select(func.sum(steps.c.n)))


observe("recursive CTE", recursive)
observe("window", lambda: all_of(select(Book.title, func.row_number().over(partition_by=Book.author_id, order_by=Book.price.desc())).order_by(Book.id)))
observe("self join", lambda: all_of(select(Book.title, (o := aliased(Book)).title).join(o, and_(o.author_id == Book.author_id, o.id > Book.id))))
observe("case, tuple, values", lambda: all_of(select(Book.id, case((Book.price > 9, "dear"), else_="cheap")).where(tuple_(Book.id, Book.author_id).in_([(1, 1), (2, 2)])).order_by(Book.id)))
observe("JSONB and arrays", lambda: all_of(select(Book.title, Book.details["places"][0].astext).where(Book.details.has_key("pages"), Book.tags.contains(["fiction"]))))
observe("text with bound parameters", lambda: all_of(text("SELECT name FROM authors WHERE id = :id AND name <> :other"), params={"id": 1, "other": "o'x"}))


def unit_of_work():
    with Session(engine) as session:
        woolf = Author(name="Woolf", born=datetime.date(1882, 1, 25), rating=decimal.Decimal("9.0"))
        woolf.books = [Book(title="Orlando", price=decimal.Decimal("7.50"), tags=["a"], details={"pages": 330}), Book(title="The Waves")]
        session.add_all([woolf, Author(name="Joyce"), Author(name="Sand")])
        session.commit()
        woolf.rating = None
        woolf.books[0].title = "Orlando: A Biography"
        session.delete(woolf.books[1])
        session.commit()
        found = [woolf.id, woolf.rating, [b.title for b in woolf.books]]
        session.delete(woolf)
        session.commit()
        return [found, session.scalar(select(func.count()).select_from(Book))]


observe("unit of work", unit_of_work)


def bulk(rows):
    with Session(engine) as session:
        ids = session.scalars(insert(Author).returning(Author.id), [{"name": f"bulk {n}"} for n in range(rows)]).all()
        count = session.execute(delete(Author).where(Author.name.like("bulk %"))).rowcount
        session.commit()
        return [len(ids), len(set(ids)), count]


observe("bulk insert of 100", lambda: bulk(100))
observe("bulk insert of 2,000", lambda: bulk(2000))


def upsert():
    with Session(engine) as session:
        statement = pg_insert(Author).values(name="Joyce", rating=5)
        found = session.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"rating": statement.excluded.rating}).returning(Author.name, Author.rating)).all()
        session.commit()
        return [list(row) for row in found]


observe("upsert", upsert)


def bulk_update():
    with Session(engine) as session:
        session.execute(update(Author), [{"id": 1, "rating": 1}, {"id": 2, "rating": 2}])
        session.execute(update(Book).where(Book.price < 9).values(price=Book.price * 2))
        session.commit()
    return [all_of(select(Author.rating).order_by(Author.id)), all_of(select(Book.price).order_by(Book.id))]


observe("bulk update", bulk_update)


def savepoints():
    with Session(engine) as session:
        session.add(Author(name="outer"))
        session.flush()
        try:
            with session.begin_nested():
                session.add(Author(name="Ada Byron"))
                session.flush()
        except DBAPIError as error:
            code = error.orig.sqlstate
        session.rollback()
        return [code, session.scalar(select(func.count()).select_from(Author).where(Author.name == "outer"))]


observe("savepoints", savepoints)
observe("isolation levels", lambda: [engine.connect().execution_options(isolation_level=level).get_isolation_level() for level in ("SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT")])
observe("read only, deferrable", lambda: list(engine.connect().execution_options(isolation_level="SERIALIZABLE", postgresql_readonly=True, postgresql_deferrable=True).execute(select(func.count()).select_from(Author)).one()))
observe("for update", lambda: all_of(select(Book.id).where(Book.id == 1).with_for_update(skip_locked=True)))


def streamed():
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True, yield_per=1000).execute(text("SELECT n FROM numbers"))
        return [sum(row.n for part in result.partitions() for row in part)]


observe("streamed", streamed)
observe("AUTOCOMMIT", lambda: list(engine.connect().execution_options(isolation_level="AUTOCOMMIT").execute(text("SELECT 1")).one()))


def reflected():
    found = inspect(engine)
    names = ["authors", "books", "samples", "numbers"]
    return {
        "schemas": found.get_schema_names(), "tables": sorted(found.get_table_names()), "views": found.get_view_names(),
        "columns": {n: [{k: str(v) for k, v in c.items()} for c in found.get_columns(n)] for n in names},
        "keys": {n: [found.get_pk_constraint(n), found.get_foreign_keys(n), found.get_unique_constraints(n), found.get_check_constraints(n)] for n in names},
        "indexes": found.get_indexes("books"), "comment": found.get_table_comment("books"), "enums": found.get_enums(),
        "domains": found.get_domains(), "view": found.get_view_definition("book_titles"), "sequences": found.get_sequence_names(),
        "has": [found.has_table("books"), found.has_table("nowhere"), found.has_sequence("books_id_seq"), found.has_index("books", "books_by_author")],
        "multi": sorted(str(k) for k in found.get_multi_columns()),
    }


observe("reflection", reflected)
observe("autoload", lambda: [str(c.type) for c in Table("samples", MetaData(), autoload_with=engine).columns])
observe("reflect all", lambda: sorted((m := MetaData(), m.reflect(engine, views=True))[0].tables))
observe("create_all finds all there", lambda: Base.metadata.create_all(engine))
observe("pool pre-ping", lambda: list(create_engine(url, pool_pre_ping=True).connect().execute(text("SELECT 1")).one()))
observe("error: unique", lambda: all_of(insert(Author).values(name="Ada Byron")))
observe("error: foreign key", lambda: all_of(insert(Book).values(author_id=999, title="x")))
observe("error: unknown table", lambda: all_of(text("SELECT * FROM nowhere")))
observe("refused: CREATE TABLE", lambda: Table("made", MetaData(), Column("id", Integer), prefixes=["TEMPORARY"]).create(engine))
observe("closing", lambda: engine.dispose())
