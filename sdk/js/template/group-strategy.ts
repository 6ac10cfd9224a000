import { groupStrategy } from "menagerie";

// Replace this by your own routing: a view in, a decision out. This one runs every pipeline once, side by side.
export default groupStrategy((view) => {
  const idle = view.pipelines.filter((pipeline) => pipeline.status === "idle");
  if (idle.length === 0) return { end: { status: "completed" } };
  return { start: idle.map((pipeline) => ({ pipeline: pipeline.pipelineId })) };
});
