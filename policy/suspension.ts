// Suspension: a tenant is shut out of every store, or of none.
import { deniesAll } from "./minio.ts";
import { dynamic, unknown, type Made, type Props, type StackRule, type Value } from "./rule.ts";

/** Whether a resource shuts the tenant out; undefined when nobody knows yet. */
type Shut = (props: Props) => boolean | undefined;

const when =
  (key: string, shut: Value): Shut =>
  (props) =>
    props[key] === unknown ? undefined : props[key] === shut;

/** What lets a tenant in, or says that it does. */
const doors: readonly (readonly [type: string, shut: Shut])[] = [
  ["minio:index/iamPolicy:IamPolicy", ({ policy }) => deniesAll(policy)],
  ["postgresql:index/role:Role", when("login", false)],
  [dynamic("RoleLogin"), when("login", false)],
  [dynamic("QdrantAccess"), when("enabled", false)],
  [dynamic("RedisAclUser"), when("enabled", false)],
  ["command:local:Command", ({ create }) => typeof create === "string" && create.includes("--expect suspended")],
  [dynamic("AuditEvent"), when("suspended", true)],
  [dynamic("RegistryRow"), when("suspended", true)],
];

const everywhere: StackRule = {
  name: "stack-suspended-everywhere",
  description: "A suspended tenant is shut out of every store, and the registry says so.",
  *problems(resources, { role }) {
    // The owner of all databases never logs in.
    const ofTenant = ({ type, props }: Made): boolean => !type.endsWith(":Role") || props["name"] === role;
    const found = resources.filter(ofTenant).flatMap((one) => {
      const shut = doors.find(([type]) => type === one.type)?.[1](one.props);
      return shut === undefined ? [] : [{ kind: one.type.split(":").at(-1) ?? "", shut }];
    });
    const kinds = (shut: boolean): string[] => found.filter((one) => one.shut === shut).map(({ kind }) => kind);
    if (kinds(true).length === 0 || kinds(false).length === 0) return;
    yield {
      message: `it is suspended by ${kinds(true).join(", ")} and not by ${kinds(false).join(", ")}: hand \`suspended\` to every store in components/tenant-stores.ts, and to what records it in components/tenant.ts.`,
    };
  },
};

export const suspensionRules: readonly StackRule[] = [everywhere];
