// What a plugin with the grant `artifacts` imports as "menagerie/artifacts".
import * as host from "menagerie:plugin/artifacts@0.1.0";

/** Why there is no answer; `code` is one of the tokens of the contract. */
export class ArtifactProblem extends Error {
  constructor({ code, message }) {
    super(message);
    this.name = "ArtifactProblem";
    this.code = code;
  }
}

// QuickJS has neither TextEncoder nor TextDecoder.
const utf8 = (text) => Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));

function asked(question) {
  try {
    return question();
  } catch (error) {
    const problem = error?.payload ?? error;
    throw problem?.code ? new ArtifactProblem(problem) : error;
  }
}

/** Keeps a content under a name; the same name again is another version. Answers with what an outcome attaches. */
export const put = (name, mediaType, content) =>
  asked(() => host.put(name, mediaType, typeof content === "string" ? utf8(content) : content));

/** What there is to say of an artifact of this run. */
export const stat = (id) => asked(() => host.stat(id));

/** At most `length` bytes, and at most 1 MiB, from `offset`; fewer only at the end. */
export const get = (id, offset = 0, length = 1 << 20) => asked(() => host.get(id, offset, length));
