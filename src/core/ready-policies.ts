// Identity policies that are there from the start, by name: for everything, for publishing, for reading.
import type { PolicyDocument } from "./caller.ts";

const READING = [
  "codeartifact:Describe*",
  "codeartifact:Get*",
  "codeartifact:List*",
  "codeartifact:ReadFromRepository",
  // Without it GetAuthorizationToken is refused (spec 6.1.2).
  "sts:GetServiceBearerToken",
];

const PUBLISHING = ["codeartifact:PublishPackageVersion", "codeartifact:PutPackageMetadata"];

export const READY_POLICIES: ReadonlyMap<string, PolicyDocument> = new Map([
  ["administrator", allowing("*")],
  ["publisher", allowing([...READING, ...PUBLISHING])],
  ["reader", allowing(READING)],
]);

function allowing(Action: string | readonly string[]): PolicyDocument {
  return { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource: "*" }] };
}
