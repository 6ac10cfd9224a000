// What a strategy imports as "menagerie/figures".
import * as host from "menagerie:plugin/figures@0.1.0";

/** How each agent of the flow has fared of late, in whatever runs; the same whenever this decision is told again. */
export const agents = () => host.agents();
