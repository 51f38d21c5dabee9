// One connection to PostgreSQL that listens: kept, asked whether it lives, and replaced by itself when it does not.
import type { Client } from "pg";
import { type Fault, unavailable } from "../core/faults.ts";
import type { Log } from "../core/log.ts";

export interface ListeningOptions {
  /** Makes a client that is not connected yet. */
  readonly connect: () => Client;
  /** What was said on the channel. */
  readonly onNotice: (payload: string | undefined) => void;
  /** Something may have been said that was not heard. */
  readonly onGap: () => void;
  /** A connection that has not answered by then is taken for dead, ms. */
  readonly answerMs: number;
  readonly log: Log | undefined;
}

export interface Listening {
  /** Whether a connection listens, as far as is known without asking. */
  connected(): boolean;
  /**
   * Resolves when the connection answered a question that was sent after the call, or when a new one listens, after
   * `onGap`. Rejects with a Fault (503) when there is none and none comes in a moment.
   */
  ask(): Promise<void>;
  close(): Promise<void>;
}

const CHANNEL = "portcullis";
const RETRY_MS = 100;
const RETRY_MS_MAX = 2_000;
/** How long a question waits for a new connection: a database that only restarts a backend has one by then. */
const RETURN_MS = 1_000;

/** Resolves once it listens; rejects when that fails the first time. */
export async function startListening(options: ListeningOptions): Promise<Listening> {
  const { answerMs, onGap, log } = options;
  let client: Client | undefined;
  /** The attempt under way to have a new connection. */
  let opening: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let failures = 0;
  let closed = false;

  const open = async (): Promise<void> => {
    const next = options.connect();
    let gone = false;
    const end = (): void => {
      gone = true;
      lose(next);
    };
    next.on("error", end);
    next.on("end", end);
    await begin(next, options);
    if (gone || closed) {
      cut(next);
      throw new Error("the connection ended as it began");
    }
    onGap(); // whatever was said in between was not heard
    client = next;
    failures = 0;
  };

  const lose = (lost: Client): void => {
    if (client !== lost) return;
    client = undefined;
    onGap();
    log?.warn({}, "the connection that tells what other nodes change is lost: nothing kept is believed");
    reopen();
  };

  const reopen = (): void => {
    if (closed) return;
    opening = open()
      .then(() => log?.info({}, "what other nodes change is told again"))
      .finally(() => {
        opening = undefined;
      });
    opening.catch(() => {
      // Apart from one another, so that a database that comes back is not met by all nodes at once.
      const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** failures++) * (0.5 + Math.random());
      if (!closed) retry = setTimeout(reopen, waitMs);
    });
  };

  await open();
  return {
    connected: () => client !== undefined,
    async ask() {
      const asked = client;
      if (asked !== undefined) {
        // An empty query: the least that has an answer.
        const lives = await answered(asked, answerMs, () => asked.query("")).then(
          () => true,
          () => false,
        );
        if (lives) return;
        cut(asked);
        lose(asked);
      }
      await returned(opening);
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      await opening?.catch(() => undefined);
      const last = client;
      client = undefined;
      await last?.end();
    },
  };
}

async function begin(client: Client, { answerMs, onNotice }: ListeningOptions): Promise<void> {
  client.on("notification", ({ payload }) => onNotice(payload));
  try {
    await answered(client, answerMs, async () => {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
    });
  } catch (error) {
    cut(client);
    throw error;
  }
}

/** Runs `ask`; cuts the connection when it takes too long, which ends it with an error. */
async function answered(client: Client, answerMs: number, ask: () => Promise<unknown>): Promise<void> {
  // What has come while this process was busy is read before it is missed.
  let overdue: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => (overdue = setImmediate(() => cut(client))), answerMs);
  try {
    await ask();
  } finally {
    clearTimeout(timer);
    clearImmediate(overdue);
  }
}

/** Without a goodbye, which a hung connection would not take. */
function cut(client: Client): void {
  (
    client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
  ).connection.stream.destroy();
}

async function returned(opening: Promise<void> | undefined): Promise<void> {
  if (opening === undefined) throw unreachable();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it takes longer")), RETURN_MS);
  });
  try {
    await Promise.race([opening, late]);
  } catch {
    throw unreachable();
  } finally {
    clearTimeout(timer);
  }
}

function unreachable(): Fault {
  return unavailable(
    "The database cannot be reached, so it cannot be told whether what is known here is still true. Send the request again in a moment.",
  );
}
