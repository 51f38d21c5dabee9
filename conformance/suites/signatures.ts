// Requests signed by hand, so that they can be wrong: key, secret, clock, body, path, query; and presigned ones.
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import { createDomain, region } from "../api.ts";
import type { Credentials, Target } from "../server.ts";
import type { Stage } from "../suite.ts";
import { type Answer, send } from "../wire.ts";

export interface Draft {
  readonly method?: string;
  readonly path: string;
  readonly query?: Record<string, string>;
  readonly body?: string;
  readonly credentials?: Credentials;
  readonly signingDate?: Date;
  readonly region?: string;
  readonly service?: string;
  /** Changes what goes out after it was signed. */
  readonly tamper?: (sent: Sent) => void;
}

interface Sent {
  method: string;
  path: string;
  body: string | undefined;
  headers: Record<string, string>;
}

const minutes = (count: number) => new Date(Date.now() + count * 60_000);

export async function signatures({ checks }: Stage, target: Target): Promise<void> {
  const domain = await createDomain(target);
  const describe = { path: "/v1/domain", query: { domain: domain.name } };
  const create = (name: string) => ({
    method: "POST",
    path: "/v1/repository",
    query: { domain: domain.name, repository: name },
    body: JSON.stringify({ description: "as signed" }),
  });
  const check = (title: string, draft: Draft, wanted: number) =>
    checks.check(`signature: ${title} → ${wanted}`, async () =>
      expectStatus(await call(target, draft), wanted),
    );
  const { accessKeyId, secretAccessKey } = target.credentials;
  await check("a good one", describe, 200);
  await check("for another region", { ...describe, region: "eu-central-1" }, 200);
  await check("with a body", create("signed"), 200);
  await check("a clock 14 minutes behind", { ...describe, signingDate: minutes(-14) }, 200);
  await check("a clock 16 minutes behind", { ...describe, signingDate: minutes(-16) }, 403);
  await check("a clock 16 minutes ahead", { ...describe, signingDate: minutes(16) }, 403);
  await check(
    "a wrong secret",
    { ...describe, credentials: { accessKeyId, secretAccessKey: `${secretAccessKey}x` } },
    403,
  );
  await check(
    "an unknown key",
    { ...describe, credentials: { accessKeyId: "AKIAUNKNOWNUNKNOWNUN", secretAccessKey } },
    403,
  );
  await check("for another service", { ...describe, service: "s3" }, 403);
  const tampered: [string, Draft["tamper"]][] = [
    ["body", (sent) => (sent.body = JSON.stringify({ description: "as changed" }))],
    ["query", (sent) => (sent.path = sent.path.replace("repository=", "repository=x"))],
    ["method", (sent) => (sent.method = "PUT")],
    ["path", (sent) => (sent.path = sent.path.replace("/v1/repository", "/v1/repositories"))],
    ["host", (sent) => (sent.headers.host = "other.example")],
    [
      "signature",
      (sent) =>
        (sent.headers.authorization = String(sent.headers.authorization).replace(/.$/, (last) =>
          last === "0" ? "1" : "0",
        )),
    ],
    ["absence", (sent) => delete sent.headers.authorization],
    ["garbage", (sent) => (sent.headers.authorization = "AWS4-HMAC-SHA256 garbage")],
  ];
  for (const [what, tamper = () => {}] of tampered) {
    await check(`tampered with: ${what}`, { ...create("tampered"), tamper }, 403);
  }
  await checks.check("signature: nothing of the refused requests was done", async () => {
    expectStatus(
      await call(target, { path: "/v1/repository", query: { domain: domain.name, repository: "tampered" } }),
      404,
    );
    expectStatus(
      await call(target, { path: "/v1/repository", query: { domain: domain.name, repository: "xtampered" } }),
      404,
    );
  });
  await presigned({ checks, target, describe });
}

async function presigned({
  checks,
  target,
  describe,
}: {
  checks: Stage["checks"];
  target: Target;
  describe: Draft;
}) {
  const get = async (draft: Draft, change: (path: string) => string = (path) => path) =>
    send(target.endpoint, { rawPath: change(await presign(target, draft)) });
  await checks.check("presigned GET → 200, a changed one, one too old, one too long → 403", async () => {
    expectStatus(await get(describe), 200);
    expectStatus(await get(describe, (path) => path.replace("domain=", "domain=x")), 403);
    expectStatus(await get({ ...describe, signingDate: minutes(-10) }), 403);
    expectStatus(await get(describe, (path) => path.replace("X-Amz-Expires=300", "X-Amz-Expires=3000")), 403);
  });
}

/** A refusal is an error of the API, with its name and a message, and never a 5xx. */
function expectStatus({ status, headers, text }: Answer, wanted: number): void {
  assert.equal(status, wanted, text);
  if (status < 400) return;
  assert.ok(headers["x-amzn-errortype"], "no x-amzn-ErrorType");
  assert.equal(typeof JSON.parse(text).message, "string");
}

export async function call(target: Target, draft: Draft): Promise<Answer> {
  const { host, hostname, protocol } = new URL(target.endpoint);
  const headers: Record<string, string> = { host };
  if (draft.body !== undefined) headers["content-type"] = "application/json";
  const { method = "GET", path, query = {}, body, signingDate = new Date() } = draft;
  const signed = await signer(target, draft).sign(
    { method, protocol, hostname, path, query, headers, body },
    { signingDate },
  );
  const sent: Sent = {
    method,
    path: `${path}?${new URLSearchParams(query).toString()}`,
    body,
    headers: { ...signed.headers },
  };
  draft.tamper?.(sent);
  const content = sent.body === undefined ? {} : { body: sent.body };
  return send(target.endpoint, {
    method: sent.method,
    rawPath: sent.path,
    headers: sent.headers,
    ...content,
  });
}

async function presign(target: Target, draft: Draft): Promise<string> {
  const { host, hostname, protocol } = new URL(target.endpoint);
  const { path, query = {}, signingDate = new Date() } = draft;
  const signed = await signer(target, draft).presign(
    { method: "GET", protocol, hostname, path, query, headers: { host } },
    { signingDate, expiresIn: 300 },
  );
  return `${path}?${new URLSearchParams(signed.query as Record<string, string>).toString()}`;
}

function signer(target: Target, draft: Draft): SignatureV4 {
  return new SignatureV4({
    credentials: draft.credentials ?? target.credentials,
    region: draft.region ?? region,
    service: draft.service ?? "codeartifact",
    sha256: Sha256,
  });
}

type Source = string | ArrayBuffer | ArrayBufferView;

/** The signer's idea of a hash, on Node's own. */
class Sha256 {
  readonly #hash;
  constructor(secret?: Source) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", bytes(secret));
  }
  update(data: Source): void {
    this.#hash.update(bytes(data));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

function bytes(source: Source): Uint8Array {
  if (typeof source === "string") return Buffer.from(source);
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}
