/** Which page is shown: nobody logged in → login, a one-time password → a new one, else what the address says. */

import { useEvents } from "./api/events";
import { useMe } from "./api/queries";
import { AddGamePage } from "./games/add_page";
import { EditGamePage } from "./games/edit_page";
import { SavesPage } from "./games/saves_page";
import { LibraryPage } from "./pages/library";
import { FirstPasswordPage, LoginPage } from "./pages/login";
import { RunnersPage } from "./pages/runners";
import { SettingsPage } from "./pages/settings";
import { PlayPage } from "./play/play_page";
import { follow, useRoute } from "./router";
import { Mark } from "./ui/logo";
import { Problem } from "./ui/problem";
import { JoinPage } from "./watching/join_page";

export function App() {
  const me = useMe();
  const route = useRoute();
  const mayListen = me.data !== null && me.data !== undefined && !me.data.user.must_change_password;
  const isConnected = useEvents(mayListen);
  if (route.page === "join") return <JoinPage key={route.invitationId} invitationId={route.invitationId} />;
  if (me.isPending && me.fetchStatus !== "paused") return <Waiting />;
  if (me.error || me.data === undefined) {
    return (
      <main className="alone">
        <Mark />
        <Problem error={me.error ?? new Error("This browser is offline")}>
          <button className="button" type="button" onClick={() => me.refetch()}>
            Try again
          </button>
        </Problem>
      </main>
    );
  }
  if (me.data === null) return <LoginPage />;
  if (me.data.user.must_change_password) return <FirstPasswordPage />;
  switch (route.page) {
    case "library":
    case "login":
      return <LibraryPage isConnected={isConnected} />;
    case "settings":
      return <SettingsPage isConnected={isConnected} />;
    case "runners":
      return <RunnersPage isConnected={isConnected} />;
    case "add-game":
      return <AddGamePage isConnected={isConnected} />;
    case "edit-game":
      return <EditGamePage key={route.gameId} gameId={route.gameId} isConnected={isConnected} />;
    case "saves":
      return <SavesPage key={route.gameId} gameId={route.gameId} isConnected={isConnected} />;
    case "play":
      return <PlayPage key={route.sessionId} sessionId={route.sessionId} isConnected={isConnected} />;
    case "unknown":
      return (
        <main className="alone">
          <Mark />
          <h1>Nothing here</h1>
          <p>This address leads nowhere.</p>
          <a className="button button-primary" href="/" onClick={follow}>
            To the library
          </a>
        </main>
      );
  }
}

function Waiting() {
  return (
    <main className="alone" aria-busy="true" aria-label="Loading">
      <Mark isBusy />
    </main>
  );
}
