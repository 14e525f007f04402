/** Puts the desktop's page into the document: what `dillinger-stream` serves, without core and its pages. */

import { createRoot } from "react-dom/client";
import "../../app/src/styles/base.css";
import "../../app/src/styles/play.css";
import "../../app/src/styles/times.css";
import "../../app/src/styles/watching.css";
import "./desktop.css";
import { DesktopPage } from "./desktop_page";
import { takeKey } from "./key";

const root = document.getElementById("root");
if (!root) throw new Error("The page has no root element");
createRoot(root).render(<DesktopPage openingKey={takeKey(location, history, sessionStorage)} />);
