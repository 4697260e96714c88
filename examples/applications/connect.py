import os
from urllib.parse import urlsplit

import psycopg
import redis
from minio import Minio
from qdrant_client import QdrantClient, models

env = os.environ


def port_of(url):
    return urlsplit(url).port or (443 if url.startswith("https:") else 80)


minio = Minio(
    urlsplit(env["MINIO_ENDPOINT"]).netloc,
    access_key=env["MINIO_ACCESS_KEY"],
    secret_key=env["MINIO_SECRET_KEY"],
    secure=env["MINIO_ENDPOINT"].startswith("https:"),
    region="us-east-1",
)
minio.fput_object(env["MINIO_BUCKET"], "raw/hello.py", __file__)

# libpq reads PGHOST, PGDATABASE, PGUSER, PGPASSWORD and the others itself.
with psycopg.connect() as postgres:
    postgres.execute("CREATE TABLE IF NOT EXISTS hello (said text)")

qdrant = QdrantClient(url=env["QDRANT_URL"], port=port_of(env["QDRANT_URL"]), api_key=env["QDRANT_API_KEY"])
qdrant.upsert(env["QDRANT_COLLECTION"], [models.PointStruct(id=2, vector=[0.5] * 768)])

cache = redis.Redis.from_url(env["REDIS_URL"])
cache.set(env["REDIS_KEY_PREFIX"] + "cache:hello", "hello", ex=60)

print("connected to four stores")
