// An OpenID Connect issuer on this machine: real keys, a configuration and a key list over HTTP, and tokens as GitHub Actions shapes them.
import type { webcrypto } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JWK, JWTPayload } from "jose";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

export interface TestIssuer {
  readonly url: string;
  /** Requests for the configuration and for the keys. */
  readonly asked: { configuration: number; keys: number };
  /** Answers in place of the usual ones, by path; undefined: the usual one. */
  answer: (path: string, res: ServerResponse) => boolean;
  /** Makes a key pair; its public half is published. */
  addKey(kid: string, alg: string): Promise<void>;
  /** Takes a key out of the published list; it still signs. */
  hideKey(kid: string): void;
  publicKey(kid: string): JWK;
  /** A GitHub-Actions-shaped token; `claims` on top, undefined ones left out. */
  token(
    kid: string,
    claims?: JWTPayload,
    header?: { readonly alg?: string; readonly kid?: string },
  ): Promise<string>;
  close(): Promise<void>;
}

export const AUDIENCE = "sts.amazonaws.com";
export const SUBJECT = "repo:acme/app:ref:refs/heads/main";

export async function startIssuer(): Promise<TestIssuer> {
  const keys = new Map<
    string,
    { readonly alg: string; readonly key: webcrypto.CryptoKey; readonly jwk: JWK }
  >();
  const hidden = new Set<string>();
  const asked = { configuration: 0, keys: 0 };
  const server = createServer((req, res) => {
    const path = req.url ?? "";
    if (path === "/.well-known/openid-configuration") asked.configuration++;
    else asked.keys++;
    if (issuer.answer(path, res)) return;
    res.setHeader("content-type", "application/json");
    if (path === "/.well-known/openid-configuration")
      res.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }));
    else if (path === "/keys")
      res.end(
        JSON.stringify({
          keys: [...keys].filter(([kid]) => !hidden.has(kid)).map(([, { jwk }]) => jwk),
        }),
      );
    else res.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: TestIssuer = {
    url,
    asked,
    answer: () => false,
    async addKey(kid, alg) {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
      keys.set(kid, { alg, key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } });
    },
    hideKey: (kid) => void hidden.add(kid),
    publicKey: (kid) => keys.get(kid)?.jwk as JWK,
    async token(kid, claims = {}, header = {}) {
      const known = keys.get(kid);
      if (known === undefined) throw new Error(`no key ${kid}`);
      const now = Math.floor(Date.now() / 1000);
      const payload = {
        iss: url,
        aud: AUDIENCE,
        sub: SUBJECT,
        iat: now,
        nbf: now - 300,
        exp: now + 600,
        repository: "acme/app",
        repository_owner: "acme",
        ref: "refs/heads/main",
        actor: "anna",
        ...claims,
      };
      const told = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
      return new SignJWT(told).setProtectedHeader({ alg: known.alg, kid, ...header }).sign(known.key);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return issuer;
}
