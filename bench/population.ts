// The tenants that are present: one that was really provisioned, neighbours made like it, and what is provisioned among them.
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { stateDir } from "../local/settings.ts";
import { makeNeighbours, neighbour, type Seconds } from "./neighbours.ts";
import { during } from "./progress.ts";
import type { World } from "./world.ts";

/** The tenant all neighbours are made like. */
export const firstId = "first";

export class Population {
  private readonly world: World;
  private neighbours = 0;
  private real = 1;

  private constructor(world: World) {
    this.world = world;
  }

  /** Provisions the first tenant. */
  static async begin(world: World): Promise<Population> {
    const command = world.tenant("provision", firstId, "--network", "10.0.0.0/24");
    await during(
      "the first tenant",
      () => world.measure(command),
      () => "provisioned",
    );
    return new Population(world);
  }

  get present(): number {
    return this.real + this.neighbours;
  }

  /** Says that more tenants were provisioned. */
  provisioned(count: number): void {
    this.real += count;
  }

  /** Makes neighbours until so many tenants are present. */
  async growTo(present: number): Promise<void> {
    const [from, to] = [this.neighbours, Math.max(this.neighbours, present - this.real)];
    if (from === to) return;
    await during(
      `${to - from} neighbours by the stores' own clients, to ${present} tenants present`,
      () => makeNeighbours([from, to], firstId),
      inWords,
    );
    this.neighbours = to;
    this.copyState(from, to);
  }

  /** A neighbour's state is a copy of the first tenant's: the backend has as many stacks as there are tenants. */
  private copyState(from: number, to: number): void {
    const folder = join(stateDir(this.world.stores.dir ?? ""), ".pulumi/stacks/tenant-storage");
    const fileOf = (id: string): string => join(folder, `${id}.json`);
    if (!existsSync(fileOf(firstId))) throw new Error(`the state of ${firstId} is not in ${folder}`);
    for (let number = from; number < to; number += 1) copyFileSync(fileOf(firstId), fileOf(neighbour(number).id));
  }
}

const inWords = (seconds: Seconds): string => {
  const each = Object.entries(seconds).map(([place, value]) => `${place} ${(value * 1000).toFixed(0)}`);
  return `${each.join(", ")} ms each`;
};
