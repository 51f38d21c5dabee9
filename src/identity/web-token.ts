// The tokens of web identities: whether an issuer that is trusted here made one, for us, and for now.
import type { JSONWebKeySet, JWK, JWTPayload } from "jose";
import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from "jose";
import { Fault } from "../core/faults.ts";

export interface WebTokenIssuer {
  readonly url: string;
  readonly audiences: readonly string[];
}

export interface WebIdentity {
  readonly subject: string;
  /** The one of the token's audiences that was registered. */
  readonly audience: string;
  readonly claims: JWTPayload;
}

/** Signatures by a key that only the issuer has: never `none`, never a shared secret (HS*). */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
/** How far clocks may be apart, seconds. */
const SKEW_SECONDS = 60;
/** AWS's own limit. */
const TOKEN_CHARACTERS_MAX = 20_000;
const SUBJECT_CHARACTERS_MAX = 1_024;

/** AWS's errors of AssumeRoleWithWebIdentity; all 400 but IDPRejectedClaim. */
export function invalidToken(what: string): Fault {
  return new Fault("ValidationException", what, { exception: "InvalidIdentityToken" });
}

function rejectedClaim(what: string): Fault {
  return new Fault("AccessDeniedException", what, { exception: "IDPRejectedClaim" });
}

/** The `iss` of a token that is not proven yet. Throws InvalidIdentityToken. */
export function readIssuer(token: string): string {
  if (token.length < 4 || token.length > TOKEN_CHARACTERS_MAX)
    throw invalidToken(`The web identity token must have 4 to ${TOKEN_CHARACTERS_MAX} characters.`);
  try {
    const { iss } = decodeJwt(token);
    if (typeof iss === "string" && iss !== "") return iss;
  } catch {
    throw invalidToken("The web identity token is not a JSON Web Token.");
  }
  throw invalidToken("The web identity token names no issuer (iss).");
}

/**
 * Proves a token. `keysOf(renewed)` gives the issuer's keys, `renewed` when the token's key is not among those that
 * are known. Throws InvalidIdentityToken, ExpiredTokenException, IDPRejectedClaim, and what `keysOf` throws.
 */
export async function proveWebToken(
  token: string,
  issuer: WebTokenIssuer,
  keysOf: (renewed: boolean) => Promise<readonly JWK[]>,
  now: number,
): Promise<WebIdentity> {
  const claims = await verified(token, issuer, keysOf, now);
  const { sub, aud, iat } = claims;
  if (sub === undefined || sub === "" || sub.length > SUBJECT_CHARACTERS_MAX)
    throw rejectedClaim("The web identity token has no usable subject (sub).");
  if (iat === undefined || iat > now / 1000 + SKEW_SECONDS)
    throw rejectedClaim("The web identity token was issued in the future (iat), or does not say when.");
  const given = typeof aud === "string" ? [aud] : (aud ?? []);
  const audience = given.find((one) => issuer.audiences.includes(one));
  if (audience === undefined) throw invalidToken(wrongAudience(issuer));
  return { subject: sub, audience, claims };
}

function wrongAudience({ url, audiences }: WebTokenIssuer): string {
  return `Incorrect token audience: of ${url}, tokens for ${audiences.join(" or ")} are taken; ask the issuer for one of these, or add the audience with 'portcullis oidc create'.`;
}

async function verified(
  token: string,
  issuer: WebTokenIssuer,
  keysOf: (renewed: boolean) => Promise<readonly JWK[]>,
  now: number,
): Promise<JWTPayload> {
  const verify = async (renewed: boolean): Promise<JWTPayload> => {
    const keys = createLocalJWKSet({ keys: await keysOf(renewed) } as JSONWebKeySet);
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ALGORITHMS,
      issuer: issuer.url,
      audience: [...issuer.audiences],
      clockTolerance: SKEW_SECONDS,
      currentDate: new Date(now),
      requiredClaims: ["exp", "iat", "sub"],
    });
    return payload;
  };
  try {
    return await verify(false).catch((error: unknown) => {
      // Issuers change their keys, and name the new one in the tokens they sign with it.
      if (error instanceof errors.JWKSNoMatchingKey) return verify(true);
      throw error;
    });
  } catch (error) {
    throw faultOf(error, issuer);
  }
}

function faultOf(error: unknown, issuer: WebTokenIssuer): unknown {
  if (error instanceof errors.JWTExpired)
    return new Fault("ValidationException", "The web identity token has expired; ask for a new one.", {
      exception: "ExpiredWebIdentityToken",
    });
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === "aud") return invalidToken(wrongAudience(issuer));
    return rejectedClaim(
      `The claim '${error.claim}' of the web identity token cannot be accepted here and now.`,
    );
  }
  if (error instanceof errors.JWKSNoMatchingKey)
    return invalidToken(
      `No key of ${issuer.url} verifies the token: it names a key that the issuer does not publish.`,
    );
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported)
    return invalidToken(
      "The token's signature algorithm is not taken; RS, PS and ES algorithms and EdDSA are.",
    );
  if (error instanceof errors.JOSEError || error instanceof TypeError)
    return invalidToken(`The token's signature is not one of ${issuer.url}.`);
  return error;
}
