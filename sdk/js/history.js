// What a strategy imports as "menagerie/history".
import * as host from "menagerie:plugin/history@0.1.0";

/** At most `count` (256 at the most) entries whose id is below `id`, newest first. */
export const before = (id, count) => host.before(id, count);
