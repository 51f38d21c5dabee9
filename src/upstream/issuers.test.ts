// Keys of issuers: asked for once, renewed when a token names a new one, never so often that strangers could make us hammer an issuer.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startIssuer, type TestIssuer } from "../../test/oidc-issuer.ts";
import type { Issuers } from "./issuers.ts";
import { createIssuers } from "./issuers.ts";

let issuer: TestIssuer;
let issuers: Issuers;
let now = 1_000_000;
beforeEach(async () => {
  issuer = await startIssuer();
  await issuer.addKey("one", "ES256");
  issuers = createIssuers({ now: () => now, timeoutMs: 500, env: {} });
});
afterEach(async () => {
  await issuers.close();
  await issuer.close();
});

const keys = async (renewed = false) =>
  (await issuers.keys({ url: issuer.url, authorities: undefined }, renewed)).map(({ kid }) => kid);
const trouble = () =>
  keys().then(
    () => "",
    (error: Error) => error.message,
  );

test("one question however many ask, and none while the keys are fresh", async () => {
  expect(await Promise.all([keys(), keys(), keys()])).toEqual([["one"], ["one"], ["one"]]);
  now += 60_000;
  await keys();
  expect(issuer.asked).toEqual({ configuration: 1, keys: 1 });
  now += 10 * 60_000;
  await keys();
  expect(issuer.asked).toEqual({ configuration: 2, keys: 2 });
});

test("a key flood: unknown names make one question each five seconds; then the new key is known", async () => {
  await keys();
  await issuer.addKey("two", "ES256");
  for (let i = 0; i < 100; i++) expect(await keys(true)).toEqual(["one"]);
  expect(issuer.asked.keys).toBe(1);
  now += 5_000;
  const answers = await Promise.all(Array.from({ length: 50 }, () => keys(true)));
  expect(new Set(answers.map(String))).toEqual(new Set(["one,two"]));
  expect(issuer.asked.keys).toBe(2);
});

test("a key that the issuer took back is gone with the next question", async () => {
  await keys();
  issuer.hideKey("one");
  now += 10 * 60_000;
  expect(await keys()).toEqual([]);
});

test("an issuer in trouble is asked again after five seconds; known keys outlive it for a day", async () => {
  issuer.answer = (_, res) => {
    res.writeHead(500).end();
    return true;
  };
  expect(await trouble()).toMatch(/status 500/);
  await trouble();
  expect(issuer.asked.configuration).toBe(1);
  issuer.answer = () => false;
  now += 5_000;
  expect(await keys()).toEqual(["one"]);
  issuer.answer = (_, res) => {
    res.destroy();
    return true;
  };
  now += 60 * 60_000;
  expect(await keys()).toEqual(["one"]);
  now += 24 * 60 * 60_000;
  expect(await trouble()).toMatch(/could not be reached/);
});

describe("an answer that is not to be believed", () => {
  const configuration = (document: object) => {
    issuer.answer = (path, res) => {
      if (!path.startsWith("/.well-known")) return false;
      res.end(JSON.stringify(document));
      return true;
    };
  };
  test.each<[string, object, RegExp]>([
    ["of another issuer", { issuer: "https://issuer.example", jwks_uri: "URL/keys" }, /of another issuer/],
    ["without keys", { issuer: "URL" }, /no jwks_uri/],
    [
      "with keys elsewhere on this machine",
      { issuer: "URL", jwks_uri: "http://127.0.0.1:9/keys" },
      /private/,
    ],
    ["with keys at a cloud's metadata", { issuer: "URL", jwks_uri: "http://169.254.169.254/" }, /private/],
    ["with keys in a file", { issuer: "URL", jwks_uri: "file:///etc/passwd" }, /not fetched/],
  ])("%s", async (_, document, message) => {
    configuration(JSON.parse(JSON.stringify(document).replaceAll("URL", issuer.url)) as object);
    expect(await trouble()).toMatch(message);
  });

  test("a redirect to a private address, endless bytes, silence, no JSON", async () => {
    const answers: [TestIssuer["answer"], RegExp][] = [
      [(_, res) => !!res.writeHead(302, { location: "http://10.0.0.1/keys" }).end(), /private/],
      [(_, res) => !!res.end("x".repeat(300_000)), /more than/],
      [() => true, /in time/],
      [(_, res) => !!res.end("<html>"), /not JSON/],
    ];
    for (const [answer, message] of answers) {
      issuer.answer = answer;
      now += 5_000;
      expect(await trouble()).toMatch(message);
    }
  });
});
