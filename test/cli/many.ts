// Many operators, one tenant each, at the same moment.
import { describe, expect, it } from "vitest";
import { remains, tenant } from "./world.ts";

const ids = Array.from({ length: 10 }, (_, index) => `many${index}`);

export function manyTests(): void {
  describe("ten tenants at once", () => {
    it("are all provisioned, and all removed", { timeout: 900_000 }, async () => {
      const made = await Promise.all(
        ids.map((id, index) => tenant(["provision", id, "--network", `10.99.${index}.0/24`])),
      );
      expect(made.filter(({ code }) => code !== 0).map(({ stderr }) => stderr)).toEqual([]);
      const listed = JSON.parse((await tenant(["list", "--json"])).stdout) as { id: string; status: string }[];
      const active = listed.filter(({ id, status }) => ids.includes(id) && status === "active");
      expect(active.map(({ id }) => id)).toEqual(ids);

      const removed = await Promise.all(ids.map((id) => tenant(["deprovision", id])));
      expect(removed.filter(({ code }) => code !== 0).map(({ stderr }) => stderr)).toEqual([]);
      expect((await Promise.all(ids.map(remains))).flat()).toEqual([]);
    });
  });
}
