// The tenant command, as a person types it, on stores of its own: some are stopped and broken.
import { afterAll, beforeAll, expect } from "vitest";
import { administratorsTests } from "./administrators.ts";
import { deletionTests } from "./deletion.ts";
import { demoTests } from "./demo.ts";
import { everydayTests } from "./everyday.ts";
import { fleetTests } from "./fleet.ts";
import { killsTests } from "./kills.ts";
import { manyTests } from "./many.ts";
import { mistakesTests } from "./mistakes.ts";
import { rollbackTests } from "./rollback.ts";
import { snapshotTests } from "./snapshot.ts";
import { suspensionTests } from "./suspension.ts";
import { closeWorld, openWorld, tenant } from "./world.ts";

const bystander = "bystander";

beforeAll(async () => {
  await openWorld();
  const { code, stderr } = await tenant(["provision", bystander, "--network", "10.90.0.0/16"]);
  expect(code, stderr).toBe(0);
}, 600_000);
afterAll(closeWorld, 300_000);

mistakesTests(bystander);
everydayTests();
rollbackTests(bystander);
snapshotTests(bystander);
suspensionTests();
administratorsTests(bystander);
deletionTests();
fleetTests(bystander);
killsTests();
manyTests();
demoTests();
