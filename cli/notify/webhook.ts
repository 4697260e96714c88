// One notification to the webhook, signed as Standard Webhooks says (https://www.standardwebhooks.com).
import { Webhook } from "standardwebhooks";

/** What can be told. */
export type NotificationType = "tenant.provision_failed" | "tenant.verification_failed" | "tenant.drift_found";

/** The body of a request. Without secrets. */
export interface Notification {
  /** UUIDv7; the same however often it is sent. */
  readonly id: string;
  readonly type: NotificationType;
  /** ISO 8601, UTC: when it happened. */
  readonly timestamp: string;
  /** A tenant's id, or `platform`. */
  readonly tenant: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Where notifications go, from the environment. */
export interface Target {
  readonly url: URL;
  readonly signer: Webhook;
}

/** Whether somebody wants to be told. */
export function wanted(env: NodeJS.ProcessEnv = process.env): boolean {
  return Boolean(env["TENANT_WEBHOOK_URL"]);
}

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * The target.
 * @throws Error saying everything that is wrong with the two variables, without their values
 */
export function target(env: NodeJS.ProcessEnv = process.env): Target {
  const problems: string[] = [];
  const text = env["TENANT_WEBHOOK_URL"] ?? "";
  const url = URL.canParse(text) ? new URL(text) : new URL("http://unset.invalid");
  if (!URL.canParse(text)) problems.push("TENANT_WEBHOOK_URL is no URL");
  else if (url.protocol !== "https:" && !(url.protocol === "http:" && loopback.test(url.hostname)))
    problems.push("TENANT_WEBHOOK_URL must start with https:// (http:// is for loopback only)");
  if (url.username !== "" || url.password !== "")
    problems.push("TENANT_WEBHOOK_URL must hold no user and password: the signature says who sends");
  const secret = env["TENANT_WEBHOOK_SECRET"] ?? "";
  if (!/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(secret))
    problems.push(
      'TENANT_WEBHOOK_SECRET must be whsec_ and at least 24 bytes in base64: echo "whsec_$(openssl rand -base64 32)"',
    );
  if (problems.length > 0) throw new Error(problems.join("; "));
  return { url, signer: new Webhook(secret) };
}

/** How a request ended. `again`: the same may work in a moment. */
export type Sent =
  { readonly delivered: true } | { readonly delivered: false; readonly again: boolean; readonly why: string };

/**
 * Sends it once. Follows no redirect: another address is not the one that was configured.
 * @param patience milliseconds
 */
export async function send({ url, signer }: Target, notification: Notification, patience: number): Promise<Sent> {
  const body = JSON.stringify(notification);
  const now = new Date();
  try {
    const { status, body: answer } = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "tenant-storage",
        "webhook-id": notification.id,
        "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
        "webhook-signature": signer.sign(notification.id, now, body),
      },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(patience),
    });
    await answer?.cancel();
    if (status >= 200 && status < 300) return { delivered: true };
    return { delivered: false, again: status >= 500 || status === 429, why: `${url.origin} answered ${status}` };
  } catch (error) {
    const { message, name, cause } = error as Error;
    const why =
      name === "TimeoutError"
        ? `no answer within ${patience / 1000} s`
        : ((cause as Error | undefined)?.message ?? message);
    return { delivered: false, again: true, why: `${url.origin}: ${why}` };
  }
}
