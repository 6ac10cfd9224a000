import { arbiter, Fault } from "menagerie";

// Replace this by your own judgement: results that differ in, a verdict out. This one trusts the surest.
export default arbiter((members) => {
  const completed = members.filter((member) => member.status === "completed");
  if (completed.length === 0) throw Fault.permanent("no member has completed");
  const surest = completed.reduce((one, other) => ((other.confidence ?? 0) > (one.confidence ?? 0) ? other : one));
  return { chosen: surest.member, reason: "the surest" };
});
