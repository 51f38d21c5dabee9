// One page of any list: rows after a position, and the token that goes on from there.
import { createHmac } from "node:crypto";
import type { Position, Sign } from "../../core/paging.ts";
import { makePageToken, readPageToken } from "../../core/paging.ts";
import type { Call } from "../dispatch.ts";
import type { OperationName } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";

/** A search that stopped before its end because it had looked at enough: the next page goes on from there. */
export interface Unfinished<R, P extends Position> {
  readonly rows: readonly R[];
  readonly stoppedAt: P;
}

export interface PageRequest<R, P extends Position> {
  readonly operation: OperationName;
  /** The operation's input; everything in it but the paging itself binds the token. */
  readonly input: { readonly maxResults?: number; readonly nextToken?: string };
  readonly sizeDefault: number;
  /** Rows behind a position in the list's order, `limit` at most; one more than the page is asked for. */
  readonly load: (after: P | undefined, limit: number) => Promise<readonly R[] | Unfinished<R, P>>;
  readonly positionOf: (row: R) => P;
}

/** No token on the last page; a page is never empty but for an empty list (spec 7.6) or a search that stopped. */
export async function loadPage<R, P extends Position>(
  deps: AwsDeps,
  call: Call,
  { operation, input, sizeDefault, load, positionOf }: PageRequest<R, P>,
): Promise<{ readonly rows: readonly R[]; readonly nextToken: string | undefined }> {
  const { maxResults, nextToken, ...filters } = input;
  const sign = signWith(deps.pagingKey);
  const scope = { operation, account: call.caller.account, filters };
  const after = nextToken === undefined ? undefined : (readPageToken(sign, scope, nextToken) as unknown as P);
  const size = maxResults ?? sizeDefault;
  const loaded = await load(after, size + 1);
  const { rows: found, stoppedAt } = "stoppedAt" in loaded ? loaded : { rows: loaded, stoppedAt: undefined };
  const rows = found.slice(0, size);
  const last = rows.at(-1);
  const end = found.length > size && last !== undefined ? positionOf(last) : stoppedAt;
  return { rows, nextToken: end && makePageToken(sign, scope, end) };
}

/** 132 bits are more than anyone guesses and leave room for long names in a token. */
function signWith(key: Uint8Array): Sign {
  return (text) => createHmac("sha256", key).update(text).digest("base64url").slice(0, 22);
}
