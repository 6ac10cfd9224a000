// What a plugin with the grant `shared` imports as "menagerie/shared".
import * as host from "menagerie:plugin/shared@0.1.0";

/** Why there is no answer; `code` is one of the tokens of the contract. */
export class SharedProblem extends Error {
  constructor({ code, message }) {
    super(message);
    this.name = "SharedProblem";
    this.code = code;
  }
}

/** The value is not of the version that was expected; `found` is what is there, if anything. */
export class Conflict extends Error {
  constructor(found) {
    super(found ? `the value has version ${found.version}` : "there is no such value");
    this.name = "Conflict";
    this.found = found;
  }
}

const read = (found) => (found == null ? undefined : { version: found.version, value: JSON.parse(found.value) });

function asked(question) {
  try {
    return question();
  } catch (error) {
    const payload = error?.payload ?? error;
    if (payload?.tag === "conflict") throw new Conflict(read(payload.val));
    const problem = payload?.tag === "problem" ? payload.val : payload;
    throw problem?.code ? new SharedProblem(problem) : error;
  }
}

/** A value as it is now, with its version; undefined when it was never set. */
export const get = (key) => asked(() => read(host.get(key)));

/** Sets a value that is of the expected version, or not there when none is. Answers with its version from now on. */
export const compareAndSet = (key, expected, value) => asked(() => host.compareAndSet(key, expected, JSON.stringify(value)));

/** Takes a value away that is of the expected version. What is set under its key later goes on counting from there. */
export const remove = (key, expected) => asked(() => host.delete(key, expected));
