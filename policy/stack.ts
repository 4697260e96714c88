// The stack as a whole: nothing in it that no rule knows, everything a tenant needs, in the order that keeps it closed.
import type { Owner } from "./owner.ts";
import { dynamic, is, only, shown, type Made, type ResourceRule, type StackRule } from "./rule.ts";

/** Resources of a tenant's place in the stores: exactly one of each, and why. */
const stores: readonly (readonly [type: string, why: string])[] = [
  [dynamic("AgeKey"), "the credentials could not be encrypted for the tenant"],
  [dynamic("SopsFile"), "the tenant could not read its credentials"],
  ["minio:index/s3Bucket:S3Bucket", "the tenant has no bucket of its own"],
  [dynamic("BucketEncryption"), "objects would be stored unencrypted"],
  [dynamic("BucketContents"), "a destroyed tenant would leave objects behind"],
  ["minio:index/iamPolicy:IamPolicy", "the user could be given somebody else's rights"],
  ["minio:index/iamUser:IamUser", "the tenant would need a shared user"],
  ["minio:index/iamUserPolicyAttachment:IamUserPolicyAttachment", "the user's rights would be the server's default"],
  [dynamic("MinioAccess"), "nobody would see other policies, groups and service accounts of the user"],
  [dynamic("RoleLogin"), "sessions would survive a new password"],
  [dynamic("DatabaseHardening"), "the tenant's code could run as a superuser"],
  [dynamic("RoleLimits"), "one session could fill the server's disk"],
  [dynamic("PgHbaEntry"), "no line says from where the role may connect"],
  [dynamic("QdrantToken"), "the tenant would need the shared key"],
  [dynamic("QdrantAccess"), "the token could not be revoked"],
  [dynamic("RedisAclUser"), "the tenant would need the shared user"],
  [dynamic("RedisPassword"), "a former password would never end"],
  [dynamic("CredentialsHandover"), "the tenant would never be told of new credentials"],
];

/** What a tenant has beyond them, and the canary has not. */
const records: readonly (readonly [type: string, why: string])[] = [
  [dynamic("Reservation"), "another tenant could take the id or a network"],
  ["command:local:Command", "nothing would prove the isolation"],
  [dynamic("VerificationRecord"), "nothing would keep the proof"],
  [dynamic("AuditEvent"), "the audit log would not know the tenant"],
  [dynamic("RegistryRow"), "nobody would know the tenant"],
  [dynamic("DataGuard"), "a destroy would delete data without asking"],
];

/** What the platform has beyond its canary. */
const shared: readonly (readonly [type: string, why: string])[] = [
  [dynamic("AuditKey"), "an administrator of the database could rewrite the audit log"],
  [dynamic("PlatformSchema"), "nothing would keep tenants' ids and networks apart"],
  [dynamic("TenantTemplate"), "tenants' databases would show other tenants' activity"],
  [dynamic("PgHbaClosing"), "strangers and other tenants would learn which databases there are"],
];

/** The same of another placement: it rests on the default one's platform database. */
const sharedThere: typeof shared = [
  ...shared.filter(([type]) => ![dynamic("AuditKey"), dynamic("PlatformSchema")].includes(type)),
  [dynamic("Placement"), "nobody would know that tenants may live there"],
];

/** What a stack has beyond a tenant's place in the stores. */
const beyond = ({ platform, placed }: Pick<Owner, "platform" | "placed">): typeof shared =>
  placed ? sharedThere : platform ? shared : records;

/** Types of which a stack may have any number; other rules judge each. */
const several = [
  "pulumi:pulumi:Stack",
  "random:index/randomPassword:RandomPassword",
  "minio:index/s3Object:S3Object",
  "postgresql:index/role:Role",
  "postgresql:index/database:Database",
  "postgresql:index/grant:Grant",
  "postgresql:index/defaultPrivileges:DefaultPrivileges",
  dynamic("QdrantCollection"),
];
const plugins = ["minio", "postgresql", "command", "random", "pulumi-nodejs"].map((name) => `pulumi:providers:${name}`);

const nameOf = (type: string): string => type.split(":").at(-1) ?? type;

const knownTypes: ResourceRule = {
  name: "stack-known-types",
  description: "A stack holds only what a rule of this pack judges.",
  // Components make nothing by themselves.
  applies: (type) => !type.startsWith("tenant-storage:index:"),
  *problems({ type }, owner) {
    const once = [...stores, ...beyond(owner)].map(([known]) => known);
    if ([...once, ...several, ...plugins].includes(type)) return;
    yield `no rule knows the type ${type}: take the resource out, or write a rule for it and list it in policy/stack.ts.`;
  },
};

const verifiesSuspension = (id: string): string => `node cli/tenant.ts verify ${id} --expect suspended --json`;

const command: ResourceRule = {
  name: "stack-only-verification",
  description: "The one command a stack runs is the verification.",
  applies: only("command:local:Command"),
  *problems({ props }, { id }) {
    const wanted = `node cli/tenant.ts verify ${id} --expect active --json`;
    if (![wanted, verifiesSuspension(id)].includes(props["create"] as string))
      yield `create must be ${shown(wanted)}: any other command does what no rule can see.`;
    for (const key of ["update", "delete", "stdin", "interpreter"]) {
      if (![undefined, null].includes(props[key] as undefined))
        yield `${key} is set: any other command does what no rule can see. Take it out.`;
    }
  },
};

const destroy: ResourceRule = {
  name: "stack-destroy-asks",
  description: "A destroy that would delete data stops.",
  advisory: true,
  applies: only(dynamic("DataGuard")),
  *problems({ props, name }) {
    if (props["allowDestroy"] === true) {
      yield `allowDestroy is true: a destroy of tenant ${name} deletes its data without asking. Set it back to false when you are done.`;
    }
  },
};

/** Whether a stack holds anything of a tenant: an empty program is a way to delete one. */
const inUse = (resources: readonly Made[]): boolean =>
  resources.some(({ type }) => !/^(pulumi|tenant-storage):/.test(type));

const complete: StackRule = {
  name: "stack-complete",
  description: "A tenant has everything its isolation rests on, once.",
  *problems(resources, owner) {
    const { id, role, database, collection } = owner;
    if (!inUse(resources)) return;
    const count = (type: string, key?: string, value?: string): number =>
      resources.filter((one) => one.type === type && (key === undefined || is(one.props[key], value))).length;
    for (const [type, why] of [...stores, ...beyond(owner)]) {
      const found = count(type);
      if (found === 1) continue;
      yield {
        message:
          found === 0
            ? `tenant ${id} has no ${nameOf(type)}: ${why}. Put it back in components/.`
            : `tenant ${id} has ${found} resources ${nameOf(type)} and must have one: no rule says which of them counts.`,
      };
    }
    const named = [
      ["postgresql:index/role:Role", "name", role, "the tenant would need a shared role"],
      ["postgresql:index/database:Database", "name", database, "the tenant would need a shared database"],
      ["postgresql:index/grant:Grant", "role", "public", "every tenant's role could connect to the database"],
      [dynamic("QdrantCollection"), "collection", collection, "the tenant would need a shared collection"],
    ] as const;
    for (const [type, key, value, why] of named) {
      if (count(type, key, value) === 0) {
        yield {
          message: `tenant ${id} has no ${nameOf(type)} with ${key} ${value}: ${why}. Put it back in components/.`,
        };
      }
    }
  },
};

/** What must be there before what: a resource that is made too early stands open for a moment, or for good if the run stops. */
const sequence: readonly (readonly [later: string, earlier: string, why: string])[] = [
  [dynamic("PgHbaEntry"), "postgresql:index/grant:Grant", "everybody could connect before PUBLIC lost its privileges"],
  [dynamic("PgHbaEntry"), dynamic("RoleLogin"), "the role could connect with an old password"],
  ["postgresql:index/grant:Grant", dynamic("DatabaseHardening"), "the plugin's session could run the tenant's code"],
  [dynamic("PgHbaEntry"), dynamic("PgHbaClosing"), "a tenant could connect before all others are rejected"],
  [dynamic("PgHbaEntry"), dynamic("RoleLimits"), "the role could connect before it is limited"],
  ["minio:index/s3Object:S3Object", dynamic("BucketEncryption"), "the object would be stored unencrypted"],
  ["minio:index/iamUser:IamUser", dynamic("BucketEncryption"), "the tenant could store objects unencrypted"],
  ["minio:index/s3Bucket:S3Bucket", dynamic("Reservation"), "the bucket of another tenant could be taken over"],
  ["postgresql:index/database:Database", dynamic("Reservation"), "the database of another tenant could be taken over"],
  [
    dynamic("RegistryRow"),
    dynamic("VerificationRecord"),
    "the tenant would be registered before it is proven isolated",
  ],
  ["command:local:Command", dynamic("PgHbaEntry"), "the verification would prove an unfinished tenant"],
  ["command:local:Command", dynamic("RedisAclUser"), "the verification would prove an unfinished tenant"],
  ["command:local:Command", dynamic("QdrantAccess"), "the verification would prove an unfinished tenant"],
  [
    "command:local:Command",
    "minio:index/iamUserPolicyAttachment:IamUserPolicyAttachment",
    "the verification would prove an unfinished tenant",
  ],
  ["command:local:Command", dynamic("CredentialsHandover"), "the verification would prove the former credentials"],
  [dynamic("CredentialsHandover"), dynamic("SopsFile"), "the tenant would be handed the former credentials"],
  [dynamic("CredentialsHandover"), dynamic("PgHbaEntry"), "the tenant would be handed what does not work yet"],
  [dynamic("CredentialsHandover"), dynamic("RedisPassword"), "the tenant would be handed what does not work yet"],
  [dynamic("CredentialsHandover"), dynamic("QdrantAccess"), "the tenant would be handed what does not work yet"],
  [
    dynamic("CredentialsHandover"),
    "minio:index/iamUserPolicyAttachment:IamUserPolicyAttachment",
    "the tenant would be handed what does not work yet",
  ],
  [dynamic("DataGuard"), dynamic("RegistryRow"), "a destroy would delete the registration before the guard has agreed"],
];

const ordered: StackRule = {
  name: "stack-order",
  description: "A tenant is opened last and registered when it is proven.",
  *problems(resources, { platform }) {
    const byUrn = new Map(resources.map((one) => [one.urn, one]));
    for (const [later, earlier, why] of sequence) {
      const needed = resources.filter(({ type }) => type === earlier);
      for (const one of resources.filter(({ type, name }) => type === later && !(platform && name === "platform"))) {
        const before = needsOf(one, byUrn);
        for (const missing of needed.filter(({ urn }) => !before.has(urn))) {
          const message = `it does not wait for ${nameOf(earlier)} ${missing.name}: ${why}. Put the dependency back in components/.`;
          yield { message, urn: one.urn };
        }
      }
    }
  },
};

/** Everything that is there before it: what it depends on, its parents and theirs included. */
function needsOf(one: Made, byUrn: ReadonlyMap<string, Made>): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (urn: string): void => {
    if (found.has(urn)) return;
    found.add(urn);
    byUrn.get(urn)?.needs.forEach(visit);
  };
  one.needs.forEach(visit);
  return found;
}

export const wholeRules: readonly ResourceRule[] = [knownTypes, command, destroy];
export const wholeStackRules: readonly StackRule[] = [complete, ordered];
