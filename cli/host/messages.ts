// What the command and its host say to each other.

/** To the host. */
export type Request =
  /** A run begins: with what a process of its own would be started with. */
  | { readonly begin: NodeJS.ProcessEnv }
  /** It has ended. */
  | { readonly end: true };

/** What a host says first. */
export interface Ready {
  /** TCP port on the loopback address: the program and the dynamic providers, for the engine. */
  readonly port: number;
  /** For `verifierVariable`. */
  readonly verifier: string;
}

/** From the host. */
export type Answer =
  | Ready
  | { readonly begun: true }
  /** Nothing of the run is at work any more. */
  | { readonly ended: true };

/** Where `tenant verify` finds a host that does it, as PORT:WORD: set for what a run of pulumi starts. */
export const verifierVariable = "TENANT_VERIFIER";
