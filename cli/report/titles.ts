// What stores and secrets are called, for people.
import type { Secret } from "../../components/rotation.ts";
import { defaultPlacement } from "../../providers/clients/placements.ts";
import type { Store } from "../verify/report.ts";

export const storeTitles: Readonly<Record<Store, string>> = {
  minio: "MinIO",
  postgresql: "PostgreSQL",
  qdrant: "Qdrant",
  redis: "Redis",
  encryption: "SOPS file",
};

/** A placement's store. */
export const storeTitle = (store: Store, placement: string): string =>
  placement === defaultPlacement ? storeTitles[store] : `${storeTitles[store]} of ${placement}`;

export const secretTitles: Readonly<Record<Secret, string>> = {
  minio: "MinIO secret key",
  postgresql: "PostgreSQL password",
  qdrant: "Qdrant token",
  redis: "Redis password",
  api: "tenant API key",
  age: "age key",
};
