// The platform stack's work without the engine, for tests of single providers.
import { provider as collection } from "../../providers/qdrant-collection.ts";
import { provider as schema } from "../../providers/platform-schema.ts";
import { provider as template, templateVersion } from "../../providers/tenant-template.ts";
import { tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { databaseOwner, templateDatabase } from "../../components/shared.ts";

/** Makes the platform database, the template and the token collection on the stores of the environment, where missing. */
export async function preparePlatform(): Promise<void> {
  await withAdmin(async (client) => {
    const has = async (from: string, name: string) =>
      (await client.query(`SELECT FROM ${from} = $1`, [name])).rowCount === 1;
    if (!(await has("pg_database WHERE datname", "platform")))
      await client.query("CREATE DATABASE platform TEMPLATE template0");
    if (!(await has("pg_roles WHERE rolname", databaseOwner)))
      await client.query(`CREATE ROLE ${databaseOwner} NOLOGIN NOINHERIT`);
  });
  await schema.create({ database: "platform", version: 1 });
  await template.create({ template: templateDatabase, owner: databaseOwner, version: templateVersion });
  await collection.create({
    collection: tokenStateCollection,
    vectorSize: 1,
    distance: "Dot",
    strictMode: {},
    payloadIndexes: { jti: "keyword", tenant: "keyword" },
  });
}
