// Where keys come from, and that what is signed with them is what AWS's own signers make.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import aws4 from "aws4";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Ask } from "./api.ts";
import { getEndpoint, getToken } from "./api.ts";
import { findKeys, readSettings } from "./credentials.ts";
import { sign } from "./sign.ts";
import { findTarget } from "./target.ts";
import { cachedToken, keepToken } from "./token-cache.ts";
import type { Around } from "./tool.ts";

const NOW = Date.parse("2026-11-23T03:04:05Z");

describe("the signature is the one that aws4 makes", () => {
  test.each([
    {
      method: "GET",
      path: "/v1/repository/endpoint?domain=a&repository=r.x_y&format=npm",
      body: "",
      service: "codeartifact",
    },
    {
      method: "POST",
      path: "/v1/authorization-token?duration=0&domain=a&domain-owner=000000000000",
      body: "",
      service: "codeartifact",
    },
    {
      method: "POST",
      path: "/",
      body: "Action=AssumeRole&Version=2011-06-15",
      service: "sts",
      type: "application/x-www-form-urlencoded; charset=utf-8",
    },
    {
      method: "GET",
      path: "/base/%40x/v1?q=a%20b%2Bc&q=%C3%A9&empty=",
      body: "",
      service: "codeartifact",
      session: "SESSION/+=",
    },
  ])("$method $path", ({ method, path, body, service, type, session }) => {
    const keys = {
      accessKeyId: "AKIDEXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      ...(session === undefined ? {} : { sessionToken: session }),
    };
    const url = new URL(`http://127.0.0.1:8484${path}`);
    const request = {
      method,
      url,
      body,
      service,
      region: "eu-west-1",
      ...(type === undefined ? {} : { contentType: type }),
    };
    const ours = sign(request, keys, NOW);
    const headers: Record<string, string> = { "X-Amz-Date": ours["x-amz-date"] ?? "" };
    if (type !== undefined) headers["content-type"] = type;
    const theirs = aws4.sign({ method, host: url.host, path, service, region: "eu-west-1", headers }, keys);
    // aws4 signs a content-length of its own for bodies; ours signs none.
    if (body === "")
      expect(ours.authorization?.replaceAll(/, /g, ",")).toBe(
        theirs.headers?.Authorization?.replaceAll(/, /g, ","),
      );
    else
      expect(ours.authorization).toMatch(
        /SignedHeaders=content-type;host;x-amz-date, Signature=[0-9a-f]{64}$/,
      );
  });
});

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "portcullis-keys-"));
  mkdirSync(join(home, ".aws"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function around(env: Record<string, string> = {}): Around {
  return { env, home, cwd: home, platform: "linux", program: "/p" };
}

interface Sent {
  readonly url: string;
  readonly body: string | undefined;
  readonly headers: Record<string, string>;
}

/** An STS that gives what it is asked for. */
function sts(sent: Sent[]): Ask {
  return async (url, { body, headers }) => {
    sent.push({ url: url.href, body, headers });
    const keys = `<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>`;
    return new Response(`<R>${keys}</R>`);
  };
}

async function keysFor(
  env: Record<string, string>,
  source: { profile?: string; credentials?: string } = {},
  sent: Sent[] = [],
) {
  const place = around(env);
  const given = { profile: source.profile, credentials: source.credentials };
  const settings = readSettings(place, given, { endpointUrl: undefined, region: undefined });
  return findKeys(place, given, settings, sts(sent));
}

describe("keys are looked for in AWS's order", () => {
  const environment = { AWS_ACCESS_KEY_ID: "ENV", AWS_SECRET_ACCESS_KEY: "e" };
  const files = () => {
    writeFileSync(
      join(home, ".aws/credentials"),
      "[default]\naws_access_key_id=DEFAULT\naws_secret_access_key=d\n[ci]\r\naws_access_key_id = CI\r\naws_secret_access_key = c=c\r\naws_session_token = t\r\n",
    );
    writeFileSync(
      join(home, ".aws/config"),
      '[default]\nregion = eu-north-1\n[profile ci]\nendpoint_url = http://ci.example:1/\n# no\n[profile role]\nrole_arn = arn:aws:iam::000000000000:role/r\nsource_profile = ci\n[profile web]\nrole_arn = arn:aws:iam::000000000000:role/w\nweb_identity_token_file = TOKEN\n[profile process]\ncredential_process = echo \'{"Version":1,"AccessKeyId":"PROC","SecretAccessKey":"p"}\'\n'.replace(
        "TOKEN",
        join(home, "token"),
      ),
    );
    writeFileSync(join(home, "token"), "jwt\n");
  };

  test("the environment, then the default profile; a profile that is named wins over both", async () => {
    files();
    expect(await keysFor(environment)).toEqual({ accessKeyId: "ENV", secretAccessKey: "e" });
    expect(await keysFor({})).toEqual({ accessKeyId: "DEFAULT", secretAccessKey: "d" });
    expect(await keysFor(environment, { profile: "ci" })).toEqual({
      accessKeyId: "CI",
      secretAccessKey: "c=c",
      sessionToken: "t",
    });
    expect(await keysFor({ AWS_PROFILE: "ci" })).toMatchObject({ accessKeyId: "CI" });
  });

  test("a file that is named is used instead of the user's own", async () => {
    files();
    const file = join(home, "data-credentials");
    writeFileSync(file, "[default]\naws_access_key_id = DATA\naws_secret_access_key = x\n");
    expect(await keysFor(environment, { credentials: file })).toMatchObject({ accessKeyId: "DATA" });
    await expect(keysFor({}, { credentials: join(home, "none") })).rejects.toThrow(/there is no file/);
  });

  test("without any: none; a profile that is nowhere is named", async () => {
    expect(await keysFor({})).toBeUndefined();
    await expect(keysFor({}, { profile: "nope" })).rejects.toThrow(
      /no profile 'nope' in .*credentials or .*config/,
    );
  });

  test("a web identity of the environment or a profile, unsigned, through STS", async () => {
    files();
    const sent: Sent[] = [];
    const env = {
      AWS_ROLE_ARN: "arn:aws:iam::000000000000:role/w",
      AWS_WEB_IDENTITY_TOKEN_FILE: join(home, "token"),
      AWS_ENDPOINT_URL: "http://here.example:2",
    };
    expect(await keysFor(env, {}, sent)).toEqual({
      accessKeyId: "ASIA",
      secretAccessKey: "s",
      sessionToken: "t",
    });
    expect(await keysFor({}, { profile: "web" }, sent)).toMatchObject({ accessKeyId: "ASIA" });
    const [first] = sent as [Sent];
    expect(first.url).toBe("http://here.example:2/");
    expect(Object.fromEntries(new URLSearchParams(first.body))).toMatchObject({
      Action: "AssumeRoleWithWebIdentity",
      RoleArn: env.AWS_ROLE_ARN,
      WebIdentityToken: "jwt",
    });
    expect(first.headers).not.toHaveProperty("authorization");
  });

  test("a role taken on with another profile's keys, signed with those; and a process that prints keys", async () => {
    files();
    const sent: Sent[] = [];
    expect(await keysFor({}, { profile: "role" }, sent)).toMatchObject({ accessKeyId: "ASIA" });
    expect(sent[0]?.headers.authorization).toMatch(/Credential=CI\/\d{8}\/us-east-1\/sts\//);
    expect(await keysFor({}, { profile: "process" })).toEqual({ accessKeyId: "PROC", secretAccessKey: "p" });
  });

  test("the endpoint: the flag, AWS's variables, the profile, this machine", () => {
    files();
    const read = (env: Record<string, string>, profile?: string, endpointUrl?: string) =>
      readSettings(around(env), { profile, credentials: undefined }, { endpointUrl, region: undefined });
    expect(read({ AWS_ENDPOINT_URL_CODEARTIFACT: "http://b:1/" }, undefined, "http://a:1").endpointUrl).toBe(
      "http://a:1",
    );
    expect(
      read({ AWS_ENDPOINT_URL_CODEARTIFACT: "http://b:1/", AWS_ENDPOINT_URL: "http://c:1" }).endpointUrl,
    ).toBe("http://b:1");
    expect(read({ AWS_ENDPOINT_URL: "http://c:1" }, "ci").endpointUrl).toBe("http://c:1");
    expect(read({}, "ci").endpointUrl).toBe("http://ci.example:1");
    expect(read({})).toMatchObject({ endpointUrl: "http://127.0.0.1:8484", region: "eu-north-1" });
    expect(() => read({}, undefined, "file:///x")).toThrow(/no endpoint/);
  });
});

const KEYS = { accessKeyId: "A", secretAccessKey: "s" };

function api(status: number, body: string, headers: Record<string, string> = {}, sent: string[] = []): Ask {
  return async (url) => {
    sent.push(url.pathname + url.search);
    return new Response(body, { status, headers });
  };
}

describe("the two calls", () => {
  const settings = {
    profile: {},
    region: "us-east-1",
    endpointUrl: "http://127.0.0.1:1",
    stsUrl: "http://127.0.0.1:1",
  };
  const domain = { domain: "acme", owner: undefined };

  test("6.1.1 a duration of 0 is sent, unlike by the AWS CLI (8.9.2); none is not", async () => {
    const sent: string[] = [];
    const ask = api(200, '{"authorizationToken":"T","expiration":1.5}', {}, sent);
    expect(await getToken(settings, ask, KEYS, domain, 0)).toEqual({ token: "T", expiresAt: 1500 });
    await getToken(settings, ask, KEYS, { ...domain, owner: "123456789012" }, undefined);
    expect(sent).toEqual([
      "/v1/authorization-token?domain=acme&duration=0",
      "/v1/authorization-token?domain=acme&domain-owner=123456789012",
    ]);
  });

  test("a refusal is told in the server's words; what is no CodeArtifact is told too", async () => {
    const refused = api(403, '{"message":"no permission"}', {
      "x-amzn-errortype": "AccessDeniedException:http://x",
    });
    await expect(getToken(settings, refused, KEYS, domain, undefined)).rejects.toThrow(
      "AccessDeniedException: no permission",
    );
    await expect(getToken(settings, api(200, "<html>"), KEYS, domain, undefined)).rejects.toThrow(
      /is no CodeArtifact API/,
    );
    await expect(getEndpoint(settings, api(502, "<html>"), KEYS, domain, "r", "npm")).rejects.toThrow(
      /status 502/,
    );
  });

  test("an address that could say more than an address in a script is refused", async () => {
    const wanted = {
      domain: "acme",
      owner: undefined,
      repository: "main",
      format: "npm",
      endpointUrl: undefined,
      region: undefined,
      durationSeconds: undefined,
      profile: undefined,
      credentials: undefined,
      token: undefined,
    };
    const env = { AWS_ACCESS_KEY_ID: "A", AWS_SECRET_ACCESS_KEY: "s" };
    for (const url of ["http://h/'; rm -rf x; '/", "http://h/${x}/", "javascript:x", "http://u@h/x/"])
      await expect(
        findTarget(around(env), wanted, api(200, JSON.stringify({ repositoryEndpoint: url }))),
      ).rejects.toThrow(/no address/);
    const good = await findTarget(
      around(env),
      wanted,
      api(200, '{"repositoryEndpoint":"http://h/npm/d/acme-123456789012/main/"}'),
    );
    expect(good).toMatchObject({ url: "http://h/npm/d/acme-123456789012/main/", owner: "123456789012" });
  });

  test("8.0.3 with a token alone the address is the path form, and nobody is asked", async () => {
    const wanted = {
      domain: "acme",
      owner: undefined,
      repository: "main",
      format: "pypi",
      endpointUrl: "https://p.example/",
      region: undefined,
      durationSeconds: undefined,
      profile: undefined,
      credentials: undefined,
      token: "T",
    };
    const never: Ask = () => Promise.reject(new Error("asked"));
    expect((await findTarget(around(), wanted, never)).url).toBe(
      "https://p.example/pypi/d/acme-000000000000/main/",
    );
  });
});

test("a helper's token is kept for its owner only, and until shortly before it expires", () => {
  const file = join(home, "cache/tokens/x.json");
  keepToken(file, { token: "T", expiresAt: NOW });
  expect(cachedToken(file, NOW - 11 * 60_000)?.token).toBe("T");
  expect(cachedToken(file, NOW - 9 * 60_000)).toBeUndefined();
  writeFileSync(file, "{");
  chmodSync(file, 0o600);
  expect(cachedToken(file, 0)).toBeUndefined();
});
