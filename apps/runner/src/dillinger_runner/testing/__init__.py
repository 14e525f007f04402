"""For tests of whoever talks to a runner: a stand-in seat that behaves as told, and a runner in a process of its
own."""
