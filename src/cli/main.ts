// The command line: one file per command; a mistake is one line on standard error and exit code 2.
import { Command, CommanderError } from "commander";
import { serveCommand } from "./serve.ts";

const program = new Command("portcullis")
  .description(
    "A self-hosted package repository that speaks the AWS CodeArtifact API and guards who may add a package version",
  )
  .exitOverride()
  .addCommand(serveCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  process.stderr.write(`portcullis: ${(error as Error).message}\n`);
  process.exit(1);
}
