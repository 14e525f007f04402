/** Puts the pages into the document. */

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { prepareWorker } from "../../player/src";
import { askEarly, queryClient } from "./api/queries";
import { App } from "./app";
import { findOwnLayout } from "./keyboard";
import { routeOf } from "./router";
import "./styles/base.css";
import "./styles/pages.css";
import "./styles/runners.css";
import "./styles/games.css";
import "./styles/covers.css";
import "./styles/play.css";
import "./styles/times.css";
import "./styles/watching.css";
import { Boundary } from "./ui/boundary";

const route = routeOf(location.pathname);
askEarly(route);
if (route.page === "play") prepareWorker();
void findOwnLayout();
const root = document.getElementById("root");
if (!root) throw new Error("The page has no root element");
createRoot(root).render(
  <StrictMode>
    <Boundary>
      <QueryClientProvider client={queryClient}>
        <App />
      </QueryClientProvider>
    </Boundary>
  </StrictMode>,
);
