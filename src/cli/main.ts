// The command line: one file per command; a mistake is one line on standard error and exit code 2.
import { Command, CommanderError } from "commander";

/** Each command's file is loaded when it is asked for: a server starts sooner, and holds less, without the others. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serveCommand(),
  user: async () => (await import("./user.ts")).userCommand(),
  key: async () => (await import("./user.ts")).keyCommand(),
  group: async () => (await import("./role.ts")).groupCommand(),
  role: async () => (await import("./role.ts")).roleCommand(),
  policy: async () => (await import("./policy.ts")).policyCommand(),
  oidc: async () => (await import("./oidc.ts")).oidcCommand(),
  session: async () => (await import("./session.ts")).sessionCommand(),
  identities: async () => (await import("./identities.ts")).identitiesCommand(),
  token: async () => (await import("./token.ts")).tokenCommand(),
  login: async () => (await import("./login.ts")).loginCommand(),
  logout: async () => (await import("./login.ts")).logoutCommand(),
  credential: async () => (await import("./credential.ts")).credentialCommand(),
  webhook: async () => (await import("./webhook.ts")).webhookCommand(),
  journal: async () => (await import("./journal.ts")).journalCommand(),
  backup: async () => (await import("./backup.ts")).backupCommand(),
  restore: async () => (await import("./restore.ts")).restoreCommand(),
  migrate: async () => (await import("./migrate.ts")).migrateCommand(),
  verify: async () => (await import("./verify.ts")).verifyCommand(),
};

const program = new Command("portcullis")
  .description(
    "A self-hosted package repository that speaks the AWS CodeArtifact API and guards who may add a package version",
  )
  .exitOverride();

// cargo calls a credential provider with this argument alone.
const asked = process.argv[2] === "--cargo-plugin" ? ["credential", "cargo"] : [];
const words = [...asked, ...process.argv.slice(2)];
const named = COMMANDS[words[0] ?? ""];
for (const load of named === undefined ? Object.values(COMMANDS) : [named]) program.addCommand(await load());

/** Commands made elsewhere do not know how this one wants mistakes to be told. */
function inherit(command: Command): void {
  for (const each of command.commands) inherit(each.copyInheritedSettings(command));
}
inherit(program);

try {
  await program.parseAsync(words, { from: "user" });
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  process.stderr.write(`portcullis: ${(error as Error).message}\n`);
  process.exit(1);
}
