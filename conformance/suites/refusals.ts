// Bad input and missing rights: each a clear refusal in the client's dialect, within five seconds, and nothing is kept.
import assert from "node:assert/strict";
import type { OutgoingHttpHeaders } from "node:http";
import { createDomain, newName } from "../api.ts";
import { publishBody } from "../packages.ts";
import { plainEnv, run } from "../processes.ts";
import { program, readCredentials } from "../server.ts";
import type { Stage } from "../suite.ts";
import { type Sending, send, sendBytes } from "../wire.ts";
import { badBodies } from "./bad-bodies.ts";
import { bearer } from "./npm-clients.ts";
import { each, json, PATIENCE_MS, refusedTo, type Scene } from "./refusal-scene.ts";
import { call } from "./signatures.ts";

const requestBytesMax = 400_000;
const assetBytesMax = 200_000;
const flags =
  `--npm-request-bytes-max ${requestBytesMax} --asset-bytes-max ${assetBytesMax} --idle-timeout-ms 1500`.split(
    " ",
  );

export async function refusals(stage: Stage): Promise<void> {
  const server = await stage.server("server", { flags });
  const domain = await createDomain(server);
  await domain.createRepository({ name: "team" });
  const registry = await domain.registry("team");
  const base = new URL(registry.url);
  const ask = (path: string, { headers, ...more }: Sending = {}) =>
    send(base.origin, {
      rawPath: base.pathname + path,
      headers: { ...bearer(registry), ...(headers as OutgoingHttpHeaders) },
      timeoutMs: PATIENCE_MS,
      ...more,
    });
  await publishHeld({ registry, ask });
  let before = await contents({ domain, server });
  const check: Scene["check"] = (title, body) =>
    stage.checks.check(title, async () => {
      const failure = await body().then(
        () => undefined,
        (error: Error) => error,
      );
      const kept = before;
      before = await contents({ domain, server }); // so that the next check answers for itself alone
      if (failure !== undefined) throw failure;
      assert.equal(before, kept, "something was kept");
    });
  const scene = { stage, server, domain, registry, ask, check };
  await paths(scene);
  await unknowns(scene);
  await badBodies(scene, { requestBytesMax, assetBytesMax });
  await rawHttp(scene);
  await api(scene);
  await tokens(scene);
  await secondIdentity(scene);
  await plainNames(scene);
  await later(scene);
}

async function publishHeld({ registry, ask }: Pick<Scene, "registry" | "ask">): Promise<void> {
  const { body } = await publishBody({ name: "held", version: "1.0.0" }, registry.url);
  const answer = await ask("held", { method: "PUT", headers: json, body });
  assert.ok(answer.status === 200 || answer.status === 201, answer.text);
}

/** Everything the repository lists, through the API: packages with their versions, and what the domain weighs. */
async function contents({ domain, server }: Pick<Scene, "domain" | "server">): Promise<string> {
  const query = { domain: domain.name, repository: "team", "max-results": "1000" };
  const listed = await call(server, { method: "POST", path: "/v1/packages", query });
  const versions = await domain.versions("team", "held");
  const weighed = await call(server, { path: "/v1/domain", query: { domain: domain.name } });
  assert.equal(listed.status, 200, listed.text);
  return `${listed.text} ${versions.join()} ${JSON.parse(weighed.text).domain.assetSizeBytes}`;
}

async function paths({ check, ask, registry, server }: Scene): Promise<void> {
  // Each on its own; nothing here may hold a space.
  const bad = `
    .. ../.. ..%2f..%2fetc%2fpasswd %2e%2e %2e%2e%2f%2e%2e%2fetc%2fpasswd ..%5c..%5cx %252e%252e%252f
    held%00 held%00.json % %z %zz held%c3%28 %ff %ed%a0%80 a%2fb a%2fb%2fc @ @a @a%2f
    @a%2fb%2fc @a%252fb @%2fb @a%2f.. @..%2fa @a%2f%2e%2e @a/b/c/d held/-/..%2fheld-1.0.0.tgz
    held/-/%2e%2e%2f%2e%2e%2fx.tgz held/-/held-1.0.0.tgz%00 held/-/held-1.0.0.tgz%2f.. held/-/ held/-/x/y.tgz
    held/-/.. -/.. -/package/..%2fheld/dist-tags -/package/held/dist-tags/.. //held / %20 a%20b a%23b held/1.0.0/2/3/4`
    .trim()
    .split(/\s+/)
    .concat(
      "x".repeat(256),
      `@${"x".repeat(256)}%2fy`,
      "x".repeat(6000),
      `held/-/held-${"1".repeat(300)}.tgz`,
    );
  await check("paths: encoded slashes, dots, NUL, bad percent signs, long names → 400 or 404", async () => {
    await each(bad, async (path) => refusedTo(await ask(path), 400, 404, 414, 431));
  });
  await check("paths: writing to them is refused too", async () => {
    const { body } = await publishBody({ name: "held", version: "2.0.0" }, registry.url);
    const put = (path: string) => ask(path, { method: "PUT", headers: json, body });
    await each(bad, async (path) => refusedTo(await put(path), 400, 404, 405, 414, 431));
  });
  await check("paths: no spelling of the repository opens it without a token", async () => {
    const { pathname } = new URL(registry.url);
    const spellings = [
      pathname,
      `/${pathname}`,
      pathname.replace("/npm/", "/%6epm/"),
      pathname.replace("/npm/d/", "/npm//d/"),
      pathname.replace("/d/", "/d%2f"),
      ...["/te%61m/", "/team//", "//team/", "/./team/", "/x/../team/", "/team/%2e/", "/team%2f"].map(
        (spelling) => pathname.replace("/team/", spelling),
      ),
    ];
    for (const spelling of spellings) {
      for (const path of ["held", "held/-/held-1.0.0.tgz"]) {
        const answer = await send(server.endpoint, { rawPath: spelling + path, timeoutMs: PATIENCE_MS });
        assert.ok([400, 401, 403, 404].includes(answer.status), `${spelling}${path}: ${answer.status}`);
      }
    }
  });
  await check("methods: what a path does not know is 405 with Allow, or 404", async () => {
    for (const method of ["PATCH", "POST", "DELETE", "OPTIONS", "PROPFIND"]) {
      const answer = await ask("held", { method });
      assert.ok([400, 404, 405].includes(answer.status), `${method}: ${answer.status}`);
      if (answer.status === 405) assert.ok(answer.headers.allow, `${method}: no Allow`);
    }
  });
}

async function unknowns({ check, ask, server, registry, domain }: Scene): Promise<void> {
  await check("unknown domain, repository, package, version, file, tag → 404", async () => {
    const { pathname } = new URL(registry.url);
    const elsewhere = (path: string) =>
      send(server.endpoint, { rawPath: path, headers: bearer(registry), timeoutMs: PATIENCE_MS });
    refusedTo(await elsewhere(`${pathname.replace("/team/", "/nowhere/")}held`), 404);
    const answer = await elsewhere(`${pathname.replace(domain.name, newName("nowhere"))}held`);
    refusedTo(answer, 401, 403, 404); // the token is of another domain: this may come first
    await each(
      [
        "nothing",
        "@acme%2fnothing",
        "held/-/held-7.0.0.tgz",
        "held/-/other-1.0.0.tgz",
        "held/7.0.0",
        "held/nothing",
      ],
      async (path) => refusedTo(await ask(path), 404),
    );
    refusedTo(
      await ask("nothing", { method: "HEAD" }).then((head) => ({
        ...head,
        text: '{"error":"HEAD has no body"}',
      })),
      404,
    );
  });
}

async function rawHttp({ stage, check, server, registry }: Scene): Promise<void> {
  const { host } = new URL(server.endpoint);
  const { pathname } = new URL(registry.url);
  const auth = `Authorization: Bearer ${registry.token}\r\n`;
  const put = (headers: string, body: string) =>
    `PUT ${pathname}held HTTP/1.1\r\nHost: ${host}\r\n${auth}${headers}\r\n${body}`;
  const cases: Record<string, string> = {
    "no such protocol": "BREW /pot HTCPCP/1.0\r\n\r\n",
    "no Host": "GET / HTTP/1.1\r\n\r\n",
    "two Hosts": `GET / HTTP/1.1\r\nHost: ${host}\r\nHost: other\r\n\r\n`,
    "a space in the path": `GET ${pathname}he ld HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n`,
    "NUL in the path": `GET ${pathname}he\0ld HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n`,
    "bytes above ASCII in the path": `GET ${pathname}h\xe9ld HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n`,
    "an absolute address of another host": `GET http://other.example${pathname}nothing HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n`,
    "a header of 200 kB": `GET ${pathname}held HTTP/1.1\r\nHost: ${host}\r\nX-Long: ${"x".repeat(200_000)}\r\n\r\n`,
    "two lengths": put("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
    "a negative length": put("Content-Length: -1\r\n", ""),
    "length and chunks": put("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    "a bad chunk": put("Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n", "zz\r\nhello\r\n"),
  };
  for (const [title, bytes] of Object.entries(cases)) {
    await check(`raw HTTP: ${title} → 4xx, or closed`, async () => {
      const status = await sendBytes(server.endpoint, Buffer.from(bytes, "latin1"), {
        timeoutMs: PATIENCE_MS,
      });
      assert.ok(status === 0 || (status >= 400 && status < 500), `status ${status}`);
    });
  }
  const whole = (await publishBody({ name: "cut", version: "1.0.0" }, registry.url)).body.toString();
  const start = (length: number) =>
    `PUT ${pathname}cut HTTP/1.1\r\nHost: ${host}\r\n${auth}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  await check("a body that is cut in the middle → 4xx, or closed", async () => {
    const half = start(whole.length) + whole.slice(0, whole.length / 2);
    const status = await sendBytes(server.endpoint, half, { end: true, timeoutMs: PATIENCE_MS });
    assert.ok(status === 0 || (status >= 400 && status < 500), `status ${status}`);
  });
  await check("a body that stops coming is given up on (--idle-timeout-ms)", async () => {
    const half = start(whole.length) + whole.slice(0, whole.length / 2);
    const status = await sendBytes(server.endpoint, half, { timeoutMs: PATIENCE_MS });
    const closed = status === 0 || (stage.balanced && status === 502); // what nginx says of a node that hangs up
    assert.ok(closed || (status >= 400 && status < 500), `status ${status}`);
  });
  await check("the server is well after all that", async () => {
    for (const path of ["/healthz", "/readyz"])
      assert.equal((await send(server.endpoint + path)).status, 200);
  });
}

async function api({ check, server }: Scene): Promise<void> {
  const post = { method: "POST", path: "/v1/domains" };
  await check("API: malformed JSON, wrong types, no object → 400 ValidationException", async () => {
    await each(
      [
        "{",
        "[]",
        "null",
        '"text"',
        '{"maxResults":"many"}',
        '{"maxResults":1.5}',
        "[".repeat(50_000),
        "{}\0",
      ],
      async (body) => {
        const answer = await call(server, { ...post, body });
        assert.equal(answer.status, 400, answer.text);
        assert.match(String(answer.headers["x-amzn-errortype"]), /^ValidationException/);
        assert.equal(typeof JSON.parse(answer.text).message, "string");
      },
    );
  });
  await check("API: __proto__ and constructor are members like any other", async () => {
    for (const body of ['{"__proto__":{"maxResults":0}}', '{"constructor":{"prototype":{"x":1}}}']) {
      assert.equal((await call(server, { ...post, body })).status, 200);
    }
  });
  await check("API: unknown paths and methods are refused in its dialect", async () => {
    for (const path of [
      "/v1/nothing",
      "/v1",
      "/v2/domain",
      "/v1/domain/",
      "/v1%2fdomain",
      "/v1/../v1/domain",
      "/v1/__proto__",
      "/",
    ]) {
      const { status, text } = await send(server.endpoint, { rawPath: path, timeoutMs: PATIENCE_MS });
      assert.ok(status >= 400 && status < 500, `${path}: ${status} ${text}`);
    }
    const { status } = await call(server, { method: "DELETE", path: "/v1/domains" });
    assert.ok(status >= 400 && status < 500, `DELETE: ${status}`);
  });
  await check("API: a body of 20 MB is refused", async () => {
    const answer = await call(server, {
      ...post,
      body: JSON.stringify({ nextToken: "x".repeat(20_000_000) }),
    }).catch((error: NodeJS.ErrnoException) => error);
    if (answer instanceof Error) assert.match(String(answer.code), /ECONNRESET|EPIPE/);
    else assert.ok(answer.status === 400 || answer.status === 413, `${answer.status}`);
  });
}

async function tokens({ stage, check, ask, server, registry }: Scene): Promise<void> {
  const routes: [string, string][] = [
    ["GET", "held"],
    ["HEAD", "held"],
    ["GET", "nothing"],
    ["GET", "held/-/held-1.0.0.tgz"],
    ["PUT", "held"],
    ["DELETE", "held/-rev/1"],
    ["GET", "-/ping"],
    ["GET", "-/whoami"],
    ["GET", "-/v1/search?text=held"],
    ["PUT", "-/package/held/dist-tags/x"],
    ["POST", "-/npm/v1/security/advisories/bulk"],
  ];
  await check(
    "no token, a made-up one, an access key instead → 401 with WWW-Authenticate on every route",
    async () => {
      const wrong = [
        undefined,
        "Bearer made-up",
        "Basic bWFkZTp1cA==",
        "made-up",
        "Bearer",
        "Basic ???",
        `Bearer ${server.credentials.secretAccessKey}`,
      ];
      for (const [method, path] of routes) {
        for (const authorization of wrong) {
          const headers = authorization === undefined ? {} : { authorization };
          const { origin, pathname } = new URL(registry.url);
          const answer = await send(origin, {
            method,
            rawPath: pathname + path,
            headers,
            timeoutMs: PATIENCE_MS,
          });
          await each([`${method} ${path} with ${authorization}`], () => {
            assert.equal(answer.status, 401, answer.text);
            assert.match(String(answer.headers["www-authenticate"]), /Basic|Bearer/);
          });
        }
      }
    },
  );
  await stage.checks.check("a token of another domain opens nothing here → 403", async () => {
    const other = await createDomain(server);
    await other.createRepository({ name: "team" });
    const foreign = await other.registry("team");
    for (const path of ["held", "held/-/held-1.0.0.tgz", "-/ping"]) {
      refusedTo(await ask(path, { headers: { authorization: `Bearer ${foreign.token}` } }), 403);
    }
    const { body } = await publishBody({ name: "foreign", version: "1.0.0" }, registry.url);
    refusedTo(
      await ask("foreign", {
        method: "PUT",
        headers: { ...json, authorization: `Bearer ${foreign.token}` },
        body,
      }),
      403,
    );
  });
}

/** A caller who is known and may not: needs `portcullis user`. */
async function secondIdentity({ stage, server, domain, registry, ask }: Scene): Promise<void> {
  const title = "a known caller without the right → 403, for the API and for npm";
  const name = newName("reader");
  const args = ["user", "create", name, "--policy", "reader", ...server.place];
  const made = await run([program, ...args], { cwd: stage.folder, env: plainEnv() });
  if (made.code !== 0) return stage.checks.skip(title, "'portcullis user create' is not there yet");
  await stage.checks.check(title, async () => {
    const value = (key: string) => new RegExp(`${key}\\s*=\\s*(\\S+)`).exec(made.stdout)?.[1] ?? "";
    const credentials = {
      accessKeyId: value("aws_access_key_id"),
      secretAccessKey: value("aws_secret_access_key"),
    };
    const refused = await call(server, {
      path: "/v1/domain",
      method: "DELETE",
      query: { domain: domain.name },
      credentials,
    });
    assert.equal(refused.status, 403, refused.text);
    const path = "/v1/authorization-token";
    const answer = await call(server, { method: "POST", path, query: { domain: domain.name }, credentials });
    const headers = { ...json, authorization: `Bearer ${JSON.parse(answer.text).authorizationToken}` };
    assert.equal((await ask("held", { headers })).status, 200);
    const { body } = await publishBody({ name: "held", version: "3.0.0" }, registry.url);
    refusedTo(await ask("held", { method: "PUT", headers, body }), 403);
  });
}

/** Names that are something else to JavaScript are just names (threats D). */
async function plainNames({ stage, ask, registry, domain }: Scene): Promise<void> {
  const names = [
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "@__proto__/constructor",
    "@constructor/__proto__",
  ];
  for (const name of names) {
    await stage.checks.check(`'${name}' is just a package name`, async () => {
      const path = name.replace("/", "%2f");
      refusedTo(await ask(path), 404);
      const { body, tarball, integrity } = await publishBody({ name, version: "1.0.0" }, registry.url);
      const published = await ask(path, { method: "PUT", headers: json, body });
      assert.ok(published.status === 200 || published.status === 201, published.text);
      for (const accept of ["application/json", "application/vnd.npm.install-v1+json"]) {
        const document = JSON.parse((await ask(path, { headers: { accept } })).text);
        assert.equal(document.name, name);
        assert.equal(document.versions["1.0.0"].dist.integrity, integrity);
      }
      const bare = name.slice(name.indexOf("/") + 1);
      assert.deepEqual((await ask(`${path}/-/${bare}-1.0.0.tgz`)).body, tarball);
      assert.deepEqual(await domain.versions("team", name), ["1.0.0"]);
      assert.equal(await domain.settings("team", name), "ALLOW/BLOCK");
    });
  }
  await stage.checks.check("'__proto__' and 'constructor' are just tags", async () => {
    for (const tag of ["__proto__", "constructor"]) {
      const path = `-/package/held/dist-tags/${tag}`;
      const added = await ask(path, { method: "PUT", headers: json, body: '"1.0.0"' });
      assert.ok(added.status >= 200 && added.status < 300, added.text);
      for (const list of ["-/package/held/dist-tags", "held"]) {
        const answer = JSON.parse((await ask(list)).text);
        const tags: object = answer["dist-tags"] ?? answer;
        assert.ok(Object.hasOwn(tags, tag), `${list}: ${JSON.stringify(tags)}`);
      }
      const removed = await ask(path, { method: "DELETE" });
      assert.ok(removed.status >= 200 && removed.status < 300, removed.text);
      assert.ok(!Object.hasOwn(JSON.parse((await ask("-/package/held/dist-tags")).text), tag));
    }
  });
}

/** The same data, thirteen hours on: every token is too old. The clock is the server's own, moved as it starts. */
async function later({ stage, server, registry }: Scene): Promise<void> {
  const shift = "const now=Date.now;Date.now=()=>now()+13*3600*1000;";
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift)}` };
  await stage.checks.check("an expired token → 401 with WWW-Authenticate", async () => {
    const path = new URL(registry.url).pathname;
    const ask = (endpoint: string) => send(`${endpoint}${path}held`, { headers: bearer(registry) });
    assert.equal((await ask(server.endpoint)).status, 200);
    await server.stop();
    assert.equal(server.exitCode(), 0, "SIGTERM should end it with 0");
    const restarted = await stage.server("server", { flags, env });
    assert.deepEqual(
      readCredentials(`${restarted.data}/credentials`),
      server.credentials,
      "the credentials have changed",
    );
    const answer = await ask(restarted.endpoint);
    refusedTo(answer, 401);
    assert.match(String(answer.headers["www-authenticate"]), /Basic|Bearer/);
    assert.match(answer.text, /expired/);
    await restarted.stop();
  });
}
