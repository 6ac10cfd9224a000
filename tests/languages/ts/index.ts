import { agent, clock, context, Fault, invocation, log, Outcome, progress, random } from "menagerie";

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
    case "limits": {
      const before = invocation.fuelLeft();
      return { value: [invocation.deadlineMs() > 0, before > invocation.fuelLeft()] };
    }
    case "progress": progress.fraction(0.5); progress.note("half of it"); progress.chunk("a piece"); return { value: "shown" };
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
}, {
  compensate: ({ input }, { output, confidence, attachments }) => {
    if (typeof output?.made !== "string") throw Fault.permanent("there is nothing to undo");
    log.info(`undid ${input.value}: ${output.made}, ${confidence === 0.25 ? "sure" : "unsure"}, ${attachments.length}`);
  },
  check: ({ least, needs }, agents) => [
    ...(typeof least === "string" ? [{ pointer: "/least", message: "expected a number" }] : []),
    ...(needs && !agents.includes(needs) ? [{ pointer: "/needs", message: "expected an agent of the flow" }] : []),
  ],
});
