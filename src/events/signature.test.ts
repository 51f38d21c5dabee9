// Signatures: which secrets are accepted, and that the documentation's way to check a delivery works.
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { isWebhookSecret, newWebhookSecret, signDelivery } from "./signature.ts";

const DOCUMENT = resolve(import.meta.dirname, "../../docs/events.md");

test("the documentation's check takes a delivery, and no altered, foreign or old one", async () => {
  const [, code = ""] = /```js\n([\s\S]*?)```/.exec(await readFile(DOCUMENT, "utf8")) ?? [];
  const { isGenuine } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    isGenuine(secret: string, headers: Record<string, string>, body: string): boolean;
  };
  const secret = newWebhookSecret();
  const body = '{"name":"ü"}';
  const seconds = Math.floor(Date.now() / 1000);
  const headers = signDelivery(secret, { id: "one", seconds, body });
  expect(isGenuine(secret, headers, body)).toBe(true);
  const two = `v1,${Buffer.alloc(32).toString("base64")} ${headers["webhook-signature"] ?? ""}`;
  expect(isGenuine(secret, { ...headers, "webhook-signature": two }, body)).toBe(true);
  expect(isGenuine(secret, headers, `${body} `)).toBe(false);
  expect(isGenuine(secret, { ...headers, "webhook-id": "two" }, body)).toBe(false);
  expect(isGenuine(newWebhookSecret(), headers, body)).toBe(false);
  expect(isGenuine(secret, signDelivery(secret, { id: "one", seconds: seconds - 600, body }), body)).toBe(
    false,
  );
  expect(isGenuine(secret, {}, body)).toBe(false);
});

test("a secret is whsec_ and the base64 of 24 to 64 bytes", () => {
  const of = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 7).toString("base64")}`;
  expect([24, 32, 64].map(of).map(isWebhookSecret)).toEqual([true, true, true]);
  expect([0, 23, 65].map(of).map(isWebhookSecret)).toEqual([false, false, false]);
  expect(isWebhookSecret(newWebhookSecret())).toBe(true);
  for (const text of ["", "whsec_", of(32).slice(6), `${of(32)}\n`, of(32).replace("B", "-")])
    expect(isWebhookSecret(text), text).toBe(false);
});
