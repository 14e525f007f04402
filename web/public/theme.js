// Sets the chosen theme before the first paint, so that a dark page never flashes white. A file, since the policy allows no inline script.
(() => {
  try {
    const theme = JSON.parse(localStorage.getItem("dillinger.preferences") ?? "{}").theme;
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage that can't be read means: as the system says.
  }
})();
