// PostgreSQL: a role without powers, a database that is not its own, and a door that opens to the tenant's networks only.
import {
  dynamic,
  is,
  matches,
  mustBe,
  noOther,
  only,
  shown,
  texts,
  unknown,
  type Resource,
  type ResourceRule,
} from "./rule.ts";

const code = "components/database.ts";

/** Made by the platform stack: owns every tenant's database, and is what every tenant's database is copied from. */
const owner = "platform_owner";
const template = "tenant_template";

/** Networks may not be wider than this: 16 million IPv4 addresses, or what a provider gets of IPv6. */
const shortestPrefix = { ipv4: 8, ipv6: 32 } as const;

const role: ResourceRule = {
  name: "postgresql-role-without-powers",
  description: "A role may log in and nothing more: no attribute, no membership, a limit of connections.",
  applies: only("postgresql:index/role:Role"),
  *problems({ props }, tenant) {
    if (tenant.platform && props["name"] === unknown) return; // one of two, which differ
    const isOwner = tenant.platform && props["name"] === owner;
    if (!isOwner) yield* mustBe(props, { name: tenant.role }, `a stack makes its tenant's role only, see ${code}.`);
    for (const power of ["superuser", "createDatabase", "createRole", "replication", "bypassRowLevelSecurity"]) {
      if (!is(props[power], false, undefined))
        yield `${power} is set: the role could reach other tenants' data. Take it out of ${code}.`;
    }
    yield* mustBe(props, { inherit: false }, `a membership given later would work at once, see ${code}.`);
    if (![undefined, null, unknown].includes(props["assumeRole"] as undefined) || texts(props["roles"]).length > 0) {
      yield `the role is a member of another: what that one reaches, the tenant does. Take roles and assumeRole out of ${code}.`;
    }
    const limit = props["connectionLimit"];
    if (isOwner) yield* mustBe(props, { login: false }, "nobody logs in as the owner of all databases.");
    else if (limit !== unknown && !(typeof limit === "number" && limit > 0)) {
      yield `connectionLimit is ${shown(limit)}: the tenant could take every connection of the server. Set it in ${code}.`;
    }
    if (!isOwner && !matches(props["password"], /^SCRAM-SHA-256\$/)) {
      yield `password is no SCRAM verifier: the password itself would stand in the server's log. Hand over scramVerifier(…), see ${code}.`;
    }
    const settings = ["statementTimeout", "idleInTransactionSessionTimeout", "encryptedPassword", "validUntil"];
    const judged = ["name", "login", "password", "inherit", "connectionLimit", "roles", "assumeRole", "superuser"];
    const attributes = ["createDatabase", "createRole", "replication", "bypassRowLevelSecurity"];
    yield* noOther(props, [...settings, ...judged, ...attributes], "postgresql.ts");
  },
};

const database: ResourceRule = {
  name: "postgresql-database-not-the-tenants",
  description: "A tenant's database is a copy of the hardened template and belongs to the platform.",
  applies: only("postgresql:index/database:Database"),
  *problems({ props, protect }, tenant) {
    if (tenant.platform && props["name"] === unknown) return; // one of two, which differ
    if (tenant.platform && !tenant.placed && props["name"] === "platform") {
      yield* mustBe(props, { template: "template0" }, "a copy of any other could hold somebody's objects.");
      if (!protect)
        yield "the database of the audit log is not protected: put `protect: true` back in components/platform.ts.";
      return;
    }
    yield* mustBe(props, { name: tenant.database }, `a stack makes its tenant's database only, see ${code}.`);
    yield* mustBe(props, { owner }, `an owner can open its database to anybody, see ${code}.`);
    yield* mustBe(props, { template }, `only this template hides other tenants' activity, see ${code}.`);
    yield* mustBe({ isTemplate: props["isTemplate"] ?? false }, { isTemplate: false }, "anybody can copy a template.");
    const limit = props["connectionLimit"];
    if (limit !== unknown && !(typeof limit === "number" && limit > 0)) {
      yield `connectionLimit is ${shown(limit)}: one database could take every connection of the server. Set it in ${code}.`;
    }
  },
};

const tenantPrivileges: Readonly<Record<string, readonly string[]>> = {
  database: ["CONNECT", "CREATE", "TEMPORARY"],
  schema: ["CREATE", "USAGE"],
  table: ["DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"],
  sequence: ["SELECT", "UPDATE", "USAGE"],
};

const grant: ResourceRule = {
  name: "postgresql-grant-own-role",
  description: "Privileges go to the tenant's role, in the tenant's database, and PUBLIC has none.",
  applies: only("postgresql:index/grant:Grant", "postgresql:index/defaultPrivileges:DefaultPrivileges"),
  *problems({ props, type }, tenant) {
    yield* mustBe(
      props,
      { database: tenant.database },
      `a stack gives privileges in its own database only, see ${code}.`,
    );
    if (type.endsWith(":DefaultPrivileges")) {
      yield* mustBe(props, { owner }, `privileges on what a superuser makes would expose it, see ${code}.`);
    }
    const given = texts(props["privileges"]);
    if (props["role"] === "public") {
      if (given.length > 0) {
        yield `PUBLIC, which is every tenant's role, gets ${given.join(", ")}: its privileges must be [], see ${code}.`;
      }
      return;
    }
    yield* mustBe(props, { role: tenant.role }, `the privileges would be another role's, see ${code}.`);
    if (!is(props["withGrantOption"], false, undefined)) {
      yield `withGrantOption is set: the tenant could pass the privileges on to other tenants. Take it out of ${code}.`;
    }
    const objectType = props["objectType"];
    const safe = typeof objectType === "string" ? (tenantPrivileges[objectType] ?? []) : given;
    for (const one of given.filter((privilege) => !safe.includes(privilege))) {
      yield `${one} on ${shown(objectType)} is no privilege a tenant needs (${safe.join(", ") || "none"}), see ${code}.`;
    }
  },
};

const network: ResourceRule = {
  name: "postgresql-networks-bounded",
  description: "pg_hba.conf lets a tenant in from its own networks, each a CIDR of a bounded size.",
  applies: only(dynamic("PgHbaEntry"), dynamic("Reservation")),
  *problems(resource, tenant) {
    if (resource.type === dynamic("PgHbaEntry")) {
      const own = { database: tenant.database, role: tenant.role };
      yield* mustBe(resource.props, own, `the line would open another tenant's database, see ${code}.`);
    }
    yield* networkProblems(resource);
  },
};

function* networkProblems({ props: { networks }, name }: Resource): Iterable<string> {
  if (Array.isArray(networks) && networks.length === 0)
    yield `networks is empty: name the tenant's in stacks/Pulumi.${name}.yaml.`;
  for (const one of texts(networks)) {
    const [, address = "", length = ""] = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(one) ?? [];
    const least = shortestPrefix[address.includes(":") ? "ipv6" : "ipv4"];
    if (address === "") yield `${shown(one)} is no CIDR: write an address and a length in stacks/Pulumi.${name}.yaml.`;
    else if (Number(length) < least) {
      yield `the network ${one} is wider than /${least}: strangers could try the tenant's password from there. Name the tenant's own network in stacks/Pulumi.${name}.yaml.`;
    }
  }
}

const closing: ResourceRule = {
  name: "postgresql-others-rejected",
  description: "Whoever has no line of its own in pg_hba.conf is rejected.",
  applies: only(dynamic("PgHbaClosing")),
  *problems({ props: { line } }) {
    if (matches(line, /^host\s+all\s+all\s+all\s+reject$/)) return;
    yield `the closing line is ${shown(line)} and must reject all: see providers/clients/hba-closing.ts.`;
  },
};

const login: ResourceRule = {
  name: "postgresql-own-login",
  description: "The password and the hardening a stack sets are its tenant's.",
  applies: only(dynamic("RoleLogin"), dynamic("CredentialsHandover"), dynamic("DatabaseHardening")),
  *problems({ props, type }, { id, database: own, role: ownRole }) {
    const isLogin = type !== dynamic("DatabaseHardening");
    const wanted = isLogin
      ? { role: ownRole, ...(type === dynamic("RoleLogin") ? { database: own } : { tenant: id }) }
      : { database: own };
    yield* mustBe(
      props,
      wanted,
      `it would end another tenant's sessions, or leave this one's database open, see ${code}.`,
    );
    if (isLogin && !matches(props["verifier"], /^SCRAM-SHA-256\$/)) {
      yield `verifier is no SCRAM verifier: the password itself would stand in the server's log, see ${code}.`;
    }
  },
};

const limits: ResourceRule = {
  name: "postgresql-temp-files-limited",
  description: "A session's temporary files are limited.",
  applies: only(dynamic("RoleLimits")),
  *problems({ props }, tenant) {
    yield* mustBe(props, { role: tenant.role }, `the tenant's role would have no limit, see ${code}.`);
    const { tempFileLimit } = props;
    if (!matches(tempFileLimit, /^[1-9]\d*(kB|MB|GB|TB)$/)) {
      yield `tempFileLimit is ${shown(tempFileLimit)} and must be a size, such as "256MB": one session could fill the server's disk.`;
    }
  },
};

export const postgresqlRules: readonly ResourceRule[] = [role, database, grant, network, closing, login, limits];
