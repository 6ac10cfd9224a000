import { aggregator, Fault } from "menagerie";

// Replace this by your own joining: results in, one output out. This one lists what has completed.
export default aggregator((members) => {
  const completed = members.filter((member) => member.status === "completed");
  if (completed.length === 0) throw Fault.permanent("no member has completed");
  return { outputs: completed.map((member) => member.output) };
});
