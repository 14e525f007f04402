"""A person at a browser: Chromium by Playwright, driven through the page's own test ids.

Every figure is what the page shows or plays (`window.dillingerPlayer`), read back from pixels and levels. Blocking; the
thread that made it owns it. Facts are awaited by polling from here: the page's policy forbids Playwright's own `eval`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from dillinger_contracts.errors import Unavailable

from .target import Target
from .testcard import read
from .waiting import wait_until

CHROMIUM_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
_CHROMIUM_NAMES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/snap/bin/chromium", "/usr/bin/google-chrome")
SHOW_TIMEOUT_S = 60.0


def chromium_path() -> Path:
    """The system's Chromium; raises `Unavailable` when there is none."""
    for name in _CHROMIUM_NAMES:
        if Path(name).exists():
            return Path(name)
    raise Unavailable("There is no Chromium here", hint="Install the package chromium")


@contextmanager
def open_browser(executable: Path | None = None, *, more_flags: Sequence[str] = ()) -> Iterator[Browser]:
    """A Chromium without a window and with a fresh profile; `executable` may stand in for the system's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(executable or chromium_path()), args=[*CHROMIUM_FLAGS, *more_flags],
            ignore_default_args=["--headless"],
        )  # fmt: skip
        try:
            yield browser
        finally:
            browser.close()


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A browser profile whose pages can read the test card."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options})
    ours = resources.files(__package__).joinpath("viewer.js").read_text("utf-8")
    context.add_init_script(f"{read.page_script()}\n{ours}")
    return context


class Viewer:
    """One tab."""

    def __init__(self, page: Page, target: Target) -> None:
        self.page, self.target = page, target

    def by_id(self, name: str) -> Locator:
        """The element with this test id."""
        return self.page.get_by_test_id(name)

    def login(self) -> None:
        """Logs the admin in through the page; the first time with the one-time password, which has to be changed."""
        first = self.target.first_login()
        name, password = first or (self.target.name, self.target.password)
        self.page.goto(f"{self.target.page_url or self.target.core_url}/")
        self.by_id("login-name").fill(name)
        self.by_id("login-password").fill(password)
        self.by_id("login-submit").click()
        if first:
            self.by_id("password-new").fill(self.target.password)
            self.by_id("password-repeat").fill(self.target.password)
            self.by_id("password-submit").click()
        self.by_id("library").wait_for()

    def card_of(self, game_id: str) -> Locator:
        """The game's card in the library."""
        return self.page.locator(f'[data-testid="game-card"][data-game-id="{game_id}"]')

    def click_play(self, game_id: str) -> None:
        """Clicks Play in the library."""
        self.page.goto(f"{self.target.page_url or self.target.core_url}/")
        self.card_of(game_id).get_by_test_id("play-button").click()

    def play(self, game_id: str, timeout_s: float = SHOW_TIMEOUT_S) -> str:
        """Clicks Play and waits for the picture; the session's id."""
        self.click_play(game_id)
        self.page.wait_for_url("**/play/*")
        self.wait_picture(timeout_s)
        return self.session_id

    @property
    def session_id(self) -> str:
        """The session that this tab plays, from its address; asked for, since Playwright's own copy may be old."""
        path: str = self.page.evaluate("location.pathname")
        return path.rsplit("/", 1)[1]

    def open_session(self, session_id: str) -> None:
        """Goes to a session that runs, and waits for its picture."""
        self.page.goto(f"{self.target.page_url or self.target.core_url}/play/{session_id}")
        self.wait_picture()

    def wait_picture(self, timeout_s: float = SHOW_TIMEOUT_S) -> None:
        """Waits until a frame is on the page."""

        def shows() -> bool:
            player = self.player()
            return bool(player and player["picture"] and player["framesShown"])

        wait_until(shows, timeout_s, "a picture in the page")

    def player(self) -> dict[str, Any] | None:
        """What the player says of itself; None while there is none."""
        state: dict[str, Any] | None = self.page.evaluate("dillingerViewer.state()")
        return state

    @property
    def picture(self) -> tuple[int, int] | None:
        """Width and height in pixels of the picture that is shown; None while there is none."""
        picture = (self.player() or {}).get("picture")
        return picture and (picture["width_px"], picture["height_px"])

    def card(self) -> read.Reading | None:
        """What the test card in the shown picture says; None while there is no picture."""
        seen = self.page.evaluate("dillingerViewer.card()")
        return None if seen is None else read.reading_of(seen)

    def means(self, *boxes: tuple[int, int, int, int]) -> list[list[float]]:
        """The mean colour of each box (x, y, width, height) of the shown picture."""
        found: list[list[float]] = self.page.evaluate("(boxes) => dillingerViewer.means(boxes)", boxes)
        return found

    def wait_card(
        self, fact: Callable[[read.Reading], bool], what: str, timeout_s: float = SHOW_TIMEOUT_S
    ) -> read.Reading:
        """The first reading of which `fact` holds."""

        def look() -> read.Reading | None:
            seen = self.card()
            return seen if seen is not None and fact(seen) else None

        return wait_until(look, timeout_s, what)

    def wait_transport(self, kind: str) -> None:
        """Waits until `kind` carries the picture that is shown."""
        ours = "window.dillingerPlayer?.transport ?? null"  # pages of a comparison have no `dillingerViewer`
        wait_until(lambda: self.page.evaluate(ours) == kind, SHOW_TIMEOUT_S, f"the picture by {kind}")

    def click_in_bar(self, name: str) -> None:
        """Brings the bar up by its shortcut, and clicks what has this test id in it: it hides while nobody is in it."""
        self.by_id("stage").focus()
        self.page.keyboard.press("Control+Alt+b")
        self.by_id(name).click()

    @contextmanager
    def stream_menu(self) -> Iterator[None]:
        """The bar's menu of what may be chosen of the stream, open meanwhile; by keys, since the bar may be hidden.

        Afterwards the keyboard is the game's again.
        """
        menu, button = self.by_id("stream-menu"), self.by_id("stream-button")
        button.press("Enter")
        menu.wait_for()
        yield
        button.press("Escape")
        menu.wait_for(state="hidden")
        button.press("Escape")

    def choose_transport(self, kind: str) -> None:
        """Chooses the transport in the page and waits for its picture."""
        with self.stream_menu():
            self.by_id("transport-select").select_option(kind)
        self.wait_transport(kind)

    def sound_level(self) -> float:
        """RMS, 0 to 1, of what the page really plays."""
        player = self.player()
        return float(player["sound"]["level"] or 0.0) if player and player["sound"] else 0.0

    def point_at(self, x: int, y: int) -> None:
        """Moves the mouse to a pixel of the game's picture."""
        rect, picture = self.page.evaluate(
            "() => [window.dillingerPlayer.pictureRect(), window.dillingerPlayer.picture]"
        )
        self.page.mouse.move(
            rect["left"] + (x + 0.5) * rect["width"] / picture["width_px"],
            rect["top"] + (y + 0.5) * rect["height"] / picture["height_px"],
        )

    def wait_end(self, timeout_s: float = SHOW_TIMEOUT_S) -> str:
        """Waits for the end page; the reason that it shows."""
        page = self.by_id("end-page")
        page.wait_for(timeout=timeout_s * 1000)
        return page.get_attribute("data-reason") or ""
