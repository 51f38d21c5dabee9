// Tokens of web identities against real keys of every kind: which signatures are taken, and when an issuer is asked for its keys anew.
import { afterAll, beforeAll, expect, test } from "vitest";
import { AUDIENCE, SUBJECT, startIssuer, type TestIssuer } from "../../test/oidc-issuer.ts";
import { proveWebToken } from "./web-token.ts";

const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startIssuer();
  await Promise.all(ALGORITHMS.map((alg) => issuer.addKey(alg, alg)));
});
afterAll(() => issuer.close());

const prove = (token: string, known: readonly string[], renewed: readonly string[], asked: boolean[] = []) =>
  proveWebToken(
    token,
    { url: issuer.url, audiences: [AUDIENCE] },
    (anew) => {
      asked.push(anew);
      return Promise.resolve((anew ? renewed : known).map((kid) => issuer.publicKey(kid)));
    },
    Date.now(),
  );

test.each(ALGORITHMS)("%s is taken", async (alg) => {
  const identity = await prove(await issuer.token(alg), ALGORITHMS, []);
  expect(identity).toMatchObject({ subject: SUBJECT, audience: AUDIENCE });
});

test("a key that is not known is asked for anew, once; one that is known is not", async () => {
  const asked: boolean[] = [];
  const token = await issuer.token("ES256");
  await prove(token, ["RS256", "ES256"], [], asked);
  expect(asked).toEqual([false]);
  await prove(token, ["RS256"], ["RS256", "ES256"], asked);
  expect(asked).toEqual([false, false, true]);
  await expect(prove(token, ["RS256"], ["RS256"], asked)).rejects.toMatchObject({
    detail: { exception: "InvalidIdentityToken" },
    message: expect.stringMatching(/does not publish/),
  });
  expect(asked).toEqual([false, false, true, false, true]);
});

test("a token that names a known key and is not of its kind makes us ask once at most", async () => {
  const asked: boolean[] = [];
  const forged = await issuer.token("ES256", {}, { kid: "RS256" });
  await expect(prove(forged, ["RS256"], ["RS256"], asked)).rejects.toMatchObject({
    detail: { exception: "InvalidIdentityToken" },
  });
  // Its algorithm is not the named key's, so it names no key at all: asked once, and the issuer at most each five seconds.
  expect(asked).toEqual([false, true]);
});

test("of several audiences the registered one counts", async () => {
  const token = await issuer.token("ES256", { aud: ["other", AUDIENCE] });
  expect((await prove(token, ALGORITHMS, [])).audience).toBe(AUDIENCE);
});

test("trouble with the keys is told as it is", async () => {
  const token = await issuer.token("ES256");
  const trouble = new Error("no keys");
  const proof = proveWebToken(
    token,
    { url: issuer.url, audiences: [AUDIENCE] },
    () => Promise.reject(trouble),
    Date.now(),
  );
  await expect(proof).rejects.toBe(trouble);
});
