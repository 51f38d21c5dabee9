// One signed POST to a webhook: no redirects, a time-out for the whole, and an answer that is not read.
import type { Agent } from "undici";
import { signDelivery } from "./signature.ts";

export interface Delivery {
  readonly url: string;
  readonly secret: string;
  /** The event's. */
  readonly id: string;
  readonly body: string;
  readonly timeoutMs: number;
  readonly now: number;
  readonly signal?: AbortSignal;
}

/** So much of an answer is taken from the wire, to keep its connection; longer ones are cut. */
const ANSWER_BYTES_MAX = 16 * 1024;

export interface Poster {
  /** Undefined: delivered. Otherwise why not, in words that hold no secret. Never rejects. */
  post(delivery: Delivery): Promise<string | undefined>;
  close(): Promise<void>;
}

export function createPoster(): Poster {
  let agent: Promise<Agent> | undefined;
  return {
    async post(delivery) {
      agent ??= openAgent();
      return post(await agent, delivery);
    },
    close: async () => (await agent)?.destroy(),
  };
}

/** Loaded with the first delivery: most servers have no webhook. */
async function openAgent(): Promise<Agent> {
  const undici = await import("undici");
  return new undici.Agent({ keepAliveTimeout: 10_000, connections: 16 });
}

async function post(agent: Agent, delivery: Delivery): Promise<string | undefined> {
  const { url, secret, id, body, timeoutMs, now } = delivery;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const { request } = await import("undici");
    const answer = await request(url, {
      method: "POST",
      dispatcher: agent,
      headers: {
        "content-type": "application/json",
        "user-agent": "portcullis",
        ...signDelivery(secret, { id, seconds: Math.floor(now / 1000), body }),
      },
      body,
      signal: delivery.signal === undefined ? deadline : AbortSignal.any([deadline, delivery.signal]),
    });
    // The status has decided; how the rest of the answer fares does not matter.
    await answer.body.dump({ limit: ANSWER_BYTES_MAX }).catch(() => undefined);
    return reasonOf(answer.statusCode);
  } catch (error) {
    if (deadline.aborted) return `no answer within ${timeoutMs} ms`;
    return (error as NodeJS.ErrnoException).code ?? (error as Error).name;
  }
}

function reasonOf(status: number): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  return status >= 300 && status < 400
    ? `answered ${status}, and redirects are not followed`
    : `answered ${status}`;
}
