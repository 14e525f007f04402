/** The frame of the pages that are not a game: top bar with the name, search where there is one, and who is logged in. */

import type { ReactNode } from "react";
import { useLogout, useMe } from "../api/queries";
import { follow } from "../router";
import { Icon } from "./icons";
import { Mark, Wordmark } from "./logo";
import { Problem } from "./problem";

export function Shell({
  search,
  children,
  isConnected,
}: {
  search?: ReactNode;
  children: ReactNode;
  isConnected: boolean;
}) {
  const me = useMe();
  const logout = useLogout();
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to content
      </a>
      <header className="topbar">
        <a className="brand" href="/" onClick={follow} aria-label="Dillinger, library">
          <Mark />
          <Wordmark />
        </a>
        {search}
        <nav className="topbar-actions" aria-label="You">
          <span className="who">{me.data?.user.name}</span>
          {me.data?.user.role === "admin" && (
            <a
              className="icon-button"
              href="/runners"
              onClick={follow}
              aria-label="Runners"
              title="Runners"
              data-testid="runners-link"
            >
              <Icon name="machine" />
            </a>
          )}
          <a className="icon-button" href="/settings" onClick={follow} aria-label="Settings" title="Settings">
            <Icon name="settings" />
          </a>
          <button
            className="icon-button"
            type="button"
            onClick={() => logout.mutate()}
            data-testid="logout"
            aria-label="Log out"
            title="Log out"
          >
            <Icon name="logout" />
          </button>
        </nav>
      </header>
      {!isConnected && (
        <p className="offline" role="status">
          Connection to Dillinger lost. Trying again…
        </p>
      )}
      <main id="content" className="content">
        {logout.error && <Problem error={logout.error} />}
        {children}
      </main>
    </div>
  );
}
