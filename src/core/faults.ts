// One kind of error for everything a caller did wrong or must know; each door words it in its own dialect.

/** Names are the API model's exception names; the last group exists only at the package managers' doors. */
export type FaultCode =
  | "ValidationException"
  | "ServiceQuotaExceededException"
  | "AccessDeniedException"
  | "ResourceNotFoundException"
  | "ConflictException"
  | "ThrottlingException"
  | "Unauthenticated"
  | "MethodNotAllowed"
  | "NotAcceptable"
  | "PayloadTooLarge"
  | "UnsupportedMediaType"
  | "RequestTimeout"
  | "NotImplemented"
  | "UpstreamFault"
  | "ServiceUnavailable";

/** The HTTP status each code has on every door (spec section 7); UpstreamFault carries its own, 502 to 504; ServiceUnavailable is 507 where a disk is full. */
const STATUS: Readonly<Record<FaultCode, number>> = {
  ValidationException: 400,
  ServiceQuotaExceededException: 402,
  AccessDeniedException: 403,
  ResourceNotFoundException: 404,
  ConflictException: 409,
  ThrottlingException: 429,
  Unauthenticated: 401,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  RequestTimeout: 408,
  PayloadTooLarge: 413,
  UnsupportedMediaType: 415,
  NotImplemented: 501,
  UpstreamFault: 502,
  ServiceUnavailable: 503,
};

export type ValidationReason =
  | "CANNOT_PARSE"
  | "ENCRYPTION_KEY_ERROR"
  | "FIELD_VALIDATION_FAILED"
  | "UNKNOWN_OPERATION"
  | "OTHER";

export type ResourceType = "domain" | "repository" | "package" | "package-version" | "asset";

export interface FaultDetail {
  /** ValidationException only. */
  readonly reason?: ValidationReason;
  readonly resourceId?: string;
  readonly resourceType?: ResourceType;
  readonly retryAfterSeconds?: number;
  /** Overrides the code's status; only UpstreamFault (502, 503, 504) and ServiceUnavailable (507) use it. */
  readonly status?: number;
  /** Unauthenticated only: AWS's own name for it, e.g. InvalidSignatureException, for the API door. */
  readonly exception?: string;
  /** The origin rule that decided, for the header `x-portcullis-reason`. */
  readonly rule?: string;
  /** MethodNotAllowed: the methods that are. */
  readonly allow?: readonly string[];
}

/** Something the caller must be told. Anything else that is thrown is a bug: 500, logged, never shown. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly detail: FaultDetail;

  constructor(code: FaultCode, message: string, detail: FaultDetail = {}) {
    super(message);
    this.name = "Fault";
    this.code = code;
    this.detail = detail;
  }

  get status(): number {
    return this.detail.status ?? STATUS[this.code];
  }
}

/** A 400 with the model's reason; FIELD_VALIDATION_FAILED unless said otherwise. */
export function invalid(message: string, reason: ValidationReason = "FIELD_VALIDATION_FAILED"): Fault {
  return new Fault("ValidationException", message, { reason });
}

export function notFound(message: string, resourceType?: ResourceType, resourceId?: string): Fault {
  return new Fault("ResourceNotFoundException", message, resource(resourceType, resourceId));
}

export function conflict(message: string, resourceType?: ResourceType, resourceId?: string): Fault {
  return new Fault("ConflictException", message, resource(resourceType, resourceId));
}

/**
 * The database or the blob store does not answer, or not now: 503, which every client may send again and most do by
 * themselves. `message` says what is unreachable, and that nothing was recorded or that it is not known.
 */
export function unavailable(message: string, retryAfterSeconds = 1, cause?: unknown): Fault {
  const fault = new Fault("ServiceUnavailable", message, { retryAfterSeconds });
  if (cause !== undefined) fault.cause = cause;
  return fault;
}

function resource(resourceType?: ResourceType, resourceId?: string): FaultDetail {
  return {
    ...(resourceType === undefined ? {} : { resourceType }),
    ...(resourceId === undefined ? {} : { resourceId }),
  };
}
