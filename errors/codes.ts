// Every code that an error can have. docs/errors.md is made of it (npm run docs): what it means, and the way out.

/** What a code stands for. */
export interface Explained {
  /** What is the case. */
  readonly meaning: string;
  /** What to do. */
  readonly remedy: string;
}

const codes = {
  usage: {
    meaning: "The command line cannot be understood: an unknown command or option, or options that do not go together.",
    remedy: "`--help` behind the command shows what it takes.",
  },
  "id-invalid": {
    meaning: "A tenant cannot have this id: other characters than `a-z0-9`, more than 40, or reserved.",
    remedy: "Choose another id.",
  },
  "tenant-unknown": {
    meaning: "There is no such tenant here.",
    remedy: "`npm run tenant -- list` shows all. It may be in another checkout, or its backend is another.",
  },
  "selection-empty": {
    meaning: "No tenant has labels that match `--select`. Nothing was done.",
    remedy: "The message lists the labels that there are; `npm run tenant -- list` shows who has which.",
  },
  "git-range": {
    meaning:
      "What a change touches cannot be told: no checkout of git, an unknown REF, or a history that was cut off. Nothing was done.",
    remedy: "Fetch what the message names, or name the tenants instead of `--changed-since`.",
  },
  "tenant-incomplete": {
    meaning: "The tenant is not provisioned to the end, or half deleted.",
    remedy: "Finish that first: the message has the command.",
  },
  "settings-invalid": {
    meaning: "A setting of the stack file, or of the command line, cannot be used. Nothing was touched.",
    remedy: 'Change what is listed; every setting is in README.md, "Configuration".',
  },
  "stack-file": {
    meaning: "The tenant's `stacks/Pulumi.<id>.yaml` is not there, or is no YAML.",
    remedy: "Use the checkout that has it, or repair it.",
  },
  "file-exists": {
    meaning: "The tenant's `stacks/Pulumi.<id>.yaml` is there already. Nothing was overwritten.",
    remedy: "Change it by hand, or choose another id.",
  },
  passphrase: {
    meaning: "The stack file holds values that were encrypted with another passphrase.",
    remedy: "Give that one in `PULUMI_CONFIG_PASSPHRASE_FILE`.",
  },
  "backend-other": {
    meaning: "The tenant exists, but the Pulumi backend of this shell does not know its stack. Nothing was touched.",
    remedy: "Set `PULUMI_BACKEND_URL` to the backend it was made with.",
  },
  "lock-held": {
    meaning: "Another run works on the same stack, or was killed with a plain `pulumi`. Nothing was done.",
    remedy: "Wait for it. Only once you know that nobody works on it: `pulumi cancel --stack ID`.",
  },
  interrupted: {
    meaning: "Ctrl-C or a signal came before anything was done.",
    remedy: "Run it again.",
  },
  "holds-data": {
    meaning: "The tenant holds data, and nobody allowed to delete them. Nothing was deleted.",
    remedy: "`npm run tenant -- deprovision ID --confirm ID` deletes them.",
  },
  "confirm-needed": {
    meaning: "Many tenants would be deleted, and `--confirm` does not name exactly these. Nothing was deleted.",
    remedy: "Read what the tenants hold; the message has the command that deletes them.",
  },
  "provision-failed": {
    meaning: "A step failed. What this run had made of a new tenant is removed again; a tenant that existed stays.",
    remedy: "Remove the cause that the message names, then the same command.",
  },
  "deprovision-failed": {
    meaning: "A step of the deletion failed, or something of the tenant is left in a store.",
    remedy: "Remove the cause, or what is listed, then the same command.",
  },
  "suspend-failed": {
    meaning: "The tenant is not shut out of every store. The message says which stores still let it in.",
    remedy: "Remove the cause, then the same command.",
  },
  "resume-failed": {
    meaning: "The tenant is not let in everywhere again. Nothing was lost.",
    remedy: "Remove the cause, then the same command.",
  },
  "rotation-failed": {
    meaning: "A rotation stopped on the way. The credentials in the SOPS file work.",
    remedy: "Remove the cause, then the same command: it finishes the rotation.",
  },
  "drift-failed": {
    meaning:
      "What was changed from outside could not be found out, or not be put back. The message says which server, or what.",
    remedy: "Remove the cause, then the same command.",
  },
  "verification-failed": {
    meaning: "A guarantee does not hold: a check of the verification failed.",
    remedy: "The check says which. `pulumi refresh` and `pulumi up` put our settings back.",
  },
  "adopt-failed": {
    meaning: "An adoption stopped on the way. Nothing of the tenant was changed or deleted.",
    remedy: "The same command goes on; `--give-up` leaves the tenant as it is.",
  },
  "adopt-refused": {
    meaning: "The tenant cannot be adopted, or given up, as it is. Nothing was touched.",
    remedy: "Change what is listed.",
  },
  "adopt-unfinished": {
    meaning: "The adoption of the tenant is not complete, which this needs.",
    remedy: "`npm run tenant -- adopt ID` finishes it, with `--give-up` it is forgotten.",
  },
  "not-barred": {
    meaning: "The id is not barred.",
    remedy: "`npm run tenant -- bar` lists those that are.",
  },
  "no-deletion-report": {
    meaning: "The tenant was not deprovisioned, so that nothing reports its deletion.",
    remedy: "`npm run tenant -- audit ID` shows what happened to it.",
  },
  "platform-failed": {
    meaning: "The platform stack, which tenants share, could not be prepared.",
    remedy: "Remove the cause, then `npm run demo` or `pulumi up --stack platform`.",
  },
  "export-place": {
    meaning: "The place of an export cannot be used: not a folder or bucket, unreadable, no credentials, or in use.",
    remedy: "Name another place, or give what the message lists.",
  },
  "export-damaged": {
    meaning: "What is there is no whole export: unfinished, cut off, altered, or of a newer version of this program.",
    remedy: "Use another export. An unfinished one is finished by the `export` that was interrupted.",
  },
  "export-unknown": {
    meaning: "The export is another tenant's, or the platform's audit log does not vouch for it. Nothing was touched.",
    remedy: "`--as` restores into another tenant; `--checksum` says what was printed when it was made.",
  },
  "export-key": {
    meaning: "The key that an export needs is not here, does not open it, or would go with the tenant.",
    remedy: "`--identity FILE` names one; `--key-copy FILE` keeps one.",
  },
  "export-not-resumable": {
    meaning: "An interrupted export or restore cannot be gone on with: what it left has changed.",
    remedy: "Empty the place, remove the named file, run it again.",
  },
  "export-changed": {
    meaning: "The tenant's data were changed by others at the wrong moment.",
    remedy: "Run it again; a restore needs the tenant's applications to be away.",
  },
  "restore-refused": {
    meaning: "The tenant cannot take the export: it holds data, or is made otherwise. Nothing was touched.",
    remedy: "Change what is listed, or restore into another tenant with `--as`.",
  },
  "credentials-file": {
    meaning:
      "The file for credentials is there already, has no folder, or is where git could commit it. Nothing was written.",
    remedy: "Name another file; `--overwrite` replaces one.",
  },
  "format-unfit": {
    meaning: "A credential or an address cannot be said in this format.",
    remedy: "`--format env` and `json` say everything.",
  },
  "program-missing": {
    meaning: "A program that this needs is not installed, or is too old.",
    remedy: "The message has the command that installs it.",
  },
  "pulumi-failed": {
    meaning: "The Pulumi engine refused or failed; the message is its own.",
    remedy: "What the message says. `pulumi stack --stack ID` shows the state.",
  },
  "setup-failed": {
    meaning: "Something could not be installed, built or started on this machine.",
    remedy: "Remove the cause that the message names, then the same command: what is done stays done.",
  },
  "server-unreachable": {
    meaning: "A store does not answer at its address.",
    remedy: "`npm run stores -- status` for the local ones; else look at its address, the network and its own log.",
  },
  "server-refused": {
    meaning: "A store answers, and does not take the administrator's credentials.",
    remedy: "Compare the variables of this shell with the server's; a new shell has the old values.",
  },
  "servers-invalid": {
    meaning: "The variables that name the shared servers are not complete, or one of them cannot be used.",
    remedy: 'Set what is listed; README.md, "Configuration", has all. Local stores: `eval "$(npm run -s env)"`.',
  },
  "placements-invalid": {
    meaning: "The operator's file of placements cannot be used. Nothing was touched.",
    remedy: "What is listed; docs/operations.md, Placements, has its form.",
  },
  "placement-fixed": {
    meaning: "A tenant's file names another placement than the one that it lives on. Nothing was done.",
    remedy: "Set it back, or move the tenant: docs/operations.md, Placements.",
  },
  "placement-unknown": {
    meaning: "A stack's file names a placement that the operator's environment and file of placements do not know.",
    remedy: "`npm run tenant -- placements` lists those that are known; name its servers, or correct the name.",
  },
  "tls-refused": {
    meaning: "A server's certificate does not fit its name or authority, or it speaks TLS and the setting does not.",
    remedy: "What the message says; docs/operations.md, TLS.",
  },
  "platform-missing": {
    meaning: "The platform database is not prepared, or by an older checkout.",
    remedy: "`pulumi up --stack platform`",
  },
  "checkout-old": {
    meaning: "The platform database was prepared by a newer checkout than this.",
    remedy: "`git pull`",
  },
  "credentials-unreadable": {
    meaning: "The tenant's SOPS file does not open with its key, was altered, or is another tenant's.",
    remedy: "`pulumi refresh --stack ID && pulumi up --stack ID` repair it.",
  },
  "folder-unsafe": {
    meaning: "Others than you could read or replace what is in a folder of secrets. Nothing was written there.",
    remedy: "The message has the `chmod` or `chown`; look through the folder first.",
  },
  "audit-log-changed": {
    meaning:
      "The audit log is not the one that this machine has seen: somebody changed it, or an older backup is back.",
    remedy: "`npm run tenant -- audit --verify` says where; docs/operations.md has the way out.",
  },
  "audit-key-missing": {
    meaning: "The key that signs the audit log is not here, or its files cannot be read. Nothing was recorded.",
    remedy: "Copy the folder from a colleague or a backup; the message has the command for a key that is lost.",
  },
  "audit-not-recorded": {
    meaning: "An event could neither be recorded nor kept for later.",
    remedy: "Make the named folder writable, or set `TENANT_OUTBOX_DIR`.",
  },
  "loud-variable": {
    meaning: "A variable of this shell would make a library print passwords. Nothing was done.",
    remedy: "Unset it, or leave the named part out.",
  },
  "disk-full": {
    meaning: "A disk of this machine is full.",
    remedy: "Free some space, then the same command.",
  },
  internal: {
    meaning: "None of the above: a server or the system said something that the program does not know.",
    remedy: "The message is all that is known; `--debug` shows where it came from.",
  },
} as const satisfies Readonly<Record<string, Explained>>;

/** A code of an error. Codes are never renamed: scripts and runbooks depend on them. */
export type ErrorCode = keyof typeof codes;

/** Every code, in the order of the document. */
export const errorCodes: Readonly<Record<ErrorCode, Explained>> = codes;
