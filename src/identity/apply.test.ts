// A file of identities: applied, applied again with no change, pruned of what it made, and refused with line and path; and who may not be taken away.
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { onEveryDatabase } from "../../test/databases.ts";
import { parsePolicy } from "../core/policy-document.ts";
import type { Database } from "../store/database.ts";
import { listAccessKeys } from "../store/identities.ts";
import { listProviders } from "../store/oidc-providers.ts";
import { findPrincipalRow, listMembers, listNamedPolicies, listPrincipals } from "../store/principals.ts";
import type { ApplyOptions } from "./apply.ts";
import { applyManifest } from "./apply.ts";
import { keepAdministrators } from "./guard.ts";
import { attach, createPrincipal, createUser, deletePrincipal } from "./manage.ts";
import { readManifest } from "./manifest.ts";

const ACCOUNT = "000000000000";
const OTHER = "111122223333";
const ISSUER = "https://token.actions.githubusercontent.com";
const FILE = `
policies:
  team-a:
    Version: 2012-10-17
    Statement: [{ Effect: Allow, Action: "codeartifact:List*", Resource: "*" }]
oidc:
  - url: ${ISSUER}
    audiences: [sts.amazonaws.com]
groups:
  developers: { policies: [publisher, team-a] }
users:
  jane: { groups: [developers], tags: { team: blue } }
roles:
  ci:
    policies: [publisher]
    maxSession: 7200
    trust:
      Version: 2012-10-17
      Statement:
        - Effect: Allow
          Principal: { Federated: "arn:aws:iam::${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com" }
          Action: sts:AssumeRoleWithWebIdentity
          Condition:
            StringEquals: { "token.actions.githubusercontent.com:aud": sts.amazonaws.com }
            StringLike: { "token.actions.githubusercontent.com:sub": "repo:acme/app:*" }
accounts:
  "${OTHER}":
    users:
      bob: { policies: [reader] }
`;

onEveryDatabase("identities of a file", (open) => {
  let database: Database;
  beforeEach(async () => {
    database = await open();
    await createUser(
      database,
      "test",
      { account: ACCOUNT, name: "root" },
      { attached: ["administrator"], policies: [], groups: [], tags: {} },
      1,
    );
  });
  afterEach(() => database.close());

  const apply = async (text: string, options: Partial<ApplyOptions> = {}) =>
    (
      await applyManifest(database, readManifest(text, "ids.yaml", ACCOUNT), {
        actor: "test",
        now: 5,
        ...options,
      })
    ).map(({ verb, kind, name, what }) => [verb, kind, name, ...what].join(" "));

  test("are made in one go, without keys; a second time there is no change", async () => {
    const made = [
      "create policy team-a",
      `create oidc ${ISSUER}`,
      "create group developers",
      "create user jane",
      "create role ci",
      "create user bob",
    ];
    expect(await apply(FILE, { dryRun: true })).toEqual(made);
    expect(await listNamedPolicies(database.read)).toEqual([]);
    expect(await apply(FILE)).toEqual(made);
    expect(await apply(FILE)).toEqual([]);
    expect(await apply(FILE, { prune: true })).toEqual([]);
    expect(await listMembers(database.read)).toHaveLength(1);
    expect((await listAccessKeys(database.read)).map(({ user }) => user)).toEqual(["root"]);
    expect(await findPrincipalRow(database.read, `arn:aws:iam::${ACCOUNT}:role/ci`)).toMatchObject({
      session_seconds_max: 7_200,
    });
  });

  test("as the operators' page shows them can be applied", async () => {
    const page = await readFile(new URL("../../docs/identities.md", import.meta.url), "utf8");
    const [, example = ""] = /```yaml\n(# Sections[^`]*)```/.exec(page) ?? [];
    expect(await apply(example)).toHaveLength(6);
    for (const [, json = ""] of page.matchAll(/```json\n([^`]*)```/g))
      parsePolicy(json, json.includes("Federated") ? "trust" : "identity");
  });

  test("are changed to what the file says now, and only that is told", async () => {
    await apply(FILE);
    const changed = FILE.replace("[publisher, team-a]", "[reader]")
      .replace("team: blue", "team: red")
      .replace("groups: [developers], ", "")
      .replace("7200", "3600")
      .replace("repo:acme/app", "repo:acme/web")
      .replace("List*", "Describe*")
      .replace("audiences: [sts.amazonaws.com]", "audiences: [other]");
    expect(await apply(changed)).toEqual([
      "change policy team-a document",
      `change oidc ${ISSUER} audiences`,
      "change group developers policies",
      "change user jane tags groups",
      "change role ci trust maxSession",
    ]);
    expect(await apply(changed)).toEqual([]);
  });

  test("are pruned only where a file made them, never what was made by hand", async () => {
    const name = { kind: "user" as const, account: ACCOUNT, name: "hand" };
    await database.write((tx) =>
      createPrincipal(tx, "test", name, { attached: ["reader"], policies: [] }, 1),
    );
    await apply(`${FILE}\n`.replace("users:\n  jane", "users:\n  hand: { policies: [publisher] }\n  jane"));
    expect(await apply("users: { jane: {} }")).toEqual(["change user jane tags groups"]);
    expect(await apply("users: { jane: {} }", { prune: true })).toEqual([
      "delete role ci",
      "delete user bob",
      "delete group developers",
      `delete oidc ${ISSUER}`,
      "delete policy team-a",
    ]);
    const users = (await listPrincipals(database.read, "user")).map((user) => user.name);
    expect(users).toEqual(["hand", "jane", "root"]);
    expect(await listProviders(database.read)).toEqual([]);
  });

  test("are told to the journal, who and what, in the same transaction", async () => {
    await apply(FILE);
    const rows = await database.read
      .selectFrom("journal")
      .select(["event", "actor", "detail"])
      .where("detail", "like", "%jane%")
      .execute();
    expect(rows.map(({ event, actor }) => [event, actor])).toEqual([["identity-changed", "test"]]);
    expect(JSON.parse((rows[0] as { detail: string }).detail)).toMatchObject({ change: "user-created" });
  });

  test.each<[string, string, RegExp]>([
    ["no YAML", "users: [", /^ids\.yaml:1: /],
    ["a key twice", "users:\n  jane: {}\n  jane: {}\n", /^ids\.yaml:3: .*unique/],
    ["an unknown key", "users:\n  jane:\n    keys: 1\n", /^ids\.yaml:3: users\.jane\.keys: is not known/],
    [
      "a wrong type",
      "users:\n  jane:\n    tags: { a: 1 }\n",
      /^ids\.yaml:3: users\.jane\.tags\.a: must be text/,
    ],
    [
      "a list of users",
      "users:\n  - name: jane\n",
      /^ids\.yaml:2: users: must be names, each with its settings/,
    ],
    ["a list of sections", "- users: {}\n", /^ids\.yaml:1: the file must be sections/],
    ["no sections", "[]\n", /^ids\.yaml:1: the file must be sections/],
    ["a role without trust", "roles:\n  ci: {}\n", /^ids\.yaml:2: roles\.ci\.trust: is missing/],
    ["no account", "accounts:\n  12: {}\n", /^ids\.yaml:\d: accounts\.12: '12' is no account/],
    [
      "no such policy",
      "users:\n\n  jane: { policies: [x] }\n",
      /^ids\.yaml:3: users\.jane: there is no policy 'x'/,
    ],
    [
      "no such group",
      "users:\n  jane: { groups: [x] }\n",
      /^ids\.yaml:2: users\.jane: there is no group 'x'/,
    ],
    [
      "a bad policy",
      "policies:\n  p:\n    Statement: [{ Effect: allow, Action: 'a:b', Resource: '*' }]\n",
      /^ids\.yaml:3: policies\.p: .*Effect of statement 1/,
    ],
    [
      "http",
      "oidc:\n  - url: http://issuer.example\n    audiences: [a]\n",
      /^ids\.yaml:2: oidc\[0\]: .*not https/,
    ],
    [
      "GitHub for everybody",
      FILE.replace(/\n *StringLike: .*/, ""),
      /roles\.ci\.trust: .*'token\.actions\.githubusercontent\.com:sub'/,
    ],
  ])("with %s are refused, with line and path, and nothing is changed", async (_, text, message) => {
    const refused = await apply(text).then(
      () => "applied",
      (error: Error) => error.message,
    );
    expect(refused).toMatch(message);
    expect((await listPrincipals(database.read, "user")).map(({ name }) => name)).toEqual(["root"]);
    expect(await listNamedPolicies(database.read)).toEqual([]);
  });

  test("the last who may administer is kept: deleted, stripped, or by the file; unless it is meant", async () => {
    const root = { kind: "user" as const, account: ACCOUNT, name: "root" };
    const guarded = (
      change: (tx: Parameters<Parameters<Database["write"]>[0]>[0]) => Promise<void>,
      force = false,
    ) => database.write((tx) => keepAdministrators(tx, force, () => change(tx)));
    const told = /nothing was changed.*portcullis user create.*--force/;
    await expect(guarded((tx) => deletePrincipal(tx, "test", root))).rejects.toThrow(told);
    await expect(guarded((tx) => attach(tx, "test", root, "administrator", false))).rejects.toThrow(told);
    await expect(apply("users: { root: { policies: [reader] } }")).rejects.toThrow(told);
    // Somebody without a key is nobody yet; an equivalent policy is as good as the ready one.
    await apply("users: { other: { policies: [administrator] } }");
    await expect(guarded((tx) => deletePrincipal(tx, "test", root))).rejects.toThrow(told);
    const all = {
      Statement: [{ Effect: "Allow" as const, Action: ["codeartifact:*", "sts:*"], Resource: "*" }],
    };
    await createUser(
      database,
      "test",
      { account: ACCOUNT, name: "second" },
      { attached: [], policies: [all], groups: [], tags: {} },
      1,
    );
    await guarded((tx) => deletePrincipal(tx, "test", root));
    const second = { ...root, name: "second" };
    await expect(guarded((tx) => deletePrincipal(tx, "test", second))).rejects.toThrow(told);
    await guarded((tx) => deletePrincipal(tx, "test", second), true);
  });
});
