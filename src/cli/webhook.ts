// `portcullis webhook`: who is told of package-version events.
import { randomBytes, randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import { text as readText } from "node:stream/consumers";
import { Command } from "commander";
import { createPoster } from "../events/post.ts";
import { isWebhookSecret, newWebhookSecret } from "../events/signature.ts";
import type { Queries } from "../store/database.ts";
import { findDomain } from "../store/domains.ts";
import { appendDomainJournal, appendServerJournal } from "../store/journal.ts";
import { deleteWebhook, findWebhook, insertWebhook, listWebhooks } from "../store/webhooks.ts";
import type { PlaceOptions } from "./database.ts";
import { print, printTable, printTime, withDatabase, withPlace } from "./database.ts";

interface CreateOptions extends PlaceOptions {
  readonly url: string;
  readonly domain?: string;
  readonly domainOwner?: string;
  readonly secretStdin?: boolean;
}

const TEST_TIMEOUT_MS = 15_000;

export function webhookCommand(): Command {
  return new Command("webhook")
    .description("who is told of package versions that come, change and go")
    .addCommand(
      withPlace(new Command("create"))
        .description("tell a URL; prints the webhook's id and the secret its deliveries are signed with")
        .requiredOption("--url <URL>", "where events are posted to; redirects are not followed")
        .option("--domain <NAME>", "events of one domain only (default: every domain)")
        .option("--domain-owner <ID>", "the domain's account (default: the server's)")
        .option(
          "--secret-stdin",
          "read the signing secret (whsec_…) from standard input; nothing is shown of it",
        )
        .action(create),
    )
    .addCommand(
      withPlace(new Command("list"))
        .description("list webhooks and what is still to be delivered to them")
        .option("--json", "as JSON")
        .action(list),
    )
    .addCommand(
      withPlace(new Command("delete"))
        .description("tell a webhook nothing more; what was still to be delivered is dropped")
        .argument("<ID>")
        .action(remove),
    )
    .addCommand(
      withPlace(new Command("test"))
        .description("post a signed test event to a webhook, from here, and say how it was answered")
        .argument("<ID>")
        .action(test),
    );
}

async function create(options: CreateOptions): Promise<void> {
  const url = readUrl(options.url);
  const secret = options.secretStdin === true ? await readSecret() : newWebhookSecret();
  const id = `wh_${randomBytes(9).toString("base64url")}`;
  await withDatabase(options, async (database, { account }) => {
    const owner = options.domainOwner ?? account;
    const { domain: name } = options;
    const domain = name === undefined ? undefined : await findDomain(database.read, owner, name);
    if (name !== undefined && domain === undefined)
      throw new Error(`there is no domain '${name}' in account ${owner}`);
    const domainId = domain?.id ?? null;
    await database.write(async (tx) => {
      await insertWebhook(tx, { id, url: url.href, secret, domainId, createdAt: Date.now() });
      await journal(tx, "webhook-created", domainId, { webhook: id, host: url.host });
    });
  });
  print(options.secretStdin === true ? `id     ${id}\n` : `id     ${id}\nsecret ${secret}\n`);
}

/** The whole URL may hold a secret in its path: the journal knows its host only. */
function journal(
  tx: Queries,
  event: "webhook-created" | "webhook-deleted",
  domainId: number | null,
  detail: { readonly webhook: string; readonly host: string },
): Promise<void> {
  const entry = { at: Date.now(), event, actor: `local:${userInfo().username}`, requestId: "", detail };
  return domainId === null ? appendServerJournal(tx, entry) : appendDomainJournal(tx, { ...entry, domainId });
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new Error(`--url: '${text}' is no http or https URL`);
  if (url.username !== "" || url.password !== "")
    throw new Error("--url: leave user name and password out; deliveries are signed, which proves more");
  url.hash = "";
  return url;
}

async function readSecret(): Promise<string> {
  const secret = (await readText(process.stdin)).trim();
  if (isWebhookSecret(secret)) return secret;
  throw new Error("the secret must be whsec_ and the base64 of 24 to 64 random bytes");
}

async function list(options: PlaceOptions & { readonly json?: boolean }): Promise<void> {
  await withDatabase(options, async ({ read }) => {
    const rows = (await listWebhooks(read)).map((webhook) => ({
      id: webhook.id,
      domain: webhook.domain ?? "*",
      url: webhook.url,
      created: printTime(webhook.createdAt),
      pending: String(webhook.pending),
      "failing since": webhook.failingSince === undefined ? "" : printTime(webhook.failingSince),
    }));
    printTable(rows, ["id", "domain", "url", "created", "pending", "failing since"], options.json);
  });
}

async function remove(id: string, options: PlaceOptions): Promise<void> {
  await withDatabase(options, (database) =>
    database.write(async (tx) => {
      const webhook = await findWebhook(tx, id);
      if (webhook === undefined || !(await deleteWebhook(tx, id)))
        throw new Error(`there is no webhook '${id}'`);
      const { host } = new URL(webhook.url);
      await journal(tx, "webhook-deleted", webhook.domainId, { webhook: id, host });
    }),
  );
}

async function test(id: string, options: PlaceOptions): Promise<void> {
  const { webhook, config } = await withDatabase(options, async (database, config) => ({
    webhook: await findWebhook(database.read, id),
    config,
  }));
  if (webhook === undefined) throw new Error(`there is no webhook '${id}'`);
  const eventId = randomUUID();
  const body = JSON.stringify({
    version: "0",
    id: eventId,
    "detail-type": "Portcullis Webhook Test",
    source: "portcullis",
    account: config.account,
    time: `${new Date().toISOString().slice(0, 19)}Z`,
    region: config.region,
    resources: [],
    detail: { webhook: id },
  });
  const poster = createPoster();
  const { url, secret } = webhook;
  const failure = await poster.post({
    url,
    secret,
    id: eventId,
    body,
    timeoutMs: TEST_TIMEOUT_MS,
    now: Date.now(),
  });
  await poster.close();
  if (failure !== undefined) throw new Error(`the webhook did not take the test event: ${failure}`);
  print("the webhook took the test event\n");
}
