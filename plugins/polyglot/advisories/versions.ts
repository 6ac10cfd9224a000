// Versions and requirements as Cargo has them: `^1.2`, `~1.2.3`, `>=1.0.0, <2.0.0`, `=1.2.3`, `1.*`.

export interface Version { numbers: [number, number, number]; pre: string[] }

/** One bound: everything from (`least`) or below (`below`) a version. */
interface Bound { compare: "<" | "<=" | ">" | ">=" | "="; version: Version }

const VERSION = /^(\d{1,15})\.(\d{1,15})\.(\d{1,15})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;
const REQUIREMENT = /^(\^|~|=|>=|<=|>|<)?\s*(\d{1,15})(?:\.(\d{1,15}|\*))?(?:\.(\d{1,15}|\*))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

export function version(text: string): Version | undefined {
  const found = VERSION.exec(text);
  if (!found) return undefined;
  const [, major, minor, patch, pre] = found;
  return { numbers: [Number(major), Number(minor), Number(patch)], pre: pre ? pre.split(".") : [] };
}

/** Below nought where the first comes before the second. */
export function order(one: Version, two: Version): number {
  for (let at = 0; at < 3; at += 1) {
    if (one.numbers[at] !== two.numbers[at]) return one.numbers[at] - two.numbers[at];
  }
  if (one.pre.length === 0 || two.pre.length === 0) return two.pre.length - one.pre.length;
  for (let at = 0; at < Math.max(one.pre.length, two.pre.length); at += 1) {
    const parts = [one.pre[at], two.pre[at]];
    if (parts[0] === parts[1]) continue;
    if (parts[0] === undefined) return -1;
    if (parts[1] === undefined) return 1;
    const [left, right] = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : undefined));
    if (left !== undefined && right !== undefined) return left - right;
    // Numbers come before words.
    if (left !== undefined) return -1;
    if (right !== undefined) return 1;
    return parts[0] < parts[1] ? -1 : 1;
  }
  return 0;
}

const meets = (found: Version, { compare, version: bound }: Bound): boolean => {
  const by = order(found, bound);
  switch (compare) {
    case "<": return by < 0;
    case "<=": return by <= 0;
    case ">": return by > 0;
    case ">=": return by >= 0;
    case "=": return by === 0;
  }
};

/** Whether a version meets a requirement; undefined where the requirement cannot be read. */
export function within(found: Version, requirement: string): boolean | undefined {
  let all = true;
  for (const part of requirement.split(",")) {
    const text = part.trim();
    if (text === "*") continue;
    const bounds = boundsOf(text);
    if (!bounds) return undefined;
    all &&= bounds.every((bound) => meets(found, bound));
  }
  return all;
}

function boundsOf(text: string): Bound[] | undefined {
  const read = REQUIREMENT.exec(text);
  if (!read) return undefined;
  const given = read.slice(2, 5).map((part) => (part === undefined || part === "*" ? undefined : Number(part)));
  const [major, minor, patch] = given;
  const pre = read[5] ? read[5].split(".") : [];
  const from: Version = { numbers: [major ?? 0, minor ?? 0, patch ?? 0], pre };
  const star = read.slice(2, 5).includes("*");
  switch (read[1] ?? (star ? "~" : "^")) {
    case ">": return minor === undefined || patch === undefined ? [{ compare: ">=", version: behind(given) }] : [{ compare: ">", version: from }];
    case ">=": return [{ compare: ">=", version: from }];
    case "<": return [{ compare: "<", version: from }];
    case "<=": return minor === undefined || patch === undefined ? [{ compare: "<", version: behind(given) }] : [{ compare: "<=", version: from }];
    case "=": return patch === undefined ? between(from, behind(given)) : [{ compare: "=", version: from }];
    case "~": return between(from, behind(given.slice(0, 2)));
    default: return between(from, behind(given.slice(0, leading(given) + 1)));
  }
}

/** The place of the number that a caret keeps: the first that is not nought, or the last that is given. */
function leading(given: (number | undefined)[]): number {
  const first = given.findIndex((number) => number !== undefined && number !== 0);
  if (first >= 0) return first;
  return Math.max(0, given.filter((number) => number !== undefined).length - 1);
}

/** The first version behind all that begin with these numbers. */
function behind(given: (number | undefined)[]): Version {
  const known = given.filter((number): number is number => number !== undefined);
  const numbers: [number, number, number] = [0, 0, 0];
  known.forEach((number, at) => { numbers[at] = at === known.length - 1 ? number + 1 : number; });
  return { numbers, pre: [] };
}

const between = (from: Version, to: Version): Bound[] => [{ compare: ">=", version: from }, { compare: "<", version: to }];
