// What AssumeRole and AssumeRoleWithWebIdentity have in common: a session's name, its time, and what narrows it.
import type { PolicyDocument } from "../core/caller.ts";
import { Fault, invalid } from "../core/faults.ts";
import { parsePolicy, readPolicy } from "../core/policy-document.ts";
import { READY_POLICIES } from "../core/ready-policies.ts";
import { SESSION_SECONDS_MAX, SESSION_SECONDS_MIN } from "../identity/sessions.ts";
import type { Queries } from "../store/database.ts";
import { findNamedPolicy } from "../store/principals.ts";

/** AWS's limits of the policies that are passed with the request, together. */
const CHARACTERS_MAX = 2_048;
const POLICIES_MAX = 10;
const SECONDS_DEFAULT = 3_600;

export function sessionName(input: URLSearchParams): string {
  const name = input.get("RoleSessionName") ?? "";
  if (/^[\w+=,.@-]{2,64}$/.test(name)) return name;
  throw invalid("RoleSessionName must have 2 to 64 letters, digits or any of +=,.@_-.");
}

/** Seconds as asked for; whether the role allows them is checked by `withinRole`, once it may be spoken of. */
export function durationSeconds(text: string | null): number {
  const seconds = text === null || text === "" ? SECONDS_DEFAULT : Number(text);
  if (Number.isInteger(seconds) && seconds >= SESSION_SECONDS_MIN && seconds <= SESSION_SECONDS_MAX)
    return seconds;
  throw invalid(`DurationSeconds must be from ${SESSION_SECONDS_MIN} to ${SESSION_SECONDS_MAX}.`);
}

export function withinRole(seconds: number, secondsMax: number): void {
  if (seconds > secondsMax)
    throw invalid(
      `The requested DurationSeconds exceeds the MaxSessionDuration set for this role: ${seconds} > ${secondsMax}. Ask for less, or set more with 'portcullis role update --max-session'.`,
    );
}

export interface SessionPolicies {
  /** Undefined: the session may what the role may. */
  readonly policies: readonly PolicyDocument[] | undefined;
  /** How much of the room for them is used. */
  readonly percent: number | undefined;
}

/** `Policy` in full and `PolicyArns` of the role's account (or `aws` for the ready ones). */
export async function readSessionPolicies(
  db: Queries,
  account: string,
  input: URLSearchParams,
): Promise<SessionPolicies> {
  const text = input.get("Policy") ?? "";
  const arns = [...input].flatMap(([name, arn]) =>
    /^PolicyArns\.member\.\d{1,3}\.arn$/.test(name) ? [arn] : [],
  );
  if (text === "" && arns.length === 0) return { policies: undefined, percent: undefined };
  if (arns.length > POLICIES_MAX) throw invalid(`PolicyArns may name ${POLICIES_MAX} policies at most.`);
  const characters = [...text, ...arns.join("")].length;
  const percent = Math.ceil((100 * characters) / CHARACTERS_MAX);
  if (characters > CHARACTERS_MAX)
    throw new Fault(
      "ValidationException",
      `The session policies use ${percent}% of the room for them (${CHARACTERS_MAX} characters); name stored policies in PolicyArns instead.`,
      { exception: "PackedPolicyTooLarge" },
    );
  const policies = text === "" ? [] : [parseSessionPolicy(text)];
  for (const arn of arns) policies.push(await findByArn(db, account, arn));
  return { policies, percent };
}

function parseSessionPolicy(text: string): PolicyDocument {
  try {
    return parsePolicy(text, "identity");
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault("ValidationException", error.message, { exception: "MalformedPolicyDocument" });
  }
}

async function findByArn(db: Queries, account: string, arn: string): Promise<PolicyDocument> {
  const [, owner, name = ""] =
    /^arn:aws[\w-]*:iam::(aws|\d{12}):policy\/([\w+=,.@-]{1,128})$/.exec(arn) ?? [];
  if (owner === "aws" || owner === account) {
    const ready = READY_POLICIES.get(name);
    if (ready !== undefined) return ready;
    const stored = owner === account ? await findNamedPolicy(db, account, name) : undefined;
    if (stored !== undefined) return readPolicy(stored.document);
  }
  throw invalid(`PolicyArns: there is no policy '${arn.slice(0, 200)}' in the role's account.`);
}
