// What a plugin in JavaScript or TypeScript imports as "menagerie". `menagerie build` puts it into the
// component; the functions behind "menagerie:plugin/…" are the host's.
import * as hostClock from "menagerie:plugin/clock@0.1.0";
import * as hostInvocation from "menagerie:plugin/invocation@0.1.0";
import * as hostLog from "menagerie:plugin/log@0.1.0";
import * as hostProgress from "menagerie:plugin/progress@0.1.0";
import * as hostRandom from "menagerie:plugin/random@0.1.0";

// QuickJS draws its seed when the component is built, so that every call would see the same numbers.
Math.random = () => hostRandom.nextF64();

/** An answer that is no success. A fault is the plugin's own word; any other exception is a crash. */
export class Fault extends Error {
  constructor(code, message, { retryAfterMs, details, extra } = {}) {
    super(message);
    this.name = "Fault";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.details = details;
    this.extra = extra;
  }
  static invalidInput(message, more) { return new Fault("invalid-input", message, more); }
  static transient(message, more) { return new Fault("transient", message, more); }
  static permanent(message, more) { return new Fault("permanent", message, more); }
  static denied(message, more) { return new Fault("denied", message, more); }
  static escalate(message, more) { return new Fault("escalate", message, more); }
}

/** What an agent answers when there is more to say than its output. */
export class Outcome {
  constructor(output, { confidence, attachments, extra } = {}) {
    this.output = output;
    this.confidence = confidence;
    this.attachments = attachments;
    this.extra = extra;
  }
}

const write = (level) => (...parts) =>
  hostLog.write(level, parts.map((part) => (typeof part === "string" ? part : show(part))).join(" "));
export const log = {
  trace: write("trace"), debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error"),
};

// QuickJS has no console; what is printed belongs into the log.
globalThis.console ??= { ...log, log: log.info };

export const clock = { nowMs: () => hostClock.nowMs(), now: () => hostClock.now() };
export const random = {
  bytes: (count) => hostRandom.bytes(count), nextU32: () => hostRandom.nextU32(), next: () => hostRandom.nextF64(),
};
export const progress = {
  fraction: (done) => hostProgress.fraction(done),
  note: (text) => hostProgress.note(text),
  chunk: (text) => hostProgress.chunk(text),
};
export const invocation = {
  run: () => hostInvocation.run(),
  step: () => hostInvocation.step(),
  name: () => hostInvocation.name(),
  attempt: () => hostInvocation.attempt(),
  deadlineMs: () => hostInvocation.deadlineMs(),
  fuelLeft: () => hostInvocation.fuelLeft(),
  lastFault: () => faultFrom(hostInvocation.lastFault()),
  hints: () => extrasFrom(hostInvocation.hints()),
};

/** What this agent keeps for its later steps of the run. */
export const context = {
  get: (key) => optional(hostInvocation.contextGet(key)),
  put: (key, value) => {
    try {
      hostInvocation.contextPut(key, text(value, `the value of ${key}`));
    } catch (error) {
      throw new Error(`the context does not take ${key}: ${error?.payload ?? error}`);
    }
  },
};

// --- what a plugin is ---

export const agent = (process, more = {}) => ({ kind: "agent", run: process, ...more });
export const strategy = (decide, more = {}) => ({ kind: "strategy", run: decide, ...more });
export const groupStrategy = (decide, more = {}) => ({ kind: "group-strategy", run: decide, ...more });
export const aggregator = (aggregate, more = {}) => ({ kind: "aggregator", run: aggregate, ...more });
export const arbiter = (arbitrate, more = {}) => ({ kind: "arbiter", run: arbitrate, ...more });

// --- decisions ---

/** Agents one after the other, each seeing what the one before made. */
export const route = (...agents) => ({
  start: agents.map((name, at) => ({ agent: name, ...(at > 0 && { after: [agents[at - 1]] }) })),
});
/** Agents side by side; with `join` an aggregator makes one result of theirs. */
export const parallel = (agents, { join } = {}) => ({
  start: agents.map((name) => ({ agent: name })),
  ...(join && { joins: [{ aggregator: join, members: agents }] }),
});
export const retry = (name, reason) => ({ start: [{ agent: name, kind: "retry", reason }] });
export const skip = (name, reason) => ({ start: [{ agent: name, kind: "skip", reason }] });
export const escalate = (name, reason) => ({ start: [{ agent: name, kind: "escalate", reason }] });
export const wait = () => ({ start: [] });
/** Ends the run well; with the run's state where no output is given. */
export const end = (output) => ({ end: { status: "completed", reason: "", ...(output !== undefined && { output }) } });
export const fail = (reason) => ({ end: { status: "failed", reason } });

// --- from and to the host; not for plugins ---

const show = (value) => {
  try { return JSON.stringify(value) ?? String(value); } catch { return String(value); }
};
const text = (value, what) => {
  let written;
  try { written = JSON.stringify(value); } catch (error) {
    throw new TypeError(`${what} cannot be written as JSON: ${error.message}`);
  }
  if (written === undefined) throw new TypeError(`${what} is ${typeof value}, and JSON has nothing for that`);
  return written;
};
const optional = (document) => (document === undefined || document === null ? undefined : JSON.parse(document));
const extrasFrom = (pairs) => Object.fromEntries((pairs ?? []).map(([name, value]) => [name, JSON.parse(value)]));
const extrasTo = (extra) => Object.entries(extra ?? {}).map(([name, value]) => [name, text(value, `extra.${name}`)]);
const faultFrom = (fault) => (fault === undefined || fault === null ? undefined : {
  ...fault, details: optional(fault.details), extra: extrasFrom(fault.extra),
});
const memberFrom = (member) => ({
  ...member, output: optional(member.output), error: faultFrom(member.error), extra: extrasFrom(member.extra),
});
const taskFrom = (task) => ({
  input: JSON.parse(task.input), config: JSON.parse(task.config), attachments: task.attachments, extra: extrasFrom(task.extra),
});
const outcomeTo = (answer) => {
  const outcome = answer instanceof Outcome ? answer : new Outcome(answer);
  return {
    output: text(outcome.output, "the output"),
    confidence: outcome.confidence,
    attachments: outcome.attachments ?? [],
    extra: extrasTo(outcome.extra),
  };
};
const outcomeFrom = (outcome) => new Outcome(JSON.parse(outcome.output), {
  confidence: outcome.confidence, attachments: outcome.attachments, extra: extrasFrom(outcome.extra),
});

/** What is thrown is told in the log, and crashes. */
const told = (make) => {
  try {
    return make();
  } catch (error) {
    hostLog.write("error", `${error}\n${error?.stack ?? ""}`.trimEnd());
    throw error;
  }
};

/** The host takes no longer message, in bytes, of which a code unit of a string takes at most three. */
const MESSAGE_UNITS = Math.floor((64 << 10) / 3);
/** A message with its middle left out when it is too long for the host, which would refuse the whole fault. */
const shortened = (message) => {
  if (message.length <= MESSAGE_UNITS) return message;
  const leftOut = ` … (of ${message.length} characters) … `;
  const half = Math.floor((MESSAGE_UNITS - leftOut.length) / 2);
  return message.slice(0, half).toWellFormed() + leftOut + message.slice(-half).toWellFormed();
};

/** Faults become the host's; whatever else is thrown is told in the log, and crashes. */
const answered = (make) => {
  try {
    return make();
  } catch (error) {
    if (error instanceof Fault) {
      throw {
        code: error.code,
        message: shortened(error.message),
        retryAfterMs: error.retryAfterMs,
        details: error.details === undefined ? undefined : text(error.details, "the fault's details"),
        extra: extrasTo(error.extra),
      };
    }
    hostLog.write("error", `${error}\n${error?.stack ?? ""}`.trimEnd());
    throw error;
  }
};

const idOf = (number, taken) => (name) => {
  const id = number > 1 ? `${name}#${number}` : name;
  let free = id;
  for (let copy = 2; taken.has(free); copy += 1) free = `${id}.${copy}`;
  taken.add(free);
  return free;
};
const wakeTo = (wake = "all-finished") => {
  if (typeof wake === "string") return { tag: wake };
  if (Array.isArray(wake)) return { tag: "these", val: wake };
  return { tag: "timer", val: wake.timerMs };
};
const endTo = (end) => end && {
  status: end.status, reason: end.reason ?? "", output: end.output === undefined ? undefined : text(end.output, "the run's output"),
};
const inputTo = (step, field = "input") => (step[field] === undefined ? undefined : text(step[field], field));

/** Steps and joins name each other by agent or by id. */
const decisionTo = (number, decision, target) => {
  const take = idOf(number, new Set());
  const ids = new Map();
  const name = (id) => ids.get(id) ?? id;
  const after = [];
  const known = (by, id) => { if (!ids.has(by)) ids.set(by, id); };
  const steps = (decision.start ?? []).map((step) => {
    const id = step.id ?? take(step[target]);
    known(step[target], id);
    return { step, id };
  });
  const joins = (decision.joins ?? []).map((join) => {
    const id = join.id ?? take(join.aggregator);
    known(join.aggregator, id);
    return { join, id };
  });
  for (const { step, id } of [...steps, ...joins.map(({ join, id }) => ({ step: join, id }))]) {
    if (step.after?.length) after.push({ step: id, after: step.after.map(name) });
  }
  return {
    start: steps.map(({ step, id }) => ({
      id, [target]: step[target], input: inputTo(step), kind: step.kind ?? "route", reason: step.reason ?? "", extra: extrasTo(step.extra),
    })),
    joins: joins.map(({ join, id }) => ({
      id, aggregator: join.aggregator, members: join.members.map(name), config: inputTo(join, "config"), reason: join.reason ?? "", extra: extrasTo(join.extra),
    })),
    after,
    wake: wakeTo(decision.wake),
    wakeOnFailure: decision.wakeOnFailure ?? false,
    aggregator: decision.aggregator,
    end: endTo(decision.end),
    reason: decision.reason ?? "",
    confidence: decision.confidence ?? 1,
    metadata: text(decision.metadata ?? {}, "metadata"),
    extra: extrasTo(decision.extra),
  };
};
const viewFrom = (view) => ({
  ...view,
  state: JSON.parse(view.state),
  config: JSON.parse(view.config),
  agents: view.agents.map((one) => ({ ...one, lastFault: faultFrom(one.lastFault), extra: extrasFrom(one.extra) })),
  steps: view.steps.map((step) => ({ ...step, output: optional(step.output), error: faultFrom(step.error), extra: extrasFrom(step.extra) })),
  extra: extrasFrom(view.extra),
});
const groupViewFrom = (view) => ({
  ...view,
  input: JSON.parse(view.input),
  config: JSON.parse(view.config),
  pipelines: view.pipelines.map((one) => ({ ...one, output: optional(one.output), error: faultFrom(one.error), extra: extrasFrom(one.extra) })),
  escalations: view.escalations.map((one) => ({ ...one, error: faultFrom(one.error), context: JSON.parse(one.context), extra: extrasFrom(one.extra) })),
  extra: extrasFrom(view.extra),
});

const must = (plugin, kind) => {
  if (plugin?.kind !== kind) {
    throw new TypeError(`the project is of the kind ${kind}, and its default export is ${plugin?.kind ? `of the kind ${plugin.kind}` : "no plugin"}`);
  }
  if (typeof plugin.run !== "function") throw new TypeError(`${kind}(…) takes a function`);
  return plugin;
};

/** A function beside the plugin's own, in the second argument. */
const beside = (plugin, name, exported) => {
  if (typeof plugin?.[name] !== "function") {
    throw new TypeError(`"exports" of package.json has ${exported}, and the second argument of the plugin has no function \`${name}\``);
  }
  return plugin[name];
};

/** Whether everything that the plugin has is exported, too; at build time. */
export const complete = (plugin, exports) => {
  for (const [name, exported] of [["compensate", "compensate"], ["check", "config-check"]]) {
    if (plugin?.[name] !== undefined && !exports.includes(exported)) {
      throw new TypeError(`the plugin has \`${name}\`, and "exports" of package.json has no ${exported}: it would never be called`);
    }
  }
};

/** Makes the component's exports of a plugin; `menagerie build` writes the module that calls this. */
export const entry = {
  agent: (plugin) => {
    const { run } = must(plugin, "agent");
    return { process: (task) => answered(() => outcomeTo(run(taskFrom(task)))) };
  },
  compensate: (plugin) => {
    const compensate = beside(plugin, "compensate", "compensate");
    return { compensate: (task, outcome) => answered(() => { compensate(taskFrom(task), outcomeFrom(outcome)); }) };
  },
  configCheck: (plugin) => {
    const check = beside(plugin, "check", "config-check");
    return {
      check: (config, agents) => told(() => {
        const problems = check(JSON.parse(config), agents) ?? [];
        return problems.map((problem) => ({ pointer: "", offset: undefined, ...problem }));
      }),
    };
  },
  strategy: (plugin) => {
    const { run } = must(plugin, "strategy");
    return { decide: (view) => answered(() => decisionTo(view.decision, run(viewFrom(view)), "agent")) };
  },
  groupStrategy: (plugin) => {
    const { run } = must(plugin, "group-strategy");
    return { decide: (view) => answered(() => decisionTo(view.decision, run(groupViewFrom(view)), "pipeline")) };
  },
  aggregator: (plugin) => {
    const { run } = must(plugin, "aggregator");
    return { aggregate: (results, config) => answered(() => outcomeTo(run(results.map(memberFrom), JSON.parse(config)))) };
  },
  arbiter: (plugin) => {
    const { run } = must(plugin, "arbiter");
    return {
      arbitrate: (results, differences, config) => answered(() => {
        const members = results.map(memberFrom);
        const places = differences.map(({ pointer, values }) => ({ pointer, values: values.map(([member, value]) => [member, optional(value)]) }));
        const { chosen, output, reason = "", confidence, extra } = run(members, places, JSON.parse(config));
        const ruling = chosen === undefined
          ? { tag: "synthesized", val: { output: text(output, "the ruling's output"), reason } }
          : { tag: "chosen", val: { member: chosen, reason } };
        return { ruling, confidence, extra: extrasTo(extra) };
      }),
    };
  },
};
