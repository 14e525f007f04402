/** Requests to core: JSON in and out, the CSRF header on what changes something, RFC 9457 problems as errors. */

import type { FieldFault, ProblemView } from "./schema.gen";

/** The part of a problem that the pages tell of. */
type Told = Pick<ProblemView, "status" | "code" | "detail" | "hint" | "errors" | "retry_after_s">;

/** What core answered instead of what was asked for; `status` 0: core did not answer at all. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly retryAfterS: number | null;
  readonly faults: readonly FieldFault[];

  constructor(problem: Told) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.hint = problem.hint ?? null;
    this.retryAfterS = problem.retry_after_s ?? null;
    this.faults = problem.errors ?? [];
  }
}

let csrf = "";
let loginLost = (): void => undefined;

/** Called when core says that nobody is logged in (any more). */
export function onLoginLost(listener: () => void): void {
  loginLost = listener;
}

/** The value that `/login` and `/me` return. */
export function setCsrf(value: string): void {
  csrf = value;
}

/** A file as it is; nothing comes back. */
export async function upload(method: string, path: string, file: Blob, type: string): Promise<void> {
  await answered(path, {
    method,
    headers: { Accept: "application/json", "Content-Type": type, "X-Dillinger-CSRF": csrf },
    credentials: "same-origin",
    body: file,
  });
}

export async function request<T>(
  method: string,
  path: string,
  body?: unknown,
  more: Readonly<Record<string, string>> = {},
): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json", ...more };
  if (method !== "GET") headers["X-Dillinger-CSRF"] = csrf;
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const response = await answered(path, init);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function answered(path: string, init: RequestInit): Promise<Response> {
  const askedAs = csrf;
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, init);
  } catch {
    throw new ApiProblem({
      status: 0,
      code: "unreachable",
      detail: "Dillinger does not answer",
      hint: "Is the machine on, and are you on its network?",
    });
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    // What was asked before somebody logged in says nothing of that login.
    if (problem.code === "login_required" && csrf === askedAs) loginLost();
    throw problem;
  }
  return response;
}

/** Core writes seconds; a date, which the header may also be, is not read. */
function retryAfterS(header: string | null): number | null {
  return header !== null && /^\d+$/.test(header) ? Number(header) : null;
}

/** A field that is named by itself, as a fault at its place. */
function pointed({ detail = "", field }: Partial<ProblemView>): FieldFault {
  return { detail, pointer: `#/${(field ?? "").replaceAll(".", "/")}` };
}

async function problemOf(response: Response): Promise<ApiProblem> {
  // What stands between here and core may answer with anything.
  const document: Partial<ProblemView> = (await response.json().catch(() => null)) ?? {};
  return new ApiProblem({
    status: response.status,
    code: document.code ?? "internal",
    detail: document.detail ?? `Dillinger answered ${response.status}`,
    hint: document.hint ?? null,
    errors: document.errors ?? (document.field ? [pointed(document)] : null),
    retry_after_s: document.retry_after_s ?? retryAfterS(response.headers.get("Retry-After")),
  });
}
