"""Django's ORM over psycopg. Argument: a connection string."""

import datetime
import decimal
import io
import os
import sys
from urllib.parse import urlsplit

import django
from django.apps import AppConfig
from django.conf import settings

parts = urlsplit(sys.argv[1])


class Shop(AppConfig):
    name = "__main__"
    label = "shop"
    path = os.path.dirname(os.path.abspath(__file__))


settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": parts.path[1:], "USER": parts.username, "PASSWORD": parts.password,
        "HOST": parts.hostname, "PORT": parts.port, "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"server_side_binding": "--server-side" in sys.argv},
    }},
    INSTALLED_APPS=["django.contrib.postgres", "__main__.Shop"], USE_TZ=True, TIME_ZONE="Europe/Berlin",
)
django.setup()

from django.contrib.postgres.aggregates import ArrayAgg, StringAgg  # noqa: E402
from django.contrib.postgres.fields import ArrayField  # noqa: E402
from django.contrib.postgres.search import SearchVector  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.db.models import Avg, Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, Sum, Value, Window  # noqa: E402
from django.db.models.functions import Coalesce, Concat, Lower, RowNumber, TruncYear, Upper  # noqa: E402
from django.db.utils import Error  # noqa: E402

from report import observe  # noqa: E402


class Author(models.Model):
    name = models.TextField(unique=True)
    born = models.DateField(null=True)
    rating = models.DecimalField(null=True, max_digits=3, decimal_places=1)

    class Meta:
        app_label = "shop"
        db_table = "authors"
        managed = False


class Book(models.Model):
    author = models.ForeignKey(Author, models.CASCADE, related_name="books", related_query_name="books")
    title = models.TextField()
    price = models.DecimalField(default=0, max_digits=10, decimal_places=2)
    tags = ArrayField(models.TextField(), default=list)
    details = models.JSONField(null=True)
    added = models.DateTimeField(default=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc))

    class Meta:
        app_label = "shop"
        db_table = "books"
        managed = False


class Number(models.Model):
    n = models.IntegerField(primary_key=True)
    word = models.TextField()

    class Meta:
        app_label = "shop"
        db_table = "numbers"
        managed = False


def rows(query):
    return [list(row) if isinstance(row, tuple) else row for row in query]


observe("version", lambda: [connection.pg_version // 10000, connection.vendor])
observe("all", lambda: rows(Book.objects.order_by("id").values()))
observe("get", lambda: Book.objects.get(pk=2).title)
observe("filter", lambda: rows(Book.objects.filter(Q(price__gt=8) | Q(title__icontains="no"), author__name__startswith="J").order_by("id").values_list("title", "price")))
observe("exclude and in", lambda: rows(Book.objects.exclude(title="Notes").filter(author_id__in=[1, 2]).order_by("-id").values_list("id", flat=True)))
observe("select_related", lambda: [[b.title, b.author.name] for b in Book.objects.select_related("author").order_by("id")])
observe("prefetch_related", lambda: [[a.name, [b.title for b in a.books.all()]] for a in Author.objects.prefetch_related(Prefetch("books", Book.objects.order_by("id"))).order_by("id")])
observe("aggregate", lambda: Book.objects.aggregate(Count("id"), Sum("price"), Avg("price"), Max("title")))
observe("annotate", lambda: rows(Author.objects.annotate(n=Count("books"), titles=ArrayAgg("books__title", ordering="books__title", default=Value([])), joined=StringAgg("books__title", ", ", ordering="books__title")).order_by("id").values_list("name", "n", "titles", "joined")))
observe("subquery and exists", lambda: rows(Author.objects.annotate(first=Subquery(Book.objects.filter(author=OuterRef("pk")).order_by("id").values("title")[:1]), has=Exists(Book.objects.filter(author=OuterRef("pk"), price__gt=9))).order_by("id").values_list("name", "first", "has")))
observe("window", lambda: rows(Book.objects.annotate(row=Window(RowNumber(), partition_by="author", order_by="price")).order_by("id").values_list("title", "row")))
observe("functions", lambda: rows(Book.objects.annotate(a=Lower("title"), b=Concat("title", Value(" by "), "author__name", output_field=models.TextField()), d=TruncYear("added"), e=Upper(F("author__name"))).order_by("id").values_list("a", "b", "d", "e")))
observe("JSON and arrays", lambda: [rows(Book.objects.filter(details__pages__gt=100).values_list("title", flat=True)), rows(Book.objects.filter(details__places__0="Tlön").values_list("title", flat=True)), rows(Book.objects.filter(tags__contains=["fiction"]).values_list("title", flat=True)), rows(Book.objects.filter(tags__len=0).values_list("title", flat=True))])
observe("full text search", lambda: rows(Book.objects.annotate(search=SearchVector("title", config="simple")).filter(search="aleph").values_list("title", flat=True)))
observe("dates", lambda: [rows(Author.objects.filter(born__year=1815).values_list("name", flat=True)), rows(Book.objects.dates("added", "month")), rows(Book.objects.filter(added__date=datetime.date(2024, 1, 1)).values_list("id", flat=True).order_by("id"))])
observe("union", lambda: rows(Author.objects.values_list("name").union(Book.objects.values_list("title")).order_by("name")))
observe("regex and case", lambda: rows(Book.objects.filter(title__iregex="^(el|no)").order_by("id").values_list("title", flat=True)))
observe("raw", lambda: [a.name for a in Author.objects.raw("SELECT * FROM authors WHERE id = %s", [1])])
observe("explain", lambda: Book.objects.filter(id=1).explain().split("(cost")[0])


def saved():
    woolf = Author.objects.create(name="Woolf", born=datetime.date(1882, 1, 25), rating=decimal.Decimal("9.0"))
    book = woolf.books.create(title="Orlando", tags=["a", "b"], details={"pages": 330})
    book.price = F("price") + 1
    book.save(update_fields=["price"])
    book.refresh_from_db()
    found = [book.price, woolf.books.count(), Author.objects.get_or_create(name="Woolf")[1], Author.objects.update_or_create(name="Woolf", defaults={"rating": 8})[1]]
    return found + [woolf.delete()[0]]


observe("create, save, delete", saved)
observe("bulk_create", lambda: [len(Number.objects.bulk_create([Number(n=30000 + n, word=f"w{n}") for n in range(500)])), Number.objects.filter(n__gte=30000).delete()[0]])
observe("bulk_create of 5,000", lambda: [len(Number.objects.bulk_create([Number(n=40000 + n, word=f"w{n}") for n in range(5000)])), Number.objects.filter(n__gte=40000).delete()[0]])
observe("bulk_create, upsert", lambda: [len(Author.objects.bulk_create([Author(name="Joyce", rating=1), Author(name="Sand", rating=2)], update_conflicts=True, unique_fields=["name"], update_fields=["rating"])), Author.objects.count()])
observe("bulk_update", lambda: Book.objects.bulk_update([Book(id=1, title="one"), Book(id=2, title="two")], ["title"]))
observe("update", lambda: Book.objects.filter(price__lt=9).update(price=F("price") * 2))
observe("iterator", lambda: sum(n for n in Number.objects.values_list("n", flat=True).iterator(chunk_size=500)))


def atomic():
    seen = []
    try:
        with transaction.atomic():
            Author.objects.create(name="outer")
            try:
                with transaction.atomic():
                    Author.objects.create(name="Ada Byron")
            except Error as error:
                seen.append(type(error).__name__)
            seen.append(Author.objects.filter(name="outer").count())
            raise RuntimeError("changed its mind")
    except RuntimeError:
        pass
    return seen + [Author.objects.filter(name="outer").count()]


observe("atomic", atomic)


def locked():
    with transaction.atomic():
        return rows(Book.objects.select_for_update(skip_locked=True).filter(id=1).values_list("id", flat=True))


observe("select_for_update", locked)


def introspected():
    found = connection.introspection
    with connection.cursor() as cursor:
        tables = sorted([t.name, t.type] for t in found.get_table_list(cursor))
        return [tables, [list(map(str, c)) for c in found.get_table_description(cursor, "books")], found.get_relations(cursor, "books"),
                found.get_constraints(cursor, "books"), found.get_sequences(cursor, "books"), found.get_primary_key_columns(cursor, "books")]


observe("introspection", introspected)


def inspectdb():
    out = io.StringIO()
    call_command("inspectdb", stdout=out)
    return out.getvalue()


observe("inspectdb", inspectdb)
observe("error: unique", lambda: Author.objects.create(name="Ada Byron"))
observe("error: foreign key", lambda: Book.objects.create(author_id=999, title="x"))


def migrated():
    with connection.schema_editor() as editor:
        editor.create_model(type("Made", (models.Model,), {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "shop", "db_table": "made"})}))
        transaction.set_rollback(True)


observe("refused: migrate", migrated)
observe("closing", lambda: connection.close())
