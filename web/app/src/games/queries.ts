/** What the pages for adding and editing ask core for. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { request } from "../api/client";
import type { Addition, Folder, GameDetails, Runtime, Survey } from "./types";

const POLL_MS = 400;

export function useFolder(path: string) {
  return useQuery({
    queryKey: ["import-folder", path],
    staleTime: 2000,
    queryFn: () => request<Folder>("GET", `/import/folder?path=${encodeURIComponent(path)}`),
  });
}

export function useSurvey(path: string | null) {
  return useQuery({
    queryKey: ["import-survey", path],
    enabled: path !== null,
    staleTime: 2000,
    queryFn: () => request<Survey>("GET", `/import/survey?path=${encodeURIComponent(path ?? "")}`),
  });
}

/** What Windows games can be played with; the runner's own answer, empty while it is away. */
export function useRuntimes() {
  return useQuery({
    queryKey: ["runtimes"],
    retry: false,
    queryFn: async (): Promise<Runtime[]> => {
      const response = await fetch("/api/runner/runtimes", { credentials: "same-origin" });
      return response.ok ? ((await response.json()) as { runtimes: Runtime[] }).runtimes : [];
    },
  });
}

export function useAddGame() {
  return useMutation({ mutationFn: (body: object) => request<Addition>("POST", "/games", body) });
}

export function useAddition(importId: string | null) {
  const client = useQueryClient();
  return useQuery({
    queryKey: ["import", importId],
    enabled: importId !== null,
    queryFn: async () => {
      const found = await request<Addition>("GET", `/imports/${encodeURIComponent(importId ?? "")}`);
      if (found.state === "done") void client.invalidateQueries({ queryKey: ["games"] });
      return found;
    },
    refetchInterval: (query) => (query.state.data && query.state.data.state !== "copying" ? false : POLL_MS),
  });
}

export function useCancelAddition() {
  return useMutation({
    mutationFn: (importId: string) => request<Addition>("DELETE", `/imports/${encodeURIComponent(importId)}`),
  });
}

export function useDetails(gameId: string) {
  return useQuery({
    queryKey: ["details", gameId],
    staleTime: Number.POSITIVE_INFINITY, // a form must not change under somebody's hands
    gcTime: 0,
    queryFn: () => request<GameDetails>("GET", `/games/${encodeURIComponent(gameId)}/details`),
  });
}

export function useChangeGame(gameId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ version, body }: { version: string; body: object }) =>
      request<GameDetails>("PATCH", `/games/${encodeURIComponent(gameId)}`, body, { "If-Match": `"${version}"` }),
    onSuccess: (details) => {
      client.setQueryData(["details", gameId], details);
      void client.invalidateQueries({ queryKey: ["games"] });
    },
  });
}

export function useRemoveGame(gameId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => request<void>("DELETE", `/games/${encodeURIComponent(gameId)}`),
    onSuccess: () => client.invalidateQueries({ queryKey: ["games"] }),
  });
}
