/** The pages' addresses: a handful of routes needs no library. */

import { type MouseEvent, useSyncExternalStore } from "react";

export type Route =
  | { page: "library" }
  | { page: "login" }
  | { page: "settings" }
  | { page: "runners" }
  | { page: "add-game" }
  | { page: "edit-game"; gameId: string }
  | { page: "saves"; gameId: string }
  | { page: "play"; sessionId: string }
  | { page: "join"; invitationId: string }
  | { page: "unknown" };

export function routeOf(path: string): Route {
  const parts = path.split("/").filter(Boolean);
  if (parts.length === 0) return { page: "library" };
  if (parts.length === 1 && parts[0] === "login") return { page: "login" };
  if (parts.length === 1 && parts[0] === "settings") return { page: "settings" };
  if (parts.length === 1 && parts[0] === "runners") return { page: "runners" };
  if (parts.length === 2 && parts[0] === "play" && parts[1]) return { page: "play", sessionId: parts[1] };
  if (parts.length === 2 && parts[0] === "join" && parts[1]) return { page: "join", invitationId: parts[1] };
  if (parts[0] === "games" && parts.length === 2 && parts[1] === "add") return { page: "add-game" };
  if (parts[0] === "games" && parts.length === 3 && parts[1] && parts[2] === "edit") {
    return { page: "edit-game", gameId: parts[1] };
  }
  if (parts[0] === "games" && parts.length === 3 && parts[1] && parts[2] === "saves") {
    return { page: "saves", gameId: parts[1] };
  }
  return { page: "unknown" };
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

export function go(path: string, isReplacing = false): void {
  if (path === location.pathname) return;
  if (isReplacing) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  window.scrollTo(0, 0);
  for (const listener of listeners) listener();
}

export function useRoute(): Route {
  return routeOf(useSyncExternalStore(subscribe, () => location.pathname));
}

/** For links: a plain click stays in the page, any other (new tab, new window) is the browser's. */
export function follow(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(new URL(event.currentTarget.href).pathname);
}
