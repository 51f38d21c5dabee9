// What must not be written down of addresses and messages: tokens and signatures that clients put into them.

const IN_QUERY =
  /([?&;](?:x-amz-(?:signature|security-token|credential)|[a-z_-]*(?:token|secret|password|passwd|signature|api[_-]?key)|_auth|auth|sig|key)=)[^&\s]*/gi;
/** `npm logout` and `npm token revoke` name a token in the path. */
const IN_PATH = /(\/-\/(?:user\/token|npm\/v1\/tokens\/token)\/)[^?\s]*/gi;
const IN_AUTHORITY = /(\/\/)[^/?#\s@]*@/g;

/** The text with every credential in it replaced by `…`. A presigned address is a credential while it lasts. */
export function withoutSecrets(text: string): string {
  // Nearly all addresses have nothing of the kind, and a look is cheaper than a search.
  const told = text.includes("=") ? text.replace(IN_QUERY, "$1…") : text;
  const path = told.includes("/-/") ? told.replace(IN_PATH, "$1…") : told;
  return path.includes("//") ? path.replace(IN_AUTHORITY, "$1…@") : path;
}
