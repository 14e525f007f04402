/** What the pages for adding and editing ask core for. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { request, upload } from "../api/client";
import type { GameCard } from "../api/types";
import type { Addition, Folder, GameDetails, Runtime, Saves, Survey } from "./types";

const POLL_MS = 400;
const QUIET_MS = 5000;

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

export function useGame(gameId: string) {
  return useQuery({
    queryKey: ["game", gameId],
    retry: false, // saves outlive their game
    queryFn: () => request<GameCard>("GET", `/games/${encodeURIComponent(gameId)}`),
  });
}

/** Asked again often while something is being done to them. */
export function useSaves(gameId: string) {
  return useQuery({
    queryKey: ["saves", gameId],
    queryFn: () => request<Saves>("GET", `/games/${encodeURIComponent(gameId)}/saves`),
    refetchInterval: (query) => (query.state.data?.work ? POLL_MS : QUIET_MS),
  });
}

export function useResetSaves(gameId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: object) => request<void>("POST", `/games/${encodeURIComponent(gameId)}/saves/reset`, body),
    onSettled: () => client.invalidateQueries({ queryKey: ["saves", gameId] }),
  });
}

export function useRestoreSaves(gameId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (file: File) => {
      setTimeout(() => void client.invalidateQueries({ queryKey: ["saves", gameId] }), POLL_MS); // shows how far it is
      return upload("PUT", `/games/${encodeURIComponent(gameId)}/saves/archive`, file, "application/zip");
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["saves", gameId] }),
  });
}

/** What the game's installer left becomes the game. */
export function useTakeOver(gameId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => request<GameDetails>("POST", `/games/${encodeURIComponent(gameId)}/installed`),
    onSuccess: (details) => {
      client.setQueryData(["details", gameId], details);
      void client.invalidateQueries({ queryKey: ["games"] });
    },
  });
}
