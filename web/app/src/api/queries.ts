/** What the pages ask core for, and how long they may keep it: server-sent events say when something changed. */

import { QueryClient, queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { go, type Route } from "../router";
import { ApiProblem, onLoginLost, request, setCsrf } from "./client";
import type {
  GamesView,
  LoginBody,
  MeView,
  PasswordBody,
  PlayBody,
  RunnersView,
  SessionsView,
  TicketView,
} from "./schema.gen";
import type { Me, SessionView } from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (count, error) => count < 3 && error instanceof ApiProblem && (error.status === 0 || error.status === 503),
      retryDelay: (attempt) => Math.min(4000, 500 * 2 ** attempt),
    },
  },
});

/** Nobody is logged in any more: the login page shows, and what was asked for is gone before the next person comes. */
export function forgetPerson(client: QueryClient): void {
  // Kept and set, not removed: the page watches this query, and would hear nothing of one made anew.
  client.setQueryData(["me"], null);
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== "me" });
  client.getMutationCache().clear();
}

onLoginLost(() => forgetPerson(queryClient));

export function byNewest(a: SessionView, b: SessionView): number {
  return b.created_at.localeCompare(a.created_at);
}

/** `sessions` with `view` in it once. */
export function withSession(sessions: readonly SessionView[], view: SessionView): SessionView[] {
  return [view, ...sessions.filter((other) => other.session_id !== view.session_id)].sort(byNewest);
}

/** Writes a view that core told of into everything that shows it. */
export function putSession(client: QueryClient, view: SessionView): SessionView {
  client.setQueryData<SessionView>(["session", view.session_id], view);
  client.setQueryData<SessionView[]>(["sessions"], (all) => all && withSession(all, view));
  return view;
}

const ME = queryOptions({
  queryKey: ["me"],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async (): Promise<Me | null> => {
    const { user, csrf } = await request<MeView>("GET", "/me");
    if (!user || csrf === null) return null;
    setCsrf(csrf);
    return { user, csrf };
  },
});

const GAMES = queryOptions({
  queryKey: ["games"],
  queryFn: async () => (await request<GamesView>("GET", "/games")).games,
});

const SESSIONS = queryOptions({
  queryKey: ["sessions"],
  queryFn: async () => {
    const { sessions } = await request<SessionsView>("GET", "/sessions");
    return sessions.sort(byNewest);
  },
});

function sessionOf(sessionId: string) {
  return queryOptions({
    queryKey: ["session", sessionId],
    queryFn: () => request<SessionView>("GET", `/sessions/${encodeURIComponent(sessionId)}`),
  });
}

/** Asks side by side for what the page of `route` shows first; else it would ask for one after the other. */
export function askEarly(route: Route): void {
  if (route.page === "join") return;
  void queryClient.prefetchQuery(ME);
  if (route.page === "play") void queryClient.prefetchQuery(sessionOf(route.sessionId));
  if (route.page !== "library") return;
  void queryClient.prefetchQuery(GAMES);
  void queryClient.prefetchQuery(SESSIONS);
}

/** Who is logged in; null is nobody. */
export function useMe() {
  return useQuery(ME);
}

export function useGames() {
  return useQuery(GAMES);
}

/** Where the picture of a game is. */
export function useIcon(gameId: string): string | null {
  return useGames().data?.find((game) => game.game_id === gameId)?.icon_url ?? null;
}

export function useSessions() {
  return useQuery(SESSIONS);
}

/** The runners, for admins alone; asked for again every `everyMs`. */
export function useRunners(isAdmin: boolean, everyMs: number | false = false) {
  return useQuery({
    queryKey: ["runners"],
    enabled: isAdmin,
    queryFn: async () => (await request<RunnersView>("GET", "/runners")).runners,
    refetchInterval: everyMs,
  });
}

export function useSession(sessionId: string) {
  return useQuery({
    ...sessionOf(sessionId),
    // Events say what happens; this catches what they missed while a proxy or a sleep held them up.
    refetchInterval: (query) => (query.state.data?.state === "ended" ? false : 10_000),
  });
}

export function useLogin() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: LoginBody) => request<Me>("POST", "/login", body),
    onSuccess: (me) => {
      setCsrf(me.csrf);
      client.setQueryData(["me"], me);
    },
  });
}

export function useLogout() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => request<void>("POST", "/logout"),
    onSuccess: () => {
      forgetPerson(client);
      go("/", true);
    },
  });
}

export function useChangePassword() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: PasswordBody) => request<void>("POST", "/me/password", body),
    onSuccess: () => client.invalidateQueries({ queryKey: ["me"] }),
  });
}

/** Whether a wish that may be repeated got no answer at all, and has not often. */
export function isUnanswered(failures: number, error: Error): boolean {
  return failures < 2 && error instanceof ApiProblem && error.status === 0;
}

export function usePlay() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: PlayBody) => request<SessionView>("POST", "/sessions", body),
    // A browser drops what it asks for when its machine's network changes; a second wish finds the session of the first.
    retry: isUnanswered,
    retryDelay: 500,
    onSuccess: (view) => putSession(client, view),
  });
}

export function useStop() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (sessionId: string) => request<SessionView>("DELETE", `/sessions/${encodeURIComponent(sessionId)}`),
    onSuccess: (view) => putSession(client, view),
  });
}

/** The right to play, when it is one's turn; whose turn it is, the seat says. */
export function fetchTicket(sessionId: string): Promise<TicketView> {
  return request("POST", `/sessions/${encodeURIComponent(sessionId)}/tickets`, { role: "player" });
}
