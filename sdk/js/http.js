// What a plugin with the grant `http` imports as "menagerie/http".
import * as host from "menagerie:plugin/http@0.1.0";

/** Why there is no answer; `code` is one of the tokens of the contract. */
export class HttpProblem extends Error {
  constructor({ code, message }) {
    super(message);
    this.name = "HttpProblem";
    this.code = code;
  }
}

// QuickJS has neither TextEncoder nor TextDecoder.
const utf8 = (text) => Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
const text = (bytes) => decodeURIComponent(escape(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")));
const bytes = (body) => (typeof body === "string" ? utf8(body) : body ?? new Uint8Array());

/** Sends a request, as far as the flow's grant allows it, and waits for the answer. */
export function send({ method = "GET", url, headers = {}, body }) {
  try {
    const answer = host.send({ method, url, headers: Object.entries(headers), body: bytes(body), extra: [] });
    return { ...answer, headers: Object.fromEntries(answer.headers), text: () => text(answer.body) };
  } catch (error) {
    const problem = error?.payload ?? error;
    throw problem?.code ? new HttpProblem(problem) : error;
  }
}
