// The command line: one file per command; a mistake is one line on standard error and exit code 2.
import { Command, CommanderError } from "commander";
import { credentialCommand } from "./credential.ts";
import { identitiesCommand } from "./identities.ts";
import { journalCommand } from "./journal.ts";
import { loginCommand, logoutCommand } from "./login.ts";
import { oidcCommand } from "./oidc.ts";
import { policyCommand } from "./policy.ts";
import { groupCommand, roleCommand } from "./role.ts";
import { serveCommand } from "./serve.ts";
import { sessionCommand } from "./session.ts";
import { tokenCommand } from "./token.ts";
import { keyCommand, userCommand } from "./user.ts";
import { webhookCommand } from "./webhook.ts";

const program = new Command("portcullis")
  .description(
    "A self-hosted package repository that speaks the AWS CodeArtifact API and guards who may add a package version",
  )
  .exitOverride()
  .addCommand(serveCommand())
  .addCommand(userCommand())
  .addCommand(keyCommand())
  .addCommand(groupCommand())
  .addCommand(roleCommand())
  .addCommand(policyCommand())
  .addCommand(oidcCommand())
  .addCommand(sessionCommand())
  .addCommand(identitiesCommand())
  .addCommand(tokenCommand())
  .addCommand(loginCommand())
  .addCommand(logoutCommand())
  .addCommand(credentialCommand())
  .addCommand(webhookCommand())
  .addCommand(journalCommand());

/** Commands made elsewhere do not know how this one wants mistakes to be told. */
function inherit(command: Command): void {
  for (const each of command.commands) inherit(each.copyInheritedSettings(command));
}
inherit(program);

try {
  // cargo calls a credential provider with this argument alone.
  const asked = process.argv[2] === "--cargo-plugin" ? ["credential", "cargo"] : [];
  await program.parseAsync([...process.argv.slice(0, 2), ...asked, ...process.argv.slice(2)]);
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  process.stderr.write(`portcullis: ${(error as Error).message}\n`);
  process.exit(1);
}
