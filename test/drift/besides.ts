// What reaches the tenant and belongs to nothing of it.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TenantNames } from "../../components/names.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { type Change, acl, edit, stranger } from "./change.ts";

/** What an update leaves alone: it may be somebody's. `clean` takes it away. */
export const besides: readonly (Omit<Change, "ask"> & { readonly clean: (names: TenantNames) => Promise<unknown> })[] =
  [
    {
      name: "a Redis user of somebody else with the tenant's keys",
      ...{ place: "Redis", resource: "user drift_stranger_", says: /^reaches tenant:\w+:\* by ~tenant:\w+:cache:\*$/ },
      make: (names) => acl("SETUSER", stranger(names), "on", ">drift-third", `~${names.keyPrefix}cache:*`, "+get"),
      clean: (names) => acl("DELUSER", stranger(names)),
    },
    {
      name: "a line of pg_hba.conf for somebody else",
      ...{ place: "PostgreSQL", resource: "pg_hba.conf", says: /^lets somebody in by the tenant's names$/ },
      make: (names) => edit((text) => `host ${names.database} ${stranger(names)} 10.9.0.0/16 scram-sha-256\n${text}`),
      clean: (names) =>
        edit((text) =>
          text
            .split("\n")
            .filter((line) => !line.includes(stranger(names)))
            .join("\n"),
        ),
    },
    {
      name: "the credentials in the clear",
      ...{ place: "files", resource: "/", says: /^is no file of ours$/ },
      make: async ({ id }) => writeFile(join(secretFiles(id).folder, "plain.yaml"), "drift: true\n"),
      clean: async ({ id }) => rm(join(secretFiles(id).folder, "plain.yaml")),
    },
  ];
