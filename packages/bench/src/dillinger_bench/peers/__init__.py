"""Dillinger beside other programs that stream a desktop to a browser, in one run: same content, browser and cores.

`base` states what a product has to do here; `dillinger`, `selkies` and `gstreamer` do it. `measure` takes the figures
of any of them with the page's eye (`eye.js`), `rounds` makes medians and ratios of them, `command` runs all of it.
"""
