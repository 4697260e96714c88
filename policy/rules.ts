// All rules of the pack.
import { minioRules } from "./minio.ts";
import { postgresqlRules } from "./postgresql.ts";
import { qdrantRules, qdrantStackRules } from "./qdrant.ts";
import { redisRules, redisStackRules } from "./redis.ts";
import type { ResourceRule, StackRule } from "./rule.ts";
import { secretRules } from "./secrets.ts";
import { suspensionRules } from "./suspension.ts";
import { wholeRules, wholeStackRules } from "./stack.ts";

export const resourceRules: readonly ResourceRule[] = [
  ...wholeRules,
  ...minioRules,
  ...postgresqlRules,
  ...qdrantRules,
  ...redisRules,
  ...secretRules,
];

export const stackRules: readonly StackRule[] = [
  ...wholeStackRules,
  ...redisStackRules,
  ...qdrantStackRules,
  ...suspensionRules,
];
