"""xdg-desktop-portal, by which GNOME, KDE and others hand out their desktops when the user agrees."""
