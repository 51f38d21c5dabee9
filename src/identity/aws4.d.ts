// Types for the signer that sigv4.test.ts holds the verifier against.
declare module "aws4" {
  interface Request {
    method: string;
    host: string;
    path: string;
    service: string;
    region: string;
    body?: string;
    headers?: Record<string, string>;
    signQuery?: boolean;
  }
  const aws4: {
    sign(
      request: Request,
      credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
    ): Request;
  };
  export default aws4;
}
