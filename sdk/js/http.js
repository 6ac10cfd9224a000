// What a plugin with the grant `http` imports as "menagerie/http".
import * as host from "menagerie:plugin/http@0.1.0";

/** Why there is no answer; `code` is one of the tokens of the contract, or `no-json`. */
export class HttpProblem extends Error {
  constructor({ code, message }) {
    super(message);
    this.name = "HttpProblem";
    this.code = code;
  }
}

// QuickJS has neither TextEncoder nor TextDecoder.
const utf8 = (text) => Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
const text = (bytes) => {
  let letters = "";
  // A piece at a time: a function takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 4096) letters += String.fromCharCode.apply(null, bytes.subarray(at, at + 4096));
  return decodeURIComponent(escape(letters));
};

/** Levels of nesting that an answer in JSON may have: far more would end QuickJS, and the call with it. */
const DEEPEST = 128;

const isTooDeep = (document) => {
  // Nearly every document is told to be flat enough by the number of its brackets.
  if (document.split("[").length + document.split("{").length < DEEPEST) return false;
  let depth = 0;
  for (let at = 0; at < document.length; at += 1) {
    const letter = document[at];
    if (letter === '"') {
      for (at += 1; at < document.length && document[at] !== '"'; at += 1) if (document[at] === "\\") at += 1;
    } else if (letter === "[" || letter === "{") {
      depth += 1;
      if (depth > DEEPEST) return true;
    } else if (letter === "]" || letter === "}") depth -= 1;
  }
  return false;
};

const json = (bytes) => {
  const bad = (message) => new HttpProblem({ code: "no-json", message });
  let document;
  try { document = text(bytes); } catch { throw bad("the answer is no UTF-8"); }
  if (isTooDeep(document)) throw bad(`the answer is nested more than ${DEEPEST} levels deep`);
  try { return JSON.parse(document); } catch (error) { throw bad(`the answer is no JSON: ${error.message}`); }
};
const bytes = (body) => (typeof body === "string" ? utf8(body) : body ?? new Uint8Array());

/** Sends a request, as far as the flow's grant allows it, and waits for the answer. */
export function send({ method = "GET", url, headers = {}, body }) {
  try {
    const answer = host.send({ method, url, headers: Object.entries(headers), body: bytes(body), extra: [] });
    return { ...answer, headers: Object.fromEntries(answer.headers), text: () => text(answer.body), json: () => json(answer.body) };
  } catch (error) {
    const problem = error?.payload ?? error;
    throw problem?.code ? new HttpProblem(problem) : error;
  }
}
