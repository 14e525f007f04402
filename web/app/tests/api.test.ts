/** What the pages make of answers: a login that is over, with nothing left of what the last person saw, and a wait. */

import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";
import { request, setCsrf } from "../src/api/client";
import { forgetPerson, isUnanswered, queryClient } from "../src/api/queries";

afterEach(() => {
  vi.unstubAllGlobals();
  queryClient.clear();
});

test("whoever watches the login hears that it is over, and the library is gone", async () => {
  const client = new QueryClient();
  client.setQueryData(["me"], { user: { name: "ada" } });
  client.setQueryData(["games"], ["a"]);
  client.setQueryData(["session", "one"], { state: "ready" });
  const told: unknown[] = [];
  const observer = new QueryObserver(client, { queryKey: ["me"], staleTime: Number.POSITIVE_INFINITY });
  const stop = observer.subscribe((result) => told.push(result.data));
  forgetPerson(client);
  await vi.waitFor(() => expect(told.at(-1)).toBeNull());
  expect(client.getQueryData(["games"])).toBeUndefined();
  expect(client.getQueryData(["session", "one"])).toBeUndefined();
  stop();
});

test("any request that needs a login ends it", async () => {
  queryClient.setQueryData(["me"], { user: { name: "ada" } });
  queryClient.setQueryData(["games"], ["a"]);
  const refusal = { status: 403, code: "login_required", detail: "Log in first" };
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify(refusal), { status: 403 }));
  await expect(request("GET", "/games")).rejects.toMatchObject({ code: "login_required" });
  expect(queryClient.getQueryData(["me"])).toBeNull();
  expect(queryClient.getQueryData(["games"])).toBeUndefined();
});

test("a refusal of what was asked before somebody logged in does not end the login", async () => {
  const refusal = { status: 403, code: "login_required", detail: "Log in first" };
  let refuse = (_: Response): void => undefined;
  vi.stubGlobal("fetch", () => new Promise<Response>((resolve) => (refuse = resolve)));
  const early = request("GET", "/sessions/one");
  setCsrf("of a new login");
  queryClient.setQueryData(["me"], { user: { name: "ada" } });
  refuse(new Response(JSON.stringify(refusal), { status: 403 }));
  await expect(early).rejects.toMatchObject({ code: "login_required" });
  expect(queryClient.getQueryData(["me"])).toEqual({ user: { name: "ada" } });
});

test.each(["null", "<h1>Bad gateway</h1>", "[]", '"no"'])(
  "an answer of something in between, %s, is a problem too",
  async (body) => {
    vi.stubGlobal("fetch", async () => new Response(body, { status: 502 }));
    await expect(request("GET", "/games")).rejects.toMatchObject({ status: 502, message: "Dillinger answered 502" });
  },
);

test("how long to wait is read from the header", async () => {
  const refusal = { status: 429, code: "exhausted", detail: "Too many failed logins" };
  const headers = { "Retry-After": "250" };
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify(refusal), { status: 429, headers }));
  await expect(request("POST", "/login", {})).rejects.toMatchObject({ retryAfterS: 250 });
});

test("a wish to play that got no answer is repeated, a refusal is not", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  const silence = await request("POST", "/sessions", {}).catch((error: Error) => error as Error);
  expect([0, 1, 2].map((failures) => isUnanswered(failures, silence as Error))).toEqual([true, true, false]);
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 503 }));
  const refusal = await request("POST", "/sessions", {}).catch((error: Error) => error as Error);
  expect(isUnanswered(0, refusal as Error)).toBe(false);
});
