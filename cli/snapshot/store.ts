// What a store has to be able to do to be exported and restored.
import type { TenantNames } from "../../components/names.ts";
import type { Credentials } from "../../providers/clients/credentials.ts";
import type { Servers } from "../../providers/clients/servers.ts";
import type { About, Counts, StoreName } from "./manifest.ts";
import type { Bytes, Source } from "./streams.ts";

/** Whose store it is, and who wants to know how far the work has come. */
export interface Subject {
  readonly names: TenantNames;
  readonly servers: Servers;
  /** How much of the store is done: `1.2 GB`. Called often. */
  readonly amount: (text: string) => void;
}

/** Whose store is read. */
export interface Original extends Subject {
  /** Bytes of plaintext after which a part ends, at the next whole item. */
  readonly partSize: number;
}

/** The end of a part. */
export interface PartEnd {
  /** Where the next part begins; undefined when this was the store's last. */
  readonly next?: string;
  readonly counts: Partial<Counts>;
}

/** Reads a store. */
export interface Exporter {
  readonly store: StoreName;
  /** The end of the parts' names: `tar`. */
  readonly kind: string;
  /** An interrupted export goes on after the store's last whole part; otherwise it reads the store from its beginning. */
  readonly resumable: boolean;
  readonly about: (subject: Original) => Promise<About>;
  /** The plaintext of the part that begins at `from`, which an earlier part named as next. */
  readonly part: (subject: Original, from: string | undefined) => Source<PartEnd>;
}

/** Who is restored into. */
export interface Target extends Subject {
  readonly credentials: Credentials;
}

/** What a restore finds out while it writes. */
export interface Written {
  /** What of the part was left out, for it is no longer valid. */
  readonly leftOut: Partial<Counts>;
  /** How much of what was written has ended by itself since. */
  readonly gone?: () => number;
}

/** Writes a store. */
export interface Importer {
  readonly store: StoreName;
  /** What the server will not take, before anything is touched: a line each. */
  readonly problems: (subject: Subject, about: About, counts: Counts) => Promise<string[]>;
  /** For a store that is written from its beginning after an interruption: removes what was written. */
  readonly clear?: (subject: Subject) => Promise<void>;
  /**
   * Writes one part.
   * @param again an interrupted run was at this part: what it wrote may be there
   */
  readonly write: (target: Target, content: Bytes, again: boolean) => Promise<Written>;
  /** What the tenant holds now. */
  readonly count: (subject: Subject) => Promise<Partial<Counts>>;
}

/** `1.2 GB`, `820 MB`. */
export function shownBytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
