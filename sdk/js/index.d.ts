/** The words of menagerie plugins in JavaScript and TypeScript. `menagerie new` copies this beside your source. */
// `console` writes to the log. Where other declarations have it (a browser's, Node's), these are added to theirs.
interface Console {
  trace(...parts: any[]): void; debug(...parts: any[]): void; info(...parts: any[]): void; log(...parts: any[]): void;
  warn(...parts: any[]): void; error(...parts: any[]): void;
}
declare var console: Console;

declare module "menagerie" {
  export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
  export type Extra = Record<string, unknown>;
  export interface Attachment { id: string; mediaType: string; digest: string }
  /**
   * What an agent is given. `attachments` are files that the run was begun with or that steps before this one attached; agents
   * alone are given any: a strategy's view has none.
   */
  export interface Task<Input = any, Config = any> { input: Input; config: Config; attachments: Attachment[]; extra: Extra }
  interface FaultMore { retryAfterMs?: number; details?: unknown; extra?: Extra }
  /** Thrown, it is the plugin's answer. Any other exception is a crash: its stack is in the log. */
  export class Fault extends Error {
    constructor(code: string, message: string, more?: FaultMore);
    code: string; retryAfterMs?: number; details?: unknown; extra?: Extra;
    /** The input is not what the agent takes; never retried. */
    static invalidInput(message: string, more?: FaultMore): Fault;
    /** May work later; retried. */
    static transient(message: string, more?: FaultMore): Fault;
    /** Will not work; not retried. */
    static permanent(message: string, more?: FaultMore): Fault;
    /** The host refused something that the plugin needs. */
    static denied(message: string, more?: FaultMore): Fault;
    /** A person, or another authority, must decide. */
    static escalate(message: string, more?: FaultMore): Fault;
  }
  export interface FaultSeen { code: string; message: string; retryAfterMs?: number; details?: any; extra: Extra }
  interface OutcomeMore { confidence?: number; attachments?: Attachment[]; extra?: Extra }
  /** An output with its confidence, attachments or extras; a bare output needs none of this. */
  export class Outcome<Output = any> {
    constructor(output: Output, more?: OutcomeMore);
    output: Output; confidence?: number; attachments?: Attachment[]; extra?: Extra;
  }
  export interface ConfigProblem { pointer?: string; offset?: number; message: string }
  interface Check<Config> { check?: (config: Config, agents: string[]) => ConfigProblem[] | void }
  export interface Plugin { kind: string }

  export function agent<Input = any, Config = any, Output = any>(
    process: (task: Task<Input, Config>) => Output | Outcome<Output>,
    more?: Check<Config> & { compensate?: (task: Task<Input, Config>, outcome: Outcome<Output>) => void },
  ): Plugin;

  export interface AgentState {
    name: string; status: string; after: string[]; priority: number; estimatedMs?: number; skills: string[]; completed: number;
    failed: number; skipped: number; retries: number; lastDurationMs?: number; lastFault?: FaultSeen; extra: Extra;
  }
  export interface StepState {
    id: string; agent: string; kind: string; status: string; attempt: number; output?: any; confidence?: number; error?: FaultSeen;
    durationMs?: number; extra: Extra;
  }
  export interface HistoryEntry { id: number; step: string; agent: string; kind: string; status: string; reason: string; atMs: number }
  /** What a strategy may see. */
  export interface View<State = any, Config = any> {
    decision: number; trigger: string; state: State; config: Config; agents: AgentState[]; steps: StepState[]; history: HistoryEntry[];
    currentStep?: string; stepDurationMs?: number; retryCount: number; errorRate: number; stepsLeft: number; extra: Extra;
  }
  export type Kind = "route" | "retry" | "skip" | "escalate";
  /** Left out: the id is the agent's name, the input the run's state. `after` names agents or ids. */
  export interface Step { agent: string; id?: string; input?: unknown; kind?: Kind; reason?: string; after?: string[]; extra?: Extra }
  export interface Join { aggregator: string; members: string[]; id?: string; config?: unknown; reason?: string; after?: string[]; extra?: Extra }
  export type Wake = "any-finished" | "all-finished" | string[] | { timerMs: number };
  interface Routing {
    wake?: Wake; wakeOnFailure?: boolean; reason?: string; confidence?: number; metadata?: Record<string, unknown>; extra?: Extra;
    end?: { status: "completed" | "failed"; reason?: string; output?: unknown };
  }
  export interface Decision extends Routing { start?: Step[]; joins?: Join[] }
  export function strategy<State = any, Config = any>(decide: (view: View<State, Config>) => Decision, more?: Check<Config>): Plugin;
  export function route(...agents: string[]): Decision;
  export function parallel(agents: string[], more?: { join?: string }): Decision;
  export function retry(agent: string, reason: string): Decision;
  export function skip(agent: string, reason: string): Decision;
  export function escalate(agent: string, reason: string): Decision;
  export function wait(): Decision;
  export function end(output?: unknown): Decision;
  export function fail(reason: string): Decision;

  export interface PipelineState {
    pipelineId: string; role: string; status: string; progress: number; currentStep?: string; errorCount: number; load: number;
    lastUpdateMs: number; output?: any; error?: FaultSeen; extra: Extra;
  }
  export interface Escalation {
    sourceTeamId: string; sourceAgentId?: string; kind: string; reason: string; priority: string; error?: FaultSeen;
    suggestedAction?: string; context: any; extra: Extra;
  }
  export interface GroupView<Input = any, Config = any> {
    decision: number; trigger: string; input: Input; config: Config; pipelines: PipelineState[]; escalations: Escalation[];
    history: HistoryEntry[]; iterationsLeft: number; extra: Extra;
  }
  export interface PipelineStep { pipeline: string; id?: string; input?: unknown; kind?: Kind; reason?: string; after?: string[]; extra?: Extra }
  export interface GroupDecision extends Routing { start?: PipelineStep[]; aggregator?: string }
  export function groupStrategy<Input = any, Config = any>(decide: (view: GroupView<Input, Config>) => GroupDecision): Plugin;

  export interface Member<Output = any> {
    member: string; status: string; output?: Output; confidence?: number; error?: FaultSeen; extra: Extra;
  }
  export function aggregator<Output = any, Config = any>(
    aggregate: (results: Member<Output>[], config: Config) => unknown, more?: Check<Config>,
  ): Plugin;
  export interface Difference { pointer: string; values: [member: string, value: any][] }
  /** `chosen` names a member; without it `output` is the ruling. */
  export interface Verdict { chosen?: string; output?: unknown; reason?: string; confidence?: number; extra?: Extra }
  export function arbiter<Output = any, Config = any>(
    arbitrate: (results: Member<Output>[], differences: Difference[], config: Config) => Verdict,
  ): Plugin;

  type Write = (...parts: unknown[]) => void;
  export const log: { trace: Write; debug: Write; info: Write; warn: Write; error: Write };
  /** The call's logical time: it stands still while the call runs, and is the same in a replay. */
  export const clock: { nowMs(): number; now(): string };
  /** Equal in a replay, different between steps. `Math.random` draws from the same numbers. */
  export const random: { bytes(count: number): Uint8Array; nextU32(): number; next(): number };
  export const progress: { fraction(done: number): void; note(text: string): void; chunk(text: string): void };
  export const invocation: {
    run(): string; step(): string; name(): string; attempt(): number; deadlineMs(): number; fuelLeft(): number;
    lastFault(): FaultSeen | undefined; hints(): Record<string, any>;
  };
  /** What this agent keeps for its later steps of the run: JSON, at most 1 MiB. */
  export const context: { get(key: string): any; put(key: string, value: unknown): void };
}

/** Needs the grant `http`. */
declare module "menagerie/http" {
  /** `code` is a token of the contract, such as `timeout`; `no-json` is what `json()` says of a body that it does not read. */
  export class HttpProblem extends Error { code: string }
  export function send(request: { method?: string; url: string; headers?: Record<string, string>; body?: string | Uint8Array }): {
    status: number; url: string; headers: Record<string, string>; body: Uint8Array;
    /** Throws where the body is no UTF-8. */
    text(): string;
    /** Throws an `HttpProblem` where the body is no JSON, or nested more than 128 levels deep. */
    json(): any;
  };
}

/** Needs the grant `artifacts`. */
declare module "menagerie/artifacts" {
  import { Attachment } from "menagerie";
  export class ArtifactProblem extends Error { code: string }
  export function put(name: string, mediaType: string, content: string | Uint8Array): Attachment;
  export function stat(id: string): { artifact: Attachment; name: string; version: number; size: number };
  export function get(id: string, offset?: number, length?: number): Uint8Array;
}

/** Needs the grant `shared`. */
declare module "menagerie/shared" {
  export interface Versioned<Value = any> { version: number; value: Value }
  export class SharedProblem extends Error { code: string }
  /** `found` is what is there instead, if anything. */
  export class Conflict extends Error { found?: Versioned }
  export function get<Value = any>(key: string): Versioned<Value> | undefined;
  export function compareAndSet(key: string, expected: number | undefined, value: unknown): number;
  /** Takes a value away that is of the expected version. */
  export function remove(key: string, expected: number): void;
}

/** For strategies. */
declare module "menagerie/figures" {
  /** Of the latest attempts, 64 at the most, in all runs of the flow that the host knows of. Times are absent where there are none. */
  export interface AgentFigures {
    name: string; completed: number; failed: number; running: number; queued: number;
    meanMs?: number; medianMs?: number; p95Ms?: number; waitingMs?: number;
  }
  export function agents(): AgentFigures[];
}
declare module "menagerie/history" {
  export function before(id: number, count: number): import("menagerie").HistoryEntry[];
}
