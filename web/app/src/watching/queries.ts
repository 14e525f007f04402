/** What the pages ask core for about invitations: their owner's side, and the guest's, who has no login. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ApiProblem, request } from "../api/client";
import type {
  EntryBody,
  InvitationBody,
  InvitationMade,
  InvitationsView,
  InvitationView,
  InvitedView,
  TicketView,
} from "../api/schema.gen";

export type { InvitationView as Invitation, InvitedView as Invited } from "../api/schema.gen";
export type GuestRole = InvitationView["role"];

const LOOK_EVERY_MS = 4000;

function pathOf(sessionId: string): string {
  return `/sessions/${encodeURIComponent(sessionId)}/invitations`;
}

export function useInvitations(sessionId: string) {
  return useQuery({
    queryKey: ["invitations", sessionId],
    queryFn: async () => (await request<InvitationsView>("GET", pathOf(sessionId))).invitations,
    refetchInterval: LOOK_EVERY_MS,
  });
}

export function useInvite(sessionId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: InvitationBody) => request<InvitationMade>("POST", pathOf(sessionId), body),
    onSettled: () => client.invalidateQueries({ queryKey: ["invitations", sessionId] }),
  });
}

export function useRevoke(sessionId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (invitationId: string) =>
      request<void>("DELETE", `${pathOf(sessionId)}/${encodeURIComponent(invitationId)}`),
    onSettled: () => client.invalidateQueries({ queryKey: ["invitations", sessionId] }),
  });
}

/** The link of an invitation: what opens it stands behind the `#`, which no browser sends to any server. */
export function linkOf(origin: string, invitationId: string, token: string): string {
  return `${origin}/join/${encodeURIComponent(invitationId)}#${token}`;
}

export function useInvited(invitationId: string, token: string) {
  return useQuery({
    queryKey: ["invited", invitationId, token],
    retry: false,
    queryFn: () =>
      request<InvitedView>("POST", `/invitations/${encodeURIComponent(invitationId)}`, { token } satisfies EntryBody),
    refetchInterval: (query) => {
      const { data, error } = query.state;
      const isOver = data?.state === "ended" || (error instanceof ApiProblem && error.status === 403);
      return isOver ? false : LOOK_EVERY_MS;
    },
  });
}

export function fetchGuestTicket(invitationId: string, token: string, name: string): Promise<TicketView> {
  const body = { token, name } satisfies EntryBody;
  return request("POST", `/invitations/${encodeURIComponent(invitationId)}/tickets`, body);
}
