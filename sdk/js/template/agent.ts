import { agent, Fault, log, Outcome } from "menagerie";

// Replace this by your own work: a task in, an output out, or a fault thrown.
export default agent(({ input, config }) => {
  if (typeof input?.text !== "string") throw Fault.invalidInput("`text` has to be a string");
  const least = Number(config?.minimum_length ?? 1);
  const words = String(input.text).split(/\s+/).filter((word) => word.length >= Math.max(least, 1));
  log.info(words.length, "words");
  return new Outcome({ words: words.length }, { confidence: 1 });
});
