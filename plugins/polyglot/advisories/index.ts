// Matches the packages of a lock file against advisories.
//
// Input: the run's state with the answer of `lockfile`, and under `advisories` a list in the words of RustSec:
// `{ id, package, title, patched: [">=1.2.3"], unaffected: ["<1.0.0"] }`; without `patched` every version is meant that is not unaffected.
// Output: one object under `advisories`, in the place of that list.
import { agent, Fault, log } from "menagerie";
import { order, version, within, type Version } from "./versions";

interface Advisory { id: string; package: string; title?: string; patched?: string[]; unaffected?: string[] }
interface Package { name: string; version: string }
interface Match { id: string; package: string; title: string; patched: string[] }

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] | undefined | null =>
  value === undefined || value === null || (Array.isArray(value) && value.every((one) => typeof one === "string"));

function packagesOf(state: unknown): Package[] {
  const lock = isObject(state) ? state.lockfile : undefined;
  const packages = isObject(lock) ? lock.packages : undefined;
  const isPackage = (one: unknown): one is Package => isObject(one) && typeof one.name === "string" && typeof one.version === "string";
  if (!Array.isArray(packages) || !packages.every(isPackage)) {
    throw Fault.invalidInput("`lockfile.packages` is no list of packages; expected the answer of the agent `lockfile`");
  }
  return packages;
}

function advisoriesOf(state: unknown): Advisory[] {
  const list = isObject(state) ? state.advisories : undefined;
  const isAdvisory = (one: unknown): one is Advisory => isObject(one) && typeof one.id === "string" && typeof one.package === "string"
    && (one.title === undefined || typeof one.title === "string") && isTexts(one.patched) && isTexts(one.unaffected);
  if (!Array.isArray(list)) throw Fault.invalidInput("`advisories` is no list of advisories");
  const wrong = list.findIndex((one) => !isAdvisory(one));
  if (wrong >= 0) throw Fault.invalidInput(`advisories[${wrong}] is no advisory; expected id, package, title, patched and unaffected`);
  return list;
}

/** Whether any of the requirements holds; one that cannot be read counts as not, and is told. */
function any(found: Version, requirements: string[] | undefined | null, unreadable: Set<string>): boolean {
  return (requirements ?? []).some((requirement) => {
    const holds = within(found, requirement);
    if (holds === undefined) unreadable.add(requirement);
    return holds === true;
  });
}

export default agent(({ input }) => {
  const packages = packagesOf(input);
  const advisories = advisoriesOf(input);
  const about = new Map<string, Advisory[]>();
  for (const one of advisories) about.set(one.package, [...(about.get(one.package) ?? []), one]);
  const unreadable = new Set<string>();
  const matches: Match[] = [];
  for (const { name, version: text } of packages) {
    const found = version(text);
    for (const one of about.get(name) ?? []) {
      // A version that cannot be read is not shown to be safe.
      if (!found) unreadable.add(text);
      const safe = found !== undefined && (any(found, one.patched, unreadable) || any(found, one.unaffected, unreadable));
      if (!safe) matches.push({ id: one.id, package: `${name} ${text}`, title: one.title ?? "", patched: one.patched ?? [] });
    }
  }
  const at = (match: Match) => version(match.package.split(" ")[1] ?? "");
  matches.sort((one, two) => {
    if (one.id !== two.id) return one.id < two.id ? -1 : 1;
    const [left, right] = [at(one), at(two)];
    return left && right ? order(left, right) : 0;
  });
  log.info(matches.length, "of", packages.length, "packages are in an advisory");
  return { advisories: { known: advisories.length, matches, unreadable: [...unreadable] } };
});
