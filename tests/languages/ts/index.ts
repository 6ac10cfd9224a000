import { agent, clock, context, Fault, invocation, log, Outcome, random } from "menagerie";

// The guest of ../cases.toml in TypeScript.
export default agent(({ input, config, attachments }) => {
  switch (input?.do) {
    case "echo": return { value: input.value };
    case "config": return { value: config };
    case "sure": return new Outcome({ value: "sure" }, { confidence: 0.25 });
    case "fault": throw new Fault(String(input.code), "as it was asked for");
    case "log": log.info(input.value); return { value: "logged" };
    case "print": console.log(input.value); return { value: "printed" };
    case "random": {
      const drawn = [Math.random(), Math.random(), random.next(), random.nextU32() / 2 ** 32];
      return { value: [drawn.every((n) => n >= 0 && n < 1), new Set(drawn).size === 4, random.bytes(8).length === 8] };
    }
    case "time": return { value: [Date.now(), clock.now()] };
    case "invocation": return { value: [invocation.run(), invocation.step(), invocation.name(), invocation.attempt()] };
    case "hints": return { value: invocation.hints() };
    case "context": {
      const before = context.get("before");
      context.put("now", { n: 2 });
      return { value: [before, context.get("now"), context.get("never") === undefined] };
    }
    case "attach": return new Outcome({ value: attachments.length }, { attachments });
    case "extra": return new Outcome({ value: "extra" }, { extra: { note: { n: [1] } } });
    case "later": throw Fault.transient("not yet", { retryAfterMs: 1500, details: { place: [1, 2] } });
    case "last": return { value: [invocation.lastFault()?.code, invocation.lastFault()?.message, invocation.attempt()] };
    case "spin": for (let turn = 0; ; turn += 1) if (turn < 0) return { value: turn };
    default: throw Fault.invalidInput("`do` has to be one of those in cases.toml");
  }
});
