import { end, fail, route, strategy } from "menagerie";

// Replace this by your own routing: a view in, a decision out. This one runs every agent once, in turn.
export default strategy((view) => {
  const failed = view.steps.find((step) => step.status === "failed");
  if (failed) return fail(`step ${failed.id} failed`);
  const next = view.agents.find((agent) => agent.completed + agent.skipped === 0);
  return next ? route(next.name) : end();
});
